"""What the preview says is undone without anybody asking."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from upgrade_tui.cli.check import check
from upgrade_tui.plan.reader import parse_plan
from upgrade_tui.plan.undone import ByItself, undone_by_itself

PLAN = """
[window]
id = "w"
title = "W"
start = "now"
duration = "4h"

[hosts.a]
address = "10.0.0.1"
[hosts.b]
address = "10.0.0.2"

[[canaries]]
name = "errors"
tcp = "a:80"
on_fail = "rollback"
undo = "UNDO"

[[steps]]
phase = "Prepare"
id = "prep"
title = "Prepare"
on = "all"
run = "prep"
rollback = { run = "unprep", estimate = "1m" }

[[steps]]
phase = "Rollout"
id = "agent"
title = "The agent"
on = "all"
run = "agent"
rollback = { run = "unagent", estimate = "2m" }

[[steps]]
phase = "Rollout"
id = "roll"
title = "Roll out"
on = "all"
run = "roll"
batches = [1]
max_fail = "50%"
on_fail = "rollback"
canaries = ["errors"]
rollback = { run = "unroll", estimate = "3m" }

[[steps]]
phase = "After"
id = "soak"
title = "Soak"
kind = "bake"
bake = "10m"
canaries = ["errors"]

[[steps]]
phase = "After"
id = "drop"
title = "Drop the old one"
on = "all"
run = "drop"
irreversible = true
canaries = ["errors"]
"""
OWN = ByItself(cause="more than 50 % of its hosts fail", step="roll", undoes=("roll",))


def of(undo: str) -> tuple[ByItself, ...]:
    return undone_by_itself(parse_plan(PLAN.replace("UNDO", undo), "p"))


def test_each_step_that_lists_the_canary_with_what_is_undone() -> None:
    drop = ByItself(cause="errors is failing", step="drop", why_not="drop is irreversible")
    assert of("step") == (ByItself(cause="errors is failing", step="roll", undoes=("roll",)), drop, OWN)


def test_a_phase_and_everything() -> None:
    assert of("phase")[0].undoes == ("roll", "agent")
    assert of("all")[0].undoes == ("roll", "agent", "prep")
    assert of("all")[1].why_not == "drop is irreversible"


def test_it_takes_what_the_rollbacks_take() -> None:
    plan = parse_plan(PLAN.replace("UNDO", "phase"), "p")
    assert undone_by_itself(plan)[0].seconds(plan) == (2 + 2 * 3) * 60


def test_the_preview_shows_it(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text(PLAN.replace("UNDO", "all"))
    said = CliRunner().invoke(check, [str(tmp_path / "p.toml")], terminal_width=120).output
    assert "Undone by itself" in said
    assert "undoes roll, agent, prep" in said
    assert "only pauses: drop" in said
