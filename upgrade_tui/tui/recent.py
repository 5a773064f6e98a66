"""The last minutes of every host and canary, kept by the client from the frames it got."""

from __future__ import annotations

from collections import deque

from upgrade_tui.window.glance import STALE
from upgrade_tui.window.measurements import Frame

SECONDS = 120


class RecentSeries:
    """A host's or canary's newest values, one a frame; None where there was nothing fresh. ``count``: ever."""

    __slots__ = ("count", "values")

    def __init__(self) -> None:
        self.values: deque[tuple[float | None, ...]] = deque(maxlen=SECONDS)
        self.count = 0

    def push(self, *values: float | None) -> None:
        self.values.append(values)
        self.count += 1

    def column(self, index: int, newest: int = SECONDS) -> list[float | None]:
        """One of the values, oldest first, at most ``newest`` of them."""
        skip = max(0, len(self.values) - newest)
        return [v[index] for i, v in enumerate(self.values) if i >= skip]


class RecentFrames:
    """Fed each frame once."""

    def __init__(self) -> None:
        self.hosts: dict[str, RecentSeries] = {}
        self.canaries: dict[str, RecentSeries] = {}
        self._last: Frame | None = None

    def feed(self, frame: Frame | None) -> bool:
        """Take in a frame; True if it is a new one. A stale sample is a gap, not a flat line."""
        if frame is None or frame is self._last:
            return False
        self._last = frame
        for name, host in frame.hosts.items():
            series = self.hosts.get(name)
            if series is None:
                series = self.hosts[name] = RecentSeries()
            s = host.sample
            if s is None or host.link != "up" or host.age is None or host.age >= STALE:
                series.push(None, None)
            else:
                series.push(s.cpu, s.memory)
        for name, canary in frame.canaries.items():
            series = self.canaries.get(name)
            if series is None:
                series = self.canaries[name] = RecentSeries()
            series.push(canary.latency if canary.ok is not None else None)
        return True
