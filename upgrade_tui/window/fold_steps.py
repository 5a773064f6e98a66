"""What the events of steps, tasks and gates mean. Part of ``fold``: total, pure.

A task event with ``undo`` is about the step's rollback on that host: then good is ``rolled back``.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from upgrade_tui.plan.step_kinds import STEP_KINDS
from upgrade_tui.window import events as ev
from upgrade_tui.window.changes import change_step, change_task, excluded_reason, stale, with_
from upgrade_tui.window.fold_hold import let_go
from upgrade_tui.window.state import StepState, Task, WindowState, WithheldOutput, fresh_tasks

TaskEvent = (
    ev.TaskStarted
    | ev.TaskBegun
    | ev.TaskFinished
    | ev.TaskChecked
    | ev.TaskUnknown
    | ev.TaskFound
    | ev.TaskUnreachable
    | ev.OutputWithheld
)


def _outdated(s: WindowState, e: TaskEvent) -> bool:
    """About an attempt, or a rollback, that a newer one has replaced.

    A rollback's late answer is nothing to a step that was begun anew, nor is a command's to a host where undoing it
    began: of that the rollback's own result is what is so.
    """
    step = s.steps.get(e.step)
    if step is None:
        return True
    task = step.tasks.get(e.host)
    now = 0 if task is None else task.undo
    if e.undo:
        return e.attempt < step.undo or (step.stage != "undoing" and e.attempt != now)
    return e.attempt < step.attempt or (now > 0 and not isinstance(e, ev.TaskStarted))


def _worked(s: WindowState, r: ev.Record, e: TaskEvent) -> WindowState:
    """Work of a step has ended somewhere; what comes to light behind the step's end is not counted as work."""
    if e.undo or s.steps[e.step].stage != "under way":
        return s
    return change_step(s, e.step, worked_until=r.ts)


def _of_attempt(e: TaskEvent) -> dict[str, int]:
    """Where the number of the attempt belongs."""
    return {"undo": e.attempt} if e.undo else {"attempt": e.attempt}


def claimed(s: WindowState, r: ev.Record, e: ev.StepClaimed) -> WindowState:
    return change_step(s, e.step, claimed_by=e.by)


def intent(s: WindowState, r: ev.Record, e: ev.StepIntent) -> WindowState:
    """A new attempt keeps what is done; what was not starts afresh, but remembers that it was touched.

    A retry of some hosts leaves the others as they are. What was decided and watched on this step's work before it was
    undone is open again.
    """
    step = s.steps.get(e.step)
    if step is None:
        return s
    batches = e.batches or step.batches
    tasks = {
        host: _again(step, task) if not e.hosts or host in e.hosts else _left_alone(step, task)
        for host, task in fresh_tasks(batches).items()
    }
    for host in s.excluded.keys() & tasks.keys():
        if tasks[host].state == "pending":
            why = excluded_reason(s.excluded[host])
            tasks[host] = replace(tasks[host], state="skipped", reason=why, excluded=True)
    s = _gone_on(_open_again(s, e.step))
    return change_step(
        s, e.step, stage="under way", attempt=e.attempt, batches=batches, tasks=tasks, batch=-1, only=e.hosts,
        started=r.ts, finished=None, worked_until=None, by=r.actor, cause="", void="", override=e.override, votes={},
        gate=None, **let_go(e, tasks),
    )  # fmt: skip


def _gone_on(s: WindowState) -> WindowState:
    """Work goes on behind a rollback that has ended."""
    asked = s.rollback
    return s if asked is None or asked.active or asked.gone_on else replace(s, rollback=replace(asked, gone_on=True))


def _open_again(s: WindowState, step_id: str) -> WindowState:
    """Gates and bakes that were passed on a step's work wait for it once more.

    Not those beyond a step that a person skipped: as in ``WindowState.missing``, they do not stand on what is beneath.
    """
    after = {step_id}
    for spec in s.plan.steps:
        if after.isdisjoint(s.plan.needs(spec)) or s.steps[spec.id].state == "skipped":
            continue
        after.add(spec.id)
        if STEP_KINDS[spec.kind].stands_on and s.steps[spec.id].state == "done":
            reason = f"{step_id} was begun anew"
            s = change_step(
                s, spec.id, stage="not begun", started=None, finished=None, worked_until=None, by="", cause=reason,
                votes={}, gate=None,
            )  # fmt: skip
    return s


