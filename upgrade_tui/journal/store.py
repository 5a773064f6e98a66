"""Where a window's events are kept: the protocol of a store, and the store in memory. ``Journal`` is the one in files.

A store has one writer at a time. What it acknowledged is durable and in order; what it did not acknowledge may be found
in it later or not. After a failure it is *fenced*: it takes nothing until ``reopen`` worked, or, for what cannot wait,
``keep``: then events are *kept* elsewhere until ``join`` appends them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from upgrade_tui.journal.errors import FencedError, JournalError, LockedError
from upgrade_tui.journal.format import GENESIS, Encoded, encode_line
from upgrade_tui.journal.log_clock import LogClock, SystemLogClock
from upgrade_tui.window.events import SYSTEM, Event, LogFenced, LogJoined, LogRecovered, Record

KEPT, NOWHERE = "the runtime directory", "memory"  # where a store in memory keeps what it cannot put into its log

OnCommit = Callable[[list[Record]], object]
OnReplay = Callable[[Record], object]


class Submitted(NamedTuple):
    """Events that have their place in the order: their records, and the moment from which they are durable."""

    records: list[Record]
    durable: asyncio.Future[Record]  # the last record, or FencedError: they may or may not be found later


class EventStore(Protocol):
    """A store open for writing; whoever has it holds the writer's place until ``close``. For one event loop."""

    @property
    def seq(self) -> int:
        """Of the last durable event, 0 for none."""
        ...

    @property
    def head(self) -> str:
        """The chain's hash at the last durable event."""
        ...

    @property
    def fenced(self) -> str | None:
        """Why no event is taken, until ``reopen``."""
        ...

    def submit(self, actor: str, events: Iterable[Event]) -> Submitted:
        """Give ``events`` (at least one) the next places in the order, now, and make them durable.

        Raises RefusedError (cannot be written) and FencedError; then none of them has a place.
        """
        ...

    async def reopen(self) -> Record:
        """Go on after a fence; the first record, ``log.fenced``, once durable. Raises FencedError; may be repeated."""
        ...

    @property
    def kept(self) -> str:
        """Where events go at the moment instead of the log; empty: into the log."""
        ...

    async def keep(self, *, recorded: bool = True) -> Record:
        """After a fence that ``reopen`` cannot end: take events again and keep them elsewhere, ``log.fenced`` first.

        ``recorded`` False: in memory alone, where a crash loses them. Raises FencedError where that fails too.
        """
        ...

    async def join(self) -> None:
        """Append what is kept elsewhere to the log, and go on there. Raises FencedError; it is kept as before then."""
        ...

    @property
    def joined(self) -> LogJoined | None:
        """What was appended to the log from elsewhere and is to be told in it (also after ``reopen``)."""
        ...

    async def forget(self) -> None:
        """It was told (``joined``): nothing is kept elsewhere any more."""
        ...

    def read(self, start: int = 1) -> Iterator[Record]:
        """The records from seq ``start`` on. Blocking: for a thread. Raises JournalError where it is damaged."""
        ...

    async def close(self) -> None:
        """Make durable what was submitted and give the writer's place free. Closing twice does nothing."""
        ...


class OpenStore(Protocol):
    """Takes the writer's place in a store.

    ``replay`` gets every record that is in it, before this returns (perhaps in a thread). ``on_commit`` gets, on the
    loop, every record after that: in order, exactly once, as soon as it is durable and before its submitter knows.

    Raises LockedError where somebody else is the writer, other JournalErrors and OSError where it cannot be opened.
    """

    async def __call__(self, *, on_commit: OnCommit, replay: OnReplay) -> EventStore: ...


