"""What was stopped, excluded or ended does not run, and is not told as done; all of it was seen on real hosts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conductor import support
from tests.conductor.support import CommandResult, Rig
from upgrade_tui.fleet.jobs import Arming, HostDeadman
from upgrade_tui.window import commands as cmd
from upgrade_tui.window import events as ev
from upgrade_tui.window.commands import Actor, AnyCommand, Refusal

MEI = Actor("mei", "lead")
ONE = support.PLAN.replace('batches = [1, "100%"]', 'batches = ["100%"]').replace('on = "web"', 'on = ["a", "b"]')
SECRET = """check_first = false
secret_env = ["PW_OF_THIS_TEST"]
secret_command = "echo PW_OF_THIS_TEST=hunter2"
"""
GUARDED = ONE.replace("check_first = false", 'check_first = false\nconfirm_within = "10m"')


async def told(rig: Rig, command: AnyCommand) -> None:
    said = await rig.store.command(command, MEI)
    assert not isinstance(said, Refusal), said


def upgraded(rig: Rig) -> list[str]:
    return sorted(host for host, command in rig.hosts.ran if command == "upgrade")


async def test_a_host_that_is_excluded_while_its_check_runs_is_left_alone(tmp_path: Path) -> None:
    rig = await support.rig(tmp_path, ONE.replace("check_first = false", "check_first = true"))
    rig.hosts.script["a", "is-new"] = rig.hosts.script["b", "is-new"] = CommandResult(exit=1)
    rig.hosts.hold["b"] = asyncio.Event()
    step = asyncio.create_task(rig.start("roll"))
    await rig.until(lambda: rig.store.state.steps["roll"].tasks["a"].state == "running")
    await told(rig, cmd.Exclude(host="b", reason="broken"))
    rig.hosts.hold["b"].set()
    await step
    assert upgraded(rig) == ["a"]
    assert rig.store.state.steps["roll"].tasks["b"].state == "skipped"
    await rig.store.close()


@pytest.mark.parametrize("stop", [cmd.Pause(reason="x"), cmd.Abort(confirm="w1", reason="x")])
async def test_nothing_begins_after_a_stop_while_secrets_are_fetched(tmp_path: Path, stop: AnyCommand) -> None:
    go = tmp_path / "go"
    rig = await support.rig(
        tmp_path,
        ONE.replace("check_first = false", SECRET.replace("echo", f"until [ -e {go} ]; do sleep 0.02; done; echo")),
    )
    step = asyncio.create_task(rig.start("roll"))
    await rig.until(lambda: rig.store.state.steps["roll"].batch == 0)
    await told(rig, stop)
    go.touch()
    await asyncio.sleep(0.6)
    assert upgraded(rig) == []
    await told(rig, cmd.Resume(reason="again"))
    await step
    assert upgraded(rig) == (["a", "b"] if isinstance(stop, cmd.Pause) else [])
    await rig.store.close()


async def test_an_exclusion_while_a_host_is_armed_calls_its_dead_man_off(tmp_path: Path) -> None:
    rig = await support.rig(tmp_path, GUARDED)
    go, at_it = asyncio.Event(), asyncio.Event()

    async def arm(host: str, name: str, command: str, seconds: float, *, spec: object = None) -> Arming:
        if host == "b":
            at_it.set()
            await go.wait()
        return await support.Hosts.arm(rig.hosts, host, name, command, seconds)

    rig.hosts.arm = arm  # type: ignore[assignment]
    step = asyncio.create_task(rig.start("roll"))
    await at_it.wait()
    await told(rig, cmd.Exclude(host="b", reason="broken"))
    go.set()
    await step
    assert upgraded(rig) == ["a"]
    armed = rig.store.state.steps["roll"].armed
    assert (armed["a"].asked, armed["b"].asked) == ("", "confirm")
    await rig.store.close()


@pytest.mark.parametrize(
    ("ended", "check", "asked"),
    [
        (CommandResult(exit=7), CommandResult(exit=0), "confirm"),
        (CommandResult(exit=0), CommandResult(exit=1), ""),  # done, and proven wrong: what the dead-man is for
        (CommandResult(exit=143, timed_out=True), CommandResult(exit=0), ""),
        (CommandResult(exit=143, ended=True), CommandResult(exit=0), ""),
    ],
)
async def test_only_a_command_that_failed_by_itself_calls_the_dead_man_off(
    tmp_path: Path, ended: CommandResult, check: CommandResult, asked: str
) -> None:
    text = GUARDED.replace('confirm_within = "10m"', 'confirm_within = "10m"\nfailure_changes_nothing = true')
    rig = await support.rig(tmp_path, text)
    rig.hosts.script["a", "upgrade"], rig.hosts.script["a", "is-new"] = ended, check
    await rig.start("roll")
    assert rig.store.state.steps["roll"].tasks["a"].state == "failed"
    assert rig.store.state.steps["roll"].armed["a"].asked == asked
    await rig.store.close()


async def test_no_host_undoes_what_still_runs_on_it(tmp_path: Path) -> None:
    rig = await support.rig(tmp_path, GUARDED)
    rig.hosts.hold["a"] = asyncio.Event()
    step = asyncio.create_task(rig.start("roll"))
    await rig.until(lambda: rig.store.state.steps["roll"].tasks["a"].state == "running")
    commands: list[Callable[[], AnyCommand]] = [
        lambda: cmd.Revert(step="roll", host="a", reason="now"),
        lambda: cmd.Extend(step="roll", host="a", seconds=10),
    ]
    for make in commands:
        assert '"roll" still runs on a' in str(await rig.store.command(make(), MEI))
    await told(rig, cmd.Extend(step="roll", host="a", seconds=1200))
    rig.hosts.hold["a"].set()
    await step
    await told(rig, cmd.Revert(step="roll", host="a", reason="now"))
    await rig.store.close()


async def test_a_command_that_was_ended_is_not_done_whatever_its_exit_code(tmp_path: Path) -> None:
    rig = await support.rig(tmp_path, ONE)
    rig.hosts.script["a", "upgrade"] = CommandResult(exit=0, ended=True, reason="it was ended on request")
    await rig.start("roll")
    task = rig.store.state.steps["roll"].tasks["a"]
    assert (task.state, task.reason) == ("failed", "ended on request")
    assert ("a", "is-new") not in rig.hosts.ran
    await rig.store.close()


async def test_what_a_dead_man_printed_is_told_without_secrets(tmp_path: Path) -> None:
    rig = await support.rig(tmp_path, GUARDED.replace("check_first = false", SECRET))
    await rig.start("roll")
    for host in "ab":
        rig.hosts.guards[host, "w1.roll.deadman1"] = HostDeadman(state="fired", exit=0, output="undo with hunter2\n")
    watching = asyncio.create_task(rig.deadman.watch())
    await rig.until(lambda: rig.store.state.steps["roll"].armed["a"].state == "fired")
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    assert rig.store.state.steps["roll"].armed["a"].last_line == "undo with [secret]"
    await rig.store.close()


async def test_what_was_settled_while_it_may_run_is_ended_before_it_is_tried_again(tmp_path: Path) -> None:
    rig = await support.rig(tmp_path, ONE)
    rig.hosts.lose["a"] = asyncio.Event()
    step = asyncio.create_task(rig.start("roll"))
    await rig.until(lambda: rig.store.state.steps["roll"].tasks["a"].following)
    await told(rig, cmd.Settle(step="roll", host="a", outcome="failed", reason="it is broken"))
    await step
    rig.hosts.lose.clear()
    await told(rig, cmd.Start(step="roll", hosts=("a",)))
    await rig.steps.run("roll")
    assert rig.hosts.ended == [("a", "w1.roll.1")]
    assert rig.store.state.steps["roll"].state == "done"
    assert rig.store.state.steps["roll"].tasks["a"].abandoned == ""
    await rig.store.close()


LEFT = CommandResult(
    proven=False, left="4711 root dpkg", reason="timed out after 60 s, but this may still run: 4711 root dpkg"
)


async def left_running(rig: support.Rig) -> None:
    """The step's time is up on a, something could not be ended there, and somebody settles it."""
    rig.hosts.script["a", "upgrade"] = LEFT
    await rig.start("roll")
    assert rig.store.state.steps["roll"].tasks["a"].state == "unknown"
    await told(rig, cmd.Settle(step="roll", host="a", outcome="failed", reason="apt is slow"))
    rig.hosts.ran.clear()


