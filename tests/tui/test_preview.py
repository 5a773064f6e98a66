"""What is shown before a step starts: exactly what it runs, and what it costs to go back."""

from __future__ import annotations

from upgrade_tui.plan.reader import parse_plan
from upgrade_tui.tui.preview import preview_lines
from upgrade_tui.window.state import initial

PLAN = """
[window]
id = "w"
title = "W"
start = "now"
duration = "2h"
[hosts.a]
address = "10.0.0.1"
[[steps]]
id = "pre"
title = "Look"
on = "a"
checks = [ { free = "/", min = "1GiB" }, { program = "nginx" } ]
[[steps]]
id = "cut"
title = "Cut"
on = "a"
run = "cut over"
[[steps]]
id = "go"
title = "Go?"
kind = "gate"
"""


def _lines(step: str) -> list[str]:
    plan = parse_plan(PLAN, "plan.toml")
    spec = plan.step(step)
    assert spec is not None
    return preview_lines(initial(plan), spec, 1_800_000_000.0)


def test_ready_made_checks_are_told_in_words_and_need_no_rollback() -> None:
    lines = _lines("pre")
    assert lines[:3] == ["checks", "  free space on /: at least 1 GiB", "  program nginx: there"]
    assert not any("rollback" in line for line in lines)


def test_a_command_is_shown_letter_by_letter_and_that_nothing_undoes_it() -> None:
    lines = _lines("cut")
    assert lines[0] == "$ cut over"
    assert "The plan has no rollback for it." in lines


def test_a_gate_has_nothing_to_undo() -> None:
    assert not any("rollback" in line for line in _lines("go"))