def _left_alone(step: StepState, task: Task) -> Task:
    """A host that a retry is not about stays as it is; its batch is the one of the batches that count from now on."""
    before = step.tasks.get(task.host)
    return task if before is None else replace(before, batch=task.batch)


def _again(step: StepState, task: Task) -> Task:
    before = step.tasks.get(task.host)
    if before is None:
        return task
    if before.state == "rolled back":
        return replace(task, abandoned=before.abandoned)
    if before.state in ("done", "skipped"):
        return replace(before, batch=task.batch, undo=0)  # where undoing it was given up nothing is left to do, either
    return replace(task, attempt=before.attempt, touched=before.changed, abandoned=before.abandoned)


def batch(s: WindowState, r: ev.Record, e: ev.BatchStarted) -> WindowState:
    if stale(s, e.step, e.attempt):
        return s
    return change_step(s, e.step, batch=e.batch)


def task_started(s: WindowState, r: ev.Record, e: ev.TaskStarted) -> WindowState:
    """Behind the end of its step a start means nothing: whoever wrote it sees that, and sends nothing."""
    if _outdated(s, e) or (not e.undo and s.steps[e.step].stage != "under way"):
        return s
    numbers = {"undo": 0, **_of_attempt(e)}
    task = s.steps[e.step].tasks.get(e.host)
    if task is not None and e.undo:
        numbers["touched"] = task.changed  # by hand, too: it is still to be undone if nothing can be sent after all
    return change_task(
        s, e.step, e.host, state="rolling back" if e.undo else "running", started=r.ts, finished=None, seconds=None,
        exit=None, signal="", timed_out=False, ended=False, early="", check=None, reason="", output="", bytes=0,
        last_line="", withheld="",
        settled_by="", abandoned="", place=e.place, begun=False, following=False,
        secrets=e.secrets, **numbers,
    )  # fmt: skip


def begun(s: WindowState, r: ev.Record, e: ev.TaskBegun) -> WindowState:
    return s if _outdated(s, e) else change_task(s, e.step, e.host, begun=True)


def finished_task(s: WindowState, r: ev.Record, e: ev.TaskFinished) -> WindowState:
    if e.withheld:  # also of an attempt that a newer one has replaced: its output is on its host all the same
        s = _withheld(s, e, e.withheld)
    if _outdated(s, e):
        return s
    good = e.exit == 0 and not e.timed_out and not e.ended and not e.early
    how = e.early or (
        "timed out"
        if e.timed_out
        else "ended on request"
        if e.ended
        else f"signal {e.signal}"
        if e.exit is None
        else f"exit {e.exit}"
    )
    reason = "" if good else f"rollback: {how}" if e.undo else how
    return change_task(
        _worked(s, r, e), e.step, e.host, state=_good(e.undo) if good else "failed", finished=r.ts, seconds=e.seconds,
        exit=e.exit, signal=e.signal, timed_out=e.timed_out, ended=e.ended, early=e.early, reason=reason,
        output=e.output,
        bytes=e.bytes, last_line=e.last_line, touched=not (good and e.undo), following=False, withheld=e.withheld,
        **_of_attempt(e),
    )  # fmt: skip


def output_withheld(s: WindowState, r: ev.Record, e: ev.OutputWithheld) -> WindowState:
    s = _withheld(s, e, e.why)
    return s if _outdated(s, e) else change_task(s, e.step, e.host, bytes=e.bytes, withheld=e.why)