@dataclass
class MemoryLog:
    """The disk under a ``MemoryStore``: what is left when its conductor dies. Faults are set on it from outside.

    Everything runs on the loop's time: with a loop of virtual time no real moment passes and no thread is used.
    """

    clock: LogClock = field(default_factory=SystemLogClock)
    sync: Callable[[], float] = lambda: 0.0  # seconds until what is written is durable, asked for each group
    error: int = 0  # errno that every write fails with as long as it is set
    reopen_error: int = 0  # the same for going on after a fence
    keep_error: int = 0  # the same for what is kept elsewhere
    lines: list[Encoded] = field(default_factory=list)  # durable
    kept: list[Encoded] = field(default_factory=list)  # durable, but elsewhere
    doubtful: list[Encoded] = field(default_factory=list)  # written, not acknowledged: a crash may keep them or not
    torn: int = 0  # bytes of a line that a crash left unfinished
    writer: MemoryStore | None = None

    async def open(self, *, on_commit: OnCommit, replay: OnReplay) -> EventStore:
        if self.writer is not None:
            raise LockedError("memory", os.getpid(), "")
        store = MemoryStore(self, on_commit)
        if self.torn and not self.kept:
            bytes_, self.torn = self.torn, 0
            store.append_own(LogRecovered(bytes=bytes_, file="log.jsonl.torn"))
        if self.error:  # read-only: what there is can be read, and a rollback kept elsewhere
            store.fenced = f"log.jsonl: {os.strerror(self.error)}"
        elif self.kept:
            count = len(self.kept)
            self.lines, self.kept = self.lines + self.kept, []
            store.append_own(LogJoined(events=count, place=KEPT))
        for line in self.lines + self.kept:
            replay(line.record)
        store.go_on()
        self.writer = store
        return store

    def line(self, actor: str, event: Event, seq: int, prev: str) -> Encoded:
        """``event`` as the line with that place."""
        return encode_line(seq, self.clock.wall(), self.clock.mono(), self.clock.boot_id(), actor, event, prev)

    def crash(self, keep: int = 0, torn: bool = False) -> None:
        """The conductor is gone. ``keep``: how many of the doubtful lines are found; ``torn``: a part of the next."""
        place = self.writer.kept if self.writer is not None else ""
        if self.writer is not None:
            self.writer.die()
            self.writer = None
        self.torn = len(self.doubtful[keep].data) // 2 if torn and not place and keep < len(self.doubtful) else 0
        if place != NOWHERE:
            (self.kept if place else self.lines).extend(self.doubtful[:keep])
        self.doubtful = []

    def records(self) -> list[Record]:
        """What is durable in the log."""
        return [line.record for line in self.lines]


class _Waiting(NamedTuple):
    lines: list[Encoded]
    waiter: asyncio.Future[Record]


