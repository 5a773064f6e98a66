"""``fold(state, record) -> state``: what an event means. Total: never refuses, never raises, whatever the event.

An event about a step, host or canary that the plan does not have changes nothing but ``seq`` and ``ts``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from msgspec.structs import replace

from upgrade_tui.plan.model import Plan
from upgrade_tui.window import events as ev
from upgrade_tui.window.state import Operator, StepState, Task, WindowState, fresh_tasks, initial

K = TypeVar("K")
V = TypeVar("V")


def fold(state: WindowState, record: ev.Record) -> WindowState:
    """The state after ``record``."""
    handler = _HANDLERS.get(type(record.event))
    if handler is not None:
        state = handler(state, record, record.event)
    return replace(state, seq=record.seq, ts=record.ts)


def fold_all(plan: Plan, records: Iterable[ev.Record], state: WindowState | None = None) -> WindowState:
    """The state after all of ``records``, from ``state`` or from the beginning."""
    state = initial(plan) if state is None else state
    for record in records:
        state = fold(state, record)
    return state


def _with(mapping: Mapping[K, V], key: K, value: V) -> dict[K, V]:
    return {**mapping, key: value}


def _without(mapping: Mapping[K, V], key: K) -> dict[K, V]:
    return {k: v for k, v in mapping.items() if k != key}


def _step(state: WindowState, step_id: str, /, **changes: Any) -> WindowState:
    step = state.steps.get(step_id)
    return state if step is None else replace(state, steps=_with(state.steps, step_id, replace(step, **changes)))


def _task(state: WindowState, step_id: str, host: str, /, **changes: Any) -> WindowState:
    step = state.steps.get(step_id)
    if step is None or host not in step.tasks:
        return state
    return _step(state, step_id, tasks=_with(step.tasks, host, replace(step.tasks[host], **changes)))


def _stale(state: WindowState, step_id: str, attempt: int) -> bool:
    """The event is about an attempt that a newer one has replaced: it must not pass for the newer one's result."""
    step = state.steps.get(step_id)
    return step is not None and attempt < step.attempt


def _host(state: WindowState, name: str, /, **changes: Any) -> WindowState:
    host = state.hosts.get(name)
    return state if host is None else replace(state, hosts=_with(state.hosts, name, replace(host, **changes)))


# -- the window ---------------------------------------------------------------------------------------------------


def _opened(s: WindowState, r: ev.Record, e: ev.WindowOpened) -> WindowState:
    return replace(
        s, window=e.window, phase="open", start=e.start, end=e.end, opened=r.ts, opened_by=r.actor, origin=e.origin
    )


def _conductor(s: WindowState, r: ev.Record, e: ev.ConductorStarted) -> WindowState:
    """The clients of the earlier conductor are gone with it."""
    return replace(s, operators={}, takeovers=s.takeovers + 1)


def _paused(s: WindowState, r: ev.Record, e: ev.WindowPaused) -> WindowState:
    return s if s.phase == "closed" else replace(s, phase="paused", reason=e.reason, paused_by=r.actor)


def _resumed(s: WindowState, r: ev.Record, e: ev.WindowResumed) -> WindowState:
    return replace(s, phase="open", reason="", paused_by="") if s.phase == "paused" else s


def _closed(s: WindowState, r: ev.Record, e: ev.WindowClosed) -> WindowState:
    return replace(s, phase="closed", closed=r.ts, outcome=e.outcome, reason=e.reason)


def _fenced(s: WindowState, r: ev.Record, e: ev.LogFenced) -> WindowState:
    return replace(s, fences=s.fences + 1)


def _attached(s: WindowState, r: ev.Record, e: ev.OperatorAttached) -> WindowState:
    return replace(s, operators=_with(s.operators, e.client, Operator(e.login, e.role, r.ts, e.terminal)))


def _detached(s: WindowState, r: ev.Record, e: ev.OperatorDetached) -> WindowState:
    return replace(s, operators=_without(s.operators, e.client))


def _noted(s: WindowState, r: ev.Record, e: ev.NoteAdded) -> WindowState:
    s = replace(s, notes=(*s.notes, e))
    if e.step in s.steps:
        s = _step(s, e.step, notes=s.steps[e.step].notes + 1)
    if e.host in s.hosts:
        s = _host(s, e.host, notes=s.hosts[e.host].notes + 1)
    return s


_IMPLIES = {
    "T-10": {"T-30"},
    "T-5": {"T-30", "T-10"},
    "T-0": {"T-30", "T-10", "T-5"},
}


def _crossed(s: WindowState, r: ev.Record, e: ev.ClockCrossed) -> WindowState:
    return replace(s, crossed=s.crossed | {e.what} | _IMPLIES.get(e.what, set()))


# -- hosts and canaries -------------------------------------------------------------------------------------------


