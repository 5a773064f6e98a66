"""What there is to know of each kind of step: for rules, clock, previews and screens. Pure.

To add one: its name in ``StepKind``, its row here, and what carries it out in the conductor's ``RUNNERS``.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from upgrade_tui.plan.model import Step, StepKind
from upgrade_tui.units import duration_text


class KindOfStep(Struct, frozen=True, kw_only=True):
    """A kind of step."""

    says: str  # beneath its title
    overview: Callable[[Step], str]  # in `check`, in a few words; of a command what it runs where is told instead
    before: Callable[[Step], str]  # right before it is started
    press: str  # what to do with the cursor on it
    instead: str = "it ends by itself"  # what to do where somebody would tick it
    seconds: Callable[[Step, int], float] = lambda step, batches: float(step.estimate)  # planned, of so many batches
    on_hosts: bool = False  # batch by batch; its state is that of its tasks
    may_change: bool = False  # something that would have to be undone
    begins: bool = False  # by itself, as soon as what it needs is over
    stands_on: bool = False  # what is beneath it: begun anew, it has to be passed once more


def only_looks(step: Step) -> bool:
    """Whether a step changes nothing, so that there is nothing to undo."""
    return bool(step.checks) or not step.changes


def may_change(step: Step) -> bool:
    """Whether a step may leave something behind that somebody would undo."""
    return STEP_KINDS[step.kind].may_change and not only_looks(step)


def _bake_length(step: Step) -> float:
    return float(step.bake if step.bake is not None else step.estimate)


def _command_seconds(step: Step, batches: int) -> float:
    """Its estimate for each batch, with a bake between batches."""
    return step.estimate * batches + (step.bake or 0.0) * (batches - 1)


def _by_hand(step: Step) -> str:
    return (
        "by hand" + (f" on {', '.join(step.places)}" if step.places else "") + ", ticked with evidence" * step.evidence
    )


def _vote(step: Step) -> str:
    late = f", a no after {duration_text(step.timeout).replace(' ', '')}" if step.timeout else ""
    return f"gate: {step.approvals} of {', '.join(step.by) or 'anyone but observers'}{late}"


def _opens_the_vote(step: Step) -> str:
    late = f"; no answer is a no after {duration_text(step.timeout)}" if step.timeout else ""
    return f"Opens the vote: {step.approvals} go{' by ' + ', '.join(step.by) if step.by else ''}{late}"


STEP_KINDS: dict[StepKind, KindOfStep] = {
    "manual": KindOfStep(
        says="manual step: somebody ticks it", overview=_by_hand, press="do it, then press space to tick it",
        before=lambda step: f"A person does this: {step.instructions or step.title}", may_change=True,
    ),
    "command": KindOfStep(
        says="command on hosts", overview=lambda step: "command", press="press s: a preview comes first",
        before=lambda step: "", instead="start it", seconds=_command_seconds, on_hosts=True, may_change=True,
    ),
    "gate": KindOfStep(
        says="gate: go or no-go", overview=_vote, press="press g to vote go, G for no-go", before=_opens_the_vote,
        instead="vote go or no-go on it", begins=True, stands_on=True,
    ),
    "bake": KindOfStep(
        says="bake: quiet time while canaries stay healthy", press="press s to start the waiting",
        overview=lambda step: f"bake: {', '.join(step.canaries) or 'all canaries'} must stay healthy",
        before=lambda step: f"Waits {duration_text(_bake_length(step))} while its canaries stay healthy.",
        seconds=lambda step, batches: _bake_length(step), begins=True, stands_on=True,
    ),
}  # fmt: skip
