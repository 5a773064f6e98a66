"""Charts of several rows in eighth blocks, with a title that says the numbers, axes and a limit line. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby, pairwise

from msgspec import Struct

from upgrade_tui.telemetry.model import Point
from upgrade_tui.tui.glyphs import ScreenTone
from upgrade_tui.tui.widgets.spans import BLANK, Line, Span, cut, fit, length
from upgrade_tui.units import duration_text, rate_text, short_rate

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_GAP = 2  # cells between charts side by side


class Chart(Struct, frozen=True, kw_only=True):
    """What to draw. ``names``: series that are added up; each is said on its own in the title by ``says``."""

    title: str
    names: tuple[str, ...]
    text: Callable[[float], str]
    ceiling: float | None = None  # None: as high as the values need
    floor: float = 1.0  # the ceiling is never lower
    limit: float | None = None
    says: tuple[tuple[str, str], ...] = ()  # (word, series) for each part of the sum
    binary: bool = False  # the ceiling is a round number of bytes


class Column(Struct, frozen=True):
    """One cell's width of time. None: nothing was measured then."""

    mean: float | None
    high: float | None


def brief(chart: Chart, value: float) -> str:
    """A value in a title, where room is short: ``4.2M/s``."""
    return short_rate(value) if chart.text is rate_text else chart.text(value)


def series_of(series: Mapping[str, Sequence[Point]], name: str) -> list[Point]:
    """The points of a metric; one that is kept by mount (``read /var``) is added up over the mounts."""
    if name in series:
        return list(series[name])
    mounts = [points for key, points in series.items() if key.split(" ", 1)[0] == name]
    return added(mounts)


def added(several: Sequence[Sequence[Point]]) -> list[Point]:
    """Points of the same moments summed up. Peaks may not have been at once: their sum is an upper bound."""
    if len(several) == 1:
        return list(several[0])
    out: dict[float, Point] = {}
    for points in several:
        for p in points:
            before = out.get(p.ts)
            out[p.ts] = p if before is None else _both(before, p)
    return [out[ts] for ts in sorted(out)]


def _both(a: Point, b: Point) -> Point:
    return Point(a.ts, _sum(a.low, b.low), _sum(a.mean, b.mean), _sum(a.high, b.high))


def _sum(a: float | None, b: float | None) -> float | None:
    return b if a is None else a if b is None else a + b


def binned(points: Sequence[Point], since: float, until: float, count: int) -> list[Column]:
    """Points in ``count`` equal stretches of time: mean of the means, greatest of the peaks."""
    means: list[list[float]] = [[] for _ in range(count)]
    highs: list[float | None] = [None] * count
    width = (until - since) / count if count else 0.0
    for p in points:
        if p.mean is None or not math.isfinite(p.mean) or width <= 0 or p.ts < since:
            continue
        i = min(count - 1, int((p.ts - since) / width))
        means[i].append(p.mean)
        high = p.high if p.high is not None and math.isfinite(p.high) else p.mean
        before = highs[i]
        highs[i] = high if before is None else max(before, high)
    out = [Column(sum(m) / len(m) if m else None, h) for m, h in zip(means, highs, strict=True)]
    return _bridged(out, _reach(points, width))


