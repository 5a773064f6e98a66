"""The contract of an event store, held by the files and by the memory alike."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pytest

from tests.journal.journal_support import SetClock, note, some_events
from upgrade_tui.journal import FencedError, JournalError, LockedError, RefusedError, file_store, verify_log
from upgrade_tui.journal.store import EventStore, MemoryLog, OnReplay, OpenStore
from upgrade_tui.window.events import LogFenced, LogJoined, LogRecovered, Record


class Disk(Protocol):
    """A store's disk, which can be broken."""

    open: OpenStore
    cannot_sync: Callable[[int], None]  # an errno, 0: it works again
    cannot_keep: Callable[[int], None]  # the same for what is kept elsewhere
    place: str  # where that is
    die: Callable[[EventStore], None]  # the process of this writer is gone


@dataclass
class Files:
    """Files, whose sync fails on demand."""

    log: Path
    kept: Path
    errors: dict[Path, int] = field(default_factory=dict)

    @property
    def open(self) -> OpenStore:
        return file_store(self.log, kept=self.kept, clock=SetClock())

    @property
    def place(self) -> str:
        return str(self.kept)

    def cannot_sync(self, error: int) -> None:
        self.errors[self.log] = error

    def cannot_keep(self, error: int) -> None:
        self.errors[self.kept] = error

    def sync(self, fd: int) -> None:
        if error := self.errors.get(Path(os.readlink(f"/proc/self/fd/{fd}")).parent):
            raise OSError(error, os.strerror(error))
        os.fdatasync(fd)

    def die(self, store: EventStore) -> None:
        os.close(store._segments._lock._fd)  # type: ignore[attr-defined]
        store._segments._lock._fd = os.open("/dev/null", os.O_RDONLY)  # type: ignore[attr-defined]


@dataclass
class Memory:
    """Memory, which fails on demand."""

    log: MemoryLog = field(default_factory=lambda: MemoryLog(clock=SetClock(), sync=lambda: 0.001))
    place: str = "the runtime directory"

    @property
    def open(self) -> OpenStore:
        return self.log.open

    def cannot_sync(self, error: int) -> None:
        self.log.error = error

    def cannot_keep(self, error: int) -> None:
        self.log.keep_error = error

    def die(self, store: EventStore) -> None:
        self.log.crash()


@pytest.fixture(params=["files", "memory"])
def disk(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    if request.param == "memory":
        return Memory()
    files = Files(tmp_path / "w", tmp_path / "run" / "w")
    monkeypatch.setattr("upgrade_tui.journal.files.sync", files.sync)
    monkeypatch.setattr("upgrade_tui.journal.recovery.sync", files.sync)
    return files


def nobody(_: object) -> None:
    pass


async def opened(
    disk: Disk, committed: Callable[[list[Record]], object] = nobody, replay: OnReplay = nobody
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


# -- kept elsewhere ---------------------------------------------------------------------------------------------------


def texts(records: Iterable[Record]) -> list[str]:
    """What the notes say; other events by their kind."""
    return [str(getattr(r.event, "text", r.event.__struct_config__.tag)) for r in records]


async def kept_with_two(disk: Disk, store: EventStore) -> None:
    """The log cannot be written, and two notes are kept elsewhere."""
    await store.submit("mei", [note("durable")]).durable
    disk.cannot_sync(errno.EROFS)
    with pytest.raises(FencedError):
        await store.submit("mei", [note("lost")]).durable
    with pytest.raises(FencedError):
        await store.reopen()
    fence = await store.keep()
    assert isinstance(fence.event, LogFenced)
    assert fence.event.into == store.kept
    assert disk.place in store.kept
    assert store.fenced is None
    last = await store.submit("mei", [note("one"), note("two")]).durable
    assert (fence.seq, last.seq) == (2, 4), "the same chain goes on"


WITH_TWO = ["durable", "log.fenced", "one", "two"]


async def test_what_is_kept_elsewhere_is_joined_to_the_log_as_it_is(disk: Disk) -> None:
    committed: list[Record] = []
    store = await opened(disk, committed.extend)
    await kept_with_two(disk, store)
    assert texts(store.read()) == WITH_TWO
    with pytest.raises(FencedError):
        await store.join()
    disk.cannot_sync(0)
    before = list(store.read())
    await store.join()
    assert store.kept == ""
    assert store.joined == LogJoined(events=3, place=disk.place)
    await store.submit("upgrade-tui", [store.joined]).durable
    await store.forget()
    assert store.joined is None
    await store.submit("mei", [note("on")]).durable
    await store.close()
    replayed: list[Record] = []
    again = await opened(disk, replay=replayed.append)
    assert texts(replayed) == [*WITH_TWO, "log.joined", "on"], "told once"
    assert replayed[:4] == before
    assert replayed == committed
    await again.close()


@pytest.mark.parametrize("writable", [True, False])
async def test_the_next_writer_finds_what_was_kept_elsewhere(disk: Disk, writable: bool) -> None:
    store = await opened(disk)
    await kept_with_two(disk, store)
    disk.die(store)
    if writable:
        disk.cannot_sync(0)
    replayed: list[Record] = []
    again = await opened(disk, replay=replayed.append)
    if writable:
        assert texts(replayed) == [*WITH_TWO, "log.joined"]
    else:
        assert texts(replayed) == WITH_TWO == texts(again.read())
        assert again.fenced is not None
        await again.keep()
        await again.submit("mei", [note("three")]).durable
        disk.cannot_sync(0)
        await again.join()
        assert texts(again.read()) == [*WITH_TWO, "log.fenced", "three"]
    await again.submit("mei", [note("on")]).durable
    await again.close()
    found: list[Record] = []
    await (await opened(disk, replay=found.append)).close()
    assert [r.seq for r in found] == list(range(1, len(found) + 1))
    assert texts(found)[:4] == WITH_TWO


async def test_where_nothing_can_be_kept_either_memory_holds_it_until_the_log_is_back(disk: Disk) -> None:
    store = await opened(disk)
    disk.cannot_sync(errno.EROFS)
    disk.cannot_keep(errno.ENOSPC)
    with pytest.raises(FencedError):
        await store.submit("mei", [note("lost")]).durable
    with pytest.raises(FencedError):
        await store.keep()
    await store.keep(recorded=False)
    assert store.kept == "memory"
    await store.submit("mei", [note("said")]).durable
    disk.cannot_sync(0)
    await store.join()
    await store.submit("mei", [note("on")]).durable
    assert texts(store.read()) == ["log.fenced", "said", "on"]
    await store.close()


async def test_a_place_elsewhere_that_fails_too_fences_and_the_log_takes_over_with_all_of_it(disk: Disk) -> None:
    store = await opened(disk)
    await kept_with_two(disk, store)
    disk.cannot_keep(errno.ENOSPC)
    with pytest.raises(FencedError):
        await store.submit("mei", [note("lost")]).durable
    disk.cannot_sync(0)
    await store.reopen()
    assert (store.kept, store.joined) == ("", LogJoined(events=3, place=disk.place))
    await store.submit("mei", [note("on")]).durable
    assert texts(store.read()) == [*WITH_TWO, "log.fenced", "on"]
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
    found = verify_log(tmp_path)
    assert (found.intact, found.records, found.head) == (True, 9, store.head)
