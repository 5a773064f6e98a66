"""What a plan has undone without anybody asking, as the preview says it. Pure; the night itself is window/on_fail."""

from __future__ import annotations

from msgspec import Struct

from upgrade_tui.plan.estimate import rollback_seconds
from upgrade_tui.plan.model import Canary, Plan, Step
from upgrade_tui.plan.step_kinds import may_change, only_looks
from upgrade_tui.units import share_text


class ByItself(Struct, frozen=True, kw_only=True):
    """``cause`` while ``step`` is under way, or was the last one done: ``undoes``, latest first.

    ``why_not``: it pauses the window instead, because of this.
    """

    cause: str
    step: str
    undoes: tuple[str, ...] = ()
    why_not: str = ""

    def seconds(self, plan: Plan) -> float:
        return sum(rollback_seconds(plan, step) for step in plan.steps if step.id in self.undoes)


def undone_by_itself(plan: Plan) -> tuple[ByItself, ...]:
    """All of it, in the order of the file. In a phase, or of everything, each step counts that stands before."""
    out = [
        _canary(plan, canary, step)
        for canary in plan.canaries
        if canary.on_fail == "rollback"
        for step in plan.steps
        if canary.name in step.canaries and may_change(step)
    ]
    for step in plan.steps:
        if step.on_fail == "rollback":
            cause = f"more than {share_text(step.max_fail)} of its hosts fail" if step.max_fail else "a host fails"
            out.append(_undone(cause, step, [step]))
    return tuple(out)


def _canary(plan: Plan, canary: Canary, step: Step) -> ByItself:
    before = plan.steps[: plan.steps.index(step) + 1]
    cause = f"{canary.name} is failing"
    if canary.undo == "step":
        return _undone(cause, step, [step])
    steps = [s for s in before if canary.undo == "all" or s.phase == step.phase]
    final = next((s.id for s in before if s.irreversible), "")
    if final and final != step.id and any(s.rollback for s in steps):
        return ByItself(cause=cause, step=step.id, why_not=f"past the point of no return ({final})")
    needed = [s for s in steps if s is step or s.rollback or (canary.undo == "phase" and _leaves_something(s))]
    return _undone(cause, step, needed)


def _leaves_something(step: Step) -> bool:
    return step.kind == "command" and not only_looks(step)


def _undone(cause: str, step: Step, steps: list[Step]) -> ByItself:
    stays = next((s for s in steps if s.irreversible or s.rollback is None), None)
    if stays is not None:
        why_not = f"{stays.id} is irreversible" if stays.irreversible else f"{stays.id} has no rollback"
        return ByItself(cause=cause, step=step.id, why_not=why_not)
    return ByItself(cause=cause, step=step.id, undoes=tuple(s.id for s in reversed(steps)))
