"""Hosts: which need a look and why, in words; in an order that does not jump; one line each. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

from msgspec import Struct
from msgspec.structs import asdict

from upgrade_tui.tui.glyphs import ScreenTone
from upgrade_tui.tui.recent import RecentSeries
from upgrade_tui.tui.scene import Scene
from upgrade_tui.tui.widgets.spans import Line, Span, clip, cut, fit, fitting, spark, widest
from upgrade_tui.units import duration_text, percent_text, short_rate
from upgrade_tui.window.glance import STALE
from upgrade_tui.window.health import (
    FINE,
    HostHealth,
    host_health,
    host_units,
    sample_age,
    unit_is_good,
    unit_is_unknown,
    unit_text,
)
from upgrade_tui.window.measurements import Sample


class HostRow(HostHealth, frozen=True):
    """A host as the pane and the header say it."""

    sample: Sample | None
    age: float | None  # seconds since the sample
    hot: frozenset[str]  # metrics over their limits: cpu, memory, disk, ...


def host_row(scene: Scene, name: str) -> HostRow:
    """What there is to say of a host now."""
    seen = scene.host(name)
    hot = frozenset(alert.metric for alert in scene.state.hosts[name].alerts.values())
    return HostRow(
        **asdict(host_health(scene, name)), sample=seen.sample if seen is not None else None,
        age=sample_age(scene, name), hot=hot,
    )  # fmt: skip


def unit_tone(word: str) -> ScreenTone:
    """Of a unit's state."""
    return "good" if unit_is_good(word) else "unknown" if unit_is_unknown(word) else "bad"


class Ranked(Protocol):
    """A row with a name; ``rank`` 0 needs a look most."""

    @property
    def name(self) -> str: ...

    @property
    def rank(self) -> int: ...


R = TypeVar("R", bound=Ranked)


class SteadyOrder:
    """Keeps rows from jumping: worse at once to the top, better only after ``hold`` seconds; else the plan's order."""

    def __init__(self, hold: float = 10.0) -> None:
        self.hold = hold
        self._ranks: dict[str, tuple[int, float]] = {}  # rank shown, when it was last as bad

    def sorted(self, rows: Iterable[R], now: float) -> list[R]:
        """Worst first."""
        keyed = []
        for row in rows:
            rank, at = self._ranks.get(row.name, (row.rank, now))
            if row.rank <= rank or now - at >= self.hold or now < at:
                rank, at = row.rank, now
            self._ranks[row.name] = (rank, at)
            keyed.append((rank, row))
        keyed.sort(key=lambda each: each[0])  # stable: plan order within a rank
        return [row for _, row in keyed]


def host_matches(row: HostRow, groups: Iterable[str], needle: str) -> bool:
    """Whether a filter shows this row: in its name, its groups, its state or its reasons."""
    text = " ".join((row.name, row.word.word, *groups, *row.reasons)).lower()
    return all(part in text for part in needle.lower().split())


# -- lines --------------------------------------------------------------------------------------------------------


class HostColumns(Struct, frozen=True):
    """Widths in cells for a pane's width; 0 leaves a column out."""

    name: int
    state: int
    spark: int
    load: int
    net: int


def host_columns(width: int, names: Iterable[str]) -> HostColumns:
    """What fits: names and numbers first, then sparklines, then load and network."""
    name = min(widest(names, 6), 12 if width < 90 else 20)
    state = 11 if width >= 64 else 9
    left = width - 2 - name - 1 - state - 3 * 5
    spark_width = max(0, min(20, (left - 2) // 2)) if left >= 10 else 0
    left -= 2 * (spark_width + 1)
    load = 6 if left >= 6 else 0
    left -= load
    return HostColumns(name, state, spark_width, load, 16 if left >= 16 else 0)


def host_heading(cols: HostColumns) -> Line:
    text = "  " + fit("host", cols.name) + " " + fit("state", cols.state)
    for title in ("cpu", "mem"):
        text += f"{title:>5}" + (
            " " + fit("last minute" if cols.spark >= 11 else "60 s", cols.spark) if cols.spark else ""
        )
    text += " disk"
    text += "  load" if cols.load else ""
    text += fit("in", 8, right=True) + fit("out", 8, right=True) if cols.net else ""
    return ((text, "muted"),)


def host_row_line(row: HostRow, cols: HostColumns, width: int, series: RecentSeries | None) -> Line:
    """A host's line. Numbers that are not fresh are muted, and the state says how old they are."""
    start: list[Span] = [(row.word.glyph + " ", row.word.tone), (fit(row.name, cols.name) + " ", "strong")]
    fresh = row.sample is not None and row.age is not None and row.age < STALE and row.rank != 0
    if not fresh and row.reasons:
        return cut((*start, (clip(row.reasons[0], width - 3 - cols.name), row.word.tone)), width)
    state = _state(row)
    start.append((fit(state, cols.state), row.word.tone if row.rank < FINE else "muted"))
    if row.sample is None:
        return tuple(start)
    tone: ScreenTone = "plain" if fresh else "muted"
    values = (("cpu", row.sample.cpu, 0), ("memory", row.sample.memory, 1))
    for metric, value, column in values:
        start.append(_number(value, metric in row.hot, tone))
        if cols.spark:
            past = series.column(column, 60) if series is not None else []
            count = series.count if series is not None else 0
            blocks = spark(past, cols.spark, 100.0, per_cell=max(1, -(-60 // cols.spark)), end=count)
            start.append((" " + blocks, "tight" if metric in row.hot else "run" if fresh and not column else "muted"))
    start.append(_number(row.sample.disk, "disk" in row.hot, tone))
    if cols.load:
        start.append((f"{row.sample.load1:6.1f}", "tight" if "load" in row.hot else tone))
    if cols.net:
        start.append(
            (
                fit(short_rate(row.sample.received), 8, right=True) + fit(short_rate(row.sample.sent), 8, right=True),
                tone,
            )
        )
    return cut(tuple(start), width)


def host_second_line(row: HostRow, scene: Scene, width: int) -> Line:
    """Where there is room: load, network, file systems, units."""
    indent: Span = (" " * 4, "muted")
    if row.sample is None:
        return (indent, (f"address {scene.plan.hosts[row.name].address}", "muted"))
    s = row.sample
    old = f"{duration_text(row.age)} ago: " if row.age is not None and (row.age >= STALE or row.rank == 0) else ""
    parts: list[Line | Span | None] = [
        (f"{old}load {s.load1:.1f} of {s.cores}", "muted"),
        *(
            (f"{d.mount} {percent_text(d.percent)}" if not d.missing else f"{d.mount} not mounted", "muted")
            for d in s.disks
        ),
    ]
    for unit, word in host_units(scene, row.name).items():
        parts.append((unit_text(unit, word), "muted" if unit_is_good(word) else unit_tone(word)))
    parts.append((f"in {short_rate(s.received)} out {short_rate(s.sent)}", "muted"))
    return (indent, *fitting(parts, width - 4))


def _number(value: float, hot: bool, tone: ScreenTone) -> Span:
    return (f"{value:4.0f}" + ("!" if hot else "%"), "bad" if hot else tone)


def _state(row: HostRow) -> str:
    """A short word: what is over its limit by name, else the link."""
    if row.rank == 2:
        return " ".join(sorted(row.hot)) if len(row.hot) <= 1 else f"{len(row.hot)} limits"
    return row.word.word
