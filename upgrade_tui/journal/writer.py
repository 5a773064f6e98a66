"""The single writer of a log: durable, in order, in groups.

What is appended while one sync runs is written by the next, in one write and one sync, and only then acknowledged.
There is no timer: an idle log commits at once, a busy one in larger groups. Encoding and chaining happen on the loop,
where the order is decided; writing and syncing in one thread of the journal's own, so that no disk stalls the loop.
A pipe each way instead of the queue would save 15 us an event on a RAM disk, and nothing measurable on a disk.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain, takewhile
from pathlib import Path
from queue import Empty, SimpleQueue

from msgspec import Struct

from upgrade_tui.journal.errors import FencedError, JournalError
from upgrade_tui.journal.files import BALLAST
from upgrade_tui.journal.format import Encoded, encode_line
from upgrade_tui.journal.kept import forget
from upgrade_tui.journal.log_clock import LogClock, SystemLogClock
from upgrade_tui.journal.opening import Opening, open_log
from upgrade_tui.journal.reader import read_log
from upgrade_tui.journal.recovery import MAX_BATCH
from upgrade_tui.journal.segments import ELSEWHERE, LOG, MEMORY, GoesOn, Segments
from upgrade_tui.journal.store import EventStore, OnCommit, OnReplay, OpenStore, Submitted
from upgrade_tui.window.events import Event, LogJoined, Record


class _Entry(Struct, frozen=True):
    """A line on its way to the disk, and who waits for it."""

    line: Encoded
    waiter: asyncio.Future[Record] | None


class _Reopen(Struct, frozen=True):
    """Asks the thread for a new segment: in the log, or elsewhere."""

    waiter: asyncio.Future[Record]
    place: str = LOG


class _Join(Struct, frozen=True):
    """Asks the thread to append to the log what is kept elsewhere."""

    waiter: asyncio.Future[None]


class _End(Struct, frozen=True):
    """Asks the thread to end."""


_Request = _Reopen | _Join | _End
_Item = _Entry | _Request


class Journal:
    """A log open for writing. Use it from one event loop only; make it with ``await Journal.open(directory)``."""

    def __init__(self, directory: Path, opening: Opening, kept: Path | None, clock: LogClock) -> None:
        """For ``open`` only."""
        opened = opening.opened
        self.directory = directory
        self.fenced = opening.fenced  # why no event is taken, until ``reopen``
        self.kept = ""  # where events go instead of the log
        self.joined: LogJoined | None = None
        self.seq = opened.seq  # of the last durable line
        self.head = opened.h  # hash of the last durable line
        self._next = opened.seq + 1
        self._prev = opened.h
        self._segments = Segments(directory, opening, kept, clock)
        self._kept_in = kept
        self._clock = clock
        self._boot = clock.boot_id()
        self._on_commit: OnCommit | None = None
        self._loop = asyncio.get_running_loop()
        self._work: SimpleQueue[_Item] = SimpleQueue()
        self._closed = False
        self._reopening: asyncio.Future[Record] | None = None
        self._thread = threading.Thread(target=self._write, name="journal", daemon=True)

    @classmethod
    async def open(
        cls,
        directory: Path,
        *,
        clock: LogClock | None = None,
        on_commit: OnCommit | None = None,
        replay: OnReplay | None = None,
        ballast: int = BALLAST,
        kept: Path | None = None,
    ) -> Journal:
        """Lock, check and open the log of ``directory`` (made if missing), for appending.

        ``replay`` gets every record that is in the log, ``log.recovered`` included, before this returns; it is called
        in a thread. ``on_commit`` gets, on the loop, every record committed after that: in order, exactly once, as soon
        as it is durable and before its ``append`` returns. ``ballast`` is in bytes. ``kept``: a directory on another
        file system for what cannot wait for a log that cannot be written; what is found there is put into the log, or,
        where the log cannot be written now either, it is opened ``fenced``.

        Raises LockedError, DamagedError, OtherLogError (nothing is changed then) and OSError.
        """
        clock = clock or SystemLogClock()
        opening = await asyncio.to_thread(open_log, directory, clock, replay, ballast, kept)
        journal = cls(directory, opening, kept, clock)
        journal._on_commit = on_commit
        journal._thread.start()
        return journal

    async def __aenter__(self) -> Journal:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def has_ballast(self) -> bool:
        """Whether there is space left to give back on a full disk."""
        return self._segments.has_ballast

    def submit(self, actor: str, events: Iterable[Event]) -> Submitted:
        """Take ``events`` into the order now, consecutive; see ``EventStore``.

        If one is refused, none is written. It is not a transaction: a crash may leave only the first of them.
        """
        before = self._next, self._prev
        try:
            lines = [self._encode(actor, event) for event in events]
        except JournalError:
            self._next, self._prev = before
            raise
        waiter: asyncio.Future[Record] = self._loop.create_future()
        for line in lines[:-1]:
            self._work.put(_Entry(line, None))
        self._work.put(_Entry(lines[-1], waiter))
        return Submitted([line.record for line in lines], waiter)

    async def append(self, actor: str, event: Event) -> Record:
        """Write ``event`` and return its record once it is durable.

        Raises RefusedError (cannot be written; nothing happened) and FencedError (not acknowledged; it may or may not
        be found in the log later). If this is cancelled, the event is written all the same.
        """
        return await self.submit(actor, [event]).durable

    async def append_many(self, actor: str, events: Iterable[Event]) -> list[Record]:
        """Write ``events``, consecutive, and return their records once all are durable. Errors as for ``append``."""
        wanted = list(events)
        if not wanted:
            return []
        submitted = self.submit(actor, wanted)
        await submitted.durable
        return submitted.records

    def read(self, start: int = 1) -> Iterator[Record]:
        """The records from seq ``start`` on: those of the log from the disk, then those that are kept elsewhere."""
        kept = list(self._segments.kept)
        if not kept:
            return read_log(self.directory, start)
        logged = takewhile(lambda record: record.seq < kept[0].record.seq, read_log(self.directory))
        return (r for r in chain(logged, (line.record for line in kept)) if r.seq >= start)

    async def reopen(self) -> Record:
        """Go on in a new segment after a fence; returns its own record, ``log.fenced``, once durable.

        What was kept elsewhere comes into the log ahead of it. Raises FencedError with the new reason where that fails
        too; it may be called again.
        """
        return await self._go_on(LOG)

    async def keep(self, *, recorded: bool = True) -> Record:
        return await self._go_on(ELSEWHERE if recorded else MEMORY)

    async def _go_on(self, place: str) -> Record:
        if self.fenced is None:
            raise JournalError("the log is not fenced; there is nothing to reopen")
        if self._reopening is None:
            self._reopening = self._loop.create_future()
            self._work.put(_Reopen(self._reopening, place))
        return await asyncio.shield(self._reopening)

    async def join(self) -> None:
        waiter: asyncio.Future[None] = self._loop.create_future()
        self._work.put(_Join(waiter))
        await waiter

    async def forget(self) -> None:
        self.joined = None
        if not self._segments.kept:
            await asyncio.to_thread(forget, self._kept_in)

    async def close(self) -> None:
        """Commit what is queued and give the log free. Closing twice does nothing."""
        if self._closed:
            return
        self._closed = True
        self._work.put(_End())
        # what the thread posted is on the loop before its end is: everybody has been answered when this goes on
        await asyncio.to_thread(self._thread.join)
        await asyncio.to_thread(self._segments.release)

    def _encode(self, actor: str, event: Event) -> Encoded:
        """The next line. On the loop: this is where the order of events is decided."""
        if self.fenced is not None:
            raise FencedError(self.fenced)
        if self._closed:
            raise JournalError("the log is closed")
        clock = self._clock
        line = encode_line(self._next, clock.wall(), clock.mono(), self._boot, actor, event, self._prev)
        self._next += 1
        self._prev = line.h
        return line

    # -- on the loop, called by the thread ----------------------------------------------------------------------------

    def _committed(self, batch: list[_Entry]) -> None:
        last = batch[-1].line
        self.seq, self.head = last.record.seq, last.h
        try:
            if self._on_commit is not None:
                self._on_commit([entry.line.record for entry in batch])
        finally:
            for entry in batch:
                waiter = entry.waiter
                if waiter is not None and not waiter.done():
                    waiter.set_result(entry.line.record)

    def _failed(self, batch: list[_Entry], reason: str) -> None:
        self.fenced = reason
        for entry in batch:
            waiter = entry.waiter
            if waiter is not None and not waiter.done():
                waiter.set_exception(FencedError(reason))

    def _reopened(self, waiter: asyncio.Future[Record], found: GoesOn) -> None:
        record, h = found.line.record, found.line.h
        self.fenced = self._reopening = None
        self.kept, self.joined = found.kept, found.joined or self.joined
        self.seq, self.head = record.seq, h
        self._next, self._prev = record.seq + 1, h
        try:
            if self._on_commit is not None:
                self._on_commit([record])
        finally:
            if not waiter.done():
                waiter.set_result(record)

    def _not_reopened(self, waiter: asyncio.Future[Record], reason: str) -> None:
        self.fenced, self._reopening = reason, None
        if not waiter.done():
            waiter.set_exception(FencedError(reason))

    def _joined(self, waiter: asyncio.Future[None], joined: LogJoined) -> None:
        self.kept, self.joined = "", joined
        if not waiter.done():
            waiter.set_result(None)

    def _not_joined(self, waiter: asyncio.Future[None], reason: str, place: str) -> None:
        self.kept = place
        if not waiter.done():
            waiter.set_exception(FencedError(reason))

    # -- in the thread ------------------------------------------------------------------------------------------------

    def _write(self) -> None:
        item: _Item = self._work.get()
        while not isinstance(item, _End):
            following: _Request | None = None
            if isinstance(item, _Reopen):
                self._reopen(item)
            elif isinstance(item, _Join):
                self._join(item.waiter)
            else:
                batch = [item]
                following = self._gather(batch)
                self._commit(batch)
            item = following or self._work.get()

    def _gather(self, batch: list[_Entry]) -> _Request | None:
        """Add what queued up to ``batch``, to ``MAX_BATCH`` bytes; returns what came next if that is no entry."""
        size = len(batch[0].line.data)
        while size < MAX_BATCH:
            try:
                item = self._work.get_nowait()
            except Empty:
                return None
            if not isinstance(item, _Entry):
                return item
            batch.append(item)
            size += len(item.line.data)
        return None

    def _post(self, call: Callable[..., None], *values: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody is left to be told
            self._loop.call_soon_threadsafe(call, *values)

    def _commit(self, batch: list[_Entry]) -> None:
        if self._segments.commit([entry.line for entry in batch]):
            self._post(self._committed, batch)
        else:
            self._post(self._failed, batch, self._segments.broken)

    def _reopen(self, item: _Reopen) -> None:
        found = self._segments.go_on(item.place)
        if found is not None:
            self._post(self._reopened, item.waiter, found)
        else:
            self._post(self._not_reopened, item.waiter, self._segments.broken)

    def _join(self, waiter: asyncio.Future[None]) -> None:
        joined = self._segments.join()
        if isinstance(joined, str):
            self._post(self._not_joined, waiter, joined, self._segments.place if self._segments.kept else "")
        else:
            self._post(self._joined, waiter, joined)


def file_store(
    directory: Path, *, kept: Path | None = None, clock: LogClock | None = None, ballast: int = BALLAST
) -> OpenStore:  # fmt: skip
    """The log in ``directory``, as ``Journal`` writes it; ``kept`` and ``ballast`` as there."""

    async def open_store(*, on_commit: OnCommit, replay: OnReplay) -> EventStore:
        return await Journal.open(
            directory, kept=kept, clock=clock, on_commit=on_commit, replay=replay, ballast=ballast
        )  # fmt: skip

    return open_store
