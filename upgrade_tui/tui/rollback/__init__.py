"""A rollback in full: what it would run, how it goes."""
