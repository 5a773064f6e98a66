"""Plain commands on a host or here: their channels, their end, their result."""
