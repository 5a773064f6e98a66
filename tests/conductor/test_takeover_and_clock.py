"""What a new conductor makes of what an earlier one left, and how the window's clock follows the wall clock."""

from __future__ import annotations

from pathlib import Path

from tests.conductor import support
from upgrade_tui.conductor.takeover import left_behind
from upgrade_tui.conductor.time import WindowClock
from upgrade_tui.window import events as ev
from upgrade_tui.window.fold import fold


async def test_a_task_under_way_when_the_conductor_ended_is_unknown(tmp_path: Path) -> None:
    made = await support.rig(tmp_path)
    step = made.book.state.steps["roll"]
    await made.book.write(
        [
            ev.StepIntent(step="roll", attempt=1, batches=step.batches),
            ev.BatchStarted(step="roll", attempt=1, batch=0),
            ev.TaskStarted(step="roll", host="a", attempt=1),
        ]
    )
    await made.book.write(left_behind(made.book.state))
    step = made.book.state.steps["roll"]
    assert (step.state, step.tasks["a"].state, step.tasks["b"].state) == ("unknown", "unknown", "pending")
    assert left_behind(made.book.state) == ()
    await made.book.close()


async def test_a_step_between_two_batches_can_be_started_again(tmp_path: Path) -> None:
    made = await support.rig(tmp_path)
    step = made.book.state.steps["roll"]
    await made.book.write([ev.StepIntent(step="roll", attempt=1, batches=step.batches)])
    (finished,) = left_behind(made.book.state)
    assert isinstance(finished, ev.StepFinished)
    assert finished.outcome == "failed"
    await made.book.write([finished])
    await made.start("roll")
    assert made.book.state.steps["roll"].state == "done"
    await made.book.close()


async def test_the_state_after_a_restart_is_the_fold_of_the_log(tmp_path: Path) -> None:
    made = await support.rig(tmp_path)
    await made.start("roll")
    before = made.book.state
    await made.book.close()
    again = support.Book(made.plan, lambda: support.NOW)
    await again.open(tmp_path)
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
