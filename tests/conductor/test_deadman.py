"""Hosts are armed before a change, and the log stays true about what they did."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conductor import support
from tests.conductor.support import Ended, Rig
from upgrade_tui.fleet.jobs import DeadMan
from upgrade_tui.window import events as ev
from upgrade_tui.window.commands import Actor, Close, Confirm, Extend, Refusal, Revert

LEAD = Actor("mei", "lead")
PLAN = support.PLAN.replace("check_first = false", 'check_first = false\nconfirm_within = "10m"', 1)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    made = await support.rig(tmp_path, PLAN)
    await made.start("roll")
    watching = asyncio.create_task(made.deadman.watch())
    yield made
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    await made.book.close()


def armed(rig: Rig) -> dict[str, str]:
    return {host: a.state for host, a in rig.book.state.steps["roll"].armed.items()}


async def test_a_host_is_armed_before_the_change_is_sent(rig: Rig) -> None:
    assert rig.hosts.ran[:2] == [("a", "arm downgrade"), ("a", "upgrade")]
    assert armed(rig) == dict.fromkeys("abcd", "armed")


async def test_what_cannot_be_armed_is_not_changed(tmp_path: Path) -> None:
    made = await support.rig(tmp_path, PLAN)
    made.hosts.cannot_arm = "no place for jobs"
    await made.start("roll")
    assert made.hosts.ran == []
    assert "could not be armed" in made.book.state.steps["roll"].tasks["a"].reason
    await made.book.close()


async def test_confirmed_hosts_are_disarmed(rig: Rig) -> None:
    await rig.book.command(Confirm(step="roll"), LEAD)
    await rig.until(lambda: set(armed(rig).values()) == {"confirmed"})
    assert {g.state for g in rig.hosts.guards.values()} == {"confirmed"}


async def test_one_host_is_extended(rig: Rig) -> None:
    await rig.book.command(Extend(step="roll", host="b", seconds=1200), LEAD)
    await rig.until(lambda: rig.book.state.steps["roll"].armed["b"].seconds == 1200)
    assert rig.hosts.guards["b", "w1.roll.deadman1"].remaining == 1200


async def test_reverted_hosts_undo_the_step(rig: Rig) -> None:
    refused = await rig.book.command(Revert(step="roll", host="c", reason=""), LEAD)
    assert isinstance(refused, Refusal)
    await rig.book.command(Revert(step="roll", host="c", reason="errors"), LEAD)
    await rig.until(lambda: armed(rig)["c"] == "fired")
    step = rig.book.state.steps["roll"]
    assert (step.state, step.tasks["c"].state) == ("failed", "rolled back")


async def test_a_host_that_fired_by_itself_is_told(rig: Rig) -> None:
    name = "w1.roll.deadman1"
    rig.hosts.guards["d", name] = DeadMan(state="fired", exit=0, output="back to 15\n")
    await rig.book.write([ev.NoteAdded(text="wakes the watch")], "mei")
    await rig.until(lambda: armed(rig)["d"] == "fired")
    assert rig.book.state.steps["roll"].tasks["d"].state == "rolled back"
    assert rig.book.state.steps["roll"].armed["d"].last_line == "back to 15"


async def test_a_lost_dead_man_is_unknown(rig: Rig) -> None:
    rig.hosts.guards["d", "w1.roll.deadman1"] = DeadMan(state="gone", reason="its directory is gone")
    await rig.book.write([ev.NoteAdded(text="wakes the watch")], "mei")
    await rig.until(lambda: rig.book.state.steps["roll"].tasks["d"].state == "unknown")


async def test_a_window_with_armed_hosts_is_not_closed(rig: Rig) -> None:
    refused = await rig.book.command(Close(confirm="w1", outcome="abandoned", reason="bed"), LEAD)
    assert "armed" in str(refused)


async def test_the_plan_may_confirm_by_itself(tmp_path: Path) -> None:
    made = await support.rig(tmp_path, PLAN.replace('"10m"', '"10m"\nconfirm = "auto"', 1))
    watching = asyncio.create_task(made.deadman.watch())
    await made.start("roll")
    await made.until(lambda: set(armed(made).values()) == {"confirmed"})
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    await made.book.close()


async def test_a_failure_that_changed_nothing_disarms_its_host(tmp_path: Path) -> None:
    made = await support.rig(tmp_path, PLAN.replace('"10m"', '"10m"\nfailure_changes_nothing = true', 1))
    made.hosts.script["a", "upgrade"] = Ended(exit=1)
    watching = asyncio.create_task(made.deadman.watch())
    await made.start("roll")
    await made.until(lambda: armed(made)["a"] == "confirmed")
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    await made.book.close()
