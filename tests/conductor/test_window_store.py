"""The window's store over one in memory: what decisions see, what waits through a fence, who is told."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Sequence

import pytest

from tests.conductor.support import NOW, PLAN
from upgrade_tui.conductor import window_store as module
from upgrade_tui.conductor.window_store import WindowStore
from upgrade_tui.journal.store import MemoryLog
from upgrade_tui.plan.reader import parse_plan
from upgrade_tui.window import events as ev
from upgrade_tui.window.commands import Actor, Note, Pause, Refusal, Start
from upgrade_tui.window.state import WindowState

LEAD = Actor("mei", "lead")
OPENED = ev.WindowOpened(
    window="w1", plan_id="w1", plan_sha256="0" * 64, start=NOW, end=NOW + 14400, version="0", host="h", pid=1
)


async def opened(log: MemoryLog) -> WindowStore:
    store = WindowStore(parse_plan(PLAN, "plan.toml"), lambda: NOW, log.open)
    await store.open()
    if store.state.phase == "new":
        await store.write([OPENED], "mei")
    return store


def kinds(log: MemoryLog) -> list[str]:
    return [str(record.event.__struct_config__.tag) for record in log.records()]


async def fenced(store: WindowStore) -> None:
    while not store.fenced:
        await store.changed()


async def test_no_two_decisions_are_made_on_the_same_state() -> None:
    log = MemoryLog()
    store = await opened(log)
    first, second = await asyncio.gather(*(store.command(Start(step="roll"), LEAD) for _ in range(2)))
    assert not isinstance(first, Refusal)
    assert "already running" in str(second)
    assert kinds(log).count("step.intent") == 1


async def test_a_decision_sees_what_is_before_it_in_the_log_though_it_is_not_durable_yet() -> None:
    log = MemoryLog()
    store = await opened(log)
    seen: list[tuple[str, str]] = []

    def decide(state: WindowState) -> Sequence[ev.Event]:
        seen.append((state.phase, store.state.phase))
        return []

    async with asyncio.TaskGroup() as group:
        group.create_task(store.write([ev.WindowPaused(reason="lunch")]))
        group.create_task(store.transact(decide))
    assert seen == [("paused", "open")]


async def test_nobody_is_refused_for_what_a_crash_may_still_take_back() -> None:
    log = MemoryLog()
    store = await opened(log)
    log.sync = lambda: 3600.0
    pausing = asyncio.create_task(store.command(Pause(reason="lunch"), LEAD))
    await asyncio.sleep(0)
    again = asyncio.create_task(store.command(Pause(reason="lunch"), LEAD))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not again.done()
    pausing.cancel()
    again.cancel()


async def test_what_waited_through_a_fence_comes_behind_the_pause_in_its_order_and_before_new_decisions() -> None:
    log = MemoryLog()
    store = await opened(log)
    log.error = errno.EIO
    asked: list[str] = []

    def decide(state: WindowState) -> Sequence[ev.Event]:
        asked.append(state.phase)
        return [ev.NoteAdded(text="decided")]

    async with asyncio.TaskGroup() as group:
        group.create_task(store.transact(decide))
        for text in ("one", "two"):
            group.create_task(store.write([ev.NoteAdded(text=text)]))
        await fenced(store)
        group.create_task(store.write([ev.NoteAdded(text="three")]))
        refused = await store.command(Note(text="not now"), LEAD)
        log.error = 0
        keeping = group.create_task(store.keep_writable())
        while store.state.phase != "paused" or store.state.seq < 7:
            await store.changed()
        keeping.cancel()
    assert "cannot be written" in str(refused)
    assert kinds(log)[:3] == ["window.opened", "log.fenced", "window.paused"]
    assert [getattr(r.event, "text", "") for r in log.records()[3:]] == ["one", "two", "three", "decided"]
    assert asked == ["open", "paused"], "it is decided again, on what stands before it now"


async def test_facts_keep_their_order_where_one_came_as_the_one_before_it_had_just_failed() -> None:
    log = MemoryLog()
    store = await opened(log)
    log.error = errno.EIO
    first = store.post([ev.NoteAdded(text="one")])
    while not store._last.durable.done():  # it failed, and nobody was told yet
        await asyncio.sleep(0)
    assert not store.fenced
    second = store.post([ev.NoteAdded(text="two")])
    log.error = 0
    async with asyncio.TaskGroup() as group:
        keeping = group.create_task(store.keep_writable())
        await asyncio.wait({first, second})
        keeping.cancel()
    assert [getattr(r.event, "text", "") for r in log.records()[3:]] == ["one", "two"]


async def test_what_a_fence_took_back_is_not_decided_on() -> None:
    log = MemoryLog()
    store = await opened(log)
    log.error = errno.EIO
    attempts: list[int] = []

    def decide(state: WindowState) -> Sequence[ev.Event]:
        attempts.append(state.steps["roll"].attempt)
        return [ev.StepIntent(step="roll", attempt=attempts[-1] + 1)]

    async with asyncio.TaskGroup() as group:
        decided = group.create_task(store.transact(decide))
        await fenced(store)
        log.error = 0
        keeping = group.create_task(store.keep_writable())
        await asyncio.wait({decided})
        keeping.cancel()
    assert attempts == [0, 0]


async def test_a_conductor_that_died_between_the_fence_and_the_pause_left_the_pause_to_the_next() -> None:
    log = MemoryLog()
    store = await opened(log)
    log.error = errno.EIO
    waiting = asyncio.create_task(store.write([ev.NoteAdded(text="lost")]))
    await fenced(store)
    waiting.cancel()
    log.error, delays = 0, iter([0.0, 3600.0])  # the new segment is there; the pause is being written
    log.sync = lambda: next(delays)
    assert store._store is not None
    await store._store.reopen()
    log.crash()
    log.sync = lambda: 0.0
    assert kinds(log) == ["window.opened", "log.fenced"]
    again = await opened(log)
    await again.write([ev.NoteAdded(text="on")])
    assert kinds(log)[2:] == ["window.paused", "note.added"]
    assert again.state.phase == "paused"


async def test_the_words_of_a_fence_do_not_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY", 0.0)
    log = MemoryLog()
    store = await opened(log)
    log.error = errno.EIO
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(store.write([ev.NoteAdded(text="lost")]))
        keeping = group.create_task(store.keep_writable())
        await fenced(store)
        words = set()
        for _ in range(300):
            words.add(store.fenced)
            await asyncio.sleep(0)
        keeping.cancel()
        waiting.cancel()
    assert words == {
        "log.jsonl: Input/output error",
        "log.jsonl: Input/output error; going on in a new file failed too: log.0002.jsonl: Input/output error",
    }


async def test_every_observer_is_told_of_everything_once_in_order() -> None:
    log = MemoryLog()
    store = await opened(log)
    first: list[ev.Record] = []
    second: list[ev.Record] = []
    store.observe(first.extend)
    store.observe(second.extend)
    await asyncio.gather(*(store.write([ev.NoteAdded(text=str(n))]) for n in range(20)))
    assert first == second == log.records()[1:]


async def test_a_fact_is_written_though_nobody_waits_for_it_any_more() -> None:
    log = MemoryLog(sync=lambda: 0.01)
    store = await opened(log)
    waiting = asyncio.create_task(store.write([ev.NoteAdded(text="it happened")]))
    await asyncio.sleep(0)
    waiting.cancel()
    await store.write([ev.NoteAdded(text="later")])
    assert [getattr(r.event, "text", "") for r in log.records()[1:]] == ["it happened", "later"]
