"""One thing in full, each on its own screen: a step, a host, a canary, a gate, a rollback; the matrix; the help."""
