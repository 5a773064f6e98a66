"""Carrying out what was decided: steps, tasks on hosts, waits, rollbacks, the dead-man rollback.

Nothing here decides what an operator decides: it starts when an intent is durable, and tells facts as events.
"""
