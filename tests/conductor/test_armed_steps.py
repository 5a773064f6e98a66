"""An armed step is not done: what comes next, batches and steps, waits until it is confirmed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.conductor import support
from tests.conductor.support import Rig
from upgrade_tui.fleet.jobs import HostDeadman
from upgrade_tui.window import events as ev
from upgrade_tui.window.commands import Actor, Confirm, Refusal, Revert, Start, Tick

LEAD = Actor("mei", "lead")
PLAN = support.PLAN.replace("check_first = false", 'check_first = false\nconfirm_within = "10m"', 1)
GUARD = "w1.roll.deadman1"


@asynccontextmanager
async def started(directory: Path, plan: str = PLAN) -> AsyncIterator[Rig]:
    """roll is under way, its dead-men are watched."""
    made = await support.rig(directory, plan)
    jobs = [asyncio.create_task(made.start("roll")), asyncio.create_task(made.deadman.watch())]
    try:
        yield made
    finally:
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)
        await made.store.close()


def states(made: Rig) -> dict[str, str]:
    step = made.store.state.steps["roll"]
    return {host: step.host_state(host) for host in step.tasks}


def state(made: Rig, step: str = "roll") -> str:
    return made.store.state.shown(step)


async def confirmed(made: Rig, *hosts: str) -> None:
    for host in hosts:
        assert not isinstance(await made.store.command(Confirm(step="roll", host=host), LEAD), Refusal)


async def test_the_next_batch_waits_until_the_batch_before_is_confirmed(tmp_path: Path) -> None:
    async with started(tmp_path) as made:
        await made.until(lambda: states(made)["a"] == "armed")
        for _ in range(20):  # time enough for the runner to begin what it would begin
            await made.store.write([ev.NoteAdded(text="something else happens")], "mei")
        assert states(made) == {"a": "armed", "b": "pending", "c": "pending", "d": "pending"}
        await confirmed(made, "a")
        await made.until(lambda: states(made) == {"a": "done", "b": "armed", "c": "armed", "d": "armed"})


async def test_a_step_is_armed_and_not_done_until_its_last_host_is_confirmed(tmp_path: Path) -> None:
    async with started(tmp_path) as made:
        await made.until(lambda: states(made)["a"] == "armed")
        await confirmed(made, "a")
        await made.until(lambda: state(made) == "armed")
        assert state(made, "look") == "pending"
        assert '"look" is not ready; it waits for roll (armed)' in str(
            await made.store.command(Tick(step="look"), LEAD)
        )
        assert "is armed: not confirmed yet on b, c, d" in str(await made.store.command(Start(step="roll"), LEAD))
        await confirmed(made, "b", "c", "d")
        await made.until(lambda: state(made) == "done")
        assert state(made, "look") == "ready"


async def test_what_hosts_undo_in_the_middle_of_a_step_ends_it_there(tmp_path: Path) -> None:
    async with started(tmp_path) as made:
        await made.until(lambda: states(made)["a"] == "armed")
        await made.store.command(Revert(step="roll", host="a", reason="errors"), LEAD)
        await made.until(lambda: state(made) not in ("running", "unknown"))
        assert (state(made), states(made)["b"]) == ("rolled back", "pending")
        assert made.hosts.guards["a", GUARD].state == "fired"


async def test_what_confirms_by_itself_does_so_at_the_end_of_its_bake(tmp_path: Path) -> None:
    canaries = '"10m"\nconfirm = "auto"\nbake = "1s"\ncanaries = ["front"]'
    async with started(tmp_path, PLAN.replace('"10m"', canaries, 1)) as made:
        await made.until(lambda: states(made)["a"] == "armed")
        assert made.store.state.steps["roll"].armed["a"].asked == ""
        healthy = ev.CanaryVerdict(canary="front", verdict="healthy", before="no data")
        began = asyncio.get_running_loop().time()
        await made.store.write([healthy])
        await made.until(lambda: states(made)["a"] == "done")
        assert asyncio.get_running_loop().time() - began >= 1.0, "its bake comes first"
        await made.until(lambda: state(made) == "done")


async def test_a_bake_that_fails_confirms_nothing(tmp_path: Path) -> None:
    canaries = '"10m"\nconfirm = "auto"\nbake = "5m"\ncanaries = ["front"]'
    async with started(tmp_path, PLAN.replace('"10m"', canaries, 1)) as made:
        await made.until(lambda: states(made)["a"] == "armed")
        await made.store.write([ev.CanaryVerdict(canary="front", verdict="failing", before="no data", detail="503")])
        await made.until(lambda: state(made) == "failed")
        assert made.store.state.steps["roll"].reason == "canary front is failing: 503"
        await made.store.write([ev.CanaryVerdict(canary="front", verdict="healthy", before="failing")])
        assert (made.hosts.guards["a", GUARD].state, states(made)["a"]) == ("armed", "armed")
        made.hosts.guards["a", GUARD] = HostDeadman(state="fired", exit=0)
        await made.store.write([ev.NoteAdded(text="wakes the watch")], "mei")
        await made.until(lambda: state(made) == "rolled back")
