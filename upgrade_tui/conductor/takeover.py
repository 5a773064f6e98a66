"""What a new conductor says about what an earlier one left in the middle."""

from __future__ import annotations

from upgrade_tui.window import events as ev
from upgrade_tui.window.state import WindowState

GONE = "the conductor ended while it ran; nobody saw its result"


def left_behind(state: WindowState) -> tuple[ev.Event, ...]:
    """Tasks that were running when the earlier conductor ended become unknown, and their steps with them.

    Gates, bakes and manual steps go on: nothing of theirs was lost.
    """
    out: list[ev.Event] = []
    for step in state.steps.values():
        spec = state.plan.step(step.id)
        if step.state != "running" or spec is None or spec.what != "command":
            continue
        running = [t for t in step.tasks.values() if t.state == "running"]
        out += [ev.TaskUnknown(step=step.id, host=t.host, attempt=t.attempt, reason=GONE) for t in running]
        outcome: ev.Outcome = "unknown" if running else "failed"
        reason = f"the conductor ended: unknown on {', '.join(t.host for t in running)}" if running else (
            "the conductor ended between two batches; start the step again to go on"
        )  # fmt: skip
        out.append(ev.StepFinished(step=step.id, attempt=step.attempt, outcome=outcome, reason=reason))
    return tuple(out)
