"""Canaries: their rows and pane, one canary in full."""
