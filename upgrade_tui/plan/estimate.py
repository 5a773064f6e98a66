"""What a plan will take by its own estimates: durations, rollback costs, the schedule, the critical path. Pure.

All durations are seconds, all moments epoch seconds. Steps may only need earlier ones (the reader refuses anything
else), so one pass in file order is a topological order; a need that points forward is ignored here rather than
followed, so that no input can make these functions hang.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from upgrade_tui.plan.batches import split
from upgrade_tui.plan.model import Plan, Step
from upgrade_tui.plan.step_kinds import STEP_KINDS


class Slot(Struct, frozen=True, kw_only=True):
    """A step's place in the schedule, and what the rollback clock reads when it ends as planned."""

    step: str
    phase: str
    start: float
    end: float
    rollback: float
    """R: seconds to undo all that is done by the end of this step, back to the last irreversible one if any."""
    rollback_by: float
    """D: the last moment to begin that rollback, window end - margin - R."""
    slack: float
    """D - end, in seconds; negative: no time left to undo it inside the window."""
    irreversible: bool
    """The point of no return is passed by then: forward only."""


def batches_of(plan: Plan, step: Step) -> tuple[tuple[str, ...], ...]:
    """The batches a command step runs in; any other step takes its hosts, if it names any, all at once."""
    known = plan.cut.get(step.id)
    if known is not None and known[0] is step:  # the clock asks several times a second, of hundreds of hosts
        return known[1]
    targets = plan.targets(step)
    batches = split(targets, step.batches) if STEP_KINDS[step.kind].on_hosts else (targets,) if targets else ()
    plan.cut[step.id] = (step, batches)
    return batches


def step_seconds(plan: Plan, step: Step) -> float:
    """Planned length, as its kind counts it."""
    return STEP_KINDS[step.kind].seconds(step, max(1, len(batches_of(plan, step))))


def rollback_seconds(plan: Plan, step: Step) -> float:
    """What undoing the whole step costs: its rollback's estimate for each batch; 0 without a rollback."""
    if step.rollback is None:
        return 0.0
    return step.rollback.estimate * max(1, len(batches_of(plan, step)))


def window_start(plan: Plan, now: float) -> float:
    """When the window opens: the plan's start, or ``now`` for a drill."""
    at = plan.window.start.at
    return at.timestamp() if at is not None else now


def window_end(plan: Plan, now: float) -> float:
    """When the window closes: the plan's end, or its start (``now`` for a drill) plus its duration."""
    end = plan.window.end
    if end is not None:
        return end.at.timestamp() if end.at is not None else now
    return window_start(plan, now) + (plan.window.duration or 0.0)


def _with_needs(plan: Plan) -> Iterator[tuple[Step, tuple[str, ...]]]:
    """Steps in file order with what they need: ``Plan.needs`` without its search for each step."""
    before: tuple[str, ...] = ()
    for step in plan.steps:
        yield step, before if step.needs is None else step.needs
        before = (step.id,)


def schedule(plan: Plan, start: float) -> tuple[Slot, ...]:
    """When each step runs if the first starts at ``start`` and all take their estimates; in file order."""
    deadline = window_end(plan, start) - plan.window.margin
    ends: dict[str, float] = {}
    times: list[tuple[Step, float, float]] = []
    for step, needs in _with_needs(plan):
        begin = max((ends[need] for need in needs if need in ends), default=start)
        ends[step.id] = begin + step_seconds(plan, step)
        times.append((step, begin, ends[step.id]))
    rollback, forward_only = 0.0, False
    slots: dict[str, Slot] = {}
    for step, begin, end in sorted(times, key=lambda entry: entry[2]):  # stable: file order where two end together
        rollback = 0.0 if step.irreversible else rollback + rollback_seconds(plan, step)
        forward_only = forward_only or step.irreversible
        by = deadline - rollback
        slots[step.id] = Slot(
            step=step.id, phase=step.phase, start=begin, end=end,
            rollback=rollback, rollback_by=by, slack=by - end, irreversible=forward_only,
        )  # fmt: skip
    return tuple(slots[step.id] for step in plan.steps)


def remaining_seconds(plan: Plan, left: Mapping[str, float]) -> float:
    """The critical path of what remains: ``left`` has the remaining seconds of every step that is not over.

    Steps that ``left`` does not name are over; negative and NaN entries count as 0. One pass over the steps.
    """
    ends: dict[str, float] = {}
    longest = 0.0
    for step, needs in _with_needs(plan):
        own = left.get(step.id)
        if own is None:
            continue  # over: nothing waits for it
        begin = 0.0
        for need in needs:
            end = ends.get(need, 0.0)
            if end > begin:
                begin = end
        end = begin + max(0.0, own)
        ends[step.id] = end
        if end > longest:
            longest = end
    return longest
