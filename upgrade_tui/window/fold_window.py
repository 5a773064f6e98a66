"""What the events of the window itself, its people and its clock mean. Part of ``fold``: total, pure."""

from __future__ import annotations

from msgspec.structs import replace

from upgrade_tui.window import events as ev
from upgrade_tui.window.changes import change_host, change_step, with_, without
from upgrade_tui.window.state import Operator, StepState, WindowState


def opened(s: WindowState, r: ev.Record, e: ev.WindowOpened) -> WindowState:
    return replace(
        s, window=e.window, jobs=f"{e.window}-{e.key}" if e.key else e.window, phase="open", start=e.start, end=e.end,
        opened=r.ts, opened_by=r.actor, origin=e.origin, plan_sha256=e.plan_sha256,
    )  # fmt: skip


def accepted(s: WindowState, r: ev.Record, e: ev.PlanAccepted) -> WindowState:
    return replace(s, plan_sha256=e.sha256)


def conductor_started(s: WindowState, r: ev.Record, e: ev.ConductorStarted) -> WindowState:
    """The clients of the earlier conductor are gone with it."""
    return replace(s, operators={}, takeovers=s.takeovers + 1)


def paused(s: WindowState, r: ev.Record, e: ev.WindowPaused) -> WindowState:
    stopped = s.phase in ("closed", "aborted")
    return s if stopped else replace(s, phase="paused", reason=e.reason, paused_by=r.actor)


def aborted(s: WindowState, r: ev.Record, e: ev.WindowAborted) -> WindowState:
    """Also stops a rollback that is under way."""
    if s.phase == "closed":
        return s
    if s.rollback is not None and s.rollback.active:
        s = replace(s, rollback=replace(s.rollback, aborted=e.reason or "no reason given"))
    return replace(s, phase="aborted", reason=e.reason, paused_by=r.actor)


def resumed(s: WindowState, r: ev.Record, e: ev.WindowResumed) -> WindowState:
    return replace(s, phase="open", reason="", paused_by="") if s.phase in ("paused", "aborted") else s


def closed(s: WindowState, r: ev.Record, e: ev.WindowClosed) -> WindowState:
    return replace(s, phase="closed", closed=r.ts, outcome=e.outcome, reason=e.reason)


def fenced(s: WindowState, r: ev.Record, e: ev.LogFenced) -> WindowState:
    return replace(s, fences=s.fences + 1)


def attached(s: WindowState, r: ev.Record, e: ev.OperatorAttached) -> WindowState:
    return replace(s, operators=with_(s.operators, e.client, Operator(e.login, e.role, r.ts, e.terminal)))


def detached(s: WindowState, r: ev.Record, e: ev.OperatorDetached) -> WindowState:
    return replace(s, operators=without(s.operators, e.client))


def noted(s: WindowState, r: ev.Record, e: ev.NoteAdded) -> WindowState:
    s = replace(s, notes=(*s.notes, e))
    if e.step in s.steps:
        s = change_step(s, e.step, notes=s.steps[e.step].notes + 1)
    if e.host in s.hosts:
        s = change_host(s, e.host, notes=s.hosts[e.host].notes + 1)
    return s


_IMPLIES = {
    "T-10": {"T-30"},
    "T-5": {"T-30", "T-10"},
    "T-0": {"T-30", "T-10", "T-5"},
}


def crossed(s: WindowState, r: ev.Record, e: ev.ClockCrossed) -> WindowState:
    return replace(s, crossed=s.crossed | {e.what} | _IMPLIES.get(e.what, set()))


def jumped(s: WindowState, r: ev.Record, e: ev.ClockJumped) -> WindowState:
    """What was given as so much time from now, and what is measured from then to now, is moved along with the clock.

    The window's own start and end are not: people agreed on them by the wall clock.
    """
    return replace(s, steps={name: _moved(step, e.seconds) for name, step in s.steps.items()})


def _moved(step: StepState, by: float) -> StepState:
    """A step whose gate is open, whose hosts are armed, or that is under way, by a clock that reads otherwise."""
    if step.gate is not None and step.gate.until is not None and step.state == "running":
        step = replace(step, gate=replace(step.gate, until=step.gate.until + by))
    if any(armed.state == "armed" for armed in step.armed.values()):
        step = replace(
            step,
            armed={h: replace(a, until=a.until + by) if a.state == "armed" else a for h, a in step.armed.items()},
        )
    if step.state not in ("running", "rolling back"):
        return step
    tasks = {
        host: replace(task, started=_plus(task.started, by), finished=_plus(task.finished, by))
        for host, task in step.tasks.items()
    }
    return replace(
        step, started=_plus(step.started, by), worked_until=_plus(step.worked_until, by),
        undo_started=_plus(step.undo_started, by), tasks=tasks,
    )  # fmt: skip


def _plus(moment: float | None, by: float) -> float | None:
    return None if moment is None else moment + by
