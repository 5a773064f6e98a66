"""Deciding about stopping and undoing: abort, exclude, rollback, and the dead-man rollback. Part of ``decide``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from upgrade_tui.plan.step_kinds import STEP_KINDS
from upgrade_tui.units import duration_text
from upgrade_tui.window import commands as cmd
from upgrade_tui.window import events as ev
from upgrade_tui.window.commands import Actor, Refusal
from upgrade_tui.window.state import StepState, WindowState
from upgrade_tui.window.undo import undo_plan

Decision = tuple[ev.Event, ...] | Refusal


def _abort(state: WindowState, c: cmd.Abort, actor: Actor, now: float) -> Decision:
    if actor.role != "lead":
        return Refusal("only the lead can abort the window", "anybody can pause it: upgrade-tui pause")
    if state.phase == "aborted":
        return Refusal("the window is aborted already", "roll back, or resume it with a reason")
    if c.confirm != state.plan.window.id:
        return Refusal(
            "aborting ends running tasks on the hosts", f"confirm by typing its id: {state.plan.window.id}", "confirm"
        )
    return (ev.WindowAborted(reason=c.reason.strip() or "no reason given"),)


def _exclude(state: WindowState, c: cmd.Exclude, actor: Actor, now: float) -> Decision:
    if c.host not in state.hosts:
        return Refusal(f'there is no host "{c.host}"', f"hosts: {', '.join(state.hosts)}")
    if c.host in state.excluded:
        return Refusal(f"{c.host} is excluded already", state.excluded[c.host])
    if not c.reason.strip():
        return Refusal("excluding a host needs a reason", "say why: --reason TEXT", "reason")
    under_way = [s.id for s in state.steps.values() if c.host in s.tasks and _busy(s.tasks[c.host].state)]
    if under_way:
        return Refusal(f"{', '.join(under_way)} is under way on {c.host}", "wait until it ended")
    return (ev.HostExcluded(host=c.host, reason=c.reason.strip()),)


def _busy(task_state: str) -> bool:
    return task_state in ("running", "rolling back")


def _rollback(state: WindowState, c: cmd.StartRollback, actor: Actor, now: float) -> Decision:
    if actor.role != "lead":
        return Refusal("only the lead can roll back", "say what you see: upgrade-tui note TEXT; anybody can pause")
    if state.rolling_back:
        return Refusal("a rollback is under way", "wait until it ended")
    wrong = _wrong_scope(state, c)
    if wrong is not None:
        return wrong
    undo = undo_plan(state, phase=c.phase, step=c.step, hosts=c.hosts)
    if undo.running:
        tasks = [(step, t) for step in undo.running for t in state.steps[step].tasks.values() if t.following]
        lost = ", ".join(f"{step} on {t.host}" for step, t in tasks[:10])
        wait = "wait for it, or abort first: upgrade-tui abort"
        return Refusal(f"still running: {', '.join(undo.running)}", f"settle what is lost: {lost}" if lost else wait)
    if not undo.steps:
        why = "; ".join(f"{step}: {reason}" for step, reason in undo.cannot)
        return Refusal(f"there is nothing that can be undone in {undo.scope}", why)
    if c.confirm != state.plan.window.id:
        steps = ", ".join(u.step for u in undo.steps)
        return Refusal(
            f"rolling back {undo.scope} undoes {steps}, about {duration_text(undo.seconds)}",
            f"confirm by typing the window's id: {state.plan.window.id}",
            "confirm",
        )
    if not c.reason.strip():
        return Refusal("a rollback needs a reason", "say why: --reason TEXT", "reason")
    why = f"stopped for the rollback of {undo.scope}"
    stops = [stopped_attempt(state.steps[step], why) for step in undo.stops]
    asked = ev.RollbackRequested(
        scope=undo.scope, undo=tuple(u.step for u in undo.steps), hosts=c.hosts, reason=c.reason.strip(),
        estimate=undo.seconds,
    )  # fmt: skip
    return (*stops, asked)


def stopped_attempt(step: StepState, why: str) -> ev.Event:
    """The end of an attempt before it is through."""
    if step.kind == "gate":
        return ev.GateDecided(step=step.id, attempt=step.attempt, go=False, reason=why)
    if step.kind == "manual" or STEP_KINDS[step.kind].on_hosts:
        return ev.StepFinished(step=step.id, attempt=step.attempt, reason=why)
    return ev.BakeEnded(step=step.id, attempt=step.attempt, passed=False, reason=why)


def _wrong_scope(state: WindowState, c: cmd.StartRollback) -> Refusal | None:
    if c.phase and not any(s.phase == c.phase for s in state.plan.steps):
        phases = ", ".join(dict.fromkeys(s.phase for s in state.plan.steps if s.phase))
        return Refusal(f'there is no phase "{c.phase}"', f"phases: {phases or 'none'}")
    unknown = [h for h in c.hosts if h not in state.hosts]
    if unknown:
        return Refusal(f"there is no host {', '.join(unknown)}", f"hosts: {', '.join(state.hosts)}")
    return None


def _armed_hosts(state: WindowState, step_id: str, host: str) -> tuple[str, ...] | Refusal:
    armed = state.steps[step_id].armed
    hosts = _hosts_in(state, step_id, host, "armed")
    if hosts:
        return hosts
    if gone := _hosts_in(state, step_id, host, "gone"):
        way = f"confirm it, or roll it back: upgrade-tui rollback --step {step_id}"
        return Refusal(f"what was to undo {step_id} is gone from {', '.join(gone)}", way)
    told = {"fired": "undid it by itself", "confirmed": "keeps it: confirmed", "armed": "is armed"}
    known = ", ".join(f"{h} {told.get(a.state, a.state)}" for h, a in armed.items())
    return Refusal(
        f'nothing is armed by "{step_id}"' + (f" on {host}" if host else ""), known or "no dead-man rollback"
    )


def _hosts_in(state: WindowState, step_id: str, host: str, what: str) -> tuple[str, ...]:
    return tuple(h for h, a in state.steps[step_id].armed.items() if a.state == what and host in ("", h))


def _confirm(state: WindowState, c: cmd.Confirm, actor: Actor, now: float) -> Decision:
    """Where the dead-man is gone, there is nothing to tell the host: the word of a person is all it takes."""
    gone = _hosts_in(state, c.step, c.host, "gone")
    hosts = _armed_hosts(state, c.step, c.host)
    if isinstance(hosts, Refusal) and not gone:
        return hosts
    armed = () if isinstance(hosts, Refusal) else hosts
    stays = (ev.DeadmanConfirmed(step=c.step, host=h) for h in gone)
    return (ev.DeadmanAsked(step=c.step, hosts=(*armed, *gone), what="confirm"), *stays)


def _extend(state: WindowState, c: cmd.Extend, actor: Actor, now: float) -> Decision:
    hosts = _armed_hosts(state, c.step, c.host)
    if isinstance(hosts, Refusal):
        return hosts
    if not 10 <= c.seconds <= 86400:
        return Refusal("extend it by 10 seconds to a day", "the time counts from now")
    sooner = [h for h in hosts if now + c.seconds < state.steps[c.step].armed[h].until]
    early = _undone_too_early(state, c.step, sooner)
    if early is not None:
        return early
    return (ev.DeadmanAsked(step=c.step, hosts=hosts, what="extend", seconds=c.seconds),)


def _undone_too_early(state: WindowState, step_id: str, hosts: Sequence[str]) -> Refusal | None:
    """No host undoes a command that still runs on it, or may, or is about to begin there."""
    step = state.steps[step_id]
    tasks = step.tasks
    running = [h for h in hosts if h in tasks and (tasks[h].state == "running" or tasks[h].following)]
    begins = [h for h in hosts if h in tasks and tasks[h].state == "pending" and step.stage == "under way"]
    if begins:
        return Refusal(f'"{step_id}" is about to begin on {", ".join(begins)}', "wait for its end, or abort")
    if not running:
        return _perhaps_beside_it(state, step_id, hosts)
    return Refusal(f'"{step_id}" still runs on {", ".join(running)}', "wait for its end, or abort: upgrade-tui abort")


def _perhaps_beside_it(state: WindowState, step_id: str, hosts: Sequence[str]) -> Refusal | None:
    """A host that was settled or excluded while its command was looked for, or where that could not be ended."""
    tasks = state.steps[step_id].tasks
    perhaps = [h for h in hosts if h in tasks and tasks[h].abandoned]
    if not perhaps:
        return None
    return Refusal(
        f'"{step_id}" may still run on {", ".join(perhaps)}: it was given up while the host was lost, or did not end',
        "a rollback or a retry ends it there first",
    )


def _revert(state: WindowState, c: cmd.Revert, actor: Actor, now: float) -> Decision:
    hosts = _armed_hosts(state, c.step, c.host)
    if isinstance(hosts, Refusal):
        return hosts
    if not c.reason.strip():
        return Refusal("undoing a step needs a reason", "say why: --reason TEXT", "reason")
    early = _undone_too_early(state, c.step, hosts)
    if early is not None:
        return early
    return (ev.DeadmanAsked(step=c.step, hosts=hosts, what="cancel", reason=c.reason.strip()),)


HANDLERS: dict[type, Callable[[WindowState, Any, Actor, float], Decision]] = {
    cmd.Abort: _abort,
    cmd.Exclude: _exclude,
    cmd.StartRollback: _rollback,
    cmd.Confirm: _confirm,
    cmd.Extend: _extend,
    cmd.Revert: _revert,
}
