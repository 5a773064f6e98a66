"""What people decided and wrote down, and how much each event of the log weighs in the timeline. Pure."""

from __future__ import annotations

from datetime import tzinfo

from upgrade_tui.plan.model import Plan
from upgrade_tui.report.history import WindowHistory
from upgrade_tui.report.model import DecisionRow, EntryWeight, NoteRow
from upgrade_tui.report.times import moment
from upgrade_tui.units import duration_text
from upgrade_tui.window import events as ev
from upgrade_tui.window.event_table import notice
from upgrade_tui.window.sentences import sentence


def decisions(plan: Plan, history: WindowHistory, zone: tzinfo) -> tuple[DecisionRow, ...]:
    """Every decision in the order it was made. One hand settling several hosts for one reason is one decision."""
    out: list[DecisionRow] = []
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


def _made(record: ev.Record, zone: tzinfo, what: str, why: str, before: DecisionRow | None = None) -> DecisionRow:
    return DecisionRow(
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
        case ev.StepReleased(step=step, batch=batch, override=override, rest=rest) if override:
            return (
                f"overrode the rollback clock: let batch {batch + 1} of {step} go{' and all after it' * rest}",
                override,
            )
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
        case ev.NoteAdded():
            return None  # told among the notes
        case other if notice(other).decision and record.actor != ev.SYSTEM:
            return sentence(other), ""
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
        rest = isinstance(event, ev.StepIntent) and event.rest
        return f"overrode the rollback clock: {verb} {event.step}{' and all its batches' * rest}", event.override
    if spec is not None and spec.irreversible:
        return f"passed the point of no return: {verb} {event.step}", ""
    if isinstance(event, ev.StepIntent) and event.attempt > 1:
        return f"started {event.step} again (attempt {event.attempt})", ""
    return None


def notes(history: WindowHistory, zone: tzinfo) -> tuple[NoteRow, ...]:
    """All notes, in order."""
    return tuple(
        NoteRow(
            seq=r.seq, at=moment(r.ts, zone), who=r.actor, text=r.event.text,
            about=", ".join(part for part in (r.event.step, r.event.host) if part), mark=r.event.mark,
        )
        for r in history.records
        if isinstance(r.event, ev.NoteAdded)
    )  # fmt: skip


def weight(event: ev.Event) -> EntryWeight:
    """How much an event weighs: what stands out in the timeline, and what may be left out."""
    said = notice(event)
    if said.decision:
        return "decision"
    if said.weight == "quiet":
        return "routine"
    if said.tone == "good":
        return "good"
    if said.tone in ("bad", "unknown"):
        return "bad" if said.tone == "bad" or said.weight == "rings" else "warning"
    stands_out = said.weight != "told" and said.tone in ("tight", "watch")
    return "warning" if stands_out else "normal"
