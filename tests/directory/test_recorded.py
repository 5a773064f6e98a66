"""What the log records of files beside it is compared with them: the frozen plan, what tasks printed."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from upgrade_tui.attach.launch import freeze
from upgrade_tui.attach.socket import own_login
from upgrade_tui.cli import cli
from upgrade_tui.cli.exits import Exit
from upgrade_tui.conductor.conductor import Conductor
from upgrade_tui.directory.recorded import PlanDiffers
from upgrade_tui.journal import read_log
from upgrade_tui.plan.reader import parse_plan
from upgrade_tui.window import commands as cmd
from upgrade_tui.window import events as ev
from upgrade_tui.window.commands import Actor

PLAN = """
[window]
id = "w1"
title = "A window"
start = "now"
duration = "4h"

[[steps]]
id = "say"
title = "Say something"
on = "local"
run = "echo upgraded"
"""
CHANGED = PLAN.replace("echo upgraded", "echo something else")


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def window() -> Path:
    """A window whose only step was run; its conductor is gone, the window is still open."""
    directory = freeze(parse_plan(PLAN, "plan.toml"), PLAN)
    asyncio.run(conducted(directory, start=True))
    return directory


async def conducted(directory: Path, *, start: bool = False, accept: str = "", opener: str = "") -> None:
    """A conductor from its start to where it has nothing more to do, as a kill would end it."""
    conductor = Conductor(directory, opener=opener or own_login(), accept=accept)
    await conductor.open()
    ready = asyncio.Event()
    running = asyncio.create_task(conductor.run(ready))
    async with asyncio.timeout(60):
        await ready.wait()
        if start:
            await conductor.store.command(cmd.Start(step="say"), Actor(own_login(), "lead"))
            while conductor.store.state.steps["say"].state != "done":
                await conductor.store.changed()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def said(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


def lines(directory: Path) -> list[ev.Event]:
    return [record.event for record in read_log(directory)]


def test_a_window_as_it_was_recorded_is_intact_and_is_taken_over(window: Path) -> None:
    result = said("verify", str(window))
    assert (result.exit_code, result.output.startswith("intact")) == (Exit.OK, True)
    asyncio.run(conducted(window))
    assert any(isinstance(event, ev.ConductorStarted) for event in lines(window))


def test_an_edited_plan_is_not_carried_out(window: Path) -> None:
    (window / "plan.toml").write_text(CHANGED, encoding="utf-8")
    before = lines(window)
    with pytest.raises(PlanDiffers, match=r"plan\.toml was changed since it was frozen") as raised:
        asyncio.run(conducted(window))
    assert f"upgrade-tui run {window.name} --plan FILE" in str(raised.value)
    assert lines(window) == before


def test_not_even_a_line_end_may_differ(window: Path) -> None:
    (window / "plan.toml").write_bytes(PLAN.replace("\n", "\r\n").encode())
    with pytest.raises(PlanDiffers):
        asyncio.run(conducted(window))


def test_the_command_that_starts_it_ends_with_65_and_the_way_out(window: Path, tmp_path: Path) -> None:
    (window / "plan.toml").write_text(CHANGED, encoding="utf-8")
    result = said("run", "--detach", window.name)
    assert result.exit_code == Exit.LOG_DAMAGED
    assert "plan.toml was changed" in result.output
    assert "--accept-plan REASON" in result.output


def test_verify_and_report_name_the_plan(window: Path) -> None:
    (window / "plan.toml").write_text(CHANGED, encoding="utf-8")
    checked = said("verify", str(window))
    assert checked.exit_code == Exit.LOG_DAMAGED
    assert checked.output.startswith("plan.toml was changed")
    made = said("report", str(window))
    assert made.exit_code == Exit.LOG_DAMAGED
    first = (window / "report/report.md").read_text(encoding="utf-8").splitlines()[0]
    assert "NOT THE RECORDED PLAN" in first
    assert "NOT THE RECORDED PLAN" in (window / "report/report.html").read_text(encoding="utf-8")


def test_the_same_plan_from_another_place_is_a_way_out_and_another_is_not(
    window: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Path] = []
    monkeypatch.setattr("upgrade_tui.cli.run._start", lambda d, origin, accept="": started.append(d) or d)
    (window / "plan.toml").write_text(CHANGED, encoding="utf-8")
    kept, other = tmp_path / "kept.toml", tmp_path / "other.toml"
    kept.write_text(PLAN, encoding="utf-8")
    other.write_text(CHANGED + "\n", encoding="utf-8")
    refused = said("run", "--detach", window.name, "--plan", str(other))
    assert refused.exit_code == Exit.LOG_DAMAGED
    assert "other.toml is not the plan of" in refused.output
    assert said("run", "--detach", window.name, "--plan", str(kept)).exit_code == Exit.OK
    assert started == [window]
    assert (window / "plan.toml").read_text(encoding="utf-8") == PLAN
    assert said("verify", str(window)).exit_code == Exit.OK


def test_a_plan_that_is_gone_or_unreadable_can_be_put_back_too(
    window: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("upgrade_tui.cli.run._start", lambda d, origin, accept="": d)
    kept = tmp_path / "kept.toml"
    kept.write_text(PLAN, encoding="utf-8")
    for spoil in (lambda path: path.unlink(), lambda path: path.write_text("[window", encoding="utf-8")):
        spoil(window / "plan.toml")
        refused = said("run", "--detach", window.name)
        assert refused.exit_code == Exit.LOG_DAMAGED
        assert "--plan FILE" in refused.output
        assert said("run", "--detach", window.name, "--plan", str(kept)).exit_code == Exit.OK


def test_a_disk_that_takes_no_plan_is_told_and_leaves_the_one_that_is_there(
    window: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    (window / "plan.toml").write_text(CHANGED, encoding="utf-8")
    kept = tmp_path / "kept.toml"
    kept.write_text(PLAN, encoding="utf-8")
    monkeypatch.setattr("os.fsync", full)
    refused = said("run", "--detach", window.name, "--plan", str(kept))
    assert refused.exit_code == Exit.CANNOT_WRITE
    assert "No space left on device" in refused.output
    assert (window / "plan.toml").read_text(encoding="utf-8") == CHANGED


def test_the_lead_goes_on_with_it_as_it_is_and_the_log_says_so(window: Path) -> None:
    (window / "plan.toml").write_text(CHANGED, encoding="utf-8")
    asyncio.run(conducted(window, accept="the mirror moved"))
    accepted = [event for event in lines(window) if isinstance(event, ev.PlanAccepted)]
    assert [event.reason for event in accepted] == ["the mirror moved"]
    asyncio.run(conducted(window))  # and the next one asks no more
    checked = said("verify", str(window))
    assert checked.exit_code == Exit.OK
    assert "accepted a changed plan.toml: the mirror moved" in checked.output
    said("report", str(window))
    first = (window / "report/report.md").read_text(encoding="utf-8").splitlines()[0]
    assert "the mirror moved" in first


def test_somebody_who_is_no_lead_cannot_accept_it(window: Path) -> None:
    (window / "plan.toml").write_text(CHANGED, encoding="utf-8")
    with pytest.raises(PlanDiffers, match="eve is no lead"):
        asyncio.run(conducted(window, accept="I like it better", opener="eve"))


@pytest.mark.parametrize("how", ["replaced", "deleted"])
def test_verify_names_an_output_that_is_not_what_was_printed(window: Path, how: str) -> None:
    (output,) = (window / "output").iterdir()
    if how == "deleted":
        output.unlink()
    else:
        output.write_text("all is well\n", encoding="utf-8")
    checked = said("verify", str(window))
    assert checked.exit_code == Exit.LOG_DAMAGED
    assert f"output/{output.name} {'is gone' if how == 'deleted' else 'was changed'}" in checked.output
    assert os.linesep in checked.output
