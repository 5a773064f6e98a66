"""Where the program is extended: each kind is a row, and nothing that a row needs is missing."""

from __future__ import annotations

from typing import get_args

from tests.window.small import small_plan
from upgrade_tui.conductor.execution.waits import RUNNERS
from upgrade_tui.plan.estimate import step_seconds
from upgrade_tui.plan.model import StepKind
from upgrade_tui.plan.step_kinds import STEP_KINDS


def test_every_kind_of_step_has_its_row_and_what_carries_it_out() -> None:
    assert set(STEP_KINDS) == set(get_args(StepKind))
    assert {name for name, kind in STEP_KINDS.items() if not kind.on_hosts} - {"manual"} == set(RUNNERS)


def test_every_row_can_tell_of_a_step() -> None:
    plan = small_plan()
    assert {step.kind for step in plan.steps} <= set(STEP_KINDS)
    for step in plan.steps:
        kind = STEP_KINDS[step.kind]
        assert kind.says
        assert kind.overview(step)
        assert kind.press
        assert kind.before(step) or kind.on_hosts
        assert step_seconds(plan, step) > 0
