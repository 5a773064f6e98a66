"""The single writer of a log: durable, in order, in groups.

What is appended while one sync runs is written by the next, in one write and one sync, and only then acknowledged.
There is no timer: an idle log commits at once, a busy one in larger groups. Encoding and chaining happen on the loop,
where the order is decided; writing and syncing in one thread of the journal's own, so that no disk stalls the loop.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from msgspec import Struct

from upgrade_tui.journal.clock import Clock, SystemClock
from upgrade_tui.journal.errors import FencedError, JournalError
from upgrade_tui.journal.files import BALLAST, BALLAST_FILE, FULL, Ballast, Lock, MovedError, sync_directory
from upgrade_tui.journal.format import Encoded, encode
from upgrade_tui.journal.handoff import Handoff
from upgrade_tui.journal.reader import read
from upgrade_tui.journal.recovery import MAX_BATCH, Opened, next_segment, recover
from upgrade_tui.journal.store import OnCommit, OpenStore, Replay, Submitted
from upgrade_tui.window.events import Event, Record


class _Entry(Struct, frozen=True):
    """A line on its way to the disk, and who waits for it."""

    line: Encoded
    waiter: asyncio.Future[Record] | None


class _Reopen(Struct, frozen=True):
    """Asks the thread for a new segment."""

    waiter: asyncio.Future[Record]


class _End(Struct, frozen=True):
    """Asks the thread to end."""


_Item = _Entry | _Reopen | _End


class Journal:
    """A log open for writing. Use it from one event loop only; make it with ``await Journal.open(directory)``."""

    def __init__(self, directory: Path, lock: Lock, opened: Opened, ballast: Ballast, clock: Clock) -> None:
        """For ``open`` only."""
        self.directory = directory
        self.fenced: str | None = None  # why no event is taken, until ``reopen``
        self.seq = opened.seq  # of the last durable line
        self.head = opened.h  # hash of the last durable line
        self._next = opened.seq + 1
        self._prev = opened.h
        self._lock = lock
        self._opened = opened
        self._ballast = ballast
        self._clock = clock
        self._boot = clock.boot_id()
        self._on_commit: OnCommit | None = None
        self._loop = asyncio.get_running_loop()
        self._handoff: Handoff[_Item] = Handoff(self._loop)
        self._broken: str | None = None  # the thread's own view of ``fenced``, ahead of the loop's
        self._closed = False
        self._reopening: asyncio.Future[Record] | None = None
        self._thread = threading.Thread(target=self._write, name="journal", daemon=True)

    @classmethod
    async def open(
        cls,
        directory: Path,
        *,
        clock: Clock | None = None,
        on_commit: OnCommit | None = None,
        replay: Replay | None = None,
        ballast: int = BALLAST,
    ) -> Journal:
        """Lock, check and open the log of ``directory`` (made if missing), for appending.

        ``replay`` gets every record that is in the log, ``log.recovered`` included, before this returns; it is called
        in a thread. ``on_commit`` gets, on the loop, every record committed after that: in order, exactly once, as soon
        as it is durable and before its ``append`` returns. ``ballast`` is in bytes.

        Raises LockedError, DamagedError, OtherLogError (nothing is changed then) and OSError.
        """
        clock = clock or SystemClock()
        lock, opened, held = await asyncio.to_thread(_open, directory, clock, replay, ballast)
        journal = cls(directory, lock, opened, held, clock)
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
        return self._ballast.held

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
            self._handoff.put(_Entry(line, None))
        self._handoff.put(_Entry(lines[-1], waiter))
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
        """The records from seq ``start`` on, from the disk."""
        return read(self.directory, start)

    async def reopen(self) -> Record:
        """Go on in a new segment after a fence; returns its first record, ``log.fenced``, once durable.

        Raises FencedError with the new reason where that fails too; it may be called again.
        """
        if self.fenced is None:
            raise JournalError("the log is not fenced; there is nothing to reopen")
        if self._reopening is None:
            self._reopening = self._loop.create_future()
            self._handoff.put(_Reopen(self._reopening))
        return await asyncio.shield(self._reopening)

    async def close(self) -> None:
        """Commit what is queued and give the log free. Closing twice does nothing."""
        if self._closed:
            return
        self._closed = True
        self._handoff.put(_End())
        await asyncio.to_thread(self._thread.join)
        self._handoff.close()
        await asyncio.to_thread(self._release)

    def _encode(self, actor: str, event: Event) -> Encoded:
        """The next line. On the loop: this is where the order of events is decided."""
        if self.fenced is not None:
            raise FencedError(self.fenced)
        if self._closed:
            raise JournalError("the log is closed")
        clock = self._clock
        line = encode(self._next, clock.wall(), clock.mono(), self._boot, actor, event, self._prev)
        self._next += 1
        self._prev = line.h
        return line

    # -- on the loop, called by the thread ----------------------------------------------------------------------------

    def _committed(self, batch: list[_Entry]) -> None:
        last = batch[-1].line
        self.seq, self.head = last.record.seq, last.h
        self._handoff.crowded = len(batch) > 1
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

    def _reopened(self, waiter: asyncio.Future[Record], record: Record, h: str) -> None:
        self.fenced = self._reopening = None
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

    # -- in the thread ------------------------------------------------------------------------------------------------

    def _write(self) -> None:
        item: _Item = self._handoff.take()
        while not isinstance(item, _End):
            following: _Reopen | _End | None = None
            if isinstance(item, _Reopen):
                self._reopen(item.waiter)
            else:
                batch = [item]
                following = self._gather(batch)
                self._commit(batch)
            item = following or self._handoff.take()

    def _gather(self, batch: list[_Entry]) -> _Reopen | _End | None:
        """Add what queued up to ``batch``, to ``MAX_BATCH`` bytes; returns what came next if that is no entry."""
        size = len(batch[0].line.data)
        while size < MAX_BATCH:
            item = self._handoff.take_more()
            if not isinstance(item, _Entry):
                return item
            batch.append(item)
            size += len(item.line.data)
        return None

    def _commit(self, batch: list[_Entry]) -> None:
        if self._broken is None:
            last = batch[-1].line
            try:
                self._opened.segment.commit(b"".join([entry.line.data for entry in batch]))
            except Exception as error:  # noqa: BLE001 - the thread's edge: whatever fails here, the log is fenced
                self._broken = self._reason(error)
            else:
                self._opened.seq, self._opened.h = last.record.seq, last.h
                self._handoff.post(self._committed, batch)
                return
        self._handoff.post(self._failed, batch, self._broken)

    def _reopen(self, waiter: asyncio.Future[Record]) -> None:
        before = self._opened
        for has_room in (self._ballast.held, False):
            try:
                self._opened, record = next_segment(self.directory, before, self._clock, self._broken or "")
            except Exception as error:  # noqa: BLE001 - as in _commit
                self._broken = self._reason(error)
                if not has_room or self._ballast.held:
                    break
            else:
                before.segment.close()
                self._broken = None
                self._handoff.post(self._reopened, waiter, record, self._opened.h)
                return
        self._handoff.post(self._not_reopened, waiter, self._broken)

    def _reason(self, error: Exception) -> str:
        """Why the log is fenced, in words; on a full disk the ballast is given back."""
        if not isinstance(error, OSError):
            return f"unexpected {type(error).__name__}: {error}"
        if error.errno in FULL:
            with suppress(OSError):
                self._ballast.free()
        if isinstance(error, MovedError):
            return str(error.strerror)
        return f"{self._opened.segment.path.name}: {error.strerror or error}"

    def _release(self) -> None:
        self._opened.segment.close()
        try:
            self._ballast.free()
        finally:
            self._lock.release()


def file_store(directory: Path, *, clock: Clock | None = None, ballast: int = BALLAST) -> OpenStore:
    """The log in ``directory``, as ``Journal`` writes it; ``ballast`` in bytes."""
    return partial(Journal.open, directory, clock=clock, ballast=ballast)


def _open(directory: Path, clock: Clock, replay: Replay | None, ballast: int) -> tuple[Lock, Opened, Ballast]:
    """The blocking part of ``Journal.open``."""
    if not directory.is_dir():
        directory.mkdir(mode=0o700, parents=True)
        sync_directory(directory.parent)
    directory.chmod(0o700)
    lock = Lock(directory)
    try:
        once = _once(replay)
        try:
            opened = recover(directory, clock, once)
        except OSError as error:
            if error.errno not in FULL or not (directory / BALLAST_FILE).exists():
                raise
            (directory / BALLAST_FILE).unlink()  # the last process ended on a full disk: this is what it was kept for
            opened = recover(directory, clock, once)
        try:
            return lock, opened, Ballast(directory, ballast)
        except BaseException:
            opened.segment.close()
            raise
    except BaseException:
        lock.release()
        raise


def _once(replay: Replay | None) -> Replay:
    """``replay`` that gets each record once, however often recovery has to begin again."""
    given = 0

    def once(record: Record) -> None:
        nonlocal given
        if replay is not None and record.seq > given:
            given = record.seq
            replay(record)

    return once
