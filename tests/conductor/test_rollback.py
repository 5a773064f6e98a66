"""Rollbacks are carried out in their order, stop loudly, and can be asked for again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conductor import support
from tests.conductor.support import CommandResult, Rig
from upgrade_tui.window import clock
from upgrade_tui.window import events as ev
from upgrade_tui.window.commands import Actor, Refusal, Settle, Skip, StartRollback, Tick

LEAD = Actor("mei", "lead")

MANUAL = """
[[steps]]
id = "dns"
title = "Point DNS to the new place"
rollback = { manual = "point it back", estimate = "3m" }
"""


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    text = support.PLAN.replace('estimate = "5m" }', 'estimate = "5m", check = "is-old" }')
    made = await support.rig(tmp_path, text + MANUAL)
    await made.start("roll")
    made.hosts.ran.clear()
    yield made
    await made.store.close()


async def ask(rig: Rig, **scope: object) -> None:
    asked = await rig.store.command(StartRollback(confirm="w1", reason="errors", **scope), LEAD)  # type: ignore[arg-type]
    assert not isinstance(asked, Refusal), asked


def states(rig: Rig) -> dict[str, str]:
    return {t.host: t.state for t in rig.store.state.steps["roll"].tasks.values()}


async def test_batches_are_undone_last_first_and_checked(rig: Rig) -> None:
    await ask(rig)
    await rig.rollbacks.run()
    assert {h for h, _ in rig.hosts.ran[:6]} == {"b", "c", "d"}
    assert rig.hosts.ran[6:] == [("a", "downgrade"), ("a", "is-old")]
    assert set(states(rig).values()) == {"rolled back"}
    assert rig.store.state.steps["roll"].state == "rolled back"
    assert rig.store.state.rollback is not None
    assert rig.store.state.rollback.outcome == "done"
    assert clock.rollback_cost(rig.store.state) == 0.0


async def test_a_failed_undo_stops_the_rollback_before_the_next_batch(rig: Rig) -> None:
    rig.hosts.script["c", "downgrade"] = CommandResult(exit=9)
    await ask(rig)
    await rig.rollbacks.run()
    assert states(rig) == {"a": "done", "b": "rolled back", "c": "failed", "d": "rolled back"}
    assert rig.store.state.rollback is not None
    assert rig.store.state.rollback.outcome == "failed"
    assert "c failed: rollback: exit 9" in rig.store.state.rollback.trouble
    assert ("a", "downgrade") not in rig.hosts.ran


async def test_asked_again_only_what_is_left_is_undone(rig: Rig) -> None:
    rig.hosts.script["c", "downgrade"] = CommandResult(exit=9)
    await ask(rig)
    await rig.rollbacks.run()
    rig.hosts.script.clear()
    rig.hosts.ran.clear()
    await ask(rig)
    await rig.rollbacks.run()
    assert [h for h, command in rig.hosts.ran if command == "downgrade"] == ["c", "a"]
    assert rig.store.state.steps["roll"].state == "rolled back"


async def test_a_takeover_goes_on_past_a_step_on_whose_other_hosts_an_earlier_rollback_failed(rig: Rig) -> None:
    rig.hosts.script["c", "downgrade"] = CommandResult(exit=9)
    await ask(rig)
    await rig.rollbacks.run()
    await ask(rig, hosts=("a",))
    asked = rig.store.state.rollback
    assert asked is not None
    started = ev.RollbackStarted(
        step="roll", reason="x", attempt=rig.store.state.steps["roll"].undo + 1, batches=(("a",),)
    )
    undone = ev.TaskFinished(step="roll", host="a", attempt=started.attempt, exit=0, seconds=1.0, undo=True)
    finished = ev.RollbackFinished(step="roll", outcome="done", seconds=1.0)
    await rig.store.write([started, undone, finished, ev.ConductorStarted(pid=2, host="h", version="0")])
    await rig.rollbacks.run()
    assert rig.store.state.rollback is not None
    assert (rig.store.state.rollback.outcome, rig.store.state.rollback.trouble) == ("done", "")


async def test_settled_by_hand_counts_as_undone(rig: Rig) -> None:
    rig.hosts.script["c", "downgrade"] = CommandResult(exit=9)
    await ask(rig)
    await rig.rollbacks.run()
    await rig.store.command(Settle(step="roll", outcome="done", host="c", reason="by hand"), LEAD)
    rig.hosts.ran.clear()
    await ask(rig)
    await rig.rollbacks.run()
    assert [h for h, command in rig.hosts.ran if command == "downgrade"] == ["a"]


async def test_a_failed_undo_check_is_a_failed_undo(rig: Rig) -> None:
    rig.hosts.script["b", "is-old"] = CommandResult(exit=1)
    await ask(rig)
    await rig.rollbacks.run()
    assert states(rig)["b"] == "failed"


async def test_a_lost_link_holds_the_rollback_until_the_host_is_back(rig: Rig) -> None:
    rig.hosts.lose["d"] = asyncio.Event()
    await ask(rig)
    running = asyncio.create_task(rig.rollbacks.run())
    await rig.until(lambda: states(rig)["d"] == "unknown")
    assert rig.store.state.shown("roll") == "unknown"
    rig.hosts.lose["d"].set()
    await running
    assert rig.store.state.steps["roll"].state == "rolled back"


async def test_some_hosts_only(rig: Rig) -> None:
    await ask(rig, hosts=("a",))
    await rig.rollbacks.run()
    assert states(rig) == {"a": "rolled back", "b": "done", "c": "done", "d": "done"}
    assert rig.store.state.steps["roll"].state == "failed"


async def test_a_manual_rollback_waits_for_its_tick(rig: Rig) -> None:
    await rig.store.command(Tick(step="look"), LEAD)
    await rig.store.command(Tick(step="dns"), LEAD)
    await ask(rig)
    running = asyncio.create_task(rig.rollbacks.run())
    await rig.until(lambda: rig.store.state.steps["dns"].state == "rolling back")
    assert rig.hosts.ran == []
    await rig.store.command(Tick(step="dns"), LEAD)
    await running
    assert rig.store.state.steps["dns"].state == "rolled back"
    assert rig.store.state.steps["roll"].state == "rolled back"


async def test_a_manual_rollback_that_cannot_be_done_is_given_up_and_stops_the_rollback(rig: Rig) -> None:
    await rig.store.command(Tick(step="look"), LEAD)
    await rig.store.command(Tick(step="dns"), LEAD)
    await ask(rig)
    running = asyncio.create_task(rig.rollbacks.run())
    await rig.until(lambda: rig.store.state.steps["dns"].state == "rolling back")
    refused = await rig.store.command(Skip(step="dns", reason="no rights"), Actor("tom", "engineer"))
    assert "only the lead" in str(refused)
    await rig.store.command(Skip(step="dns", reason="no rights"), LEAD)
    await running
    assert rig.hosts.ran == []
    assert rig.store.state.rollback is not None
    assert rig.store.state.rollback.trouble == "dns: given up by mei: no rights"


async def test_a_new_conductor_goes_on_with_a_rollback(rig: Rig, tmp_path: Path) -> None:
    """The earlier one died with batch b, c, d under way: what its jobs did is found, nothing runs twice."""
    await ask(rig)
    rig.hosts.hold["c"] = asyncio.Event()
    running = asyncio.create_task(rig.rollbacks.run())
    await rig.until(lambda: states(rig)["b"] == "rolled back" and states(rig)["c"] == "rolling back")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await rig.store.close()
    jobs = {**rig.hosts.jobs, ("c", "w1.roll.undo1"): CommandResult(exit=0, seconds=2.0)}
    text = (support.PLAN.replace('estimate = "5m" }', 'estimate = "5m", check = "is-old" }')) + MANUAL
    again = await support.rig(tmp_path, text, hosts=support.Hosts(jobs=jobs), opened=False)
    await again.rollbacks.run()
    assert again.store.state.steps["roll"].state == "rolled back"
    assert [h for h, command in again.hosts.ran if command == "downgrade"] == ["a"]
    await again.store.close()
