"""What is measured, kept in ``telemetry.sqlite``: its tables, one that writes, one that reads."""
