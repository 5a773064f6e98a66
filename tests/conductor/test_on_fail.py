"""on_fail = "rollback" rolls back: what runs is waited for, nothing more begins, and the hosts are undone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conductor import support
from tests.conductor.support import CommandResult, Rig
from upgrade_tui.conductor.execution import rollback
from upgrade_tui.conductor.observations import write_observations
from upgrade_tui.window import events as ev
from upgrade_tui.window.commands import Abort, Actor, Pause, Refusal
from upgrade_tui.window.on_fail import waits_for

LEAD = Actor("mei", "lead")
PLAN = (
    support.PLAN.replace('http = "http://10.0.0.9/health"', 'http = "http://10.0.0.9/health"\non_fail = "rollback"')
    .replace('run = "upgrade"', 'run = "upgrade"\ncanaries = ["front"]')
    .replace("[1, ", "[1, 1, ")
)
GATE = """
[[steps]]
id = "go"
title = "Go on?"
kind = "gate"
needs = ["roll"]
"""
FAILING = ev.CanaryVerdict(canary="front", verdict="failing", before="healthy", detail="HTTP 500")
HEALTHY = ev.CanaryVerdict(canary="front", verdict="healthy", before="no data")


@pytest.fixture(autouse=True)
def links_are_proven_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollback, "_proven", lambda plan: 0.0)


async def running(directory: Path, text: str = PLAN) -> Rig:
    """A window whose rollbacks begin when they are asked for, as a conductor begins them. The canary is healthy."""
    rig = await support.rig(directory, text)
    rig.follow()
    await write_observations(rig.store, [HEALTHY])
    return rig


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    made = await running(tmp_path)
    yield made
    await made.store.close()


def states(rig: Rig) -> dict[str, str]:
    return {t.host: t.state for t in rig.store.state.steps["roll"].tasks.values()}


async def runs(rig: Rig, host: str, command: str) -> None:
    """Until a command was given to a host."""
    while (host, command) not in rig.hosts.ran:
        await asyncio.sleep(0)


def over(rig: Rig) -> bool:
    asked = rig.store.state.rollback
    return asked is not None and not asked.active


async def test_a_failing_canary_waits_for_the_command_that_runs_then_undoes_the_step(rig: Rig) -> None:
    rig.hosts.hold["b"] = asyncio.Event()
    step = asyncio.create_task(rig.start("roll"))
    await runs(rig, *("b", "upgrade"))
    await write_observations(rig.store, [FAILING])
    asked = rig.store.state.rollback
    assert asked is not None
    assert asked.by == ev.SYSTEM
    assert asked.reason == "canary front is failing: HTTP 500"
    assert rig.store.state.steps["roll"].state == "running", "its command runs on b"
    assert not any(command == "downgrade" for _, command in rig.hosts.ran)
    rig.hosts.hold.pop("b").set()
    await step
    await rig.until(lambda: over(rig))
    assert [h for h, command in rig.hosts.ran if command == "downgrade"] == ["b", "a"]
    assert {h for h, command in rig.hosts.ran if command == "upgrade"} == {"a", "b"}, "no further batch began"
    assert states(rig) == {"a": "rolled back", "b": "rolled back", "c": "pending", "d": "pending"}
    assert rig.store.state.steps["roll"].state == "rolled back"
    assert rig.store.state.rollback is not None
    assert rig.store.state.rollback.outcome == "done"


async def test_a_batch_that_bakes_is_ended_and_undone(tmp_path: Path) -> None:
    rig = await running(tmp_path, PLAN.replace("[1, ", '[1, "50%", ').replace("timeout", 'bake = "1h"\ntimeout'))
    step = asyncio.create_task(rig.start("roll"))
    await rig.until(lambda: rig.store.state.steps["roll"].tasks["a"].check == 0)
    await write_observations(rig.store, [FAILING])
    await step
    await rig.until(lambda: over(rig))
    assert [h for h, command in rig.hosts.ran if command == "downgrade"] == ["a"]
    await rig.store.close()


async def test_hosts_of_the_batch_that_have_not_begun_do_not_begin(tmp_path: Path) -> None:
    rig = await running(tmp_path, PLAN.replace('[1, 1, "100%"]', '["100%"]\nparallel = 1'))
    rig.hosts.hold["a"] = asyncio.Event()
    step = asyncio.create_task(rig.start("roll"))
    await runs(rig, *("a", "upgrade"))
    await write_observations(rig.store, [FAILING])
    rig.hosts.hold.pop("a").set()
    await step
    await rig.until(lambda: over(rig))
    assert {h for h, _ in rig.hosts.ran} == {"a"}
    assert states(rig) == {"a": "rolled back", "b": "pending", "c": "pending", "d": "pending"}
    await rig.store.close()


async def test_a_gate_that_waits_is_ended_and_the_step_before_it_undone(tmp_path: Path) -> None:
    rig = await running(tmp_path, PLAN.replace('title = "Look at it"', 'title = "Look at it"\nneeds = []') + GATE)
    await rig.start("roll")
    gate = asyncio.create_task(rig.start("go"))
    await rig.until(lambda: rig.store.state.shown("go") == "running")
    await write_observations(rig.store, [FAILING])
    await gate
    await rig.until(lambda: over(rig))
    assert set(states(rig).values()) == {"rolled back"}
    assert rig.store.state.shown("go") != "done"
    assert rig.store.state.shown("go") != "running"
    await rig.store.close()


async def test_a_lost_host_is_waited_for_and_named(rig: Rig) -> None:
    rig.hosts.lose["b"] = asyncio.Event()
    step = asyncio.create_task(rig.start("roll"))
    await rig.until(lambda: states(rig)["b"] == "unknown")
    await write_observations(rig.store, [FAILING])
    assert waits_for(rig.store.state) == ("roll on b (lost)",)
    rig.hosts.lose.pop("b").set()
    await step
    await rig.until(lambda: over(rig))
    assert [h for h, command in rig.hosts.ran if command == "downgrade"] == ["b", "a"]


async def test_the_lead_stops_it_while_it_waits(rig: Rig) -> None:
    rig.hosts.hold["b"] = asyncio.Event()
    step = asyncio.create_task(rig.start("roll"))
    await runs(rig, *("b", "upgrade"))
    await write_observations(rig.store, [FAILING])
    assert not isinstance(await rig.store.command(Abort(confirm="w1", reason="not now"), LEAD), Refusal)
    rig.hosts.script["b", "upgrade"] = CommandResult(exit=143, ended=True)
    rig.hosts.hold.pop("b").set()
    await step
    await rig.until(lambda: over(rig))
    assert not any(command == "downgrade" for _, command in rig.hosts.ran)
    assert rig.store.state.rollback is not None
    assert rig.store.state.rollback.trouble == "stopped by the lead: not now"


async def test_the_lead_stops_it_between_two_batches(rig: Rig) -> None:
    await rig.start("roll")
    rig.hosts.ran.clear()
    rig.hosts.hold["d"] = asyncio.Event()
    await write_observations(rig.store, [FAILING])
    await runs(rig, *("d", "downgrade"))
    assert not isinstance(await rig.store.command(Abort(confirm="w1", reason="not now"), LEAD), Refusal)
    rig.hosts.hold.pop("d").set()
    await rig.until(lambda: over(rig))
    assert {h for h, command in rig.hosts.ran if command == "downgrade"} == {"c", "d"}
    assert rig.store.state.rollback is not None
    assert "stopped by the lead: not now" in rig.store.state.rollback.trouble


async def test_a_paused_window_is_undone_too(rig: Rig) -> None:
    await rig.start("roll")
    await rig.store.command(Pause(reason="let me look"), LEAD)
    await write_observations(rig.store, [FAILING])
    await rig.until(lambda: over(rig))
    assert set(states(rig).values()) == {"rolled back"}


async def test_one_transition_asks_once(rig: Rig) -> None:
    await rig.start("roll")
    await write_observations(rig.store, [FAILING, FAILING])
    await rig.until(lambda: over(rig))
    await write_observations(rig.store, [FAILING])
    assert rig.store.state.steps["roll"].undo == 1


async def test_hosts_that_turn_out_to_be_lost_before_it_began_keep_it_from_beginning(rig: Rig) -> None:
    rig.hosts.hold["b"] = asyncio.Event()
    step = asyncio.create_task(rig.start("roll"))
    await runs(rig, *("b", "upgrade"))
    await write_observations(rig.store, [FAILING])
    await write_observations(rig.store, [ev.HostLink(host=h, link="lost") for h in "acd"])
    rig.hosts.hold.pop("b").set()
    await step
    await rig.until(lambda: over(rig))
    assert not any(command == "downgrade" for _, command in rig.hosts.ran)
    assert rig.store.state.phase == "paused"
    assert "3 of 4 hosts are lost: this conductor may be the one that is cut off" in rig.store.state.reason
    assert rig.store.state.rollback is not None
    assert rig.store.state.rollback.outcome == "failed"


async def test_a_takeover_goes_on_with_a_rollback_that_waits(tmp_path: Path) -> None:
    first = await running(tmp_path)
    first.hosts.hold["b"] = asyncio.Event()
    step = asyncio.create_task(first.start("roll"))
    await runs(first, *("b", "upgrade"))
    await write_observations(first.store, [FAILING])
    for task in (step, *first.background):
        task.cancel()
    await asyncio.gather(step, *first.background, return_exceptions=True)
    await first.store.close()
    first.hosts.hold.clear()
    first.hosts.jobs["b", "w1.roll.1"] = CommandResult(exit=0, seconds=1.0)
    second = await support.rig(tmp_path, PLAN, hosts=first.hosts, opened=False)
    await asyncio.gather(second.steps.run("roll", resume=True), second.rollbacks.run())
    assert states(second) == {"a": "rolled back", "b": "rolled back", "c": "pending", "d": "pending"}
    await second.store.close()


async def test_a_takeover_goes_on_with_a_rollback_that_has_begun(tmp_path: Path) -> None:
    """What it undoes is not in its own way."""
    first = await running(tmp_path)
    await first.start("roll")
    first.hosts.hold["d"] = asyncio.Event()
    await write_observations(first.store, [FAILING])
    await runs(first, "d", "downgrade")
    await first.until(lambda: states(first)["c"] == "rolled back")  # of the same batch
    for task in first.background:
        task.cancel()
    await asyncio.gather(*first.background, return_exceptions=True)
    await first.store.close()
    first.hosts.hold.clear()
    first.hosts.jobs["d", "w1.roll.undo1"] = CommandResult(exit=0, seconds=1.0)
    second = await support.rig(tmp_path, PLAN, hosts=first.hosts, opened=False)
    await asyncio.wait_for(second.rollbacks.run(), 60)
    assert set(states(second).values()) == {"rolled back"}
    await second.store.close()


async def test_a_verdict_at_the_end_of_the_log_is_answered_by_the_next_conductor(tmp_path: Path) -> None:
    """The power went between the line of the verdict and the line of what it brings about."""
    rig = await running(tmp_path)
    await rig.start("roll")
    await rig.store.write([FAILING])
    assert rig.store.state.rollback is None
    await rig.store.close()
    second = await support.rig(tmp_path, PLAN, hosts=rig.hosts, opened=False)
    await second.until(lambda: second.store.state.rolling_back)
    await second.rollbacks.run()
    assert set(states(second).values()) == {"rolled back"}
    await second.store.close()


# -- on_fail of a step ----------------------------------------------------------------------------------------------


async def test_too_many_failed_hosts_undo_all_of_the_step(tmp_path: Path) -> None:
    rig = await running(
        tmp_path, PLAN.replace("max_fail", "").replace('run = "upgrade"', 'run = "upgrade"\non_fail = "rollback"')
    )
    rig.hosts.script["b", "upgrade"] = CommandResult(exit=7)
    await rig.start("roll")
    await rig.until(lambda: over(rig))
    assert [h for h, command in rig.hosts.ran if command == "downgrade"] == ["b", "a"]
    assert rig.store.state.steps["roll"].state == "rolled back"
    assert rig.store.state.rollback is not None
    assert rig.store.state.rollback.reason == "roll failed on 1 of 4 hosts, 0 may"
    await rig.store.close()


async def test_an_unknown_host_pauses_the_window(tmp_path: Path) -> None:
    rig = await running(tmp_path, PLAN.replace('run = "upgrade"', 'run = "upgrade"\non_fail = "rollback"'))
    rig.hosts.script["b", "upgrade"] = CommandResult(exit=None, proven=False, reason="the host rebooted while it ran")
    await rig.start("roll")
    await rig.until(lambda: rig.store.state.phase == "paused")
    assert rig.store.state.rollback is None
    assert "1 more unknown: that is not failed, so nothing is undone by itself" in rig.store.state.reason
    await rig.store.close()


async def test_a_takeover_ends_what_the_lead_had_stopped(tmp_path: Path) -> None:
    """The conductor died between the abort and the end of what was being undone."""
    first = await running(tmp_path)
    await first.start("roll")
    first.hosts.hold["d"] = asyncio.Event()
    await write_observations(first.store, [FAILING])
    await runs(first, "d", "downgrade")
    await first.store.write([ev.WindowAborted(reason="not now")], "mei")
    for task in first.background:
        task.cancel()
    await asyncio.gather(*first.background, return_exceptions=True)
    await first.store.close()
    second = await support.rig(tmp_path, PLAN, hosts=first.hosts, opened=False)
    second.hosts.ended.clear()
    second.hosts.jobs["d", "w1.roll.undo1"] = CommandResult(exit=143, ended=True)
    second.hosts.lose["d"] = asyncio.Event()
    undoing = asyncio.create_task(second.rollbacks.run())
    while not second.hosts.ended:
        await asyncio.sleep(0)
    second.hosts.lose["d"].set()
    await undoing
    assert ("d", "w1.roll.undo1") in second.hosts.ended
    assert second.store.state.steps["roll"].state == "failed"
    assert second.store.state.rollback is not None
    assert second.store.state.rollback.outcome == "failed"
    assert ("a", "downgrade") not in second.hosts.ran
    await second.store.close()
