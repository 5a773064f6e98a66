"""Hosts: SSH and local transports, the sampler, supervised connections, jobs. The only folder that imports asyncssh."""
