"""What a plan must mean, beyond its shape: one module a subject, each reporting all it finds. Pure."""

from __future__ import annotations

from upgrade_tui.plan.rules import (
    canary_rules,
    check_rules,
    confirm_rules,
    gate_rules,
    host_rules,
    name_rules,
    on_fail_rules,
    secret_rules,
    step_rules,
    timing_rules,
)
from upgrade_tui.plan.rules.rule_context import Context

__all__ = ["Context", "check_meaning"]


def check_meaning(context: Context) -> None:
    """Runs every rule over a plan whose shape was repaired; the findings go to ``context.findings``."""
    name_rules.check(context)
    host_rules.check(context)
    canary_rules.check(context)
    step_rules.check(context)
    on_fail_rules.check(context)
    check_rules.check(context)
    secret_rules.check(context)
    confirm_rules.check(context)
    gate_rules.check(context)
    timing_rules.check(context)
