"""The pure heart: events, state, ``fold(state, event)``, ``decide(state, command)``, the rollback clock. No I/O, no clock reads."""
