"""``build(plan, records, ...) -> Report``: the document from the plan and the log. Pure and total."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import tzinfo
from typing import TypeVar, cast

from msgspec import Struct
from msgspec.structs import replace

from upgrade_tui.foreign import one_line
from upgrade_tui.plan.model import Plan
from upgrade_tui.report import decisions, lessons, signals, step_table
from upgrade_tui.report.history import WindowHistory
from upgrade_tui.report.measured import Curve, ReportTelemetry, thinned
from upgrade_tui.report.model import (  # fmt: skip
    FORMAT,
    Answer,
    Charts,
    ChartSeries,
    HostSummary,
    Integrity,
    Moment,
    Numbers,
    Participant,
    Report,
    StepSpan,
    StepSummary,
    Summary,
    TimelineEntry,
    WindowOutcome,
)
from upgrade_tui.report.times import elapsed, moment, zone_name, zone_of
from upgrade_tui.window import events as ev
from upgrade_tui.window.answers import QUESTIONS, answers
from upgrade_tui.window.events import Record
from upgrade_tui.window.glance import Glance
from upgrade_tui.window.outcomes import NOT_IN_THE_LOG
from upgrade_tui.window.outcomes import outcome_sentence as told_of
from upgrade_tui.window.state import role_of

CURVE_POINTS = 400  # of the slack curve, at most twice as many
CPU_CURVES = 8  # the busiest hosts

T = TypeVar("T")


class Source(Struct, frozen=True, kw_only=True):
    """What the caller knows of the log beyond its records."""

    head: str = ""  # hash of the last line
    damage: str = ""  # why it could not be read further
    elsewhere: str = ""  # that, and where, records are kept that are not in the log yet
    in_the_log: int | None = None  # seq of the last one that is in it; None: all are
    plan_differs: str = ""  # how the plan beside it is not the one that it records
    plan_accepted: str = ""  # who went on with a plan that had been changed, and why


def build_report(
    plan: Plan,
    records: Iterable[Record],
    telemetry: ReportTelemetry | None = None,
    *,
    source: Source | None = None,
    zone: tzinfo | None = None,
) -> Report:
    """The report on a window, closed or not. The same input gives the same document, whatever the time or the machine.

    ``zone``: what local times are given in; left out, the offset the plan's start is written with, else UTC.
    """
    told, source = telemetry or ReportTelemetry(), source or Source()
    plans_zone, zone_from = zone_of(plan)
    local = zone or plans_zone
    history = WindowHistory(plan, records)
    rows = step_table.step_summaries(plan, history, local)
    hosts = signals.host_rows(plan, history, told)
    notes = decisions.notes(history, local)
    return _clean(Report(
        format=FORMAT,
        interim=history.state.phase != "closed",
        as_of=moment(history.last.ts, local) if history.last is not None else None,
        zone=zone_name(local), zone_from="asked for" if zone is not None else zone_from,
        summary=_summary(plan, history, local),
        numbers=_numbers(history, rows, hosts, local),
        people=_people(plan, history, local),
        steps=rows,
        tasks=step_table.task_rows(history),
        timeline=_timeline(history, local, source),
        alerts=signals.alerts(history, local),
        hosts=hosts,
        canaries=signals.canary_rows(plan, history, told),
        pauses=tuple(
            StepSpan("paused", p.began.ts, p.ended.ts if p.ended else history.end) for p in history.pauses
        ),
        decisions=decisions.decisions(plan, history, local),
        notes=notes,
        risks=signals.risk_rows(plan, history),
        lessons=lessons.lessons(plan, history, notes),
        integrity=_integrity(history, source),
        telemetry=bool(told.hosts or told.canaries), telemetry_trouble=told.trouble,
        charts=_charts(history, told),
    ))  # fmt: skip


def _clean(value: T) -> T:
    """``value`` with every string in it on one line and harmless, wherever it came from."""
    if value is None or isinstance(value, int | float | Moment):
        return value
    if isinstance(value, str):
        return cast(T, one_line(value.replace("\r\n", " ").replace("\n", " ").strip()))
    if isinstance(value, tuple):
        return cast(T, tuple(_clean(item) for item in value))
    if isinstance(value, Struct) and not isinstance(value, ChartSeries):
        return cast(T, type(value)(**{name: _clean(getattr(value, name)) for name in value.__struct_fields__}))
    return replace(value, name=_clean(value.name)) if isinstance(value, ChartSeries) else value


# -- the head -------------------------------------------------------------------------------------------------------


def _work(history: WindowHistory) -> tuple[Record | None, Record | None]:
    """The first start and the last end of a step that was not taken back."""
    runs = [run for run in history.runs if not run.taken_back and run.outcome != "skipped"]
    starts = [r for run in runs if (r := run.began or run.ended) is not None]
    ends = [run.ended for run in [*runs, *history.rollbacks] if run.ended is not None]
    return min(starts, key=lambda r: r.seq, default=None), max(ends, key=lambda r: r.seq, default=None)


def _outcome(history: WindowHistory) -> WindowOutcome:
    """How it ended; of a window that goes on, its phase."""
    state = history.state
    match state.phase:
        case "closed":
            return cast(WindowOutcome, state.outcome)
        case "paused" | "aborted":
            return state.phase
        case "open":
            return "running"
        case "new":
            return "not opened"


def _summary(plan: Plan, history: WindowHistory, zone: tzinfo) -> Summary:
    state, spec = history.state, plan.window
    opening = next((r.event for r in history.records if isinstance(r.event, ev.WindowOpened)), None)
    began, ended = _work(history)
    over = state.phase == "closed"
    until = ended if over else history.last
    slots = step_table.planned(plan, history)
    known = state.opened is not None
    return Summary(
        window=state.window or spec.id, plan_id=spec.id, title=spec.title, change=spec.change, goal=spec.goal,
        services=spec.services, outcome=_outcome(history), reason=state.reason,
        window_start=moment(state.start, zone) if known else None,
        window_end=moment(state.end, zone) if known else None,
        margin=float(spec.margin), rto=float(spec.rto) if spec.rto is not None else None,
        opened=moment(state.opened, zone) if state.opened is not None else None, opened_by=state.opened_by,
        closed=moment(state.closed, zone) if state.closed is not None else None,
        work_started=moment(began.ts, zone) if began else None,
        work_finished=moment(ended.ts, zone) if ended and over else None,
        planned_seconds=max((s.end for s in slots), default=0.0) - min((s.start for s in slots), default=0.0),
        actual_seconds=elapsed(began, until) if began and until else None,
        before_end=state.end - ended.ts if ended and known and over else None,
        answers=_answers(history, zone),
        version=opening.version if opening else "", conductor=opening.host if opening else "",
    )  # fmt: skip


def _answers(history: WindowHistory, zone: tzinfo) -> tuple[Answer, ...]:
    """How a window that is not closed stood at the end of its log. A log has no measurements: health is not known."""
    if history.state.phase in ("new", "closed") or history.last is None:
        return ()
    glance = Glance(state=history.state, now=history.last.ts, zone=zone, lost="the log has none")
    return tuple(Answer(QUESTIONS[name], text) for name, text in answers(glance).texts().items())


def _numbers(
    history: WindowHistory, rows: tuple[StepSummary, ...], hosts: tuple[HostSummary, ...], zone: tzinfo
) -> Numbers:
    state, low = history.state, history.lowest_slack()
    tasks = [task.state for step in state.steps.values() for task in step.tasks.values()]
    by_state = [row.state for row in rows]
    events = [type(record.event) for record in history.records]
    return Numbers(
        steps=len(rows), steps_done=by_state.count("done"), steps_skipped=by_state.count("skipped"),
        steps_failed=by_state.count("failed"), steps_unknown=by_state.count("unknown"),
        steps_rolled_back=by_state.count("rolled back"), steps_armed=by_state.count("armed"),
        steps_unprotected=by_state.count("unprotected"),
        steps_running=by_state.count("running") + by_state.count("rolling back"),
        steps_not_begun=by_state.count("pending") + by_state.count("ready"),
        tasks=len(tasks), tasks_done=tasks.count("done"), tasks_failed=tasks.count("failed"),
        tasks_unknown=tasks.count("unknown") + tasks.count("unreachable"),
        attempts=events.count(ev.TaskStarted),
        retries=sum(1 for run in history.runs if run.attempt > 1),
        alerts=len(history.alerts),
        canary_failures=sum(1 for of in history.verdicts.values() for s in of if s.state == "failing"),
        hosts_lost=sum(row.times_lost for row in hosts), reboots=sum(row.reboots for row in hosts),
        notes=events.count(ev.NoteAdded), overrides=sum(run.overrides for run in history.runs),
        pauses=len(history.pauses), paused_seconds=sum(history.seconds(p) for p in history.pauses),
        takeovers=state.takeovers,
        lowest_slack=round(low.slack, 3) if low else None,
        lowest_slack_at=moment(low.ts, zone) if low else None, lowest_slack_seq=low.seq if low else None,
        no_return=state.no_return,
    )  # fmt: skip


# -- people, timeline, integrity, charts ------------------------------------------------------------------------------


def _people(plan: Plan, history: WindowHistory, zone: tzinfo) -> tuple[Participant, ...]:
    """The plan's people, then whoever else came, in the order they came."""
    acts: dict[str, list[Record]] = {login: [] for login in plan.people}
    first: dict[str, float] = {}
    for record in history.records:
        attached = record.event.login if isinstance(record.event, ev.OperatorAttached) else ""
        for login in {attached, record.actor} - {"", ev.SYSTEM}:
            first.setdefault(login, record.ts)
            acts.setdefault(login, [])
        if record.actor in acts and not isinstance(record.event, ev.OperatorAttached | ev.OperatorDetached):
            acts[record.actor].append(record)
    return tuple(
        Participant(
            login=login, name=plan.people[login].name if login in plan.people else "",
            role=role_of(plan, login, history.state.opened_by), took_part=login in first,
            first=moment(first[login], zone) if login in first else None, acts=len(done),
            votes=sum(1 for r in done if isinstance(r.event, ev.GateVoted)),
            steps=tuple(dict.fromkeys(
                r.event.step for r in done if isinstance(r.event, ev.StepIntent | ev.StepTicked | ev.StepSkipped)
            )),
        )
        for login, done in acts.items()
    )  # fmt: skip