def _withheld(s: WindowState, e: ev.TaskFinished | ev.OutputWithheld, why: str) -> WindowState:
    spec, step = s.plan.step(e.step), s.steps.get(e.step)
    task = step.tasks.get(e.host) if step is not None else None
    if spec is None or task is None:
        return s
    place = spec.run_on or e.host
    same = (task.undo if e.undo else task.attempt) == e.attempt
    left = WithheldOutput(
        step=e.step, host=e.host, attempt=e.attempt, undo=e.undo, batch=task.batch, bytes=e.bytes, why=why,
        secrets=task.secrets if same else {}, place=place, directory=s.places.get(place, ""),
    )  # fmt: skip
    return replace(s, withheld=(*_but(s, e), left))


def _but(s: WindowState, e: ev.TaskFinished | ev.OutputWithheld | ev.OutputKept) -> tuple[WithheldOutput, ...]:
    about = (e.step, e.host, e.attempt, e.undo)
    return tuple(w for w in s.withheld if (w.step, w.host, w.attempt, w.undo) != about)


def output_kept(s: WindowState, r: ev.Record, e: ev.OutputKept) -> WindowState:
    """The same task, and now what it printed."""
    s = replace(s, withheld=_but(s, e))
    task = s.steps[e.step].tasks.get(e.host) if e.step in s.steps else None
    if task is None or not task.withheld or (task.undo if e.undo else task.attempt) != e.attempt:
        return s
    return change_task(s, e.step, e.host, output=e.output, bytes=e.bytes, last_line=e.last_line, withheld="")


def _good(undo: bool) -> str:
    return "rolled back" if undo else "done"


def checked(s: WindowState, r: ev.Record, e: ev.TaskChecked) -> WindowState:
    if _outdated(s, e):
        return s
    if e.exit == 0:
        reason = "check passed before: nothing to run" if e.before else ""
        touched = {"touched": False} if e.undo else {}
        return change_task(
            _worked(s, r, e), e.step, e.host, state=_good(e.undo), check=0, finished=r.ts, reason=reason, **touched,
            **_of_attempt(e),
        )  # fmt: skip
    if e.before:
        return s
    what = "rollback check" if e.undo else "check"
    reason = f"no answer to the {what}" if e.exit is None else f"{what} failed (exit {e.exit})"
    if e.last_line:
        reason += f": {e.last_line}"
    return change_task(
        _worked(s, r, e), e.step, e.host, state="unknown" if e.exit is None else "failed", check=e.exit, finished=r.ts,
        reason=reason, touched=True,
    )  # fmt: skip


def task_unknown(s: WindowState, r: ev.Record, e: ev.TaskUnknown) -> WindowState:
    if _outdated(s, e):
        return s
    left = {"abandoned": f"undo{e.attempt}" if e.undo else str(e.attempt)} if e.left else {}
    return change_task(
        _worked(s, r, e), e.step, e.host, state="unknown", finished=r.ts, reason=e.reason, touched=True,
        following=e.following, **_of_attempt(e), **left,
    )  # fmt: skip


def found(s: WindowState, r: ev.Record, e: ev.TaskFound) -> WindowState:
    step = s.steps.get(e.step)
    if step is None or e.host not in step.tasks or _outdated(s, e) or not step.tasks[e.host].following:
        return s
    state = "rolling back" if e.undo else "running"
    return change_task(s, e.step, e.host, state=state, finished=None, reason="", following=False)


def unreachable(s: WindowState, r: ev.Record, e: ev.TaskUnreachable) -> WindowState:
    if _outdated(s, e):
        return s
    touched = {"touched": True} if e.undo else {}
    return change_task(
        _worked(s, r, e), e.step, e.host, state="unreachable", finished=r.ts, reason=e.reason, **touched,
        **_of_attempt(e),
    )  # fmt: skip


def settled(s: WindowState, r: ev.Record, e: ev.TaskSettled) -> WindowState:
    """Of a rollback, done is rolled back, and skipped is given up: nothing is left to undo there."""
    step = s.steps.get(e.step)
    if step is None or e.host not in step.tasks:
        return s
    task = step.tasks[e.host]
    changes: dict[str, Any] = {"state": e.outcome, "reason": e.reason, "settled_by": r.actor, "following": False}
    if task.following:
        changes["abandoned"] = f"undo{task.undo}" if task.undo else str(task.attempt)
    if e.undo:
        changes |= {"undo": task.undo or max(1, step.undo), "touched": e.outcome == "failed" and task.changed}
        changes["state"] = {"done": "rolled back"}.get(e.outcome, e.outcome)
    return change_task(s, e.step, e.host, **changes)


