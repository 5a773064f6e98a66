"""The clock holds what changes a host, right before it begins: each batch, each host of it, each retry."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.conductor.support import NOW, PLAN, Rig, rig
from upgrade_tui.conductor.execution.tasks import Work
from upgrade_tui.window import commands as cmd
from upgrade_tui.window import events as ev
from upgrade_tui.window import hold
from upgrade_tui.window.commands import Actor

LEAD = Actor("mei", "lead")
ONE_BY_ONE = PLAN.replace('batches = [1, "100%"]', "batches = [1]")
HOUR = 3600.0


@asynccontextmanager
async def _window(directory: Path, text: str, *, start: float = -HOUR, end: float = 4 * HOUR) -> AsyncIterator[Rig]:
    """A window that starts and ends so many seconds from now. A batch takes 1 min, undoing it 5; the margin is 10."""
    made = await rig(directory, text, opened=False)
    opened = ev.WindowOpened(
        window="w1", plan_id="w1", plan_sha256="0" * 64, start=NOW + start, end=NOW + end, version="0", host="h", pid=1
    )
    await made.store.write([opened], "mei")
    yield made
    await made.store.close()


def _ran(rig: Rig) -> list[str]:
    return [host for host, command in rig.hosts.ran if command == "upgrade"]


def _listen(rig: Rig) -> list[ev.Event]:
    told: list[ev.Event] = []
    rig.store.observe(lambda records: told.extend(r.event for r in records))
    return told


async def _time_passes(rig: Rig, seconds: float) -> None:
    rig.steps._context.now = lambda: NOW + seconds
    await rig.store.write([ev.ClockJumped(seconds=seconds)])


async def _held(rig: Rig, batch: int) -> None:
    await rig.until(lambda: (held := rig.store.state.steps["roll"].held) is not None and held.batch == batch)


async def test_the_last_batch_does_not_begin_once_it_could_not_be_undone_in_time(tmp_path: Path) -> None:
    """Four batches of 5 min to undo and 10 of margin: 30. Of the 27 min that are left, three fit."""
    async with _window(tmp_path, ONE_BY_ONE, end=27 * 60) as rig:
        running = asyncio.create_task(rig.start("roll"))
        await _held(rig, 3)
        assert _ran(rig) == ["a", "b", "c"]
        held = rig.store.state.steps["roll"].held
        assert held is not None
        assert (held.why, held.reason) == ("clock", "no time to undo it")
        assert rig.store.state.steps["roll"].state == "running"
        await rig.store.command(cmd.Start(step="roll", override="half is worse"), LEAD)
        await running
        assert _ran(rig) == ["a", "b", "c", "d"]
        assert rig.store.state.steps["roll"].state == "done"


async def test_the_lead_lets_one_batch_go_at_a_time(tmp_path: Path) -> None:
    async with _window(tmp_path, ONE_BY_ONE, end=17 * 60) as rig:
        told = _listen(rig)
        running = asyncio.create_task(rig.start("roll"))
        for batch in (1, 2, 3):
            await _held(rig, batch)
            assert len(_ran(rig)) == batch
            await rig.store.command(cmd.Start(step="roll", override=f"number {batch}"), LEAD)
        await running
        assert [e.batch for e in told if isinstance(e, ev.StepHeld)] == [1, 2, 3]
        assert [e.override for e in told if isinstance(e, ev.StepReleased)] == ["number 1", "number 2", "number 3"]


async def test_rest_lets_all_batches_go_that_are_left(tmp_path: Path) -> None:
    async with _window(tmp_path, ONE_BY_ONE, end=17 * 60) as rig:
        told = _listen(rig)
        running = asyncio.create_task(rig.start("roll"))
        await _held(rig, 1)
        await rig.store.command(cmd.Start(step="roll", override="all of them", rest=True), LEAD)
        await running
        assert _ran(rig) == ["a", "b", "c", "d"]
        assert [(e.batch, e.rest) for e in told if isinstance(e, ev.StepReleased)] == [(1, True)]


async def test_a_step_that_was_started_early_goes_on_by_itself_as_the_window_starts(tmp_path: Path) -> None:
    async with _window(tmp_path, ONE_BY_ONE, start=0.4) as rig:
        told = _listen(rig)
        await rig.store.command(cmd.Start(step="roll", override="the first one now"), LEAD)
        await rig.steps.run("roll")
        assert _ran(rig) == ["a", "b", "c", "d"]
        assert [(e.batch, e.reason) for e in told if isinstance(e, ev.StepHeld)] == [(1, hold.EARLY)]
        assert [(e.batch, e.reason) for e in told if isinstance(e, ev.StepReleased)] == [(1, "the window has started")]


async def test_past_the_end_a_batch_is_held_also_where_there_is_no_way_back_any_more(tmp_path: Path) -> None:
    text = ONE_BY_ONE.replace('rollback = { run = "downgrade", estimate = "5m" }', "irreversible = true")
    async with _window(tmp_path, text, end=-1) as rig:
        await rig.store.command(cmd.Start(step="roll", confirm="roll", override="nearly through"), LEAD)
        running = asyncio.create_task(rig.steps.run("roll"))
        await _held(rig, 1)
        held = rig.store.state.steps["roll"].held
        assert held is not None
        assert (held.reason, _ran(rig)) == (hold.LATE, ["a"])
        running.cancel()


async def test_what_only_looks_is_not_held(tmp_path: Path) -> None:
    text = ONE_BY_ONE.replace('rollback = { run = "downgrade", estimate = "5m" }', "changes = false")
    async with _window(tmp_path, text, end=-1) as rig:
        await rig.start("roll")
        assert _ran(rig) == ["a", "b", "c", "d"]


async def test_hosts_of_a_batch_under_way_are_held_once_rollback_by_is_past(tmp_path: Path) -> None:
    """One host at a time of one batch, and the first takes long."""
    text = PLAN.replace('batches = [1, "100%"]', "parallel = 1")
    async with _window(tmp_path, text, end=17 * 60) as rig:
        rig.hosts.hold["a"] = asyncio.Event()
        running = asyncio.create_task(rig.start("roll"))
        await rig.until(lambda: rig.store.state.steps["roll"].tasks["a"].state == "running")
        await _time_passes(rig, 2 * 60 + 1)
        rig.hosts.hold["a"].set()
        await _held(rig, 0)
        assert _ran(rig) == ["a"]
        await rig.store.command(cmd.Start(step="roll", override="the other three"), LEAD)
        await running
        assert sorted(_ran(rig)) == ["a", "b", "c", "d"]


async def test_a_held_step_can_be_rolled_back(tmp_path: Path) -> None:
    async with _window(tmp_path, ONE_BY_ONE, end=17 * 60) as rig:
        running = asyncio.create_task(rig.start("roll"))
        await _held(rig, 1)
        await rig.store.command(cmd.StartRollback(confirm="w1", reason="enough"), LEAD)
        await asyncio.gather(running, rig.rollbacks.run())
        step = rig.store.state.steps["roll"]
        assert (step.tasks["a"].state, step.held, _ran(rig)) == ("rolled back", None, ["a"])


async def test_a_held_step_ends_with_an_abort(tmp_path: Path) -> None:
    async with _window(tmp_path, ONE_BY_ONE, end=17 * 60) as rig:
        running = asyncio.create_task(rig.start("roll"))
        await _held(rig, 1)
        await rig.store.command(cmd.Abort(confirm="w1", reason="enough"), LEAD)
        await running
        step = rig.store.state.steps["roll"]
        assert (step.state, step.held, _ran(rig)) == ("failed", None, ["a"])


async def test_a_new_conductor_still_holds_it(tmp_path: Path) -> None:
    async with _window(tmp_path, ONE_BY_ONE, end=17 * 60) as rig:
        running = asyncio.create_task(rig.start("roll"))
        await _held(rig, 1)
        running.cancel()
        told = _listen(rig)
        again = asyncio.create_task(rig.steps.run("roll", resume=True))
        for _ in range(3):
            await rig.store.write([ev.NoteAdded(text="it has had its turn")])
        assert _ran(rig) == ["a"]
        assert not [e for e in told if isinstance(e, ev.StepHeld | ev.BatchStarted)], "held as before, and told once"
        await rig.store.command(cmd.Start(step="roll", override="go", rest=True), LEAD)
        await again
        assert _ran(rig) == ["a", "b", "c", "d"]


async def test_canaries_are_asked_again_after_a_hold(tmp_path: Path) -> None:
    text = ONE_BY_ONE.replace('timeout = "1m"', 'timeout = "1m"\ncanaries = ["front"]')
    async with _window(tmp_path, text, end=17 * 60) as rig:
        await rig.store.write([ev.CanaryVerdict(canary="front", verdict="healthy", before="no data")])
        running = asyncio.create_task(rig.start("roll"))
        await _held(rig, 1)
        await rig.store.write([ev.CanaryVerdict(canary="front", verdict="failing", before="healthy", detail="500")])
        await rig.store.command(cmd.Start(step="roll", override="go"), LEAD)
        await running
        assert _ran(rig) == ["a"]
        assert "canary front is failing: 500" in rig.store.state.steps["roll"].reason


async def test_what_was_armed_before_a_jump_back_waits_for_the_windows_start(tmp_path: Path) -> None:
    """Armed, then a pause; in it the wall clock turns out to be an hour fast: the window has not begun yet."""
    text = ONE_BY_ONE.replace('timeout = "1m"', 'timeout = "1m"\nconfirm_within = "10m"')
    async with _window(tmp_path, text, start=-60) as rig:
        plain = rig.deadman.arm

        async def arm(work: Work) -> bool:
            done = await plain(work)
            await rig.store.write([ev.WindowPaused(reason="phone")], "mei")
            return done

        rig.deadman.arm = arm  # type: ignore[method-assign]
        running = asyncio.create_task(rig.start("roll"))
        await rig.until(lambda: rig.store.state.phase == "paused")
        await _time_passes(rig, -HOUR)
        await rig.store.command(cmd.Resume(), LEAD)
        await _held(rig, 0)
        held = rig.store.state.steps["roll"].held
        assert held is not None
        assert (held.reason, _ran(rig)) == (hold.EARLY, [])
        running.cancel()
