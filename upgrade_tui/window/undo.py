"""What a rollback would do: which steps, in reverse order of what was done, batch by batch, and what cannot be undone.

Pure. The same preview is shown before, decided on, and carried out.
"""

from __future__ import annotations

from collections.abc import Collection

from msgspec import Struct

from upgrade_tui.plan.model import Step
from upgrade_tui.plan.step_kinds import only_looks
from upgrade_tui.window.clock import batch_rollback_seconds
from upgrade_tui.window.state import StepState, Task, Undo, WindowState


class UndoPlan(Struct, frozen=True, kw_only=True):
    """``steps`` in the order in which they are undone. ``cannot``: (step, why it stays). ``seconds`` by the clock.

    ``running``: steps with something on a host right now: until it ended nothing can be undone. ``stops``: steps that
    are between two batches, baking, or gates: the rollback ends them.
    """

    scope: str
    steps: tuple[Undo, ...]
    cannot: tuple[tuple[str, str], ...]
    seconds: float
    running: tuple[str, ...] = ()
    stops: tuple[str, ...] = ()


def undo_plan(
    state: WindowState,
    *,
    phase: str = "",
    step: str = "",
    hosts: Collection[str] = (),
    only: Collection[str] | None = None,
) -> UndoPlan:
    """What undoing everything, or only a phase, a step, some steps, or what was done on some hosts, would be."""
    steps: list[Undo] = []
    cannot: list[tuple[str, str]] = []
    seconds = 0.0
    order = in_order_done(state)
    barrier = max((i for i, spec in enumerate(order) if state.no_way_back(spec)), default=-1)
    for position, spec in reversed(list(enumerate(order))):
        if (phase and spec.phase != phase) or (step and spec.id != step):
            continue
        if only is not None and spec.id not in only:
            continue
        done = state.steps[spec.id]
        batches = batches_to_undo(spec, done, hosts)
        if batches is None or not was_begun(spec, done) or not needs_undo(spec):
            continue
        if position <= barrier or spec.rollback is None:
            before = "it is, or lies before, the point of no return"
            cannot.append((spec.id, before if position <= barrier else "the plan has no rollback for it"))
            continue
        steps.append(Undo(spec.id, batches))
        seconds += batch_rollback_seconds(spec, done) * max(1, len(batches))
    running = tuple(spec.id for spec in state.plan.steps if at_work(spec, state.steps[spec.id]))
    stops = tuple(
        spec.id for spec in state.plan.steps
        if spec.kind != "manual" and state.steps[spec.id].state == "running" and spec.id not in running
    )  # fmt: skip
    return UndoPlan(
        scope=_scope(phase, step, hosts), steps=tuple(steps), cannot=tuple(cannot), seconds=seconds, running=running,
        stops=stops,
    )  # fmt: skip


def at_work(spec: Step, step: StepState) -> bool:
    """Whether the step has a command or a check on a host, or on one that is lost: it must not meet its undoing.

    A dead-man that is being armed is in no log yet: tasks of a begun batch that would be armed first count as well.
    """
    if any(t.state in ("running", "rolling back") for t in step.tasks.values()):
        return True
    if step.state != "running":
        return False
    arms = spec.confirm_within is not None and step.held is None  # what is held arms nothing
    begun = step.batches[step.batch] if arms and 0 <= step.batch < len(step.batches) else ()
    arming = [h for h in begun if step.tasks[h].state == "pending" and (not step.only or h in step.only)]
    found = any(t.attempt == step.attempt and (t.following or unchecked(spec, t)) for t in step.tasks.values())
    return found or bool(arming)


def unchecked(spec: Step, task: Task) -> bool:
    """Whether a task that is done still lacks its check."""
    return task.state == "done" and bool(spec.check) and task.check is None and not task.settled_by


def in_order_done(state: WindowState) -> list[Step]:
    """All steps, in the order in which they were done.

    A step counts as done after what it needs, also where that was begun anew since: what stands on something is undone
    before it.
    """
    begun: dict[str, float] = {}
    for spec in state.plan.steps:
        before = [begun[need] for need in state.plan.needs(spec) if need in begun]
        begun[spec.id] = max([state.steps[spec.id].started or 0.0, *before])
    return sorted(state.plan.steps, key=lambda s: begun[s.id])


def was_begun(spec: Step, step: StepState) -> bool:
    """Whether there may be something of the step to undo."""
    if spec.kind == "command":
        return any(t.changed for t in step.tasks.values())
    return spec.kind == "manual" and step.state in ("running", "done", "failed") and step.started is not None


def batches_to_undo(spec: Step, step: StepState, hosts: Collection[str]) -> tuple[tuple[str, ...], ...] | None:
    """The batches to undo, last first, only where something was done; None where there is nothing to undo."""
    if spec.kind != "command":
        return None if hosts else ()
    out = []
    for batch in reversed(step.batches):
        left = tuple(h for h in batch if step.tasks[h].changed and (not hosts or h in hosts))
        if left:
            out.append(left)
    return tuple(out) or None


def needs_undo(spec: Step) -> bool:
    """Whether a step leaves something behind that somebody would want to undo."""
    return spec.rollback is not None or (spec.kind == "command" and not only_looks(spec))


def _scope(phase: str, step: str, hosts: Collection[str]) -> str:
    what = f"step {step}" if step else f"phase {phase}" if phase else "everything"
    return f"{what} on {', '.join(hosts)}" if hosts else what
