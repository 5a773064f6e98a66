"""What it means that a step is held and let go. Part of ``fold``: total, pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from upgrade_tui.window import events as ev
from upgrade_tui.window.changes import change_step
from upgrade_tui.window.state import Task, WindowState


def let_go(e: ev.StepIntent, tasks: Mapping[str, Task]) -> dict[str, Any]:
    """What an attempt begins with: an override at its start is for its first batch, of a retry for all of it."""
    todo = [t.batch for t in tasks.values() if t.state == "pending" and (not e.hosts or t.host in e.hosts)]
    return {
        "held": None,
        "released": min(todo, default=-1) if e.override else -1,
        "released_rest": bool(e.override and (e.rest or e.hosts)),
    }


def held(s: WindowState, r: ev.Record, e: ev.StepHeld) -> WindowState:
    """Only what runs is held: behind its end, or of an earlier attempt, it means nothing."""
    step = s.steps.get(e.step)
    if step is None or step.state != "running" or step.attempt != e.attempt:
        return s
    return change_step(s, e.step, held=e)


def released(s: WindowState, r: ev.Record, e: ev.StepReleased) -> WindowState:
    step = s.steps.get(e.step)
    if step is None or step.attempt != e.attempt:
        return s
    if not e.override:
        return change_step(s, e.step, held=None)
    return change_step(s, e.step, held=None, released=e.batch, released_rest=step.released_rest or e.rest)
