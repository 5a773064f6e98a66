"""What the events of rollbacks and of the dead-man rollback mean. Part of ``fold``: total, pure."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from upgrade_tui.window import events as ev
from upgrade_tui.window.changes import change_step, change_task, with_
from upgrade_tui.window.state import Armed, RollbackState, Task, Undo, WindowState
from upgrade_tui.window.undo import batches_to_undo


def requested(s: WindowState, r: ev.Record, e: ev.RollbackRequested) -> WindowState:
    specs = [spec for spec in map(s.plan.step, e.undo) if spec is not None]
    undo = tuple(Undo(spec.id, batches_to_undo(spec, s.steps[spec.id], e.hosts) or ()) for spec in specs)
    asked = RollbackState(
        scope=e.scope, undo=undo, reason=e.reason, by=r.actor, started=r.ts, estimate=e.estimate, hosts=e.hosts,
        canary=e.canary, failed=e.failed,
    )  # fmt: skip
    return replace(s, rollback=asked)


def rollback_started(s: WindowState, r: ev.Record, e: ev.RollbackStarted) -> WindowState:
    step = s.steps.get(e.step)
    if step is None:
        return s
    if any(a.waits for a in step.armed.values()):
        s = _void(s, e.step, f"{e.step} was rolled back before it was confirmed")
    if s.rollback is not None:
        s = replace(s, rollback=replace(s.rollback, begun=s.rollback.begun | {e.step}))
    again = {host for batch in e.batches for host in batch}
    tasks = {host: _to_be_undone(task) if host in again else task for host, task in step.tasks.items()}
    return change_step(
        s, e.step, stage="undoing", cause=e.reason, undone_for=e.reason, undo=e.attempt, undo_started=r.ts,
        undo_batches=e.batches, tasks=tasks,
    )  # fmt: skip


def _to_be_undone(task: Task) -> Task:
    """Undone, and not well, before this rollback (its host tried by itself), it is still to be undone in this one."""
    return task if task.state == "rolled back" or task.following else replace(task, undo=0)


def undo_finished(s: WindowState, r: ev.Record, e: ev.RollbackFinished) -> WindowState:
    """What it came to on hosts its tasks tell; of a manual step, the event."""
    step = s.steps.get(e.step)
    if step is None or step.stage != "undoing":
        return s
    tasks = {host: _unproven(task, r.ts) for host, task in step.tasks.items()}
    measured = step.rollback_seconds
    if e.outcome == "done" and e.seconds > 0:  # by hand nothing was measured
        measured = e.seconds / (e.batches or max(1, len(step.undo_batches)))
    return change_step(
        s, e.step, stage="ended", result="rolled back" if e.outcome == "done" else "failed", tasks=tasks,
        rollback_seconds=measured, cause="" if step.kind == "command" else e.reason, finished=r.ts,
    )  # fmt: skip


def _unproven(task: Task, ts: float) -> Task:
    """A task that was still undoing when its rollback ended: no result is proven."""
    if task.state != "rolling back":
        return task
    return replace(task, state="unknown", finished=ts, reason="the rollback ended without its result", touched=True)


def rollback_ended(s: WindowState, r: ev.Record, e: ev.RollbackEnded) -> WindowState:
    if s.rollback is None:
        return s
    ended = replace(s.rollback, finished=r.ts, outcome=e.outcome, seconds=e.seconds, trouble=e.reason)
    return replace(s, rollback=ended)


def armed(s: WindowState, r: ev.Record, e: ev.DeadmanArmed) -> WindowState:
    step = s.steps.get(e.step)
    if step is None or (e.host not in s.hosts and e.host not in step.tasks):
        return s
    armed = Armed(until=r.ts + e.seconds, seconds=e.seconds, attempt=e.attempt, risk=e.risk)
    return change_step(s, e.step, armed=with_(step.armed, e.host, armed))


def _change_armed(s: WindowState, step_id: str, host: str, **changes: Any) -> WindowState:
    step = s.steps.get(step_id)
    if step is None or host not in step.armed:
        return s
    return change_step(s, step_id, armed=with_(step.armed, host, replace(step.armed[host], **changes)))


def asked(s: WindowState, r: ev.Record, e: ev.DeadmanAsked) -> WindowState:
    for host in e.hosts:
        s = _change_armed(s, e.step, host, asked=e.what, asked_seconds=e.seconds)
    return s


def deadman_confirmed(s: WindowState, r: ev.Record, e: ev.DeadmanConfirmed) -> WindowState:
    return _change_armed(s, e.step, e.host, state="confirmed", asked="")


def extended(s: WindowState, r: ev.Record, e: ev.DeadmanExtended) -> WindowState:
    return _change_armed(s, e.step, e.host, until=r.ts + e.seconds, seconds=e.seconds, asked="")


def gone(s: WindowState, r: ev.Record, e: ev.DeadmanGone) -> WindowState:
    """What the step changed stands, unless nobody can know: then the task is unknown."""
    s = _change_armed(s, e.step, e.host, state="gone", asked="", reason=e.reason)
    step = s.steps.get(e.step)
    if not e.maybe_fired or step is None or e.host not in step.tasks:
        return s
    why = f"its dead-man rollback is gone ({e.reason}), and whether it had undone the step is not known"
    return change_task(s, e.step, e.host, state="unknown", reason=why, touched=True, finished=r.ts, following=False)


def _void(s: WindowState, step_id: str, why: str) -> WindowState:
    """What ran on the step while it was armed, and changed nothing itself, says nothing any more: it failed."""
    for spec in s.plan.steps:
        if spec.on_armed and step_id in s.plan.needs(spec) and s.steps[spec.id].stage in ("under way", "ended"):
            s = change_step(s, spec.id, void=why)
    return s


def fired(s: WindowState, r: ev.Record, e: ev.DeadmanFired) -> WindowState:
    """The host undid the step: proven by exit 0; else nobody knows how much of it stands."""
    step = s.steps.get(e.step)
    if step is None:
        return s
    s = _void(s, e.step, f"{e.host} undid {e.step}, which was armed")
    s = _change_armed(s, e.step, e.host, state="fired", asked="", last_line=e.last_line)
    if e.host not in step.tasks:
        return s
    why = e.reason or "nobody confirmed in time: the host undid it by itself"
    good, abandoned = e.exit == 0, step.tasks[e.host].abandoned
    if e.left and e.host in step.armed:
        abandoned = f"{abandoned} deadman{step.armed[e.host].attempt}".strip()
    return change_task(
        s, e.step, e.host, state="rolled back" if good else "unknown" if e.exit is None else "failed",
        reason=why if good else f"{why}; the rollback's exit: {'not known' if e.exit is None else e.exit}",
        undo=max(1, step.undo), touched=not good, finished=r.ts, following=False, abandoned=abandoned,
    )  # fmt: skip
