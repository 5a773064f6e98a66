"""From a window's directory to a ``Report``: the frozen plan, the log, and telemetry where there is any."""

from __future__ import annotations

from datetime import tzinfo
from pathlib import Path

from msgspec.structs import replace

from upgrade_tui.directory.paths import PLAN, TELEMETRY, kept_directory
from upgrade_tui.directory.recorded import Recorded
from upgrade_tui.directory.windows import kept_elsewhere
from upgrade_tui.journal.chain import Walk
from upgrade_tui.journal.errors import DamagedError, JournalError, OtherLogError
from upgrade_tui.journal.kept import read_unwritable
from upgrade_tui.plan.model import Plan
from upgrade_tui.plan.reader import read_plan
from upgrade_tui.report.build import Source, build_report
from upgrade_tui.report.measured import CanaryTelemetry, Curve, HostTelemetry, ReportTelemetry
from upgrade_tui.report.model import Report
from upgrade_tui.telemetry.model import Point
from upgrade_tui.telemetry.reader import TelemetryReader, TelemetryUnreadable
from upgrade_tui.window.events import Record

_POINTS = 240  # of a curve


def load(directory: Path, *, zone: tzinfo | None = None) -> Report:
    """The report on the window in ``directory``, which may still be running.

    A damaged log gives a report that ends before the damage and says so (``integrity.damage``). A frozen plan that is
    not the recorded one is told first of all (``integrity.plan_differs``): steps and times are then read from it.

    Raises PlanError, MissingLogError; OSError, UnicodeDecodeError where a file cannot be read.
    """
    plan = read_plan(directory / PLAN)
    records, source = _log(directory)
    recorded = Recorded()
    for record in records:
        recorded.take(record)
    source = replace(source, plan_differs=recorded.plan_difference(directory), plan_accepted=recorded.accepted)
    return build_report(plan, records, _telemetry(directory / TELEMETRY, plan, records), source=source, zone=zone)


def _log(directory: Path) -> tuple[list[Record], Source]:
    """All intact records. Lines of a kind that this version does not know are left out, as the chain still holds."""
    if kept_directory(directory).is_dir() and (both := _with_kept(directory)) is not None:
        return both
    walk = Walk(directory, lenient=True)
    records: list[Record] = []
    damage = ""
    try:
        records.extend(walk)
    except (DamagedError, OtherLogError) as error:
        damage = str(error)
    return records, Source(head=walk.h if records else "", damage=damage, elsewhere=kept_elsewhere(directory))


def _with_kept(directory: Path) -> tuple[list[Record], Source] | None:
    """The log and, behind it, what is kept elsewhere; None where that does not continue the log, or nothing is kept."""
    try:
        found = read_unwritable(directory, kept_directory(directory))
    except JournalError:
        return None
    last = found.records[-1].seq
    source = Source(head=found.h, elsewhere=kept_elsewhere(directory), in_the_log=last)
    return [*found.records, *(line.record for line in found.kept)], source


def _telemetry(path: Path, plan: Plan, records: list[Record]) -> ReportTelemetry:
    """Figures and curves between the first and the last record; no further, so that the same log gives the same report
    also while the table grows. Empty where the table is not there or cannot be read.
    """
    if not records or not path.is_file():
        return ReportTelemetry()
    since, until = records[0].ts, records[-1].ts
    try:
        with TelemetryReader(path) as reader:
            known_hosts, known_canaries = set(reader.hosts()), set(reader.canaries())
            each = float(plan.watch.interval)
            return ReportTelemetry(
                hosts={n: _host(reader, n, since, until, each) for n in plan.hosts if n in known_hosts},
                canaries={c.name: _canary(reader, c.name, since, until, float(c.interval))
                          for c in plan.canaries if c.name in known_canaries},
            )  # fmt: skip
    except TelemetryUnreadable as error:
        return ReportTelemetry(trouble=str(error).removeprefix(f"{path.parent}/"))


def _host(reader: TelemetryReader, name: str, since: float, until: float, interval: float) -> HostTelemetry:
    whole = reader.history_host(name, since, until, 1)
    curve = reader.history_host(name, since, until, _points(since, until, interval))
    cpu, memory, disk = (_figures(whole.get(metric, ())) for metric in ("cpu", "memory", "disk"))
    return HostTelemetry(
        cpu_mean=cpu.mean, cpu_max=cpu.high, memory_mean=memory.mean, memory_max=memory.high, disk_max=disk.high,
        cpu=_curve(curve.get("cpu", ())),
    )  # fmt: skip


def _canary(reader: TelemetryReader, name: str, since: float, until: float, interval: float) -> CanaryTelemetry:
    summary = reader.summary_canary(name, since, until)
    curve = reader.history_canary(name, since, until, _points(since, until, interval))
    return CanaryTelemetry(
        good=summary.good, bad=summary.bad, unknown=summary.unknown,
        latency_p95=summary.latency.get("p95"), latency_max=summary.latency.get("max"),
        latency=_curve(curve.get("latency", ())),
    )  # fmt: skip


def _points(since: float, until: float, interval: float) -> int:
    """As many stretches as have at least two measurements each: an empty one then is a gap and not a short window."""
    return max(2, min(_POINTS, int((until - since) / (2 * max(interval, 0.001)))))


def _figures(points: tuple[Point, ...]) -> Point:
    return points[0] if points else Point(0.0, None, None, None)


def _curve(points: tuple[Point, ...]) -> Curve:
    """The highest value of each stretch: what a mean would hide is what one looks for."""
    return tuple((p.ts, p.high) for p in points)
