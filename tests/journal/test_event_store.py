"""The contract of an event store, held by the files and by the memory alike."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pytest

from tests.journal.journal_support import SetClock, note, some_events
from upgrade_tui.journal import FencedError, JournalError, LockedError, RefusedError, file_store, verify
from upgrade_tui.journal.store import EventStore, MemoryLog, OpenStore, Replay
from upgrade_tui.window.events import LogFenced, LogRecovered, Record


class Disk(Protocol):
    """A store's disk, which can be broken."""

    open: OpenStore
    cannot_sync: Callable[[int], None]  # an errno, 0: it works again


@dataclass
class Files:
    """Files, whose sync fails on demand."""

    open: OpenStore
    error: int = 0

    def cannot_sync(self, error: int) -> None:
        self.error = error

    def sync(self, fd: int) -> None:
        if self.error:
            raise OSError(self.error, os.strerror(self.error))
        os.fdatasync(fd)


@dataclass
class Memory:
    """Memory, which fails on demand."""

    log: MemoryLog = field(default_factory=lambda: MemoryLog(clock=SetClock(), sync=lambda: 0.001))

    @property
    def open(self) -> OpenStore:
        return self.log.open

    def cannot_sync(self, error: int) -> None:
        self.log.error = error


@pytest.fixture(params=["files", "memory"])
def disk(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    if request.param == "memory":
        return Memory()  # type: ignore[return-value]
    files = Files(file_store(tmp_path / "w", clock=SetClock()))
    monkeypatch.setattr("upgrade_tui.journal.files.sync", files.sync)
    return files


def nobody(_: object) -> None:
    pass


async def opened(
    disk: Disk, committed: Callable[[list[Record]], object] = nobody, replay: Replay = nobody
) -> EventStore:
    return await disk.open(on_commit=committed, replay=replay)


async def test_what_is_acknowledged_is_read_back_and_replayed_exactly(disk: Disk) -> None:
    committed: list[Record] = []
    store = await opened(disk, committed.extend)
    first, second = store.submit("mei", some_events(3)), store.submit("tom", some_events(2))
    assert [r.seq for r in first.records + second.records] == [1, 2, 3, 4, 5], "the place in the order is known at once"
    assert (await second.durable).seq == 5
    assert first.durable.done()
    assert committed == first.records + second.records == await asyncio.to_thread(lambda: list(store.read()))
    assert [r.seq for r in store.read(4)] == [4, 5]
    head = store.head
    await store.close()
    await store.close()
    replayed: list[Record] = []
    again = await opened(disk, replay=replayed.append)
    assert (replayed, again.seq, again.head) == (committed, 5, head)
    await again.close()


async def test_whoever_submits_is_told_after_the_commit_was(disk: Disk) -> None:
    order: list[str] = []
    store = await opened(disk, lambda records: order.append(f"commit {records[-1].seq}"))
    for number in (1, 2):
        await store.submit("mei", [note("x")]).durable
        order.append(f"told {number}")
    assert order == ["commit 1", "told 1", "commit 2", "told 2"]
    await store.close()


async def test_one_writer_at_a_time(disk: Disk) -> None:
    store = await opened(disk)
    with pytest.raises(LockedError):
        await opened(disk)
    await store.close()
    await (await opened(disk)).close()


async def test_a_refused_event_takes_none_of_its_group_with_it_into_the_order(disk: Disk) -> None:
    store = await opened(disk)
    with pytest.raises(RefusedError):
        store.submit("mei", [note("fine"), note("x" * 70_000)])
    assert (await store.submit("mei", [note("goes on")]).durable).seq == 1
    await store.close()
    with pytest.raises(JournalError, match="closed"):
        store.submit("mei", [note("late")])


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
async def test_a_failed_commit_fences_all_that_waits_until_it_is_reopened(disk: Disk, error: int) -> None:
    committed: list[Record] = []
    store = await opened(disk, committed.extend)
    await store.submit("mei", [note("durable")]).durable
    with pytest.raises(JournalError, match="not fenced"):
        await store.reopen()
    disk.cannot_sync(error)
    waiting = [store.submit("mei", [note(str(n))]).durable for n in range(4)]
    assert [type(e) for e in await asyncio.gather(*waiting, return_exceptions=True)] == [FencedError] * 4
    assert store.fenced == f"log.jsonl: {os.strerror(error)}"
    with pytest.raises(FencedError):
        store.submit("mei", [note("refused at once")])
    with pytest.raises(FencedError):
        await store.reopen()
    assert store.fenced is not None
    disk.cannot_sync(0)
    first, second = await asyncio.gather(store.reopen(), store.reopen())
    assert first == second
    assert (first.seq, type(first.event)) == (2, LogFenced)
    assert (await store.submit("mei", [note("on")]).durable).seq == 3
    assert committed == list(store.read())
    await store.close()


async def test_the_commit_of_the_reopening_may_submit_the_very_next_event(disk: Disk) -> None:
    stores: list[EventStore] = []

    def committed(records: list[Record]) -> None:
        if isinstance(records[0].event, LogFenced):
            stores[0].submit("upgrade-tui", [note("the very next")])

    store = await opened(disk, committed)
    stores.append(store)
    disk.cannot_sync(errno.EIO)
    with pytest.raises(FencedError):
        await store.submit("mei", [note("lost")]).durable
    disk.cannot_sync(0)
    await store.reopen()
    await store.submit("mei", [note("later")]).durable
    assert [getattr(r.event, "text", "") for r in store.read()] == ["", "the very next", "later"]
    await store.close()


# -- what only the memory can be told to do ---------------------------------------------------------------------------


@pytest.mark.parametrize(("keep", "torn", "found"), [(0, False, 0), (1, False, 1), (2, True, 2), (3, False, 3)])
async def test_a_crash_loses_nothing_acknowledged_and_any_part_of_the_rest(keep: int, torn: bool, found: int) -> None:
    log = MemoryLog(clock=SetClock(), sync=lambda: 0.0)
    told: list[Record] = []
    store = await log.open(on_commit=told.extend, replay=nobody)
    await store.submit("mei", some_events(2)).durable
    log.sync = lambda: 3600.0
    waiting = store.submit("mei", [note("a"), note("b"), note("c")]).durable
    queued = store.submit("mei", [note("not written yet")]).durable
    log.crash(keep=keep, torn=torn)
    log.sync = lambda: 0.0
    replayed: list[Record] = []
    again = await log.open(on_commit=nobody, replay=replayed.append)
    assert [getattr(r.event, "text", "") for r in replayed[2 : 2 + found]] == ["a", "b", "c"][:found]
    assert [isinstance(r.event, LogRecovered) for r in replayed[2 + found :]] == [True] * torn
    assert len(told) == 2
    assert not waiting.done()
    assert not queued.done()
    assert (await again.submit("mei", [note("on")]).durable).seq == len(replayed) + 1


async def test_a_reopening_can_fail_by_itself() -> None:
    log = MemoryLog(clock=SetClock(), error=errno.EIO, reopen_error=errno.ENOSPC)
    store = await log.open(on_commit=nobody, replay=nobody)
    with pytest.raises(FencedError):
        await store.submit("mei", [note("lost")]).durable
    log.error = 0
    with pytest.raises(FencedError, match="No space left"):
        await store.reopen()
    log.reopen_error = 0
    assert (await store.reopen()).seq == 1


async def test_the_lines_in_memory_are_those_of_a_log_on_disk(tmp_path: Path) -> None:
    log = MemoryLog(clock=SetClock())
    store = await log.open(on_commit=nobody, replay=nobody)
    await store.submit("mei", some_events(9)).durable
    (tmp_path / "log.jsonl").write_bytes(b"".join(line.data for line in log.lines))
    found = verify(tmp_path)
    assert (found.intact, found.records, found.head) == (True, 9, store.head)
