"""Canaries: verdict, how long it holds, latency, what the last probe found. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import asdict

from upgrade_tui.foreign import one_line
from upgrade_tui.plan.model import Canary
from upgrade_tui.plan.probe_kinds import NO_PROBE, probe_kind
from upgrade_tui.tui.glyphs import ScreenTone
from upgrade_tui.tui.recent import RecentSeries
from upgrade_tui.tui.scene import Scene
from upgrade_tui.tui.widgets.spans import Line, Span, cut, fit, fitting, spark, widest
from upgrade_tui.units import duration_text, latency_text
from upgrade_tui.window.health import CanaryHealth, canary_health
from upgrade_tui.window.state_words import worst_first

ON_FAIL = {"warn": "warns", "pause": "pauses the window", "rollback": "rolls back"}


class CanaryRow(CanaryHealth, frozen=True):
    """A canary as the pane and the header say it."""

    since: float | None  # epoch seconds
    held: float | None  # seconds
    latency: float | None  # seconds, of the last probe
    value: str  # latency or the probe's number, as it reads
    ceiling: float  # seconds: a full block of the sparkline
    on_fail: str


def canary_row(scene: Scene, name: str) -> CanaryRow:
    """What there is to say of a canary now."""
    since, spec = scene.state.canaries[name].since, scene.plan.canary(name)
    seen = scene.frame.canaries.get(name) if scene.frame is not None else None
    limit = float(spec.max_latency) if spec is not None and spec.max_latency is not None else 0.5
    latency = seen.latency if seen is not None else None
    return CanaryRow(
        **asdict(canary_health(scene, name)), since=since,
        held=max(0.0, scene.now - since) if since is not None else None, latency=latency, ceiling=limit,
        value=_value(spec, latency, seen.value if seen else None), on_fail=_then(spec),
    )  # fmt: skip


def _then(spec: Canary | None) -> str:
    """What its failing does."""
    if spec is None:
        return ""
    wider = {"step": "", "phase": " the phase", "all": " everything"}[spec.undo] if spec.on_fail == "rollback" else ""
    return ON_FAIL[spec.on_fail] + wider


def _value(spec: Canary | None, latency: float | None, value: float | None) -> str:
    kind = probe_kind(spec) if spec is not None else NO_PROBE
    return latency_text(latency) if kind.number is None or value is None else kind.number(value)


def worst_order(rows: Iterable[CanaryRow]) -> list[CanaryRow]:
    """Worst verdict first, else the plan's order."""
    return sorted(rows, key=lambda row: worst_first(row.word.tone))


def name_width(rows: Iterable[CanaryRow], width: int) -> int:
    """Cells for the names."""
    return min(widest((row.name for row in rows), 8), max(10, width // 3), 24)


def canary_second_line(row: CanaryRow, width: int) -> Line:
    """Where there is room: what the last probe found, and what its failure does."""
    tone: ScreenTone = row.word.tone if row.verdict in ("degraded", "failing") else "muted"
    stale = "not probed lately" if row.stale and row.verdict != "no data" else ""
    then = f"when failing: {row.on_fail}" if row.on_fail else ""
    return (("    ", "muted"), *fitting([(row.detail, tone), (stale, "watch"), (then, "muted")], width - 4))


def canary_heading(names: int, width: int) -> Line:
    text = "  " + fit("canary", names) + " " + fit("verdict", 9) + fit("last", 8, right=True)
    if width >= 60:
        text += "  " + fit("last minute", _spark_width(width))
    return ((fit(text + "  for   found", width), "muted"),)


def _spark_width(width: int) -> int:
    return 20 if width >= 90 else 11


def canary_row_line(
    row: CanaryRow, names: int, width: int, series: RecentSeries | None, *, two_lines: bool = False
) -> Line:
    tone = row.word.tone
    out: list[Span] = [
        (row.word.glyph + " ", tone),
        (fit(row.name, names) + " ", "strong"),
        (fit(row.word.word, 9), tone),
        (fit(row.value, 8, right=True), "muted" if row.stale else "plain"),
    ]
    if width >= 60:
        cells = _spark_width(width)
        past = series.column(0, 60) if series is not None else []
        count = series.count if series is not None else 0
        blocks = spark(past, cells, row.ceiling, per_cell=max(1, -(-60 // cells)), end=count)
        out.append(("  " + blocks, "muted" if row.stale else "run"))
    held = duration_text(row.held, parts=1).replace(" ", "") if row.held is not None else "–"
    out.append(("  " + fit(held, 6), "muted"))
    detail = f"not probed lately; {row.detail}" if row.stale and row.verdict != "no data" else row.detail
    if not two_lines:
        out.append((one_line(detail), tone if row.verdict in ("degraded", "failing") else "muted"))
    return cut(tuple(out), width)
