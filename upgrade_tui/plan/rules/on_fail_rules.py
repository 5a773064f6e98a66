"""What is undone by itself: a canary or a step that rolls back needs something that can be rolled back."""

from __future__ import annotations

from upgrade_tui.plan.diagnostics import KeyPath
from upgrade_tui.plan.model import Canary, Step
from upgrade_tui.plan.rules.rule_context import Context
from upgrade_tui.plan.shape import shown_toml
from upgrade_tui.plan.undone import undone_by_itself

_PAUSE = 'write on_fail = "pause"'


def check(context: Context) -> None:
    """Looks at every ``on_fail`` and ``undo``."""
    for i, canary in enumerate(context.plan.canaries):
        _canary(context, ("canaries", i), canary)
    for i, step in enumerate(context.plan.steps):
        if step.on_fail == "rollback":
            _step(context, ("steps", i), step)


def _canary(context: Context, path: KeyPath, canary: Canary) -> None:
    if "undo" in context.written(*path) and canary.on_fail != "rollback":
        if not context.broken((*path, "undo"), (*path, "on_fail")):
            message = f'`undo` means nothing for a canary with on_fail = "{canary.on_fail}"'
            context.error((*path, "undo"), message, 'write on_fail = "rollback", or drop it', at_key=True)
        return
    place = (*path, "on_fail")
    known = not context.findings.broken_field("steps", "rollback", "canaries", "run", "checks") and not context.broken(
        place
    )
    if canary.on_fail != "rollback" or not known:
        return
    if not any(step.rollback for step in context.plan.steps):
        message = "this canary would roll back, but no step has a `rollback`"
        context.error(place, message, f"give the steps one, or {_PAUSE}")
        return
    found = [each for each in undone_by_itself(context.plan) if each.cause == f"{canary.name} is failing"]
    if not found:
        message = "no step that changes anything lists this canary: its failing would only pause the window"
        context.warn(place, message, f"name it in the `canaries` of the steps that it is to undo, or {_PAUSE}")
    for each in found:
        if each.why_not:
            message = f"during {shown_toml(each.step)} this canary would only pause the window: {each.why_not}"
            context.warn(place, message, "give what it undoes a `rollback`, or see that this is what you want")


def _step(context: Context, path: KeyPath, step: Step) -> None:
    place = (*path, "on_fail")
    if step.kind != "command" or step.checks or context.broken(place, (*path, "rollback")):
        return  # said already: it means nothing there
    if step.rollback is None:
        message = f"the step {shown_toml(step.id)} is to be rolled back where it fails, and has no `rollback`"
        context.error(place, message, "give it one, or drop `on_fail`")
