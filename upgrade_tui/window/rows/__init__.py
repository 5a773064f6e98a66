"""The rows of ``event_table``, a file a subject: each event's sentence, fold, weight and version in one place."""