def _link(s: WindowState, r: ev.Record, e: ev.HostLink) -> WindowState:
    return _host(s, e.host, link=e.link, detail=e.detail, since=r.ts)


def _facts(s: WindowState, r: ev.Record, e: ev.HostFacts) -> WindowState:
    return _host(s, e.host, facts=e)


def _rebooted(s: WindowState, r: ev.Record, e: ev.HostRebooted) -> WindowState:
    return _host(s, e.host, reboots=s.hosts[e.host].reboots + 1) if e.host in s.hosts else s


def _limit_crossed(s: WindowState, r: ev.Record, e: ev.LimitCrossed) -> WindowState:
    return _host(s, e.host, alerts=_with(s.hosts[e.host].alerts, alert_key(e), e)) if e.host in s.hosts else s


def _limit_cleared(s: WindowState, r: ev.Record, e: ev.LimitCleared) -> WindowState:
    return _host(s, e.host, alerts=_without(s.hosts[e.host].alerts, alert_key(e))) if e.host in s.hosts else s


def alert_key(e: ev.LimitCrossed | ev.LimitCleared) -> str:
    """``cpu`` or ``disk /var``: what stands crossed, once a host."""
    return f"{e.metric} {e.what}".strip()


def _unit(s: WindowState, r: ev.Record, e: ev.UnitChanged) -> WindowState:
    return _host(s, e.host, units=_with(s.hosts[e.host].units, e.unit, e.after)) if e.host in s.hosts else s


def _verdict(s: WindowState, r: ev.Record, e: ev.CanaryVerdict) -> WindowState:
    canary = s.canaries.get(e.canary)
    if canary is None:
        return s
    troubles = canary.troubles + (e.verdict == "failing")
    canary = replace(canary, verdict=e.verdict, since=r.ts, detail=e.detail, troubles=troubles)
    return replace(s, canaries=_with(s.canaries, e.canary, canary))


# -- steps and tasks ----------------------------------------------------------------------------------------------


def _claimed(s: WindowState, r: ev.Record, e: ev.StepClaimed) -> WindowState:
    return _step(s, e.step, claimed_by=e.by)


def _intent(s: WindowState, r: ev.Record, e: ev.StepIntent) -> WindowState:
    """A new attempt keeps what is done; what was not starts afresh, but remembers that it was touched."""
    step = s.steps.get(e.step)
    if step is None:
        return s
    batches = e.batches or step.batches
    tasks = {host: _again(step, task) for host, task in fresh_tasks(batches).items()}
    return _step(
        s, e.step, state="running", attempt=e.attempt, batches=batches, tasks=tasks, batch=-1,
        started=r.ts, finished=None, by=r.actor, reason="", override=e.override, votes={},
    )  # fmt: skip


def _again(step: StepState, task: Task) -> Task:
    before = step.tasks.get(task.host)
    if before is None or before.state in ("pending", "rolled back"):
        return task
    if before.state in ("done", "skipped"):
        return replace(before, batch=task.batch)
    return replace(task, attempt=before.attempt, touched=before.changed)


def _batch(s: WindowState, r: ev.Record, e: ev.BatchStarted) -> WindowState:
    if _stale(s, e.step, e.attempt):
        return s
    return _step(s, e.step, batch=e.batch)


def _task_started(s: WindowState, r: ev.Record, e: ev.TaskStarted) -> WindowState:
    if _stale(s, e.step, e.attempt):
        return s
    return _task(
        s, e.step, e.host, state="running", attempt=e.attempt, started=r.ts, finished=None, seconds=None,
        exit=None, signal="", timed_out=False, check=None, reason="", output="", bytes=0, last_line="", settled_by="",
    )  # fmt: skip


def _task_finished(s: WindowState, r: ev.Record, e: ev.TaskFinished) -> WindowState:
    if _stale(s, e.step, e.attempt):
        return s
    good = e.exit == 0 and not e.timed_out
    reason = (
        "" if good else "timed out" if e.timed_out else f"signal {e.signal}" if e.exit is None else f"exit {e.exit}"
    )
    return _task(
        s, e.step, e.host, state="done" if good else "failed", attempt=e.attempt, finished=r.ts, seconds=e.seconds,
        exit=e.exit, signal=e.signal, timed_out=e.timed_out, reason=reason, output=e.output, bytes=e.bytes,
        last_line=e.last_line, touched=True,
    )  # fmt: skip


def _task_checked(s: WindowState, r: ev.Record, e: ev.TaskChecked) -> WindowState:
    if _stale(s, e.step, e.attempt):
        return s
    if e.exit == 0:
        reason = "check passed before: nothing to run" if e.before else ""
        return _task(s, e.step, e.host, state="done", attempt=e.attempt, check=0, finished=r.ts, reason=reason)
    if e.before:
        return s
    reason = "no answer to the check" if e.exit is None else f"check failed (exit {e.exit})"
    if e.last_line:
        reason += f": {e.last_line}"
    return _task(
        s, e.step, e.host, state="unknown" if e.exit is None else "failed", check=e.exit, finished=r.ts, reason=reason
    )


