"""The dashboard in a real terminal, against a window on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.program import Program, step
from tests.e2e.screen import Terminal

pytestmark = pytest.mark.terminal

PLAN = """
[window]
id = "desk"
title = "On this desk"
start = "now"
duration = "4h"

[hosts.here]
address = "local"

[[steps]]
id = "brief"
title = "Brief everybody"

[[steps]]
id = "touch"
title = "Touch a file"
on = "here"
run = "echo hello from the step; touch {mark}"
rollback = {{ run = "rm {mark}", estimate = "1m" }}

[[steps]]
id = "drop"
title = "Drop the old schema"
irreversible = true
"""


@pytest.fixture
def window(tmp_path: Path) -> Iterator[tuple[Program, Path]]:
    program = Program(tmp_path / "home")
    plan = tmp_path / "desk.toml"
    plan.write_text(PLAN.format(mark=tmp_path / "mark"))
    yield program, plan
    if "no window is open" not in program.run("status", code=None).stderr:
        program.run("close", "--confirm", "desk", "--outcome", "abandoned", "--reason", "test over", code=None)


def test_a_new_user_ticks_runs_and_leaves_and_the_window_goes_on(window: tuple[Program, Path], tmp_path: Path) -> None:
    program, plan = window
    terminal = Terminal(program, "run", str(plan))
    terminal.until("WHERE", "HEALTHY", "GO BACK", "brief", "step 1 of 3")
    terminal.press(" ")
    terminal.until("step 2 of 3")
    assert step(program.status(), "brief")["state"] == "done"
    terminal.press("s")
    terminal.until("echo hello from the step")  # the preview shows the exact command
    terminal.press("\r")
    terminal.until("step 3 of 3")
    program.until(lambda s: step(s, "touch")["state"] == "done")
    assert (tmp_path / "mark").exists()
    terminal.press("q")
    terminal.until("goes on without this dashboard")
    assert program.status()["conductor"]


def test_the_window_survives_a_dead_a_stalled_and_a_resized_terminal(window: tuple[Program, Path]) -> None:
    program, plan = window
    dead = Terminal(program, "run", str(plan), columns=80, rows=24)
    dead.until("GO BACK", "brief")
    stalled = Terminal(program, "attach")
    stalled.until("GO BACK")  # and from here on nobody reads its output
    dead.hang_up()
    program.run("tick", "brief")
    shaken = Terminal(program, "attach", columns=80, rows=24)
    shaken.until("GO BACK", "touch")
    for columns, rows in ((200, 60), (20, 6), (81, 23), (120, 40), (300, 10), (80, 24)):
        shaken.resize(columns, rows)
        shaken.read()
    shaken.until("GO BACK", "touch")
    program.run("start", "touch", "--wait")
    assert program.status()["phase"] == "open"
    shaken.press("q")
    stalled.hang_up()
    shaken.hang_up()


def test_an_irreversible_step_asks_for_its_id(window: tuple[Program, Path]) -> None:
    program, plan = window
    program.run("run", str(plan), "--detach")
    program.run("tick", "brief")
    program.run("start", "touch", "--wait")
    terminal = Terminal(program, "attach")
    terminal.until("drop next")
    terminal.press(" ")
    terminal.until("irreversible")
    terminal.press("dro\r")
    assert step(program.status(), "drop")["state"] == "ready"
    terminal.press("p\r")
    program.until(lambda s: step(s, "drop")["state"] == "done")
    terminal.until("forward only")
    terminal.press("q")
    terminal.hang_up()


def test_without_a_terminal_there_are_plain_lines(window: tuple[Program, Path]) -> None:
    program, plan = window
    name = program.run("run", str(plan), "--detach").stdout.strip()
    following = program.start("attach", name)
    program.until(lambda s: s["operators"])
    program.run("tick", "brief")
    program.run("close", "--confirm", "desk", "--outcome", "abandoned", "--reason", "enough")
    said, _ = following.communicate(timeout=60)
    assert "ticked brief" in said
    assert "\x1b" not in said
