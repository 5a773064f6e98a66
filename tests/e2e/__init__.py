"""The whole program against real OpenSSH servers, real namespaces, a real terminal."""
