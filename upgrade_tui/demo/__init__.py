"""The embedded fleet for trying everything out: real SSH servers on loopback with real little services to upgrade."""