async def test_what_a_timeout_left_is_ended_before_a_retry(tmp_path: Path) -> None:
    rig = await support.rig(tmp_path, ONE)
    await left_running(rig)
    rig.hosts.script.clear()
    await told(rig, cmd.Start(step="roll", hosts=("a",)))
    await rig.steps.run("roll")
    assert rig.hosts.ended == [("a", "w1.roll.1")]
    assert rig.store.state.steps["roll"].tasks["a"].state == "done"
    await rig.store.close()


@pytest.mark.parametrize("text", [ONE, GUARDED], ids=["plain", "armed"])
async def test_nothing_is_begun_beside_what_cannot_be_ended(tmp_path: Path, text: str) -> None:
    rig = await support.rig(tmp_path, text)
    await left_running(rig)
    if text == GUARDED:
        rig.hosts.guards["a", "w1.roll.deadman1"] = HostDeadman(state="confirmed")
    rig.hosts.stays["a"] = "4711 root dpkg"
    await told(rig, cmd.Start(step="roll", hosts=("a",)))
    await rig.steps.run("roll")
    task = rig.store.state.steps["roll"].tasks["a"]
    assert (task.state, rig.hosts.ran) == ("unreachable", []), "not sent, and not armed"
    assert "attempt 1 may still run there, and could not be ended: 4711 root dpkg" in task.reason
    await rig.store.close()


