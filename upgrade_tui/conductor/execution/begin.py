"""Beginning something: decided on the state right before it in the log.

Not in a pause, not behind the end of its step, and not while the clock holds it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Literal

from upgrade_tui.conductor.execution.context import ExecutionContext, runs
from upgrade_tui.conductor.execution.waits import going_on
from upgrade_tui.plan.model import Step
from upgrade_tui.window import events as ev
from upgrade_tui.window import hold
from upgrade_tui.window.commands import Refusal
from upgrade_tui.window.state import WindowState

Still = Callable[[WindowState], bool]
_SHORTEST = 0.01  # seconds to wait where the two clocks disagree about a deadline


async def begin(
    context: ExecutionContext,
    spec: Step,
    attempt: int,
    batch: int,
    *starts: ev.Event,
    still: Still = lambda state: True,
    again: Callable[[], Awaitable[None]] | None = None,
) -> bool:
    """Make ``starts`` durable once the window goes on and the clock lets the batch; with none, only wait for that.

    Whether it began: not where ``still`` no longer holds. ``again``: what is waited for once more after it was held.
    Raises Stop as ``going_on``.
    """
    how: Literal["begun", "held", "not"] = "not"

    def decide(state: WindowState) -> Sequence[ev.Event] | Refusal:
        nonlocal how
        if not _goes_on(state, spec, attempt):
            return Refusal("the window does not go on, or the step was ended")
        now_held = state.steps[spec.id].held
        if not still(state):
            how = "not"
            return []
        held = hold.before_batch(state, spec, batch, context.now())
        if held is not None:
            how = "held"
            return [] if hold.same(now_held, held) else [held]
        how = "begun"
        return [*([hold.over(now_held)] if now_held is not None else []), *starts]

    while True:
        await going_on(context, spec, attempt)
        decided = await context.transact(decide)
        if isinstance(decided, Refusal):
            continue
        if how != "held":
            return how == "begun"
        await _while_held(context, spec, attempt, batch)
        if again is not None:
            await again()


def _goes_on(state: WindowState, spec: Step, attempt: int) -> bool:
    goes_on = state.phase == "open" and not state.rolling_back and runs(state, spec.id, attempt)
    return goes_on and not state.missing(spec.id)


async def _while_held(context: ExecutionContext, spec: Step, attempt: int, batch: int) -> None:
    """Until what holds it is gone, or is something else, or nobody waits for it any more."""
    while _goes_on(context.state(), spec, attempt):
        held = hold.before_batch(context.state(), spec, batch, context.now())
        if held is None or not hold.same(context.step(spec.id).held, held):
            return
        ends = hold.until(context.state(), held)
        if ends is None:
            await context.changed()
        else:
            await context.change_within(max(_SHORTEST, ends - context.now()))
