"""Hosts: which need a look and why, in words; in an order that does not jump; one line each. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

from msgspec import Struct

from upgrade_tui.tui.view.history import Series
from upgrade_tui.tui.view.scene import STALE, Scene
from upgrade_tui.tui.view.spans import Line, Span, clip, cut, fit, fitting, spark
from upgrade_tui.tui.words import Tone, Word, link_word
from upgrade_tui.units import duration_text, percent_text, short_rate
from upgrade_tui.window.health import unit_is_good, unit_is_unknown, unit_text, units_of
from upgrade_tui.window.state import HostState
from upgrade_tui.window.telemetry import HostFrame, Link, Sample

_DOWN = frozenset({"lost", "refused", "unresolved", "host key unknown", "host key changed", "auth failed"})

_STALE_WORD = Word("◌", ".", "stale", "watch")
_LIMIT_WORD = Word("▲", "!", "over limit", "tight")
_UNIT_WORD = Word("▲", "!", "unit", "bad")
_UNIT_UNKNOWN = Word("◌", ".", "unit unknown", "unknown")
_WAS_UP = Word("◌", ".", "was up", "muted")
_WAITING_WORD = Word("◌", ".", "no sample", "watch")


class HostRow(Struct, frozen=True):
    """A host as the pane and the header say it. ``rank``: 0 needs a look most; 9 is fine."""

    name: str
    word: Word
    rank: int
    reasons: tuple[str, ...]  # why it needs a look, in words; the first is the worst
    brief: str  # the first, short
    sample: Sample | None
    age: float | None  # seconds since the sample
    hot: frozenset[str]  # metrics over their limits: cpu, memory, disk, ...


def host_row(scene: Scene, name: str) -> HostRow:
    """What there is to say of a host now."""
    host = scene.state.hosts[name]
    seen = scene.host(name)
    link: Link = seen.link if seen is not None else host.link
    sample = seen.sample if seen is not None else None
    age = None if seen is None or seen.age is None else seen.age + (scene.frame_age or 0.0)
    hot = frozenset(alert.metric for alert in host.alerts.values())
    well = all(unit_is_good(word) for word in host_units(scene, name).values())
    if link == "up" and not hot and well and age is not None and age < STALE:
        return HostRow(name, link_word("up"), 9, (), "", sample, age, hot)
    word, rank, reasons, brief = _trouble(scene, host, seen, link, age)
    return HostRow(name, word, rank, reasons, brief, sample, age, hot)


def host_units(scene: Scene, name: str) -> dict[str, str]:
    """The host's units with their states; of one that is measured now, also those that gave no answer."""
    seen = scene.host(name)
    up = seen is not None and seen.link == "up" and not scene.stale
    detail = scene.details.get(name)
    if detail is not None and not up:
        return {**detail.units, **scene.state.hosts[name].units}
    return units_of(scene.state, name, detail)


def unit_tone(word: str) -> Tone:
    """Of a unit's state."""
    return "good" if unit_is_good(word) else "unknown" if unit_is_unknown(word) else "bad"


def _trouble(
    scene: Scene, host: HostState, seen: HostFrame | None, link: Link, age: float | None
) -> tuple[Word, int, tuple[str, ...], str]:
    """The word, the rank, the reasons of a host that may not be fine, and the worst reason in short: it decides."""
    found: list[tuple[int, Word, str, str]] = []
    detail = (seen.detail if seen is not None else "") or host.detail
    if link in _DOWN:
        since = max(0.0, scene.now - host.since) if host.since is not None and host.link == link else age
        ago = f" {duration_text(since)}" if since is not None else ""
        found.append((0, link_word(link), f"{link}{ago}{': ' + detail if detail else ''}", f"{link}{ago}"))
    for unit, state in host_units(scene, host.name).items():
        if not unit_is_good(state):
            text, unknown = unit_text(unit, state), unit_is_unknown(state)
            word = _UNIT_UNKNOWN if unknown else _UNIT_WORD._replace(word=f"unit {state}")
            found.append((3 if unknown else 1, word, text, text))
    found += [(2, _LIMIT_WORD, text, text.split(" (")[0]) for text in alert_texts(host, seen)]
    if link in ("connecting", "no sampler"):
        found.append((3, link_word(link), f"{link}{': ' + detail if detail else ''}", link))
    elif link == "up" and scene.frame is not None and (age is None or age >= STALE):
        text = "no sample yet" if age is None else f"no sample for {duration_text(age)}"
        found.append((3, _WAITING_WORD if age is None else _STALE_WORD, text, text))
    if not found:
        return _WAS_UP if link == "up" and seen is None else link_word(link), 9, (), ""
    found.sort(key=lambda each: each[0])
    return found[0][1], found[0][0], tuple(f[2] for f in found), found[0][3]


