"""What the clock holds: nothing that changes a host begins before the window, past its end, or with no time to undo it.

``before_start`` is asked about a step or a retry as a whole, ``before_batch`` right before each batch, and before each
host of one that is under way. What only looks, gates, bakes and rollbacks are never held. ``now`` in epoch seconds.
"""

from __future__ import annotations

from collections.abc import Collection

from upgrade_tui.plan.model import Step
from upgrade_tui.plan.step_kinds import only_looks
from upgrade_tui.units import duration_text
from upgrade_tui.window import clock
from upgrade_tui.window.events import StepHeld, StepReleased
from upgrade_tui.window.state import WindowState

EARLY = "before the window's start"
LATE = "past the window's end"
NO_TIME = "no time to undo it"
_OVER = {EARLY: "the window has started", LATE: "the window's end is not reached", NO_TIME: "there is time to undo it"}


def changes_hosts(spec: Step) -> bool:
    """Whether a step changes a host: a command that does not only look, or what people do and may have to undo."""
    if spec.kind == "command":
        return not only_looks(spec)
    return spec.kind == "manual" and (spec.rollback is not None or spec.irreversible)


def before_start(state: WindowState, spec: Step, now: float, hosts: Collection[str] = ()) -> StepHeld | None:
    """Why a step, or a retry of some hosts of it, is not to begin now without the lead's override."""
    if not changes_hosts(spec):
        return None
    step = state.steps[spec.id]
    preview = clock.after(state, spec, now, hosts)
    reason = _reason(state, now, preview.slack)
    if not reason:
        return None
    batch = min((t.batch for t in step.tasks.values() if clock.still_to_run(t, hosts)), default=0)
    return StepHeld(step=spec.id, attempt=step.attempt + 1, batch=batch, reason=reason, slack=_rounded(preview.slack))


def before_batch(state: WindowState, spec: Step, batch: int, now: float) -> StepHeld | None:
    """Why a batch of a step that runs is not to begin now; of one under way: why no host of it is to begin any more.

    A batch must fit with its undoing. One that is under way goes on until "rollback by" is past: it was asked about
    with all that it takes. What the lead let go is not asked about again.
    """
    step = state.steps[spec.id]
    if not changes_hosts(spec) or step.released_rest or step.released == batch:
        return None
    slack = clock.after_batch(state, spec, batch, now)
    reason = _reason(state, now, slack)
    if not reason:
        return None
    return StepHeld(step=spec.id, attempt=step.attempt, batch=batch, reason=reason, slack=_rounded(slack))


def _reason(state: WindowState, now: float, slack: float | None) -> str:
    if now < state.start:
        return EARLY
    if now >= state.end:
        return LATE
    return NO_TIME if slack is not None and slack < 0 else ""


def _rounded(slack: float | None) -> float | None:
    return None if slack is None else round(slack, 1)


def same(one: StepHeld | None, other: StepHeld | None) -> bool:
    """Whether two holds say the same; slack runs on all the time."""
    if one is None or other is None:
        return one is other
    return (one.attempt, one.batch, one.why, one.reason) == (other.attempt, other.batch, other.why, other.reason)


def over(held: StepHeld) -> StepReleased:
    """A hold that ended by itself: its reason is gone."""
    return StepReleased(
        step=held.step, attempt=held.attempt, batch=held.batch, reason=_OVER.get(held.reason, "it is over")
    )


def until(state: WindowState, held: StepHeld) -> float | None:
    """When a hold ends by itself if nothing happens; None: it does not."""
    return state.start if held.reason == EARLY else None


def held_words(held: StepHeld) -> str:
    """Why it is held: ``no time to undo it (slack after it when held: -8 m)``. Time runs on: it is less by now."""
    if held.reason != NO_TIME or held.slack is None:
        return held.reason
    return f"{held.reason} (slack after it when held: {duration_text(held.slack)})"


def place(held: StepHeld, batches: int) -> str:
    """``batch 4 of 4``."""
    return f"batch {held.batch + 1} of {batches}" if batches else f"batch {held.batch + 1}"


def held_where(held: StepHeld, batches: int) -> str:
    """``held before batch 4 of 4: no time to undo it (slack after it when held: -8 m)``."""
    return f"held before {place(held, batches)}: {held_words(held)}"


def what_to_type(held: StepHeld) -> str:
    """How the lead lets go of it."""
    return f"upgrade-tui start {held.step} --override REASON"
