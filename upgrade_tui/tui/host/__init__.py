"""Hosts: their rows and pane, one host in full."""
