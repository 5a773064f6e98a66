"""The two clocks that the fleet reads, as a parameter, so that tests can bring their own."""

from __future__ import annotations

import time
from typing import Protocol


class TimeSource(Protocol):
    """Wall clock and monotonic clock, both in seconds."""

    def wall(self) -> float:
        """Epoch seconds."""

    def mono(self) -> float:
        """Monotonic seconds."""


class SystemTime:
    """The machine's clocks."""

    def wall(self) -> float:
        """Epoch seconds."""
        return time.time()

    def mono(self) -> float:
        """Monotonic seconds."""
        return time.monotonic()