def step_finished(s: WindowState, r: ev.Record, e: ev.StepFinished) -> WindowState:
    step = s.steps.get(e.step)
    if step is None or step.stage != "under way" or stale(s, e.step, e.attempt):
        return s
    tasks = {host: _unproven(task, r.ts) for host, task in step.tasks.items()}
    still_at_it = any(task.state == "running" for task in step.tasks.values())
    until = r.ts if still_at_it or step.worked_until is None else step.worked_until
    return change_step(
        s, e.step, stage="ended", attempt=e.attempt, tasks=tasks, finished=r.ts, worked_until=until, cause=e.reason,
        held=None,
    )  # fmt: skip


def decided(s: WindowState, r: ev.Record, e: ev.GateDecided) -> WindowState:
    return _ends(s, r, e, good=e.go)


def baked(s: WindowState, r: ev.Record, e: ev.BakeEnded) -> WindowState:
    return _ends(s, r, e, good=e.passed)


def _ends(s: WindowState, r: ev.Record, e: ev.GateDecided | ev.BakeEnded, *, good: bool) -> WindowState:
    """The end of the attempt under way of a gate, or of what else the conductor carries out without hosts."""
    step = s.steps.get(e.step)
    if step is None or step.stage != "under way" or stale(s, e.step, e.attempt):
        return s
    carried_out = step.kind != "manual" and not STEP_KINDS[step.kind].on_hosts
    if not carried_out or (step.kind == "gate") != isinstance(e, ev.GateDecided):
        return s
    result = "done" if good else "failed"
    return change_step(s, e.step, stage="ended", result=result, finished=r.ts, worked_until=r.ts, cause=e.reason)


def _unproven(task: Task, ts: float) -> Task:
    """A task that still ran when its step ended: no result is proven, so nothing may start it again silently."""
    if task.state != "running":
        return task
    return replace(task, state="unknown", finished=ts, reason="the step ended without its result", touched=True)


def ticked(s: WindowState, r: ev.Record, e: ev.StepTicked) -> WindowState:
    step = s.steps.get(e.step)
    if step is None or step.kind != "manual":
        return s
    return change_step(
        _gone_on(s), e.step, stage="ended", result="done", cause="",
        started=r.ts if step.started is None else step.started, finished=r.ts, worked_until=r.ts, by=r.actor,
        override=e.override or step.override, evidence=e.evidence,
    )  # fmt: skip


def unticked(s: WindowState, r: ev.Record, e: ev.StepUnticked) -> WindowState:
    """Open again; a command that was skipped after an attempt stands as that attempt left it."""
    step = s.steps.get(e.step)
    if step is not None and step.kind == "command" and step.attempt > 0:
        return change_step(s, e.step, stage="ended", by="", cause="")
    return change_step(
        s, e.step, stage="not begun", started=None, finished=None, worked_until=None, by="", cause=e.reason
    )


def skipped(s: WindowState, r: ev.Record, e: ev.StepSkipped) -> WindowState:
    step = s.steps.get(e.step)
    until = r.ts if step is not None and step.stage == "under way" else None if step is None else step.worked_until
    return change_step(s, e.step, stage="skipped", finished=r.ts, worked_until=until, by=r.actor, cause=e.reason)


def opened_gate(s: WindowState, r: ev.Record, e: ev.GateOpened) -> WindowState:
    return s if stale(s, e.step, e.attempt) else change_step(s, e.step, gate=e, votes={})


def voted(s: WindowState, r: ev.Record, e: ev.GateVoted) -> WindowState:
    step = s.steps.get(e.step)
    if step is None or (step.gate is not None and step.gate.digest != e.digest):
        return s
    return change_step(s, e.step, votes=with_(step.votes, r.actor, e))
