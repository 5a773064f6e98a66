"""How much room a disk has left. What may be missing (measurements, output) stops first, so that the log is last."""

from __future__ import annotations

import os
from pathlib import Path

from upgrade_tui.units import bytes_text

LEAST = 64 * 1024 * 1024  # bytes that only the log may still take
PART = 0.02  # of the disk, for the same


def shortage(directory: Path) -> str:
    """Why nothing but the log is written to ``directory`` at the moment, or empty. Blocking, some microseconds."""
    try:
        found = os.statvfs(directory)
    except OSError:
        return ""  # whoever writes there is told what is wrong
    free, size = found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
    if free >= LEAST and free >= PART * size:
        return ""
    return f"only {bytes_text(free)} of {bytes_text(size)} are free there, which are kept for the log"
