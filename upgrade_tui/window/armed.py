"""What is armed and not confirmed, for screens and shells alike: where, until when, and what to type. Pure."""

from __future__ import annotations

from collections.abc import Callable

from upgrade_tui.plan.model import Step
from upgrade_tui.window.state import Armed, StepState, WindowState
from upgrade_tui.window.step_state import names_text


def unconfirmed(step: StepState) -> tuple[tuple[str, Armed], ...]:
    """Hosts that undo the step unless they are confirmed, the most urgent first; also where nothing will any more."""
    waits = [(h, a) for h, a in step.armed.items() if a.state == "armed" or h in unprotected(step)]
    return tuple(sorted(waits, key=lambda each: each[1].until))


def unprotected(step: StepState) -> tuple[str, ...]:
    """Hosts whose dead-man is gone while what the step changed there stands; nobody has said that it may."""
    found = ((h, a, step.tasks.get(h)) for h, a in step.armed.items() if a.state == "gone")
    return tuple(h for h, a, task in found if task is not None and a.waits_for(task))


def asks_for_a_person(state: WindowState, step_id: str) -> bool:
    """Nothing of the step goes on before somebody confirms: its work there has ended, and the plan does not confirm."""
    step, spec = state.steps[step_id], state.plan.step(step_id)
    if any(t.state in ("running", "rolling back") or t.following for t in step.tasks.values()):
        return False
    if (state.phase == "open" and _still_to_begin(step)) or _still_to_check(step, spec):
        return False
    by_itself = spec is not None and spec.confirm == "auto" and step.stage == "under way"
    return not by_itself and any(not a.asked for _, a in unconfirmed(step))


def waits_for_nothing_else(state: WindowState, step_id: str) -> bool:
    """Whether whoever waits for a step has waited enough: its attempt has ended, or it is held or armed."""
    step = state.steps[step_id]
    return step.stage in ("ended", "skipped") or step.held is not None or asks_for_a_person(state, step_id)


def _still_to_begin(step: StepState) -> bool:
    """A host is armed right before its own change: what is pending in the batch under way is about to begin."""
    if step.stage != "under way" or step.held is not None or not 0 <= step.batch < len(step.batches):
        return False
    return any(step.tasks[host].state == "pending" for host in step.batches[step.batch] if host in step.tasks)


def _still_to_check(step: StepState, spec: Step | None) -> bool:
    """A command of this attempt ended well, and what its check says is not known yet: it may still fail."""
    if step.stage != "under way" or spec is None or spec.check is None:
        return False
    mine = (t for t in step.tasks.values() if t.attempt == step.attempt)
    return any(t.state == "done" and t.check is None and not t.settled_by for t in mine)


def protection_words(step: StepState, at: Callable[[float], str]) -> str:
    """What waits for a confirmation, and what nothing protects any more; empty where neither is."""
    return "; ".join(part for part in (armed_words(step, at), unprotected_words(step)) if part)


def armed_words(step: StepState, at: Callable[[float], str]) -> str:
    """``armed on a, b: confirm by 22:10:00, else its hosts undo it``; empty where nothing is."""
    left = [host for host, a in unconfirmed(step) if a.state == "armed"]
    return f"armed on {names_text(left)}: confirm by {at(waits_until(step))}, else its hosts undo it" if left else ""


def unprotected_words(step: StepState) -> str:
    """``NOTHING will undo it on a, and nobody confirmed it there``; empty where that is not so."""
    gone = unprotected(step)
    return f"NOTHING will undo it on {names_text(gone)}, and nobody confirmed it there" if gone else ""


def waits_until(step: StepState) -> float:
    """Epoch seconds at which the first of its hosts undoes it; 0 where none does."""
    return min((a.until for _, a in unconfirmed(step) if a.state == "armed"), default=0.0)
