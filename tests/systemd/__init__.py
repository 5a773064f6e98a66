"""What a real systemd does to jobs, dead-men, units and checks: on hosts booted for it. ``make test-systemd``."""