def _reach(points: Sequence[Point], width: float) -> int:
    """How many cells apart two neighbours may be that still count as measured one after the other."""
    known = [p.ts for p in points if p.mean is not None]
    steps = sorted(b - a for a, b in pairwise(known))
    if len(steps) < 3 or width <= 0:
        return 1
    return max(1, int(1.6 * steps[len(steps) // 2] / width))


def _bridged(out: list[Column], reach: int) -> list[Column]:
    """What is measured more rarely than a cell is wide: cells between two neighbours take the earlier one's value."""
    known = [i for i, c in enumerate(out) if c.mean is not None]
    for a, b in pairwise([*known, len(out)]):
        if 1 < b - a <= reach:
            out[a + 1 : b] = [out[a]] * (b - a - 1)
    return out


def nice(value: float, *, binary: bool = False) -> float:
    """The next round number: 1, 2, 5 times a power of ten; in bytes 1, 2, 4 ... times 1024."""
    if value <= 0 or not math.isfinite(value):
        return 1.0
    if binary:
        return float(2 ** math.ceil(math.log2(max(1.0, value))))
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * m for m in (1, 2, 5, 10) if power * m >= value * 0.999999)


_Series = Mapping[str, Sequence[Point]]


def drawn(chart: Chart, series: _Series, since: float, until: float, width: int, height: int) -> list[Line]:
    """The chart in exactly ``height`` lines of at most ``width`` cells: title, rows, time axis."""
    points = added([series_of(series, name) for name in chart.names if series_of(series, name)])
    known = [p for p in points if p.mean is not None]
    peak = max((p.high if p.high is not None else p.mean or 0.0 for p in known), default=0.0)
    top = chart.ceiling or nice(max(peak, chart.floor, (chart.limit or 0.0) * 1.1), binary=chart.binary)
    labels = max(len(chart.text(top)), len(chart.text(top / 2)), len(chart.text(0.0)))
    cells, rows = max(4, width - labels - 1), max(1, height - 2)
    title = _title(chart, series, known, until, width)
    if not known:
        empty: Line = (("no samples in this time".center(width), "muted"),)
        return [title, *([BLANK] * (rows // 2)), empty, *([BLANK] * (height - 2 - rows // 2))][:height]
    cols = binned(points, since, until, cells)
    limit_row = (
        None if chart.limit is None or chart.limit > top else rows - 1 - min(rows - 1, int(chart.limit / top * rows))
    )
    lines = [title]
    for row in range(rows):
        label = chart.text(top) if row == 0 else chart.text(top / 2) if rows >= 4 and row == rows // 2 else ""
        lines.append((((f"{label:>{labels}}│", "muted")), *_row(chart, cols, top, rows, row, row == limit_row)))
    return [*lines, _axis(labels, cells, until - since)]


def _title(chart: Chart, series: _Series, known: Sequence[Point], until: float, width: int) -> Line:
    """Name, newest value (or that of each part), peak and when, limit: as much as there is room for."""
    parts: list[Line] = [((chart.title, "title"),)]
    for word, name in chart.says:
        last = next((p.mean for p in reversed(series_of(series, name)) if p.mean is not None), None)
        if last is not None:
            parts.append(((f"  {word} {brief(chart, last)}", "strong"),))
    if known:
        newest = known[-1].mean or 0.0
        hot = chart.limit is not None and newest >= chart.limit
        if not chart.says:
            parts.append(((f"  {chart.text(newest)}", "bad" if hot else "strong"),))
        peak = max(known, key=lambda p: p.high if p.high is not None else p.mean or 0.0)
        value = peak.high if peak.high is not None else peak.mean or 0.0
        over = chart.limit is not None and value >= chart.limit
        ago = f" {duration_text(max(0.0, until - peak.ts), parts=1)} ago"
        parts += [((f"  peak {brief(chart, value)}", "tight" if over else "plain"),), ((ago, "muted"),)]
    if chart.limit is not None:
        parts.append(((f"  limit {chart.text(chart.limit)}", "muted"),))
    out: list[Span] = []
    for part in parts:
        if length(out) + length(part) > width:
            break
        out += part
    return cut(tuple(out), width)


def _row(chart: Chart, cols: Sequence[Column], top: float, rows: int, row: int, limit: bool) -> list[Span]:
    """One row of cells, neighbours of one tone together."""
    below = rows - 1 - row
    cells: list[tuple[str, ScreenTone]] = []
    for col in cols:
        if col.mean is None:
            cells.append(("·" if below == 0 else " ", "muted"))
            continue
        eighths = max(1 if col.mean > 0 else 0, round(min(1.0, max(0.0, col.mean / top)) * rows * 8)) - below * 8
        block = _EIGHTHS[max(0, min(8, eighths))]
        hot = chart.limit is not None and col.high is not None and col.high >= chart.limit
        if block == " " and limit:
            cells.append(("─", "tight"))
        else:
            cells.append((block, "bad" if hot else "run"))
    return [("".join(text for text, _ in group), tone) for tone, group in groupby(cells, key=lambda cell: cell[1])]


def _axis(labels: int, cells: int, seconds: float) -> Line:
    """Time from the left to now."""
    left, right = f"-{duration_text(seconds, parts=1)}", "now"
    middle = f"-{duration_text(seconds / 2)}" if cells >= 40 else ""
    text = left + middle.center(cells - len(left) - len(right)) + right
    return ((f"{'0':>{labels}}└", "muted"), (text[: max(0, cells)], "muted"))


def grid(charts: Sequence[Callable[[int, int], list[Line]]], width: int, height: int) -> list[Line]:
    """Charts in as many columns as there is room for, as high as the pane allows, 5 to 14 lines each."""
    across = max(1, min(3 if width >= 150 else 2 if width >= 64 else 1, len(charts)))
    down = -(-len(charts) // across)
    each = max(5, min(14, height // down))
    cell = (width - _GAP * (across - 1)) // across
    out: list[Line] = []
    for start in range(0, len(charts), across):
        blocks = [chart(cell, each) for chart in charts[start : start + across]]
        for lines in zip(*blocks, strict=True):
            joined: list[Span] = []
            for i, line in enumerate(lines):
                joined += line
                if i < len(lines) - 1:
                    joined.append((" " * (cell + _GAP - length(line)), "muted"))
            out.append(tuple(joined))
    return out


def meter(value: float, width: int, *, limit: float | None = None) -> list[Span]:
    """A share (0 to 100) as a bar of ``width`` cells."""
    full = max(0, min(width, round(value / 100 * width)))
    hot = limit is not None and value >= limit
    return [("█" * full, "bad" if hot else "run"), ("░" * (width - full), "muted")]


def table_cell(text: str, width: int) -> str:
    return fit(text, width, right=True)
