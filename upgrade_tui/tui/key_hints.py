"""Keys that always matter, and what a newcomer should press next. Pure."""

from __future__ import annotations

from upgrade_tui.plan.step_kinds import STEP_KINDS
from upgrade_tui.tui.scene import Scene
from upgrade_tui.tui.widgets.spans import Line, Span
from upgrade_tui.units import countdown_text
from upgrade_tui.window import going_back

GENERAL: tuple[tuple[str, str], ...] = (
    ("?", "help"),
    ("enter", "details"),
    ("m", "matrix"),
    (":", "commands"),
    ("/", "filter"),
    ("q", "leave"),
    ("z", "zoom"),
)

BRAKES = ("pause", "rollback")
"""Verbs that a bar shows before anything general, as soon as they are possible: whoever needs them needs them now."""


def guide(scene: Scene) -> Line:
    """For a first window: what to press next."""
    state = scene.state
    lead: Span = ("  NEXT  ", "key")
    if state.phase == "closed":
        return (lead, ("The window is closed. ", "strong"), ("e exports its report, q leaves", "plain"))
    special = _special(scene)
    if special is not None:
        return (lead, (special[0], "strong"), (special[1], "plain"))
    if state.phase == "paused":
        failing = [c.name for c in state.canaries.values() if c.verdict == "failing"]
        wait = f"Wait until {', '.join(failing)} is healthy again, then " if failing else ""
        return (lead, ("The window is paused. ", "strong"), (f"{wait}p resumes it", "plain"))
    spec = scene.plan.step(state.current) if state.current else None
    if spec is None:
        return (lead, ("All steps are over. ", "strong"), ("C closes the window, e exports the report", "plain"))
    step = state.steps[spec.id]
    if step.state in ("failed", "unknown"):
        said = "enter shows what happened; s tries again; X says what is so"
        return (lead, (f"{spec.id} is {step.state}. ", "strong"), (said, "plain"))
    if step.held is not None:
        said = "s lets it go, as the lead and with a reason; R rolls back"
        return (lead, (f"{spec.id} is held by the clock. ", "strong"), (said, "plain"))
    if step.state == "running" and spec.kind in ("command", "bake"):
        said = "enter shows its output; 3 hosts, 4 canaries; ? for all keys"
        return (lead, (f"{spec.id} runs. ", "strong"), (said, "plain"))
    press = STEP_KINDS[spec.kind].press
    return (lead, (f"{spec.id}. ", "strong"), (f"With the cursor on it, {press}", "plain"))


def _special(scene: Scene) -> tuple[str, str] | None:
    """A rollback, an abort, an armed host: before anything else."""
    if scene.state.rolling_back:
        return ("A rollback is under way. ", "R shows how it goes; X says what is so where it is stuck")
    if going_back.stopped(scene):
        return ("The rollback stopped. ", "X says what is so, then R goes on with what is left")
    armed = going_back.armed_steps(scene)
    if armed:
        said = "K keeps it, x gives it more time, V undoes it now"
        return (f"{armed[0].step} undoes itself in {countdown_text(armed[0].seconds(scene.now))}. ", said)
    if scene.state.phase == "aborted":
        return ("The window is aborted. ", "R rolls back; p takes the abort back, with a reason")
    return None
