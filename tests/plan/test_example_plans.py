"""The plans in configs/: right, and still saying what their comments promise."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from upgrade_tui.plan.estimate import batches_of, schedule, window_start
from upgrade_tui.plan.model import Plan
from upgrade_tui.plan.reader import check_plan, read_plan

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.toml"))


def load(name: str) -> Plan:
    return read_plan(next(path for path in CONFIGS if path.stem == name))


def test_there_are_at_least_six() -> None:
    assert len(CONFIGS) >= 6


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_an_example_has_neither_errors_nor_warnings(path: Path) -> None:
    plan, diagnostics = check_plan(path.read_text(encoding="utf-8"), path.name)
    assert [str(found) for found in diagnostics] == []
    assert plan is not None
    assert plan.window.goal
    assert plan.canaries
    assert plan.risks


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_an_example_can_be_rolled_back_in_time_until_its_point_of_no_return(path: Path) -> None:
    plan = read_plan(path)
    slots = schedule(plan, window_start(plan, 0.0))
    assert all(slot.slack > 0 for slot in slots if not slot.irreversible)
    assert any(slot.rollback > 0 for slot in slots)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_commands_never_wait_for_a_password(path: Path) -> None:
    for where, command in commands(read_plan(path)):
        words = command.replace("'", " ").replace("=", " ").split()
        assert all(words[i + 1] == "-n" for i, word in enumerate(words[:-1]) if word == "sudo"), where


def test_the_kernel_plan_reboots_one_host_and_then_two_at_a_time() -> None:
    plan = load("kernel-reboots")
    step = plan.step("reboot")
    assert step is not None
    assert [len(batch) for batch in batches_of(plan, step)] == [1, 2, 2, 2, 1]


def test_the_database_plan_passes_its_point_of_no_return_when_writes_open() -> None:
    plan = load("postgresql-15-to-16")
    first = next(slot for slot in schedule(plan, 0.0) if slot.irreversible)
    assert first.step == "open-writes"


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_command_is_sound_shell(path: Path) -> None:
    for where, command in commands(read_plan(path)):
        done = subprocess.run(["sh", "-n", "-c", command], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), where


def test_the_drill_can_be_run_and_rolled_back_for_real(tmp_path: Path) -> None:
    def run(command: str | None) -> int:
        here = (
            (command or "true").replace("/tmp/upgrade-tui-drill", str(tmp_path / "drill")).replace("sleep 2", "sleep 0")
        )
        return subprocess.run(["sh", "-c", here], capture_output=True, check=False).returncode

    plan = load("localhost-drill")
    canary = plan.canary("current version answers")
    assert canary is not None
    assert run(canary.run) != 0
    done = [step for step in plan.steps if step.kind == "command"]
    for step in done:
        assert (run(step.run), run(step.check)) == (0, 0), step.id
    assert run(canary.run) == 0
    for step in reversed(done):
        assert step.rollback is not None
        assert (run(step.rollback.run), run(step.rollback.check)) == (0, 0), step.id
    assert not (tmp_path / "drill").exists()


def commands(plan: Plan) -> Iterator[tuple[str, str]]:
    for step in plan.steps:
        undo = step.rollback
        for command in (step.run, step.check, undo.run if undo else None, undo.check if undo else None):
            if command:
                yield step.id, command
    for canary in plan.canaries:
        if canary.run:
            yield canary.name, canary.run


def test_the_drill_touches_no_host() -> None:
    plan = load("localhost-drill")
    assert {host.address for host in plan.hosts.values()} == {"local"}
    assert plan.window.start.at is None
