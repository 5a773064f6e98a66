"""Hosts are armed before a change, and the log stays true about what they did."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conductor import support
from tests.conductor.support import CommandResult, Rig
from upgrade_tui.conductor.execution.tasks import Work
from upgrade_tui.fleet.jobs import HostDeadman
from upgrade_tui.window import events as ev
from upgrade_tui.window.commands import Actor, Close, Confirm, Extend, Refusal, Resume, Revert

LEAD = Actor("mei", "lead")
PLAN = support.PLAN.replace("check_first = false", 'check_first = false\nconfirm_within = "10m"', 1).replace(
    '[1, "100%"]', '["100%"]', 1
)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    made = await support.rig(tmp_path, PLAN)
    await made.start("roll")
    watching = asyncio.create_task(made.deadman.watch())
    yield made
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    await made.store.close()


def armed(rig: Rig) -> dict[str, str]:
    return {host: a.state for host, a in rig.store.state.steps["roll"].armed.items()}


async def test_a_host_is_armed_before_the_change_is_sent(rig: Rig) -> None:
    ran = rig.hosts.ran
    assert all(ran.index((host, "arm downgrade")) < ran.index((host, "upgrade")) for host in "abcd")
    assert armed(rig) == dict.fromkeys("abcd", "armed")


async def test_what_cannot_be_armed_is_not_changed(tmp_path: Path) -> None:
    made = await support.rig(tmp_path, PLAN)
    made.hosts.cannot_arm = "no place for jobs"
    await made.start("roll")
    assert made.hosts.ran == []
    assert "could not be armed" in made.store.state.steps["roll"].tasks["a"].reason
    await made.store.close()


async def test_what_was_armed_for_a_change_that_did_not_begin_does_not_undo_the_next_one(tmp_path: Path) -> None:
    made = await support.rig(tmp_path, PLAN)
    made.hosts.script["a", "upgrade"] = CommandResult(exit=1)
    await made.start("roll")
    made.hosts.guards["a", "w1.roll.deadman1"] = HostDeadman(state="fired", exit=0)  # just as it is tried again
    await made.start("roll")
    assert made.store.state.steps["roll"].tasks["a"].state == "rolled back"
    assert made.hosts.guards["a", "w1.roll.deadman2"].state == "confirmed", "nobody watches it"
    await made.store.close()


async def test_a_dead_man_that_an_earlier_conductor_armed_and_did_not_log_is_disarmed(tmp_path: Path) -> None:
    made = await support.rig(tmp_path, PLAN)
    made.hosts.script["a", "upgrade"] = CommandResult(exit=None, proven=False, sent=False, reason="refused")
    await made.start("roll")
    made.hosts.guards["a", "w1.roll.deadman2"] = HostDeadman(state="armed", remaining=600)
    intent = ev.StepIntent(step="roll", attempt=2, batches=made.store.state.steps["roll"].batches)
    stopped = ev.StepFinished(step="roll", attempt=2, reason="it died as it armed")
    await made.store.write([intent, stopped], "mei")
    await made.start("roll")
    assert made.hosts.guards["a", "w1.roll.deadman2"].state == "confirmed"
    assert made.hosts.guards["a", "w1.roll.deadman3"].state == "armed"
    await made.store.close()


async def test_what_was_told_to_undo_itself_before_it_began_does_not_begin(tmp_path: Path) -> None:
    """Armed, then a pause; the host was told to undo the step before; the window goes on."""
    made = await support.rig(tmp_path, PLAN)
    plain = made.deadman.arm

    async def arm(work: Work) -> bool:
        done = await plain(work)
        if work.host == "a":
            await made.store.write([ev.WindowPaused(reason="phone")], "mei")
        return done

    made.deadman.arm = arm  # type: ignore[method-assign]
    running = asyncio.create_task(made.start("roll"))
    await made.until(lambda: made.store.state.phase == "paused")
    refused = await made.store.command(Revert(step="roll", host="a", reason="wrong"), LEAD)
    assert isinstance(refused, Refusal), "it is about to begin there: nobody has it undone beside it"
    await made.store.write([ev.DeadmanAsked(step="roll", hosts=("a",), what="cancel", reason="decided before")], "mei")
    await made.store.command(Resume(), LEAD)
    await running
    assert ("a", "upgrade") not in made.hosts.ran
    await made.store.close()


async def test_nothing_is_armed_while_the_host_undoes_an_earlier_attempt(tmp_path: Path) -> None:
    """Its own dead-man would go off beside that one, for a change that never began."""
    made = await support.rig(tmp_path, PLAN)
    made.hosts.script["a", "upgrade"] = CommandResult(exit=1)
    await made.start("roll")
    made.hosts.guards["a", "w1.roll.deadman1"] = HostDeadman(state="fired")  # and is at it
    made.hosts.ran.clear()
    again = asyncio.create_task(made.start("roll"))
    await made.until(lambda: made.store.state.steps["roll"].attempt == 2)
    await made.store.write([ev.NoteAdded(text="it takes its time")], "mei")
    await asyncio.wait({again}, timeout=0.2)
    assert ("a", "arm downgrade") not in made.hosts.ran
    await made.store.write([ev.DeadmanFired(step="roll", host="a", exit=0)])
    await again
    assert made.hosts.ran == []
    assert made.store.state.steps["roll"].tasks["a"].state == "rolled back"
    await made.store.close()


async def test_confirmed_hosts_are_disarmed(rig: Rig) -> None:
    await rig.store.command(Confirm(step="roll"), LEAD)
    await rig.until(lambda: set(armed(rig).values()) == {"confirmed"})
    assert {g.state for g in rig.hosts.guards.values()} == {"confirmed"}


async def test_one_host_is_extended(rig: Rig) -> None:
    await rig.store.command(Extend(step="roll", host="b", seconds=1200), LEAD)
    await rig.until(lambda: rig.store.state.steps["roll"].armed["b"].seconds == 1200)
    assert rig.hosts.guards["b", "w1.roll.deadman1"].remaining == 1200


async def test_reverted_hosts_undo_the_step(rig: Rig) -> None:
    refused = await rig.store.command(Revert(step="roll", host="c", reason=""), LEAD)
    assert isinstance(refused, Refusal)
    await rig.store.command(Revert(step="roll", host="c", reason="errors"), LEAD)
    await rig.until(lambda: armed(rig)["c"] == "fired")
    step = rig.store.state.steps["roll"]
    assert (step.state, step.tasks["c"].state) == ("failed", "rolled back")


async def test_a_host_that_fired_by_itself_is_told(rig: Rig) -> None:
    name = "w1.roll.deadman1"
    rig.hosts.guards["d", name] = HostDeadman(state="fired", exit=0, output="back to 15\n")
    await rig.store.write([ev.NoteAdded(text="wakes the watch")], "mei")
    await rig.until(lambda: armed(rig)["d"] == "fired")
    assert rig.store.state.steps["roll"].tasks["d"].state == "rolled back"
    assert rig.store.state.steps["roll"].armed["d"].last_line == "back to 15"


async def test_a_dead_man_that_is_gone_undid_nothing_and_a_person_decides(rig: Rig) -> None:
    rig.hosts.guards["d", "w1.roll.deadman1"] = HostDeadman(state="gone", reason="the host rebooted, which killed it")
    await rig.store.write([ev.NoteAdded(text="wakes the watch")], "mei")
    await rig.until(lambda: armed(rig)["d"] == "gone")
    step = rig.store.state.steps["roll"]
    assert step.tasks["d"].state == "done", "the change stands"
    assert step.armed["d"].reason == "the host rebooted, which killed it"
    refused = await rig.store.command(Revert(step="roll", host="d", reason="no"), LEAD)
    assert "is gone from d" in str(refused)
    assert "rollback --step roll" in str(refused)
    await rig.store.command(Confirm(step="roll", host="d"), LEAD)
    assert armed(rig) == {"a": "armed", "b": "armed", "c": "armed", "d": "confirmed"}
    assert rig.store.state.steps["roll"].armed["d"].asked == ""


async def test_one_that_is_gone_with_its_directory_may_have_undone_it(rig: Rig) -> None:
    gone = HostDeadman(state="gone", reason="its directory is gone from the host", maybe_fired=True)
    rig.hosts.guards["d", "w1.roll.deadman1"] = gone
    await rig.store.write([ev.NoteAdded(text="wakes the watch")], "mei")
    await rig.until(lambda: rig.store.state.steps["roll"].tasks["d"].state == "unknown")
    assert "whether it had undone the step is not known" in rig.store.state.steps["roll"].tasks["d"].reason


async def test_a_rollback_where_the_dead_man_is_gone_confirms_nothing(rig: Rig) -> None:
    """ "Stays" would be the opposite of what is being done."""
    rig.hosts.guards["d", "w1.roll.deadman1"] = HostDeadman(state="gone", reason="what waited on the host was killed")
    assert await rig.deadman.disarm(rig.plan.steps[0], "d") is None
    assert armed(rig)["d"] == "gone"


async def test_what_could_kill_a_dead_man_is_in_the_log(tmp_path: Path) -> None:
    made = await support.rig(tmp_path, PLAN)
    made.hosts.risk = "a reboot of the host is scheduled in 5 min"
    await made.start("roll")
    assert made.store.state.steps["roll"].armed["a"].risk == "a reboot of the host is scheduled in 5 min"
    await made.store.close()


async def test_a_window_with_armed_hosts_is_not_closed(rig: Rig) -> None:
    refused = await rig.store.command(Close(confirm="w1", outcome="abandoned", reason="bed"), LEAD)
    assert "armed" in str(refused)


async def test_the_plan_may_confirm_by_itself(tmp_path: Path) -> None:
    made = await support.rig(tmp_path, PLAN.replace('"10m"', '"10m"\nconfirm = "auto"', 1))
    watching = asyncio.create_task(made.deadman.watch())
    await made.start("roll")
    await made.until(lambda: set(armed(made).values()) == {"confirmed"})
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    await made.store.close()


async def test_a_failure_that_changed_nothing_disarms_its_host(tmp_path: Path) -> None:
    made = await support.rig(tmp_path, PLAN.replace('"10m"', '"10m"\nfailure_changes_nothing = true', 1))
    made.hosts.script["a", "upgrade"] = CommandResult(exit=1)
    watching = asyncio.create_task(made.deadman.watch())
    await made.start("roll")
    await made.until(lambda: armed(made)["a"] == "confirmed")
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    await made.store.close()
