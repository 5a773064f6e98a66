"""Limits with hysteresis: samples in, ``LimitCrossed`` and ``LimitCleared`` out, each once. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from upgrade_tui.plan.model import Plan
from upgrade_tui.units import Percent
from upgrade_tui.window.events import LimitCleared, LimitCrossed
from upgrade_tui.window.measurements import Sample

_DISK = "disk"
_GAP = 10.0  # seconds without samples after which nothing is known of the time between


class _State(Struct):
    """One metric of one host. ``since``: when it went to the side that it is not on yet."""

    crossed: bool = False
    since: float | None = None
    seen: float | None = None


class Limits:
    """The limits of one plan: crossed after ``watch.for`` seconds above, cleared after as long ``clear`` below."""

    def __init__(self, plan: Plan) -> None:
        self._sustain, self._clear = float(plan.watch.sustain), float(plan.watch.clear)
        self._limits: dict[str, Mapping[str, Percent]] = {
            name: {**plan.watch.limits, **host.limits} for name, host in plan.hosts.items()
        }
        self._states: dict[tuple[str, str, str], _State] = {}
        self._gap = max(_GAP, 3 * float(plan.watch.interval))

    def feed(self, host: str, sample: Sample) -> list[LimitCrossed | LimitCleared]:
        """What ``sample`` (by its own ``ts``) brings about."""
        events: list[LimitCrossed | LimitCleared] = []
        limits = self._limits.get(host)
        if limits:
            for metric, what, value in _values(sample, limits):
                state = self._states.setdefault((host, metric, what), _State())
                limit = float(limits[metric])
                if self._turned(state, sample.ts, value, limit):
                    state.crossed = not state.crossed
                    kind = LimitCrossed if state.crossed else LimitCleared
                    events.append(kind(host=host, metric=metric, value=round(value, 1), limit=limit, what=what))
        return events

    def crossed(self, host: str) -> tuple[tuple[str, str], ...]:
        """(metric, mount or "") of the host's limits that stand crossed."""
        return tuple((m, what) for (h, m, what), state in self._states.items() if h == host and state.crossed)

    def adopt(self, host: str, metric: str, what: str = "") -> None:
        """A limit that the log says is crossed: after a restart it must clear, and not cross again."""
        self._states[host, metric, what] = _State(crossed=True)

    def _turned(self, state: _State, ts: float, value: float, limit: float) -> bool:
        """Whether the value has now been on the other side for long enough without a break."""
        if state.seen is None or not 0 <= ts - state.seen <= self._gap:
            state.since = None
        state.seen = ts
        over = value > limit if not state.crossed else value < limit - self._clear
        if not over:
            state.since = None
            return False
        if state.since is None:
            state.since = ts
        if ts - state.since < self._sustain:
            return False
        state.since = None
        return True


def _values(sample: Sample, limits: Mapping[str, Percent]) -> Iterator[tuple[str, str, float]]:
    """(metric, mount or "", value) of what has a limit and is known; a mount that is missing is not."""
    for metric in limits:
        if metric == _DISK:
            for disk in sample.disks:
                if disk.total:
                    yield _DISK, disk.mount, disk.percent
        else:
            value = sample.metric(metric)
            if value is not None:
                yield metric, "", value
