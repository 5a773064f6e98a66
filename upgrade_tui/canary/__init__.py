"""Canaries: named health signals. ``probes`` ask (I/O), ``judge`` decides (pure), ``watch`` keeps both going."""