def _task_unknown(s: WindowState, r: ev.Record, e: ev.TaskUnknown) -> WindowState:
    if _stale(s, e.step, e.attempt):
        return s
    return _task(s, e.step, e.host, state="unknown", attempt=e.attempt, finished=r.ts, reason=e.reason, touched=True)


def _task_unreachable(s: WindowState, r: ev.Record, e: ev.TaskUnreachable) -> WindowState:
    if _stale(s, e.step, e.attempt):
        return s
    return _task(s, e.step, e.host, state="unreachable", attempt=e.attempt, finished=r.ts, reason=e.reason)


def _task_settled(s: WindowState, r: ev.Record, e: ev.TaskSettled) -> WindowState:
    return _task(s, e.step, e.host, state=e.outcome, reason=e.reason, settled_by=r.actor)


def _finished(s: WindowState, r: ev.Record, e: ev.StepFinished) -> WindowState:
    if _stale(s, e.step, e.attempt):
        return s
    step = s.steps.get(e.step)
    if step is None:
        return s
    tasks = {host: _unproven(task, r.ts) for host, task in step.tasks.items()}
    return _step(s, e.step, state=e.outcome, attempt=e.attempt, tasks=tasks, finished=r.ts, reason=e.reason)


def _unproven(task: Task, ts: float) -> Task:
    """A task that still ran when its step ended: no result is proven, so nothing may start it again silently."""
    if task.state != "running":
        return task
    return replace(task, state="unknown", finished=ts, reason="the step ended without its result", touched=True)


def _ticked(s: WindowState, r: ev.Record, e: ev.StepTicked) -> WindowState:
    step = s.steps.get(e.step)
    if step is None:
        return s
    started = r.ts if step.started is None else step.started
    override = e.override or step.override
    return _step(s, e.step, state="done", started=started, finished=r.ts, by=r.actor, override=override)


def _unticked(s: WindowState, r: ev.Record, e: ev.StepUnticked) -> WindowState:
    return _step(s, e.step, state="pending", started=None, finished=None, by="", reason=e.reason)


def _skipped(s: WindowState, r: ev.Record, e: ev.StepSkipped) -> WindowState:
    return _step(s, e.step, state="skipped", finished=r.ts, by=r.actor, reason=e.reason)


def _voted(s: WindowState, r: ev.Record, e: ev.GateVoted) -> WindowState:
    step = s.steps.get(e.step)
    return s if step is None else _step(s, e.step, votes=_with(step.votes, r.actor, e))


def _rolling_back(s: WindowState, r: ev.Record, e: ev.RollbackStarted) -> WindowState:
    return _step(s, e.step, state="rolling back", reason=e.reason)


def _rolled_back(s: WindowState, r: ev.Record, e: ev.RollbackFinished) -> WindowState:
    state = "rolled back" if e.outcome == "done" else e.outcome
    step = s.steps.get(e.step)
    if step is None:
        return s
    measured = e.seconds if e.outcome == "done" else step.rollback_seconds  # a failed one measures nothing
    return _step(s, e.step, state=state, rollback_seconds=measured, reason=e.reason, finished=r.ts)


_HANDLERS: dict[type, Callable[[WindowState, ev.Record, Any], WindowState]] = {
    ev.WindowOpened: _opened,
    ev.ConductorStarted: _conductor,
    ev.WindowPaused: _paused,
    ev.WindowResumed: _resumed,
    ev.WindowClosed: _closed,
    ev.LogFenced: _fenced,
    ev.OperatorAttached: _attached,
    ev.OperatorDetached: _detached,
    ev.NoteAdded: _noted,
    ev.ClockCrossed: _crossed,
    ev.HostLink: _link,
    ev.HostFacts: _facts,
    ev.HostRebooted: _rebooted,
    ev.LimitCrossed: _limit_crossed,
    ev.LimitCleared: _limit_cleared,
    ev.UnitChanged: _unit,
    ev.CanaryVerdict: _verdict,
    ev.StepClaimed: _claimed,
    ev.StepIntent: _intent,
    ev.BatchStarted: _batch,
    ev.TaskStarted: _task_started,
    ev.TaskFinished: _task_finished,
    ev.TaskChecked: _task_checked,
    ev.TaskUnknown: _task_unknown,
    ev.TaskUnreachable: _task_unreachable,
    ev.TaskSettled: _task_settled,
    ev.StepFinished: _finished,
    ev.StepTicked: _ticked,
    ev.StepUnticked: _unticked,
    ev.StepSkipped: _skipped,
    ev.GateVoted: _voted,
    ev.RollbackStarted: _rolling_back,
    ev.RollbackFinished: _rolled_back,
}  # LogRecovered and ClockJumped are history, not state
