"""What a new conductor makes of what an earlier one left, and how the window's clock follows the wall clock."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.conductor import support
from upgrade_tui.conductor.window_clock import WindowClock
from upgrade_tui.journal import file_store
from upgrade_tui.window import events as ev
from upgrade_tui.window.commands import Actor, Refusal, Vote
from upgrade_tui.window.fold import fold


async def test_a_task_under_way_when_the_conductor_died_is_found_on_its_host(tmp_path: Path) -> None:
    made = await support.rig(tmp_path)
    step = made.store.state.steps["roll"]
    await made.store.write(
        [
            ev.StepIntent(step="roll", attempt=1, batches=step.batches),
            ev.BatchStarted(step="roll", attempt=1, batch=0),
            ev.TaskStarted(step="roll", host="a", attempt=1),
        ]
    )
    await made.store.close()
    hosts = support.Hosts(jobs={("a", "w1.roll.1"): support.CommandResult(exit=0, seconds=3.0)})
    again = await support.rig(tmp_path, hosts=hosts, opened=False)
    await again.steps.run("roll", resume=True)
    assert again.store.state.steps["roll"].state == "done"
    assert ("a", "upgrade") not in hosts.ran
    assert hosts.ran.count(("b", "upgrade")) == 1
    await again.store.close()


async def test_a_task_that_was_never_sent_is_unreachable_after_a_takeover(tmp_path: Path) -> None:
    made = await support.rig(tmp_path)
    step = made.store.state.steps["roll"]
    await made.store.write(
        [
            ev.StepIntent(step="roll", attempt=1, batches=step.batches),
            ev.BatchStarted(step="roll", attempt=1, batch=0),
            ev.TaskStarted(step="roll", host="a", attempt=1),
        ]
    )
    await made.steps.run("roll", resume=True)
    task = made.store.state.steps["roll"].tasks["a"]
    assert (task.state, task.reason) == ("unreachable", "it was never started")
    assert made.hosts.ran == []
    await made.store.close()


async def test_a_result_without_its_check_is_checked_by_the_next_conductor(tmp_path: Path) -> None:
    made = await support.rig(tmp_path)
    step = made.store.state.steps["roll"]
    await made.store.write(
        [
            ev.StepIntent(step="roll", attempt=1, batches=step.batches),
            ev.BatchStarted(step="roll", attempt=1, batch=0),
            ev.TaskStarted(step="roll", host="a", attempt=1),
        ]
    )
    await made.store.write([ev.TaskFinished(step="roll", host="a", attempt=1, exit=0, seconds=1.0)])
    made.hosts.script["a", "is-new"] = support.CommandResult(exit=1)
    await made.steps.run("roll", resume=True)
    assert made.hosts.ran == [("a", "is-new")]
    assert made.store.state.steps["roll"].state == "failed"
    await made.store.close()


async def test_the_state_after_a_restart_is_the_fold_of_the_log(tmp_path: Path) -> None:
    made = await support.rig(tmp_path)
    await made.start("roll")
    before = made.store.state
    await made.store.close()
    again = support.WindowStore(made.plan, lambda: support.NOW, file_store(tmp_path))
    await again.open()
    assert again.state == before
    await again.close()


def test_folding_a_takeover_drops_the_clients_of_the_old_conductor() -> None:
    from upgrade_tui.plan.reader import parse_plan
    from upgrade_tui.window.state import initial

    state = initial(parse_plan(support.PLAN, "plan.toml"))
    events = [
        ev.OperatorAttached(login="mei", role="lead", client=1),
        ev.ConductorStarted(pid=2, host="h", version="1"),
    ]
    for number, event in enumerate(events, 1):
        state = fold(state, ev.Record(seq=number, ts=1.0, mono=1.0, boot="b", actor="x", event=event))
    assert state.operators == {}
    assert state.takeovers == 1


def test_a_jump_of_the_wall_clock_is_told_and_then_followed() -> None:
    wall, mono = [1000.0], [50.0]
    clock = WindowClock(lambda: wall[0], lambda: mono[0])
    mono[0], wall[0] = 60.0, 4610.0  # ten seconds later the wall clock is an hour on
    assert clock.now() == 1010.0
    assert clock.correct() == 3600.0
    assert clock.now() == 4610.0
    assert clock.correct() == 0.0


def test_small_corrections_are_followed_without_a_word() -> None:
    wall, mono = [1000.0], [0.0]
    clock = WindowClock(lambda: wall[0], lambda: mono[0])
    mono[0], wall[0] = 1.0, 1001.2
    assert clock.correct() == 0.0
    assert clock.now() == 1001.2


async def test_a_gate_without_evidence_since_the_conductor_died_is_opened_by_the_next(
    tmp_path: Path,
) -> None:
    """Else nobody could vote on it, and its window could not be closed."""
    gate = '\n[[steps]]\nid = "go"\ntitle = "Go?"\nkind = "gate"\nneeds = []\napprovals = 1\n'
    made = await support.rig(tmp_path, support.PLAN + gate)
    await made.store.write([ev.StepIntent(step="go", attempt=1)], "mei")
    running = asyncio.create_task(made.steps.run("go", resume=True))
    await made.until(lambda: made.store.state.steps["go"].gate is not None)
    done = await made.store.command(Vote(step="go", go=False, reason="morning"), Actor("mei", "lead"))
    assert not isinstance(done, Refusal)
    await running
    assert made.store.state.steps["go"].state == "failed"
    await made.store.close()
