"""Which keys matter now, and what a newcomer should press next. Pure."""

from __future__ import annotations

from upgrade_tui.tui.view.scene import Scene
from upgrade_tui.tui.view.spans import Line, Span
from upgrade_tui.window.state import OVER, UNSETTLED

GENERAL: tuple[tuple[str, str], ...] = (
    ("enter", "details"),
    ("?", "help"),
    (":", "commands"),
    ("/", "filter"),
    ("q", "leave"),
    ("z", "zoom"),
)


def verbs_now(scene: Scene, pane: str, step: str) -> list[str]:
    """Names of the verbs that belong to what is under the cursor, most useful first."""
    if scene.state.phase == "closed":
        return []
    if pane == "hosts":
        return ["reconnect", "note"]
    state, spec = scene.state.steps.get(step), scene.plan.step(step)
    if state is None or spec is None:
        return ["note", "pause", "close"]
    out = {
        "manual": ["tick", "start"],
        "command": ["start"],
        "gate": ["go", "nogo"],
        "bake": ["start"],
    }[spec.what]
    if spec.what == "gate" and state.state != "running":
        out = ["start"]  # the vote is on the evidence as it is when the gate is opened
    if state.state == "running":
        out = [verb for verb in out if verb != "start"]
    if state.state in OVER:
        out = ["untick"] if spec.what == "manual" or state.state == "skipped" else []
    if any(t.state in UNSETTLED for t in state.tasks.values()):
        out = ["settle", *out]
    more = ["note"] if state.state in OVER else ["claim", "note", "skip"]
    return [*out, *more, "pause", "close"] if not scene.state.current else [*out, *more, "pause"]


def guide(scene: Scene) -> Line:
    """For a first window: what to press next."""
    state = scene.state
    lead: Span = ("  NEXT  ", "key")
    if state.phase == "closed":
        return (lead, ("The window is closed. ", "strong"), ("e exports its report, q leaves", "plain"))
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
    if step.state == "running" and spec.what in ("command", "bake"):
        said = "enter shows its output; 3 hosts, 4 canaries; ? for all keys"
        return (lead, (f"{spec.id} runs. ", "strong"), (said, "plain"))
    press = {
        "manual": "do it, then press space to tick it",
        "command": "press s: a preview comes first",
        "gate": "press g to vote go, G for no-go",
        "bake": "press s to start the waiting",
    }[spec.what]
    return (lead, (f"{spec.id}. ", "strong"), (f"With the cursor on it, {press}", "plain"))
