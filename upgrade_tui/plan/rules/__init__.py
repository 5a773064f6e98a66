"""What a plan must mean, beyond its shape: one module a subject, each reporting all it finds. Pure."""

from __future__ import annotations

from upgrade_tui.plan.rules import canaries, checks, confirm, gates, hosts, names, on_fail, secrets, steps, timing
from upgrade_tui.plan.rules.context import Context

__all__ = ["Context", "check_meaning"]


def check_meaning(context: Context) -> None:
    """Runs every rule over a plan whose shape was repaired; the findings go to ``context.findings``."""
    names.check(context)
    hosts.check(context)
    canaries.check(context)
    steps.check(context)
    on_fail.check(context)
    checks.check(context)
    secrets.check(context)
    confirm.check(context)
    gates.check(context)
    timing.check(context)
