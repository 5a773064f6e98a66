"""Steps by hosts: every task at one glance."""
