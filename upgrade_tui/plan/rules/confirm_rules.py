"""``confirm_within``: a step whose hosts undo it by themselves must have something to undo it with, and the time."""

from __future__ import annotations

from upgrade_tui.plan.diagnostics import KeyPath
from upgrade_tui.plan.model import Step
from upgrade_tui.plan.rules.rule_context import Context
from upgrade_tui.plan.shape import shown_toml
from upgrade_tui.plan.step_kinds import only_looks
from upgrade_tui.units import duration_text


def check(context: Context) -> None:
    """Looks at every command step."""
    for i, step in enumerate(context.plan.steps):
        path: KeyPath = ("steps", i)
        if step.kind != "command" or context.broken((*path, "confirm_within")):
            continue
        if step.on_armed:
            _on_armed(context, path, step)
        if step.confirm_within is None:
            _alone(context, path)
        elif context.positive((*path, "confirm_within"), step.confirm_within):
            _way_back(context, path, step)
            _in_time(context, path, step, step.confirm_within)
            _by_itself(context, path, step)


def _alone(context: Context, path: KeyPath) -> None:
    for key in ("confirm", "failure_changes_nothing"):
        if key in context.written(*path):
            context.error(
                (*path, key),
                f"`{key}` means nothing without `confirm_within`",
                'write confirm_within = "10m", or drop it',
                at_key=True,
            )


def _on_armed(context: Context, path: KeyPath, step: Step) -> None:
    """Nothing that the host's own undoing would leave behind may be built on what it undoes."""
    if context.broken((*path, "changes"), (*path, "needs"), (*path, "checks")):
        return
    needs = [context.plan.step(need) for need in context.plan.needs(step)]
    if not only_looks(step):
        context.error(
            (*path, "on_armed"),
            "a step that runs on what is armed must not change anything: its hosts may undo what it stands on",
            "say changes = false, or let it wait for the confirmation",
            at_key=True,
        )
    elif not any(need is not None and need.confirm_within is not None for need in needs):
        context.error(
            (*path, "on_armed"),
            f"nothing that the step {shown_toml(step.id)} needs is ever armed",
            "drop it, or name a step with `confirm_within` in `needs`",
            at_key=True,
        )


def _way_back(context: Context, path: KeyPath, step: Step) -> None:
    place = (*path, "confirm_within")
    if context.broken((*path, "rollback"), (*path, "irreversible")):
        return
    if step.irreversible:
        context.error(
            place,
            f"the step {shown_toml(step.id)} is irreversible: a host cannot undo it by itself",
            "drop one of the two",
            at_key=True,
        )
    elif step.rollback is None or step.rollback.run is None:
        context.error(
            place,
            "a host that undoes the step by itself needs a command for it",
            'give the step a `rollback` with `run`: rollback = { run = "…", estimate = "…" }',
            at_key=True,
        )


def _in_time(context: Context, path: KeyPath, step: Step, within: float) -> None:
    """It counts from before the step's start: shorter than the step, it would strike in the middle of it."""
    if context.broken((*path, "timeout")) or step.checks or step.rollback is None or step.rollback.run is None:
        return
    if step.timeout is None:
        context.error(
            (*path, "confirm_within"),
            "the host could undo the step in the middle of it: nothing says how long it runs at most",
            f"give the step a `timeout` shorter than {duration_text(within)}",
            at_key=True,
        )
    elif within <= step.timeout:
        context.error(
            (*path, "confirm_within"),
            f"the host would undo the step in the middle of it: its timeout is {duration_text(step.timeout)}, and "
            f"`confirm_within` counts from its start",
            "longer than the timeout, with time to look at the result, or a shorter timeout",
        )
    elif step.confirm == "auto" and step.bake is not None and within <= step.timeout + step.bake:
        context.error(
            (*path, "confirm_within"),
            f'the host would undo the step before it is confirmed: confirm = "auto" confirms at the end of the bake, '
            f"up to {duration_text(step.timeout + step.bake)} after its start",
            "longer than timeout and bake together",
        )


def _by_itself(context: Context, path: KeyPath, step: Step) -> None:
    known = not context.broken((*path, "check"), (*path, "canaries"), (*path, "confirm"))
    if step.confirm == "auto" and known and not (step.check or "").strip() and not step.canaries:
        context.error(
            (*path, "confirm"),
            'confirm = "auto" has nothing to go by',
            "give the step a `check` or `canaries`, or let a person confirm",
        )