class MemoryStore:
    """A ``MemoryLog`` open for writing, in groups as the files are: what is submitted while one is written waits."""

    def __init__(self, log: MemoryLog, on_commit: OnCommit) -> None:
        """For ``MemoryLog.open`` only."""
        self._log, self._on_commit = log, on_commit
        self._loop = asyncio.get_running_loop()
        self._queue: list[_Waiting] = []
        self._writing: list[_Waiting] = []
        self._timer: asyncio.Handle | None = None
        self._reopening: asyncio.Future[Record] | None = None
        self._over = False
        self._memory: list[Encoded] = []  # kept nowhere else
        self.fenced: str | None = None
        self.kept = ""
        self.joined: LogJoined | None = None
        self.go_on()

    @property
    def _last(self) -> Encoded | None:
        return next((lines[-1] for lines in (self._memory, self._log.kept, self._log.lines) if lines), None)

    @property
    def seq(self) -> int:
        """Of the last durable event."""
        return self._last.record.seq if self._last is not None else 0

    @property
    def head(self) -> str:
        """The chain's hash at the last durable event."""
        return self._last.h if self._last is not None else GENESIS

    def append_own(self, event: Event) -> Record:
        """An event of the store itself, where lines go now."""
        line = self._log.line(SYSTEM, event, self.seq + 1, self.head)
        self._place().append(line)
        return line.record

    def _place(self) -> list[Encoded]:
        return {"": self._log.lines, KEPT: self._log.kept}.get(self.kept, self._memory)

    def _error(self) -> int:
        return {"": self._log.error, KEPT: self._log.keep_error}.get(self.kept, 0)

    def go_on(self) -> None:
        """The next line comes behind the last durable one."""
        self._next, self._prev = self.seq + 1, self.head

    def submit(self, actor: str, events: Iterable[Event]) -> Submitted:
        if self.fenced is not None:
            raise FencedError(self.fenced)
        if self._over:
            raise JournalError("the log is closed")
        lines: list[Encoded] = []
        seq, prev = self._next, self._prev
        for event in events:
            lines.append(self._log.line(actor, event, seq, prev))
            seq, prev = seq + 1, lines[-1].h
        self._next, self._prev = seq, prev
        entry = _Waiting(lines, self._loop.create_future())
        self._queue.append(entry)
        if self._timer is None:
            self._write()
        return Submitted([line.record for line in lines], entry.waiter)

    def _write(self) -> None:
        self._writing, self._queue = self._queue, []
        self._log.doubtful += [line for entry in self._writing for line in entry.lines]
        self._timer = self._loop.call_later(self._log.sync(), self._synced)

    def _synced(self) -> None:
        self._timer = None
        if error := self._error():
            self._fence(f"{self.kept or 'log.jsonl'}: {os.strerror(error)}")
            return
        done, self._writing = self._writing, []
        lines, self._log.doubtful = self._log.doubtful, []
        self._place().extend(lines)
        if self._queue:
            self._write()
        self._tell([line.record for line in lines], done)

    def _tell(self, records: list[Record], done: list[_Waiting], own: Record | None = None) -> None:
        try:
            self._on_commit(records)
        finally:
            for entry in done:
                if not entry.waiter.done():
                    entry.waiter.set_result(own or entry.lines[-1].record)

    def _fence(self, reason: str) -> None:
        failed, self._writing, self._queue = self._writing + self._queue, [], []
        self.fenced = reason
        for entry in failed:
            if not entry.waiter.done():
                entry.waiter.set_exception(FencedError(reason))

    async def reopen(self) -> Record:
        """See ``EventStore``. What was doubtful is not part of the log from here on."""
        return await self._going_on("")

    async def keep(self, *, recorded: bool = True) -> Record:
        return await self._going_on(KEPT if recorded else NOWHERE)

    async def _going_on(self, place: str) -> Record:
        if self.fenced is None:
            raise JournalError("the log is not fenced; there is nothing to reopen")
        if self._reopening is None:
            self._reopening = self._loop.create_future()
            self._loop.call_later(self._log.sync(), self._reopened, self._reopening, place)
        return await asyncio.shield(self._reopening)

    def _reopened(self, waiter: asyncio.Future[Record], place: str) -> None:
        if self._over:
            return
        self._reopening = None
        errors = {"": self._log.reopen_error or self._log.error, KEPT: self._log.keep_error}
        if error := errors.get(place, 0):
            self.fenced = f"{place or 'log.0002.jsonl'}: {os.strerror(error)}"
            waiter.set_exception(FencedError(self.fenced))
            return
        if not place:
            self._append_kept()
        self._log.doubtful, self.kept = [], place
        fence = LogFenced(error=self.fenced or "", segment="log.jsonl", into=place or "log.0002.jsonl")
        record = self.append_own(fence)
        self.fenced = None
        self.go_on()
        self._tell([record], [_Waiting([], waiter)], record)

    async def join(self) -> None:
        if not self.kept or self.fenced is not None:
            raise JournalError("nothing is kept elsewhere")
        await asyncio.sleep(self._log.sync())
        if error := self._log.reopen_error or self._log.error:
            raise FencedError(f"log.0002.jsonl: {os.strerror(error)}")
        if self.fenced is None:
            self._append_kept()
            self.kept = ""

    def _append_kept(self) -> None:
        lines = self._log.kept + self._memory
        if lines:
            self.joined = LogJoined(events=len(lines), place=self.kept or KEPT)
            self._log.lines, self._log.kept, self._memory = self._log.lines + lines, [], []

    async def forget(self) -> None:
        self.joined = None

    def read(self, start: int = 1) -> Iterator[Record]:
        lines = self._log.lines + self._log.kept + self._memory
        return iter([line.record for line in lines[max(0, start - 1) :]])

    async def close(self) -> None:
        if self._over:
            return
        while self._timer is not None:
            await asyncio.gather(self._writing[-1].waiter, return_exceptions=True)
        self.die()
        self._log.writer = None

    def die(self) -> None:
        """Nothing comes of what is under way, and nobody is told."""
        self._over = True
        if self._timer is not None:
            self._timer.cancel()
