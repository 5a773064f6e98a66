"""What people decided and wrote down, and how much each event of the log weighs in the timeline. Pure."""

from __future__ import annotations

from datetime import tzinfo

from upgrade_tui.plan.model import Plan
from upgrade_tui.report.history import History
from upgrade_tui.report.model import Decision, NoteRow, Weight
from upgrade_tui.report.times import moment
from upgrade_tui.units import duration_text
from upgrade_tui.window import events as ev


def decisions(plan: Plan, history: History, zone: tzinfo) -> tuple[Decision, ...]:
    """Every decision in the order it was made. One hand settling several hosts for one reason is one decision."""
    out: list[Decision] = []
    groups: dict[int, tuple[ev.TaskSettled, list[str]]] = {}  # index in ``out`` -> what was settled, on which hosts
    for record in history.records:
        event = record.event
        if isinstance(event, ev.TaskSettled) and out and len(out) - 1 in groups:
            first, hosts = groups[len(out) - 1]
            if (first.step, first.outcome, first.reason, out[-1].who) == (
                event.step, event.outcome, event.reason, record.actor,
            ):  # fmt: skip
                hosts.append(event.host)
                out[-1] = _made(record, zone, _settled(event, hosts), event.reason, out[-1])
                continue
        found = _decision(plan, record)
        if found is None:
            continue
        out.append(_made(record, zone, *found))
        if isinstance(event, ev.TaskSettled):
            groups[len(out) - 1] = (event, [event.host])
    return tuple(out)


def _made(record: ev.Record, zone: tzinfo, what: str, why: str, before: Decision | None = None) -> Decision:
    return Decision(
        evidence=(*(before.evidence if before else ()), record.seq),
        at=before.at if before else moment(record.ts, zone),
        who=record.actor, what=what, why=why,
    )  # fmt: skip


def _settled(event: ev.TaskSettled, hosts: list[str]) -> str:
    return f"settled {event.step} on {', '.join(hosts)} as {event.outcome}"


def _decision(plan: Plan, record: ev.Record) -> tuple[str, str] | None:
    """What was decided and why, None where the event is no decision."""
    match record.event:
        case ev.GateVoted(step=step, go=go, reason=reason):
            return f"voted {'go' if go else 'no-go'} on {step}", reason
        case ev.StepIntent() | ev.StepTicked():
            return _begun(plan, record.event)
        case ev.StepSkipped(step=step, reason=reason):
            return f"skipped {step}", reason
        case ev.StepUnticked(step=step, reason=reason):
            return f"took back the tick or skip of {step}", reason
        case ev.TaskSettled(host=host, reason=reason):
            return _settled(record.event, [host]), reason
        case ev.StepClaimed(step=step, by=by):
            spec = plan.step(step)
            owner = spec.owner if spec is not None else ""
            return (f"took over {step} from {owner}", "") if by and owner not in ("", by) else None
        case ev.WindowPaused(reason=reason):
            return "paused the window", reason
        case ev.WindowResumed(reason=reason):
            return "resumed the window", reason
        case ev.WindowAborted(reason=reason):
            return "aborted the window", reason
        case ev.HostExcluded(host=host, reason=reason):
            return f"excluded {host} from what was left", reason
        case ev.RollbackRequested(scope=scope, undo=undo, reason=reason):
            return f"rolled back {scope}: {', '.join(undo)}", reason
        case ev.DeadmanAsked() if record.actor != ev.SYSTEM:
            return _armed(record.event), record.event.reason
        case ev.WindowClosed(outcome=outcome, reason=reason):
            return f"closed the window as {outcome}", reason
    return None


def _armed(event: ev.DeadmanAsked) -> str:
    hosts = ", ".join(event.hosts)
    if event.what == "extend":
        return f"gave {event.step} {duration_text(event.seconds)} more to be confirmed on {hosts}"
    return f"kept {event.step} on {hosts}" if event.what == "confirm" else f"had {hosts} undo {event.step}"


def _begun(plan: Plan, event: ev.StepIntent | ev.StepTicked) -> tuple[str, str] | None:
    """Beginning a step is a decision where something spoke against it."""
    spec = plan.step(event.step)
    verb = "ticked" if isinstance(event, ev.StepTicked) else "started"
    if event.override:
        return f"overrode the rollback clock: {verb} {event.step} with no time left to undo it", event.override
    if spec is not None and spec.irreversible:
        return f"passed the point of no return: {verb} {event.step}", ""
    if isinstance(event, ev.StepIntent) and event.attempt > 1:
        return f"started {event.step} again (attempt {event.attempt})", ""
    return None


def notes(history: History, zone: tzinfo) -> tuple[NoteRow, ...]:
    """All notes, in order."""
    return tuple(
        NoteRow(
            seq=r.seq, at=moment(r.ts, zone), who=r.actor, text=r.event.text,
            about=", ".join(part for part in (r.event.step, r.event.host) if part), mark=r.event.mark,
        )
        for r in history.records
        if isinstance(r.event, ev.NoteAdded)
    )  # fmt: skip


_ROUTINE = (
    ev.OperatorAttached, ev.OperatorDetached, ev.HostFacts, ev.BatchStarted, ev.TaskStarted, ev.TaskBegun,
    ev.StepClaimed,
)  # fmt: skip
_BAD = (ev.LogFenced, ev.TaskUnknown, ev.TaskUnreachable, ev.DeadmanFired)
_WARNING = (ev.LimitCrossed, ev.HostRebooted, ev.ClockCrossed, ev.ClockJumped, ev.LogRecovered, ev.ConductorStarted)
_GOOD = (ev.LimitCleared, ev.StepTicked)
_DECISIONS = (
    ev.StepSkipped, ev.StepUnticked, ev.TaskSettled, ev.GateVoted, ev.WindowPaused, ev.WindowResumed, ev.WindowClosed,
    ev.RollbackRequested, ev.WindowAborted, ev.HostExcluded, ev.DeadmanAsked, ev.NoteAdded,
)  # fmt: skip


def weight(event: ev.Event) -> Weight:
    """How much an event weighs: what stands out in the timeline, and what may be left out."""
    for kinds, found in ((_ROUTINE, "routine"), (_BAD, "bad"), (_WARNING, "warning"), (_GOOD, "good")):
        if isinstance(event, kinds):
            return found  # type: ignore[return-value]
    if isinstance(event, _DECISIONS):
        return "decision"
    match event:
        case ev.StepIntent(override=override):
            return "decision" if override else "normal"
        case ev.TaskFinished(exit=code, timed_out=late):
            return "routine" if code == 0 and not late else "bad"
        case ev.TaskChecked(exit=code):
            return "routine" if code == 0 else "warning"
        case (
            ev.StepFinished(outcome=outcome) | ev.RollbackFinished(outcome=outcome) | ev.RollbackEnded(outcome=outcome)
        ):
            return "good" if outcome == "done" else "bad"
        case ev.CanaryVerdict(verdict=verdict):
            return {"healthy": "good", "degraded": "warning", "failing": "bad"}.get(verdict, "normal")  # type: ignore[return-value]
        case ev.HostLink(link=link):
            return "normal" if link == "up" else "routine" if link == "connecting" else "bad"
        case ev.UnitChanged(after=after):
            return "bad" if after == "failed" else "normal"
    return "normal"
