"""A canary in full: its verdict in words, its probe letter by letter, when it turns, its results. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from upgrade_tui.plan.model import Canary
from upgrade_tui.plan.probe_kinds import expected, in_time, probe_kind
from upgrade_tui.telemetry.model import Point
from upgrade_tui.tui.canary.rows import canary_row
from upgrade_tui.tui.glyphs import ScreenTone
from upgrade_tui.tui.scene import Scene
from upgrade_tui.tui.sections import exact, section, value_rows
from upgrade_tui.tui.widgets.charts import Chart
from upgrade_tui.tui.widgets.spans import Line, Span, cut, fit, joined, wrapped
from upgrade_tui.units import count_text, duration_text, latency_text, number_text

MEANS = {
    "healthy": "the last answers were as they should be",
    "degraded": "a failure or a slow answer, not yet enough of them to be failing",
    "failing": "too many failures in a row",
    "no data": "no probe has said anything lately: neither good nor bad, and never taken for good",
}
DOES = {
    "warn": "it is shown and logged; nothing is stopped",
    "pause": "the window is paused: running tasks finish, no new one starts",
    "rollback": "the steps under way that list it are rolled back, else the last one done",
}


def canary_header(scene: Scene, spec: Canary, width: int) -> list[Line]:
    """Three lines: verdict and for how long, what that means, the last probe."""
    row, state = canary_row(scene, spec.name), scene.state.canaries[spec.name]
    held = f" for {duration_text(row.held)}" if row.held is not None else ""
    since = f", since {scene.time(row.since)}" if row.since is not None else ""
    troubles = f" · failing {count_text(state.troubles, 'time')} in this window" if state.troubles else ""
    first: Line = (
        (f"{row.word.glyph} {row.word.word.upper()}  ", row.word.tone),
        (spec.name, "strong"),
        (f"  {held.strip()}{since}{troubles}", "muted"),
    )
    means: Line = ((f"{row.word.word}: {MEANS.get(row.verdict, '')}", "plain"),)
    return [cut(line, width) for line in (first, means, _last(scene, spec))]


def _last(scene: Scene, spec: Canary) -> Line:
    seen = scene.frame.canaries.get(spec.name) if scene.frame is not None else None
    if seen is None or seen.ok is None:
        return (("not probed yet", "watch"),)
    age = (seen.age or 0.0) + (scene.frame_age or 0.0)
    stale = age > 2 * float(spec.interval) + 3.0
    tone: ScreenTone = "muted" if stale else "good" if seen.ok else "bad"
    parts: list[Span | None] = [
        (f"{'STALE: ' if stale else ''}last probe {duration_text(age)} ago", "watch" if stale else "muted"),
        ("✓ good" if seen.ok else "✗ bad", tone),
        (latency_text(seen.latency), "plain") if seen.latency is not None else None,
        (value_text(spec, seen.value), "plain") if seen.value is not None else None,
        (seen.detail, "plain") if seen.detail else None,
    ]
    return joined(parts)


def value_text(spec: Canary, value: float) -> str:
    """The number a probe gave."""
    kind = probe_kind(spec)
    return kind.said.format((kind.number or number_text)(value))


def chart_of(spec: Canary, series: Mapping[str, Sequence[Point]]) -> Chart:
    """Latency with its limit; where the probe gives numbers, those with their bound."""
    kind = probe_kind(spec)
    if kind.number is not None and series.get("value"):
        return Chart(title=kind.curve, names=("value",), text=kind.axis, limit=spec.expect.max, floor=0.01)
    limit = float(spec.max_latency) if spec.max_latency is not None else None
    return Chart(title="latency", names=("latency",), text=latency_text, limit=limit, floor=0.01)


def probe_lines(spec: Canary, width: int) -> list[Line]:
    """What is asked, what it must answer, when the verdict turns, what then happens."""
    out: list[Line] = []
    where = f" on {spec.on}" if spec.on else ""
    what = probe_kind(spec).what.format(method=spec.method)
    exact(out, f"{what}{where}", getattr(spec, spec.probe, None), width)
    pairs = [
        ("every", f"{duration_text(spec.interval)}, given up after {duration_text(spec.timeout)}"),
        ("expects", ", ".join(expected(spec)) or probe_kind(spec).usual),
        ("latency", f"{in_time(spec)}; slower is degraded" if spec.max_latency else ""),
        ("headers", ", ".join(spec.headers)),  # names only: values may be secrets
        ("TLS", "certificate is NOT verified" if not spec.verify else ""),
    ]
    section(out, "Asked", value_rows(pairs, width))
    lines = wrapped(((turning(spec), "plain"),), width)
    lines += wrapped(((f"Then: {does(spec)}.", "plain"),), width)
    section(out, "When the verdict turns", lines)
    return out[:-1]


def does(spec: Canary) -> str:
    """What happens when it fails, in words."""
    wider = {"step": "", "phase": ", with their phase", "all": ", with everything done so far"}[spec.undo]
    return DOES[spec.on_fail] + (wider if spec.on_fail == "rollback" else "")


def turning(spec: Canary) -> str:
    """Failure limit and recovery, with what they mean in time."""
    limit, good = spec.failure_limit, spec.recovery
    soonest = duration_text(limit * float(spec.interval))
    failing = f"Degraded at the first failure; failing after {limit} in a row (about {soonest})."
    return f"{failing} Healthy again after {count_text(good, 'good answer', 'good answers in a row')}."


def result_lines(scene: Scene, spec: Canary, series: Mapping[str, Sequence[Point]], width: int) -> list[Line]:
    """The newest results, one a line; the newest first."""
    oks = [p for p in series.get("ok", ()) if p.mean is not None]
    latencies = {p.ts: p for p in series.get("latency", ())}
    values = {p.ts: p for p in series.get("value", ())}
    if not oks:
        return [(("nothing probed in this time", "muted"),)]
    lines: list[Line] = []
    stretch = min((b.ts - a.ts for a, b in pairwise(series["ok"])), default=0.0)
    if stretch > 1.5 * spec.interval:
        lines.append(((f"each line sums up {duration_text(stretch)}; w for less", "muted"),))
    for p in reversed(oks):
        share = p.mean or 0.0
        word: Span = ("✓ good", "good") if share >= 1 else ("✗ bad ", "bad") if share <= 0 else ("▲ mixed", "watch")
        latency, value = latencies.get(p.ts), values.get(p.ts)
        took = latency_text(latency.high) if latency is not None and latency.high is not None else "–"
        slow = spec.max_latency is not None and latency is not None and (latency.high or 0.0) > spec.max_latency
        line: list[Span] = [
            (scene.time(p.ts) + "  ", "muted"),
            (fit(word[0], 9), word[1]),
            (fit(took, 8, right=True), "tight" if slow else "plain"),
            ("  too slow", "tight") if slow else ("", "plain"),
        ]
        if value is not None and value.mean is not None:
            line.append((f"  {value_text(spec, value.mean)}", "plain"))
        lines.append(cut(tuple(line), width))
    return lines