def alert_texts(host: HostState, seen: HostFrame | None) -> list[str]:
    """``memory 93 %``, ``disk /var 88 %``: the limits that stand crossed, with the newest values there are."""
    out = []
    for alert in host.alerts.values():
        value = alert.value
        if seen is not None and seen.link == "up" and seen.sample is not None:
            value = _newest(seen.sample, alert.metric, alert.what, value)
        name = f"{alert.metric.replace('_', ' ')} {alert.what}".strip()
        out.append(f"{name} {percent_text(value)} (limit {alert.limit:.0f})")
    return out


def _newest(sample: Sample, metric: str, what: str, value: float) -> float:
    if metric == "disk" and what:
        return next((d.percent for d in sample.disks if d.mount == what), value)
    newest = sample.metric(metric)
    return value if newest is None else newest


class Ranked(Protocol):
    """A row with a name; ``rank`` 0 needs a look most."""

    @property
    def name(self) -> str: ...

    @property
    def rank(self) -> int: ...


R = TypeVar("R", bound=Ranked)


class Order:
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


def needy(rows: Iterable[HostRow]) -> list[HostRow]:
    """Those that need a look, worst first."""
    return sorted((r for r in rows if r.rank < 9), key=lambda r: r.rank)


def matches(row: HostRow, groups: Iterable[str], needle: str) -> bool:
    """Whether a filter shows this row: in its name, its groups, its state or its reasons."""
    text = " ".join((row.name, row.word.word, *groups, *row.reasons)).lower()
    return all(part in text for part in needle.lower().split())


# -- lines --------------------------------------------------------------------------------------------------------


class Columns(Struct, frozen=True):
    """Widths in cells for a pane's width; 0 leaves a column out."""

    name: int
    state: int
    spark: int
    load: int
    net: int


def columns(width: int, names: Iterable[str]) -> Columns:
    """What fits: names and numbers first, then sparklines, then load and network."""
    name = min(max([6, *(len(n) for n in names)]), 12 if width < 90 else 20)
    state = 11 if width >= 64 else 9
    left = width - 2 - name - 1 - state - 3 * 5
    spark_width = max(0, min(20, (left - 2) // 2)) if left >= 10 else 0
    left -= 2 * (spark_width + 1)
    load = 6 if left >= 6 else 0
    left -= load
    return Columns(name, state, spark_width, load, 16 if left >= 16 else 0)


def header(cols: Columns) -> Line:
    text = "  " + fit("host", cols.name) + " " + fit("state", cols.state)
    for title in ("cpu", "mem"):
        text += f"{title:>5}" + (
            " " + fit("last minute" if cols.spark >= 11 else "60 s", cols.spark) if cols.spark else ""
        )
    text += " disk"
    text += "  load" if cols.load else ""
    text += fit("in", 8, right=True) + fit("out", 8, right=True) if cols.net else ""
    return ((text, "muted"),)


def line(row: HostRow, cols: Columns, width: int, series: Series | None) -> Line:
    """A host's line. Numbers that are not fresh are muted, and the state says how old they are."""
    start: list[Span] = [(row.word.glyph + " ", row.word.tone), (fit(row.name, cols.name) + " ", "strong")]
    fresh = row.sample is not None and row.age is not None and row.age < STALE and row.rank != 0
    if not fresh and row.reasons:
        return cut((*start, (clip(row.reasons[0], width - 3 - cols.name), row.word.tone)), width)
    state = _state(row)
    start.append((fit(state, cols.state), row.word.tone if row.rank < 9 else "muted"))
    if row.sample is None:
        return tuple(start)
    tone: Tone = "plain" if fresh else "muted"
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


def second_line(row: HostRow, scene: Scene, width: int) -> Line:
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


def _number(value: float, hot: bool, tone: Tone) -> Span:
    return (f"{value:4.0f}" + ("!" if hot else "%"), "bad" if hot else tone)


def _state(row: HostRow) -> str:
    """A short word: what is over its limit by name, else the link."""
    if row.rank == 2:
        return " ".join(sorted(row.hot)) if len(row.hot) <= 1 else f"{len(row.hot)} limits"
    return row.word.word
