"""Where everything lies on the HTML report's one time axis: plan against actual, canaries, pauses. Pure geometry."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from upgrade_tui.report.model import Report, StepSpan, StepSummary
from upgrade_tui.report.shared_lines import GLYPHS
from upgrade_tui.report.times import deviation
from upgrade_tui.units import duration_text

_TICKS = (60, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)  # seconds between two lines
_MOST_TICKS = 9


class ChartBar(Struct, frozen=True):
    """A bar from ``left`` on, both in percent of the axis. ``state`` is one of the words of ``GLYPHS``."""

    state: str
    left: str
    width: str
    hint: str


class Lane(Struct, frozen=True, kw_only=True):
    """A row of the picture: a step, a canary, or the pauses."""

    label: str
    sub: str
    said: str  # the state or deviation beside the bars, in words
    state: str
    planned: ChartBar | None = None
    bars: tuple[ChartBar, ...] = ()
    phase: str = ""  # set where a new phase begins


class Mark(Struct, frozen=True):
    """A line across all rows at ``left`` percent."""

    kind: str  # "tick", "window start", "margin", "now" (of an interim report), "window end"
    left: str
    label: str


class Picture(Struct, frozen=True):
    """All of it; empty ``steps`` where nothing can be placed yet."""

    marks: tuple[Mark, ...]
    steps: tuple[Lane, ...]
    signals: tuple[Lane, ...]


class Axis:
    """Epoch seconds to percent. ``offset``: seconds that local time is ahead of UTC."""

    def __init__(self, low: float, high: float, offset: float) -> None:
        self.low, self.high, self.offset = low, max(high, low + 60.0), offset

    def at(self, ts: float) -> float:
        """Percent, kept on the axis."""
        return min(100.0, max(0.0, 100.0 * (ts - self.low) / (self.high - self.low)))

    def clock(self, ts: float) -> str:
        """Local ``22:04``."""
        return datetime.fromtimestamp(ts + self.offset, UTC).strftime("%H:%M")

    def bar(self, state: str, began: float, ended: float, hint: str) -> ChartBar:
        """A bar; what is shorter than can be seen keeps a visible width."""
        left = min(self.at(began), 99.6)
        return ChartBar(state, f"{left:.2f}", f"{max(self.at(ended) - left, 0.4):.2f}", hint)

    def ticks(self) -> Iterable[Mark]:
        """Lines at round local times."""
        step = next((s for s in _TICKS if (self.high - self.low) / s <= _MOST_TICKS), _TICKS[-1])
        first = -(-(self.low + self.offset) // step) * step - self.offset
        count = min(_MOST_TICKS, int((self.high - first) // step) + 1)
        return (Mark("tick", f"{self.at(first + i * step):.2f}", self.clock(first + i * step)) for i in range(count))


def offset_of(report: Report) -> float:
    """Seconds that the report's local time is ahead of UTC, as its last moment has it."""
    if report.as_of is None:
        return 0.0
    return (datetime.fromisoformat(report.as_of.local).utcoffset() or timedelta(0)).total_seconds()


def picture(report: Report) -> Picture:
    axis = _axis(report)
    if axis is None:
        return Picture((), (), ())
    lanes, phase = [], None
    for row in report.steps:
        lanes.append(_step(axis, row, row.phase if row.phase != phase else ""))
        phase = row.phase
    return Picture((*axis.ticks(), *_marks(axis, report)), tuple(lanes), tuple(_signals(axis, report)))


def _axis(report: Report) -> Axis | None:
    times = [m.ts for r in report.steps for m in (r.planned_start, r.planned_end, r.started, r.finished) if m]
    times += [t for r in report.steps for span in r.spans for t in (span.began, span.ended)]
    times += [m.ts for m in (report.summary.window_start, report.summary.window_end) if m]
    if not times or report.summary.window_start is None:
        return None
    return Axis(min(times), max(times), offset_of(report))


def _marks(axis: Axis, report: Report) -> Iterable[Mark]:
    start, end = report.summary.window_start, report.summary.window_end
    if start is not None and end is not None:
        yield Mark("window start", f"{axis.at(start.ts):.2f}", f"start {axis.clock(start.ts)}")
        yield Mark("margin", f"{axis.at(end.ts - report.summary.margin):.2f}", "margin")
        if report.interim and report.as_of is not None:
            yield Mark("now", f"{axis.at(report.as_of.ts):.2f}", f"as of {axis.clock(report.as_of.ts)}")
        yield Mark("window end", f"{axis.at(end.ts):.2f}", f"end {axis.clock(end.ts)}")


def _hint(axis: Axis, span: StepSpan) -> str:
    return f"{span.state} {axis.clock(span.began)}–{axis.clock(span.ended)}, {duration_text(span.ended - span.began)}"


def _step(axis: Axis, row: StepSummary, phase: str) -> Lane:
    planned = None
    if row.planned_start is not None and row.planned_end is not None:
        start, end = axis.clock(row.planned_start.ts), axis.clock(row.planned_end.ts)
        hint = f"planned {start}–{end}, {duration_text(row.planned_seconds)}"
        planned = axis.bar("planned", row.planned_start.ts, row.planned_end.ts, hint)
    took = duration_text(row.seconds) if row.seconds is not None else ""
    took += f" ({deviation(row.deviation)})" if row.deviation is not None else ""
    return Lane(
        label=row.title, sub=row.id, said=" ".join(part for part in (f"{GLYPHS[row.state]} {row.state}", took) if part),
        state=row.state, planned=planned, phase=phase,
        bars=tuple(axis.bar(s.state, s.began, s.ended, _hint(axis, s)) for s in row.spans),
    )  # fmt: skip


def _signals(axis: Axis, report: Report) -> Iterable[Lane]:
    for canary in report.canaries:
        yield Lane(
            label=canary.name, sub=canary.probe, said=f"{GLYPHS[canary.verdict]} {canary.verdict}",
            state=canary.verdict,
            bars=tuple(axis.bar(s.state, s.began, s.ended, _hint(axis, s)) for s in canary.spans),
        )  # fmt: skip
    if report.pauses:
        bars = tuple(axis.bar("paused", s.began, s.ended, _hint(axis, s)) for s in report.pauses)
        yield Lane(label="window paused", sub="", said=f"‖ {len(bars)}", state="paused", bars=bars)
