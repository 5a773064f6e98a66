"""A shell asks the conductor how the window stands: it folds nothing, and waits there for a step or a rollback."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given

from tests.conductor.served import Served
from tests.window.small import TEXT, Log, small_plan
from tests.window.strategies import calmly, record_lists
from upgrade_tui.attach import protocol as p
from upgrade_tui.attach.client import Client, Lost
from upgrade_tui.conductor.requests import RequestHandler, Sources
from upgrade_tui.window import commands as cmd
from upgrade_tui.window import events as ev
from upgrade_tui.window.fold import fold_all
from upgrade_tui.window.measurements import Frame

FRAME = Frame(ts=5.0, hosts={}, canaries={}, tasks=())


@calmly
@given(record_lists(60))
def test_a_state_comes_over_the_wire_as_it_was(records: list[ev.Record]) -> None:
    state = fold_all(small_plan(), records)
    assert p.unpacked(p.packed(state), state.plan) == state


class Told:
    """The store of a window that goes on as ``log`` does."""

    def __init__(self, log: Log) -> None:
        self.log, self.asked, self._change = log, 0, asyncio.Event()

    @property
    def state(self) -> Any:
        self.asked += 1
        return self.log.state

    async def changed(self) -> None:
        await self._change.wait()

    def go_on(self) -> None:
        self._change.set()
        self._change = asyncio.Event()


async def asking(directory: Path, told: Told, **what: Any) -> Any:
    none: Any = None
    sources = Sources(directory, small_plan(), cast("Any", told), none, none, none, lambda: 7.0, lambda: FRAME)

    async def answer(request: p.Request) -> p.AnyAnswer:
        return await RequestHandler(sources).answer(request, none)

    async with Served(directory, answer, tuple(told.log.records), TEXT):
        client = await Client.connect(directory, since=None)
        try:
            return await client.state(**what)
        finally:
            await client.close()


async def test_whoever_asks_gets_state_frame_and_time(tmp_path: Path) -> None:
    told = Told(Log().prepared())
    assert await asking(tmp_path, told) == (told.log.state, FRAME, 7.0)


async def test_whoever_waits_for_a_step_gets_the_state_when_it_is_held(tmp_path: Path) -> None:
    log = Log().prepared().does("mei", cmd.Start(step="copy")).batch("copy", 0)
    told = Told(log)
    waiting = asyncio.create_task(asking(tmp_path, told, over="copy"))
    async with asyncio.timeout(60):
        while not told.asked:
            await asyncio.sleep(0)
    assert not waiting.done()
    log.happens(ev.StepHeld(step="copy", attempt=1, batch=1, reason="no time to undo it", slack=-60.0))
    told.go_on()
    state, _, _ = await waiting
    assert state.steps["copy"].held is not None


async def test_waiting_for_a_step_that_is_not_there_ends_at_once(tmp_path: Path) -> None:
    with pytest.raises(Lost, match='there is no step "nonsense"'):
        await asking(tmp_path, Told(Log().prepared()), over="nonsense")


async def test_a_client_that_wants_nothing_of_the_past_is_sent_none_of_it(tmp_path: Path) -> None:
    log = Log().prepared()
    async with Served(tmp_path, None, tuple(log.records)):
        client = await Client.connect(tmp_path, since=None)
        first = await anext(aiter(client.stream()))
        await client.close()
    assert first == p.CaughtUp(seq=log.records[-1].seq)
