"""Deciding about what is dangerous to begin: the point of no return, and what the clock holds. Part of ``decide``."""

from __future__ import annotations

from upgrade_tui.plan.model import Step
from upgrade_tui.units import duration_text
from upgrade_tui.window import commands as cmd
from upgrade_tui.window import events as ev
from upgrade_tui.window import hold
from upgrade_tui.window.commands import Actor, Need, Refusal
from upgrade_tui.window.state import StepState, WindowState


def dangerous(
    state: WindowState, spec: Step, command: cmd.Start | cmd.Tick, actor: Actor, now: float
) -> Refusal | None:
    """What beginning a step must be asked for: the point of no return, and an override where the clock holds it."""
    if spec.irreversible and command.confirm != spec.id:
        return Refusal(
            f'"{spec.id}" is irreversible: past it there is only forward',
            f"confirm by typing its id: --confirm {spec.id}",
            "confirm",
        )
    held = _asked(state, spec, command, now)
    if held is None:
        return None
    why = _why(state, spec, held, now)
    if not command.override.strip():
        return Refusal(
            why, f"the lead can override with a reason: {_typed(spec, command)}", _needs(spec, command, actor)
        )
    if actor.role != "lead":
        return Refusal(f"only the lead can override: {why}", f"ask the lead for it: {_typed(spec, command)}")
    return None


def override(state: WindowState, spec: Step, command: cmd.Start | cmd.Tick, now: float) -> str:
    """The reason to record as an override: empty where none was needed, so that the log never tells of one."""
    return command.override.strip() if _asked(state, spec, command, now) is not None else ""


def _asked(state: WindowState, spec: Step, command: cmd.Start | cmd.Tick, now: float) -> ev.StepHeld | None:
    return hold.before_start(state, spec, now, command.hosts if isinstance(command, cmd.Start) else ())


def _why(state: WindowState, spec: Step, held: ev.StepHeld, now: float) -> str:
    if held.reason == hold.EARLY:
        return f'"{spec.id}" changes hosts, and the window starts in {duration_text(state.start - now)}'
    if held.reason == hold.LATE:
        return f'"{spec.id}" changes hosts, and the window ended {duration_text(now - state.end)} ago'
    return f'no time to undo "{spec.id}": slack after this step: {duration_text(held.slack or 0.0)}'


def _needs(spec: Step, command: cmd.Start | cmd.Tick, actor: Actor) -> Need:
    """An override, where it is the lead who asks; of a command step started as a whole also for how many batches."""
    if actor.role != "lead":
        return ""
    whole = isinstance(command, cmd.Start) and spec.kind == "command" and not command.hosts
    return "override of batches" if whole else "override"


def _typed(spec: Step, command: cmd.Start | cmd.Tick) -> str:
    """Letter by letter what lets it begin, and for how much of it that is."""
    if isinstance(command, cmd.Tick):
        return f"upgrade-tui tick {spec.id} --override REASON"
    if command.hosts:
        hosts = " ".join(f"--host {host}" for host in command.hosts)
        return f"upgrade-tui retry {spec.id} {hosts} --override REASON"
    more = " (for its first batch; with --rest for all of them)" if spec.kind == "command" else ""
    return f"upgrade-tui start {spec.id} --override REASON{more}"


def release_held(
    state: WindowState, step: StepState, command: cmd.Start, actor: Actor
) -> tuple[ev.Event, ...] | Refusal:
    """The lead lets go of the batch that a running step is held before; with ``rest`` of all that are left."""
    held = step.held
    assert held is not None, "only what is held is let go"
    where = hold.place(held, len(step.batches))
    typed = f"upgrade-tui start {step.id} --override REASON (with --rest for all batches that are left)"
    if not command.override.strip():
        return Refusal(
            f'"{step.id}" is held before {where}: {hold.held_words(held)}',
            f"the lead can override with a reason: {typed}",
            "override of batches" if actor.role == "lead" else "",
        )
    if actor.role != "lead":
        return Refusal(
            f'only the lead can let go of "{step.id}", which is held before {where}', f"ask the lead: {typed}"
        )
    if state.phase != "open":
        return Refusal(f"the window is {state.phase}: {state.reason or 'no reason given'}", "resume it first")
    reason = command.override.strip()
    return (ev.StepReleased(step=step.id, attempt=step.attempt, batch=held.batch, override=reason, rest=command.rest),)
