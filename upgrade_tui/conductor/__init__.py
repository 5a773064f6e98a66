"""A running window: the background process that owns it, its socket, and the clients' end of that socket."""
