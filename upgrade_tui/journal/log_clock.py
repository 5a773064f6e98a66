"""Where the log gets its times from. Injected, so that tests and replays choose the time."""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import Protocol

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class LogClock(Protocol):
    """Both clocks of a machine, and the boot that the monotonic one belongs to."""

    def wall(self) -> float:
        """Epoch seconds; may jump."""
        ...

    def mono(self) -> float:
        """Seconds that never jump, comparable only within one boot."""
        ...

    def boot_id(self) -> str:
        """Identity of the boot."""
        ...


class SystemLogClock:
    """The machine's own clocks.

    Where the kernel names no boot, every process gets an identity of its own: monotonic times are then comparable only
    within a process, which is true everywhere.
    """

    def __init__(self, boot_file: Path = _BOOT_ID) -> None:
        try:
            self._boot = boot_file.read_text("ascii").strip()
        except (OSError, UnicodeDecodeError):
            self._boot = ""
        self._boot = self._boot or str(uuid.uuid4())

    def wall(self) -> float:
        """Epoch seconds."""
        return time.time()

    def mono(self) -> float:
        """Seconds of the monotonic clock."""
        return time.monotonic()

    def boot_id(self) -> str:
        """The kernel's boot id, or one of this process."""
        return self._boot
