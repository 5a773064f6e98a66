"""What is armed is told by ``status``, and a step that only waits to be confirmed is not done."""

from __future__ import annotations

from pathlib import Path

import msgspec

from tests.golden import golden
from upgrade_tui.cli.exits import Exit
from upgrade_tui.cli.status import as_data, as_lines
from upgrade_tui.window.armed import asks_for_a_person, unconfirmed, words


def _at(moment: float) -> str:
    return f"{moment:.0f}"


def test_status_says_where_it_is_armed_until_when_and_what_to_type() -> None:
    told = golden("armed")
    lines = as_lines(told.state, None, told.now, True)
    armed = next(line for line in lines if line.startswith("armed "))
    assert armed.startswith("armed     traffic is armed on lb1, lb2: confirm by ")
    assert armed.endswith(", else its hosts undo it: upgrade-tui confirm traffic")
    assert any(line.startswith("  armed        traffic") for line in lines)


def test_status_as_json_has_the_deadline_of_each_armed_host(tmp_path: Path) -> None:
    told = golden("armed")
    data = msgspec.json.decode(msgspec.json.encode(as_data(tmp_path, told.state, None, told.now, True)))
    step = next(step for step in data["steps"] if step["id"] == "traffic")
    assert (step["state"], [t["state"] for t in step["tasks"]]) == ("armed", ["armed", "armed"])
    assert [(a["host"], round((a["until"] - told.now) / 60)) for a in step["armed"]] == [("lb1", 6), ("lb2", 6)]


def test_a_step_that_is_armed_waits_for_a_person_and_says_until_when() -> None:
    told = golden("armed")
    step = told.state.steps["traffic"]
    assert asks_for_a_person(told.state, "traffic")
    until = unconfirmed(step)[0][1].until
    assert words(step, _at) == f"armed on lb1, lb2: confirm by {until:.0f}, else its hosts undo it"
    assert not asks_for_a_person(told.state, "api")
    assert words(told.state.steps["api"], _at) == ""


def test_armed_held_and_undone_have_exit_codes_of_their_own() -> None:
    assert (Exit.ARMED, Exit.HELD, Exit.UNDONE) == (3, 4, 5)
