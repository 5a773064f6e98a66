"""A host's counters as samples: the programs that print them, their lines parsed, limits watched."""
