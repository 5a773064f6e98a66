"""Durations, the schedule and the critical path by the plan's own estimates."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upgrade_tui.plan.estimate import (
    batches_of,
    remaining_seconds,
    rollback_seconds,
    schedule,
    step_seconds,
    window_end,
    window_start,
)
from upgrade_tui.plan.model import Plan, Rollback, Step, Window
from upgrade_tui.plan.reader import parse_plan
from upgrade_tui.units import Duration, When

PLAN = """
[window]
id = "w"
title = "W"
start = 2026-12-05T22:00:00Z
end = 2026-12-06T02:00:00Z
margin = "10m"

[hosts]
a = { address = "10.0.0.1", groups = ["g"] }
b = { address = "10.0.0.2", groups = ["g"] }
c = { address = "10.0.0.3", groups = ["g"] }
d = { address = "10.0.0.4", groups = ["g"] }

[[canaries]]
name = "up"
tcp = "10.0.0.1:80"

[[steps]]
id = "look"
title = "Look"
estimate = "5m"

[[steps]]
id = "roll"
title = "Roll"
on = "g"
run = "true"
batches = [1, "50%"]
estimate = "4m"
bake = "2m"
rollback = { run = "true", estimate = "3m" }

[[steps]]
id = "aside"
title = "Aside"
needs = ["look"]
run = "true"
estimate = "30m"
rollback = { manual = "undo", estimate = "1m" }

[[steps]]
id = "bake"
title = "Bake"
kind = "bake"
needs = ["roll", "aside"]
bake = "10m"

[[steps]]
id = "drop"
title = "Drop the old data"
run = "true"
estimate = "1m"
irreversible = true

[[steps]]
id = "after"
title = "After"
run = "true"
estimate = "1m"
rollback = { run = "true", estimate = "30s" }
"""
START = 1796508000.0  # 2026-12-05T22:00:00Z


@pytest.fixture(scope="module")
def plan() -> Plan:
    return parse_plan(PLAN, "plan.toml")


def test_a_commands_estimate_counts_for_each_batch_and_its_bake_between_them(plan: Plan) -> None:
    took = {step.id: step_seconds(plan, step) for step in plan.steps}
    assert took == {"look": 300, "roll": 3 * 240 + 2 * 120, "aside": 1800, "bake": 600, "drop": 60, "after": 60}


def test_a_rollback_costs_its_estimate_for_each_batch(plan: Plan) -> None:
    assert [rollback_seconds(plan, step) for step in plan.steps] == [0, 540, 60, 0, 0, 30]


def test_a_command_without_a_place_is_one_batch_on_this_machine(plan: Plan) -> None:
    drop = plan.step("drop")
    assert drop is not None
    assert batches_of(plan, drop) == (("local",),)


def test_steps_start_when_what_they_need_is_over(plan: Plan) -> None:
    times = {slot.step: (slot.start - START, slot.end - START) for slot in schedule(plan, START)}
    assert times == {
        "look": (0, 300), "roll": (300, 1260), "aside": (300, 2100),
        "bake": (2100, 2700), "drop": (2700, 2760), "after": (2760, 2820),
    }  # fmt: skip


def test_the_schedule_tells_the_rollback_clock_after_each_step(plan: Plan) -> None:
    slots = {slot.step: slot for slot in schedule(plan, START)}
    deadline = START + 4 * 3600 - 600
    assert slots["look"].rollback == 0
    assert slots["roll"].rollback == 540
    assert slots["aside"].rollback == 600  # it ends after roll, so both would be undone
    assert slots["aside"].rollback_by == deadline - 600
    assert slots["aside"].slack == deadline - 600 - slots["aside"].end
    assert [slot.irreversible for slot in slots.values()] == [False, False, False, False, True, True]
    assert slots["drop"].rollback == 0
    assert slots["after"].rollback == 30  # what came after the point of no return can still be undone


def test_a_late_start_moves_the_steps_but_not_the_end(plan: Plan) -> None:
    late = schedule(plan, START + 1000)
    assert late[0].start == START + 1000
    assert late[0].rollback_by == START + 4 * 3600 - 600


def test_a_drill_starts_now_and_lasts_its_duration() -> None:
    window = Window(id="w", title="W", start=When(None), duration=Duration(3600), margin=Duration(60))
    drill = Plan(window=window, steps=(Step(id="a", title="A"),))
    assert window_start(drill, 5000.0) == 5000.0
    assert window_end(drill, 5000.0) == 8600.0
    assert schedule(drill, 5000.0)[0].rollback_by == 8540.0


def test_what_remains_is_the_longest_chain_of_what_is_not_over(plan: Plan) -> None:
    left = {step.id: step_seconds(plan, step) for step in plan.steps}
    assert remaining_seconds(plan, left) == 2820
    assert remaining_seconds(plan, {"roll": 100, "aside": 40, "bake": 600}) == 700
    assert remaining_seconds(plan, {"aside": 40}) == 40
    assert remaining_seconds(plan, {}) == 0


@given(
    st.lists(st.lists(st.sampled_from("abcdefgx"), max_size=4), min_size=1, max_size=7),
    st.dictionaries(st.sampled_from("abcdefgx"), st.floats()),
)
def test_what_remains_is_total_even_for_needs_that_make_a_ring(needs: list[list[str]], left: dict[str, float]) -> None:
    window = Window(id="w", title="W", start=When(None), duration=Duration(3600))
    steps = tuple(Step(id=name, title=name, needs=tuple(n)) for name, n in zip("abcdefg", needs, strict=False))
    seconds = remaining_seconds(Plan(window=window, steps=steps), left)
    assert seconds >= 0
    assert not math.isnan(seconds)


@given(st.lists(st.tuples(st.integers(1, 9999), st.integers(0, 9999), st.booleans()), min_size=1, max_size=12))
def test_a_chain_of_steps_takes_the_sum_and_undoing_it_too(spec: list[tuple[int, int, bool]]) -> None:
    window = Window(id="w", title="W", start=When(None), duration=Duration(10**6))
    steps = tuple(
        Step(
            id=str(i),
            title="",
            run="true",
            estimate=Duration(seconds),
            rollback=Rollback(run="true", estimate=Duration(undo)) if undo else None,
        )
        for i, (seconds, undo, _) in enumerate(spec)
    )
    slots = schedule(Plan(window=window, steps=steps), 0.0)
    assert slots[-1].end == sum(seconds for seconds, _, _ in spec)
    assert slots[-1].rollback == sum(undo for _, undo, _ in spec)
    assert all(before.rollback_by >= after.rollback_by for before, after in pairwise(slots))
