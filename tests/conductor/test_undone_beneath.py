"""What a step stands on is undone while it runs: it stops, a gate closes as no-go, a bake fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.conductor import support
from tests.conductor.support import Rig
from upgrade_tui.window import events as ev
from upgrade_tui.window.gates import open_gate

ABOVE = """
[[steps]]
id = "more"
title = "What stands on it"
on = "web"
needs = ["roll"]
run = "more"
batches = [1]
rollback = { run = "less", estimate = "5m" }

[[steps]]
id = "go"
kind = "gate"
title = "Go?"
needs = ["roll"]

[[steps]]
id = "soak"
kind = "bake"
title = "Soak"
needs = ["roll"]
bake = "1h"

[[steps]]
id = "last"
title = "The last"
needs = ["go"]
"""


@asynccontextmanager
async def running(directory: Path, step: str) -> AsyncIterator[Rig]:
    """roll is done, a step that stands on it is under way."""
    made = await support.rig(directory, support.PLAN + ABOVE)
    await made.start("roll")
    if step == "go":
        await made.store.write(open_gate(made.store.state, "go", support.NOW), "mei")
        job = asyncio.create_task(made.steps.run("go"))
    else:
        made.hosts.hold["b"] = asyncio.Event()
        job = asyncio.create_task(made.start(step))
    try:
        yield made
    finally:
        job.cancel()
        await asyncio.gather(job, return_exceptions=True)
        await made.store.close()


async def undone(made: Rig, host: str) -> None:
    """A host undoes roll, whoever asked it to."""
    await made.store.write([ev.DeadmanFired(step="roll", host=host, exit=0)])


@pytest.mark.parametrize(("step", "event"), [("go", ev.GateDecided), ("soak", ev.BakeEnded)])
async def test_a_gate_is_a_no_and_a_bake_fails(tmp_path: Path, step: str, event: type) -> None:
    async with running(tmp_path, step) as made:
        await made.until(lambda: made.store.state.steps[step].state == "running")
        await undone(made, "a")
        await made.until(lambda: made.store.state.steps[step].state == "failed")
        assert made.store.state.steps[step].reason == "roll, which it needs, is failed"


async def test_a_command_stops_at_the_end_of_its_batch(tmp_path: Path) -> None:
    async with running(tmp_path, "more") as made:
        await made.until(lambda: made.store.state.steps["more"].tasks["b"].state == "running")
        await undone(made, "d")
        made.hosts.hold["b"].set()
        await made.until(lambda: made.store.state.steps["more"].state == "failed")
        step = made.store.state.steps["more"]
        assert [step.tasks[h].state for h in "abcd"] == ["done", "done", "pending", "pending"]
        assert step.reason == "roll, which it needs, is failed"


async def test_what_was_passed_on_work_that_was_undone_lets_nothing_go_on(tmp_path: Path) -> None:
    made = await support.rig(tmp_path, support.PLAN + ABOVE)
    await made.start("roll")
    await made.store.write(
        [*open_gate(made.store.state, "go", support.NOW), ev.GateDecided(step="go", attempt=1, go=True)]
    )
    assert made.store.state.shown("last") == "ready"
    await undone(made, "a")
    assert (made.store.state.shown("last"), made.store.state.missing("last")) == ("pending", ("roll",))
    await made.store.close()