def _timeline(history: WindowHistory, zone: tzinfo, source: Source) -> tuple[TimelineEntry, ...]:
    last = source.in_the_log if source.in_the_log is not None else history.state.seq
    tags = {kind: str(kind.__struct_config__.tag) for kind in {type(r.event) for r in history.records}}
    return tuple(
        TimelineEntry(
            seq=r.seq, at=moment(r.ts, zone), actor=r.actor, kind=tags[type(r.event)],
            weight=decisions.weight(r.event), text=told_of(r, history.outcomes) + NOT_IN_THE_LOG * (r.seq > last),
        )
        for r in history.records
    )  # fmt: skip


def _integrity(history: WindowHistory, source: Source) -> Integrity:
    records = history.records
    return Integrity(
        records=len(records), first=records[0].seq if records else None, last=records[-1].seq if records else None,
        head=source.head, gaps=history.gaps, damage=source.damage, elsewhere=source.elsewhere,
        withheld=tuple(output.said for output in history.state.withheld),
        plan_differs=source.plan_differs, plan_accepted=source.plan_accepted,
        recovered=sum(1 for r in records if isinstance(r.event, ev.LogRecovered)), fences=history.state.fences,
    )  # fmt: skip


def _charts(history: WindowHistory, told: ReportTelemetry) -> Charts:
    points: list[tuple[float, float]] = []
    for p in history.slack:  # two at one moment, before and after an event, are told apart by a millisecond
        points.append((max(p.ts, points[-1][0] + 0.001) if points else p.ts, round(p.slack, 1)))
    slack = thinned(points, CURVE_POINTS)
    busiest = sorted(told.hosts.items(), key=lambda item: (-(item[1].cpu_max or 0.0), item[0]))[:CPU_CURVES]
    return Charts(
        slack=_series("slack", slack),
        cpu=tuple(_series(name, host.cpu) for name, host in busiest if host.cpu),
        latency=tuple(_series(name, canary.latency) for name, canary in told.canaries.items() if canary.latency),
    )


def _series(name: str, points: Curve) -> ChartSeries:
    return ChartSeries(name, tuple(round(x, 3) for x, _ in points),
                  tuple(None if y is None else round(y, 4) for _, y in points))  # fmt: skip
