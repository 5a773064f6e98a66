"""Gates: that there are enough people who may say go."""

from __future__ import annotations

from upgrade_tui.plan.diagnostics import KeyPath
from upgrade_tui.plan.model import Step
from upgrade_tui.plan.rules.rule_context import Context
from upgrade_tui.plan.shape import shown_toml


def check(context: Context) -> None:
    """Looks at every gate."""
    for i, step in enumerate(context.plan.steps):
        if step.kind == "gate":
            _gate(context, ("steps", i), step)


def _gate(context: Context, path: KeyPath, step: Step) -> None:
    people = context.plan.people
    context.once((*path, "by"), step.by)
    if step.approvals < 1:
        if not context.broken((*path, "approvals")):
            context.error(
                (*path, "approvals"), f"`approvals` cannot be {step.approvals}", "1 or more people must say go"
            )
        return
    if context.broken((*path, "by"), (*path, "approvals")) or context.findings.broken_field("people", "role"):
        return
    explained = False
    for j, login in enumerate(step.by):
        if not context.refer((*path, "by", j), login, people, "person"):
            explained = True
        elif people[login].role == "observer":
            explained = True
            context.error(
                (*path, "by", j),
                f"{shown_toml(login)} is an observer, and observers do not approve",
                "make them an engineer or lead in [people], or name somebody else",
            )
    if explained:
        return
    able = {login for login in (step.by or people) if people[login].role != "observer"}
    count = len(able) if people else 1  # without [people], whoever starts the window leads it, alone
    if step.approvals > count:
        who = ", ".join(sorted(able)) if able else "nobody" if people else "only whoever starts the window"
        where = "approvals" if "approvals" in context.written(*path) else "kind"
        context.error(
            (*path, where),
            f"nobody can pass this gate: it takes {step.approvals}, and {count} may approve ({who})",
            "lower `approvals`, or list more people in `by` and [people]",
        )