async def test_what_a_timeout_left_is_ended_before_a_rollback(tmp_path: Path) -> None:
    rig = await support.rig(tmp_path, ONE)
    await left_running(rig)
    rig.hosts.stays["a"] = "4711 root dpkg"
    await told(rig, cmd.StartRollback(confirm="w1", reason="bad"))
    await rig.rollbacks.run()
    task = rig.store.state.steps["roll"].tasks["a"]
    assert task.state == "unreachable"
    assert "4711 root dpkg" in task.reason
    assert ("a", "downgrade") not in rig.hosts.ran
    rig.hosts.stays.clear()
    await told(rig, cmd.StartRollback(confirm="w1", reason="bad"))
    await rig.rollbacks.run()
    assert set(rig.hosts.ended) == {("a", "w1.roll.1")}
    assert rig.store.state.steps["roll"].state == "rolled back"
    await rig.store.close()


async def test_what_a_rollback_left_is_ended_before_the_next_one(tmp_path: Path) -> None:
    rig = await support.rig(tmp_path, ONE)
    await rig.start("roll")
    rig.hosts.script["a", "downgrade"] = LEFT
    await told(rig, cmd.StartRollback(confirm="w1", reason="bad"))
    await rig.rollbacks.run()
    await told(rig, cmd.Settle(step="roll", host="a", outcome="failed", reason="apt is slow"))
    rig.hosts.script.clear()
    await told(rig, cmd.StartRollback(confirm="w1", reason="again"))
    await rig.rollbacks.run()
    assert rig.hosts.ended == [("a", "w1.roll.undo1")]
    assert rig.store.state.steps["roll"].state == "rolled back"
    await rig.store.close()


async def test_a_step_that_has_nowhere_to_run_is_not_done_by_that(tmp_path: Path) -> None:
    rig = await support.rig(tmp_path, ONE.replace('batches = ["100%"]', "once = true"))
    rig.hosts.script["a", "upgrade"] = CommandResult(exit=1)
    await rig.start("roll")
    await told(rig, cmd.Exclude(host="a", reason="broken"))
    assert rig.store.state.steps["roll"].state == "failed"
    said = str(await rig.store.command(cmd.Start(step="roll"), MEI))
    assert '"roll" has nowhere to run: a takes no part any more' in said
    await told(rig, cmd.Skip(step="roll", reason="done by hand on b"))
    await rig.store.close()


async def test_nor_does_it_run_on_an_excluded_place(tmp_path: Path) -> None:
    rig = await support.rig(tmp_path, ONE.replace("check_first = false", 'check_first = false\nrun_on = "d"'))
    await told(rig, cmd.Exclude(host="d", reason="broken"))
    assert "has nowhere to run: d" in str(await rig.store.command(cmd.Start(step="roll"), MEI))
    await rig.store.close()


async def test_a_command_s_rollback_by_hand_can_be_given_up(tmp_path: Path) -> None:
    by_hand = ONE.replace('rollback = { run = "downgrade"', 'rollback = { manual = "restore from tape"')
    rig = await support.rig(tmp_path, by_hand)
    await rig.start("roll")
    await told(rig, cmd.StartRollback(confirm="w1", reason="bad"))
    undoing = asyncio.create_task(rig.rollbacks.run())
    await rig.until(lambda: rig.store.state.steps["roll"].state == "rolling back")
    await told(rig, cmd.Skip(step="roll", reason="the tape is empty"))
    await undoing
    state = rig.store.state
    assert not state.rolling_back
    assert state.steps["roll"].state == "failed"
    assert state.rollback is not None
    assert "given up by mei: the tape is empty" in state.rollback.trouble
    await told(rig, cmd.StartRollback(confirm="w1", reason="there is another tape"))
    assert isinstance(rig.store.state.rollback, type(state.rollback))
    assert [u.step for u in rig.store.state.rollback.undo] == ["roll"]
    await rig.store.write([ev.RollbackEnded(outcome="failed", seconds=0.0)])
    await rig.store.close()


async def test_a_command_that_an_abort_ended_says_whose_abort_it_was(tmp_path: Path) -> None:
    rig = await support.rig(tmp_path, ONE)
    rig.hosts.script["a", "upgrade"] = CommandResult(
        exit=143, ended=True, early="it was ended on request; it was asked to end and did"
    )
    rig.hosts.hold["a"] = asyncio.Event()
    running = asyncio.create_task(rig.start("roll"))
    await rig.until(lambda: rig.store.state.steps["roll"].tasks["a"].state == "running")
    await told(rig, cmd.Abort(confirm="w1", reason="wrong night"))
    rig.hosts.hold["a"].set()
    await running
    task = rig.store.state.steps["roll"].tasks["a"]
    assert task.reason == "it was ended as mei aborted the window; it was asked to end and did"
    await rig.store.close()
