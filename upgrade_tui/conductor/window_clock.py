"""The conductor's clock: agreed wall time, carried by the monotonic clock between corrections."""

from __future__ import annotations

from collections.abc import Callable

JUMP = 1.0  # seconds; less than that is slewed time (NTP), not a jump


class WindowClock:
    """Deadlines follow the wall clock people agreed on, but a jump of it is found and told, never silently absorbed.

    ``now()`` runs on monotonic time from the last ``correct()``, which is called once a second, takes the wall clock
    over and gives the seconds it jumped, or 0.
    """

    def __init__(self, wall: Callable[[], float], mono: Callable[[], float]) -> None:
        self._wall, self._mono = wall, mono
        self._anchor = wall() - mono()

    def now(self) -> float:
        """Epoch seconds."""
        return self._anchor + self._mono()

    def correct(self) -> float:
        """Follow the wall clock. Seconds of the jump if it was one, else 0."""
        anchor = self._wall() - self._mono()
        moved, self._anchor = anchor - self._anchor, anchor
        return moved if abs(moved) >= JUMP else 0.0
