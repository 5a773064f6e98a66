"""The sums of the rollback clock as they are defined, task by task: what ``window.pace`` finds in one pass."""

from __future__ import annotations

from upgrade_tui.plan.model import Step
from upgrade_tui.window.pace import THROUGH
from upgrade_tui.window.state import StepState, Task


def cost(spec: Step, step: StepState) -> float:
    """Seconds that undoing a command step takes: every batch in which something was changed."""
    if spec.rollback is None or step.state == "rolled back":
        return 0.0
    each = float(spec.rollback.estimate) if step.rollback_seconds is None else step.rollback_seconds
    return len({t.batch for t in step.tasks.values() if t.changed}) * each


def remaining(spec: Step, step: StepState, now: float) -> float:
    """Seconds that a command step still needs: what is left of its batches, of their bakes, of the one under way."""
    left = [b for b in range(len(step.batches)) if _still_to_do(step, b)]
    if not left:
        return 0.0
    took = measured(step)
    each = sum(took) / len(took) if took else float(spec.estimate)
    bake = float(spec.bake or 0.0)
    baked = bake
    if step.state == "running" and _of(step, step.batch) and _ended(step, step.batch):
        ends = [t.finished for t in _of(step, step.batch) if t.finished is not None]
        baked = min(bake, max(0.0, now - max(ends))) if ends else bake
    return bake - baked + max(0.0, each - _spent(step, now)) + (each + bake) * (len(left) - 1)


def measured(step: StepState) -> list[float]:
    """What each finished batch took: its slowest attempt, by hosts whose end was measured."""
    out = []
    for batch in range(len(step.batches)):
        tasks = _of(step, batch)
        if any(t.state not in THROUGH for t in tasks):
            continue
        good = [t for t in tasks if t.seconds is not None and not t.settled_by]
        took = [
            max(t.finished for t in good if t.attempt == n and t.finished is not None)
            - min(t.started for t in good if t.attempt == n and t.started is not None)
            for n in {t.attempt for t in good if t.started is not None and t.finished is not None}
        ]
        if took:
            out.append(max(0.0, *took))
    return out


def _of(step: StepState, batch: int) -> list[Task]:
    return [t for t in step.tasks.values() if t.batch == batch]


def _ended(step: StepState, batch: int) -> bool:
    return all(t.state not in ("pending", "running") for t in _of(step, batch))


def _still_to_do(step: StepState, batch: int) -> bool:
    if step.state == "running" and batch <= step.batch:
        return batch == step.batch and not _ended(step, batch)
    return any(t.state not in THROUGH for t in _of(step, batch))


def _spent(step: StepState, now: float) -> float:
    """How long the batch under way has been at it; while nothing of it runs, until its last end."""
    if step.state != "running" or not 0 <= step.batch < len(step.batches) or _ended(step, step.batch):
        return 0.0
    tasks = _of(step, step.batch)
    starts = [t.started for t in tasks if t.started is not None and t.attempt == step.attempt]
    if not starts:
        return 0.0
    ends = [t.finished for t in tasks if t.finished is not None]
    until = now if any(t.state == "running" for t in tasks) else max(ends, default=min(starts))
    return max(0.0, until - min(starts))
