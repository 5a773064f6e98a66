"""A rollback ends what is held; and it is never decided beside a start that it does not see."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.conductor import support
from upgrade_tui.fleet.jobs import Arming
from upgrade_tui.window import commands as cmd
from upgrade_tui.window import events as ev
from upgrade_tui.window.commands import Actor, Refusal

MEI = Actor("mei", "lead")
BACK = cmd.StartRollback(confirm="w1", reason="the canary is red")


async def test_a_step_held_by_a_pause_is_ended_by_the_rollback_and_goes_on_when_it_is_started_again(
    tmp_path: Path,
) -> None:
    rig = await support.rig(tmp_path)
    rig.hosts.hold["a"] = asyncio.Event()
    step = asyncio.create_task(rig.start("roll"))
    await rig.until(lambda: rig.store.state.steps["roll"].tasks["a"].state == "running")
    said = await rig.store.command(BACK, MEI)
    assert isinstance(said, Refusal)
    assert "still running: roll" in str(said)
    assert not isinstance(await rig.store.command(cmd.Pause(reason="red"), MEI), Refusal)
    rig.hosts.hold.pop("a").set()
    await rig.until(lambda: rig.store.state.steps["roll"].tasks["a"].check == 0)
    assert not isinstance(await rig.store.command(BACK, MEI), Refusal)
    await step
    await rig.rollbacks.run()
    roll = rig.store.state.steps["roll"]
    assert (roll.state, roll.tasks["a"].state) == ("rolled back", "rolled back")
    assert [ran for ran in rig.hosts.ran if ran[1] == "upgrade"] == [("a", "upgrade")]
    assert not isinstance(await rig.store.command(cmd.Resume(reason="again"), MEI), Refusal)
    assert not isinstance(await rig.store.command(cmd.Start(step="roll"), MEI), Refusal)
    await rig.steps.run("roll")
    assert rig.store.state.steps["roll"].state == "done"
    await rig.store.close()


async def test_a_pause_between_batches_is_cut_short(tmp_path: Path) -> None:
    rig = await support.rig(tmp_path, support.PLAN.replace("check_first = false", 'check_first = false\nbake = "7m"'))
    step = asyncio.create_task(rig.start("roll"))
    await rig.until(lambda: rig.store.state.steps["roll"].tasks["a"].check == 0)
    assert not isinstance(await rig.store.command(BACK, MEI), Refusal)
    async with asyncio.timeout(60):
        await step
    assert rig.store.state.steps["roll"].reason == "stopped for the rollback of everything"
    await rig.store.close()


async def test_while_hosts_are_being_armed_nothing_is_rolled_back(tmp_path: Path) -> None:
    """An arming is in no log: a rollback would pass it by, and the host would undo a change that was never made."""
    text = support.PLAN.replace("check_first = false", 'check_first = false\nconfirm_within = "10m"')
    text = text.replace('[1, "100%"]', '["100%"]', 1)
    rig = await support.rig(tmp_path, text)
    go = asyncio.Event()

    async def arm(host: str, name: str, command: str, seconds: float, *, spec: object = None) -> Arming:
        if host != "a":
            await go.wait()
        return await support.Hosts.arm(rig.hosts, host, name, command, seconds)

    rig.hosts.arm = arm  # type: ignore[assignment]
    step = asyncio.create_task(rig.start("roll"))
    await rig.until(lambda: rig.store.state.steps["roll"].tasks["a"].check == 0)
    assert "still running: roll" in str(await rig.store.command(BACK, MEI))
    go.set()
    await step
    assert not isinstance(await rig.store.command(BACK, MEI), Refusal)
    await rig.store.close()


async def test_a_start_behind_the_end_of_its_step_means_nothing(tmp_path: Path) -> None:
    rig = await support.rig(tmp_path)
    state = rig.store.state.steps["roll"]
    await rig.store.write([ev.StepIntent(step="roll", attempt=1, batches=state.batches)], "mei")
    await rig.store.write([
        ev.StepFinished(step="roll", attempt=1, reason="stopped"),
        ev.TaskStarted(step="roll", host="b", attempt=1, batch=1),
    ])  # fmt: skip
    assert rig.store.state.steps["roll"].tasks["b"].state == "pending"
    await rig.store.close()


async def test_a_decision_is_carried_through_when_the_one_who_asked_goes_away(tmp_path: Path) -> None:
    rig = await support.rig(tmp_path)
    asked = asyncio.create_task(rig.store.command(cmd.Start(step="roll"), MEI))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    asked.cancel()
    said = await rig.store.command(cmd.Start(step="roll"), MEI)
    assert "running already" in str(said) or "already running" in str(said)
    assert rig.store.state.steps["roll"].attempt == 1
    await rig.store.close()


@pytest.mark.parametrize("started_first", [True, False])
async def test_a_rollback_and_a_start_never_pass_each_other(tmp_path: Path, started_first: bool) -> None:
    """Whatever stands before a decision in the log was seen by it; whatever stands after it sees it."""
    rig = await support.rig(tmp_path)
    state = rig.store.state.steps["roll"]
    await rig.store.write([ev.StepIntent(step="roll", attempt=1, batches=state.batches)], "mei")
    done = ev.TaskFinished(step="roll", host="a", attempt=1, exit=0, seconds=1.0)
    await rig.store.write([done, ev.TaskChecked(step="roll", host="a", attempt=1, exit=0)])
    start = rig.store.write([ev.TaskStarted(step="roll", host="b", attempt=1, batch=1)])
    back = rig.store.command(BACK, MEI)
    first, second = (start, back) if started_first else (back, start)
    results: list[Any] = list(await asyncio.gather(first, second))
    started, said = results if started_first else results[::-1]
    b = rig.store.state.steps["roll"].tasks["b"]
    if isinstance(said, Refusal):
        assert b.state == "running"
    else:
        assert not isinstance(started, Refusal)
        assert said[-1].seq < started[0].seq
        assert b.state == "pending"
    assert not (started_first and not isinstance(said, Refusal))
    await rig.store.close()


async def test_a_command_is_decided_while_facts_keep_coming(tmp_path: Path) -> None:
    rig = await support.rig(tmp_path)
    enough = asyncio.Event()

    async def talk(number: int) -> None:
        while not enough.is_set():
            await rig.store.write([ev.NoteAdded(text=f"fact {number}")])

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(talk(number))
        await asyncio.sleep(0.05)
        for _ in range(5):
            assert not isinstance(await rig.store.command(cmd.Note(text="a word"), MEI), Refusal)
        enough.set()
    await rig.store.close()
