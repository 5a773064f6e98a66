"""The pure heart: events, state, ``fold``, ``decide``, the rollback clock. No I/O, no clock reads."""
