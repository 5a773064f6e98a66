"""What everything simulated shares: virtual time, a wall clock that can jump, and randomness from one seed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import copy_context
from random import Random
from typing import Any

from upgrade_tui.rehearsal.loop import VirtualLoop

EPOCH = 1_795_000_000.0  # wall clock at the beginning of every world
BOOTED = 1_000.0  # monotonic seconds then


class World:
    """Time and chance. What is scheduled ``later`` belongs to the world: no killed process takes it along."""

    def __init__(self, seed: str) -> None:
        self.rng = Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self.loop = VirtualLoop(Random(f"{seed}: order"), start=BOOTED)  # noqa: S311
        self.offset = 0.0  # seconds that the wall clock was moved by
        self._context = copy_context()

    def mono(self) -> float:
        """Monotonic seconds."""
        return self.loop.time()

    def wall(self) -> float:
        """Epoch seconds, as the conductor's machine believes them."""
        return EPOCH + self.loop.time() - BOOTED + self.offset

    def boot_id(self) -> str:
        """Of the conductor's machine."""
        return "5e6e0000-0000-4000-8000-000000000000"

    def later(self, seconds: float, callback: Callable[..., object], *args: Any) -> asyncio.TimerHandle:
        """Call it in so many seconds."""
        return self.loop.call_later(seconds, callback, *args, context=self._context)

    def between(self, low: float, high: float) -> float:
        """Any number from ``low`` to ``high``."""
        return low + (high - low) * self.rng.random()

    def chance(self, share: float) -> bool:
        """True in that share of cases."""
        return self.rng.random() < share
