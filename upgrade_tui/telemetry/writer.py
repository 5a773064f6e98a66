"""Keeping what is measured in ``telemetry.sqlite``, without ever holding up the window.

One thread writes, once a second, all that came in. What it cannot write is lost and counted: telemetry serves the eye
and the report, the log is the truth. Trouble (full disk, damaged file) is told once, and writing is tried again, at
growing intervals, until it works. Before the disk is full it stops by itself: what is left then is for the log.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import TypeVar

from upgrade_tui.canary.result import ProbeResult
from upgrade_tui.foreign import one_line
from upgrade_tui.journal.room import shortage
from upgrade_tui.telemetry.reader import Series, TelemetryReader, TelemetryUnreadable
from upgrade_tui.telemetry.schema import HostItem, ProbeItem, prepare, write_items
from upgrade_tui.window.measurements import Sample, Verdict

__all__ = ["TelemetryReader", "TelemetryUnreadable", "TelemetryWriter"]

PERIOD = 1.0  # seconds between two writes
WAITING = 20_000  # items that may wait at most: 40 s of 500 hosts
_LONGEST_PAUSE = 30.0  # seconds between two attempts while writing fails
_BUSY = 5.0  # seconds to wait while somebody else holds the file
_CLOSING = 5.0  # seconds that the last write may take
_AT_ONCE = 5_000  # items in one transaction at most
_RENEWALS = 3  # new files in place of damaged ones; more is a disk that breaks everything
_DAMAGED = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)

T = TypeVar("T")
A = TypeVar("A")


class TelemetryWriter:
    """The writer of the file at ``path``; made by ``start``, used from one event loop, ended by ``close``.

    ``on_error`` is called in that loop with one line a trouble, and an empty one when it is over. ``wall`` gives epoch
    seconds. ``shortage`` says why nothing may be written to a directory at the moment.
    """

    def __init__(
        self,
        path: Path,
        *,
        on_error: Callable[[str], None],
        wall: Callable[[], float] = time.time,
        waiting: int = WAITING,
        period: float = PERIOD,
        shortage: Callable[[Path], str] = shortage,
    ) -> None:
        self.path = path
        self._on_error = on_error
        self._wall = wall
        self._limit = waiting
        self._period = period
        self._shortage = shortage
        self._items: deque[HostItem | ProbeItem] = deque()
        self._refused = 0  # items that found too many waiting; counted in the loop
        self._flushes: deque[asyncio.Future[None]] = deque()
        self._batch: list[HostItem | ProbeItem] = []  # from here on, of the writer's thread
        self._lost = 0
        self._told = False
        self._halted = False  # told that nothing is written, until that is over
        self._renewed = 0
        self._wake = threading.Event()
        self._ending = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._writer = threading.Thread(target=self._keep_writing, name="telemetry", daemon=True)
        self._readers = ThreadPoolExecutor(1, thread_name_prefix="telemetry reader")

    @property
    def dropped(self) -> int:
        """Items lost so far: too many waited, or they could not be written."""
        return self._refused + self._lost

    async def start(self) -> None:
        """Start the writer, in a running loop. The file is opened by its thread."""
        self._loop = asyncio.get_running_loop()
        self._writer.start()

    def put_sample(self, host: str, sample: Sample, at: float | None = None) -> None:
        """Keep a sample that arrived at ``at`` (epoch seconds; now if left out)."""
        self._put(HostItem(self._wall() if at is None else at, host, sample))

    def put_probe(
        self, canary: str, result: ProbeResult, verdict: Verdict | None = None, at: float | None = None
    ) -> None:
        """Keep an answer of a canary and, where known, the verdict after it."""
        self._put(ProbeItem(self._wall() if at is None else at, canary, result, verdict))

    async def history_host(self, host: str, since: float, points: int, until: float | None = None) -> Series:
        """See ``TelemetryReader.history_host``; until now if ``until`` is left out. Raises TelemetryUnreadable."""
        end = self._wall() if until is None else until
        return await self._read(lambda reader: reader.history_host(host, since, end, points))

    async def history_canary(self, canary: str, since: float, points: int, until: float | None = None) -> Series:
        """See ``TelemetryReader.history_canary``; until now if ``until`` is left out. Raises TelemetryUnreadable."""
        end = self._wall() if until is None else until
        return await self._read(lambda reader: reader.history_canary(canary, since, end, points))

    async def flush(self) -> None:
        """Wait until what was put so far is in the file, or one attempt to write it has failed."""
        if self._loop is None or self._ending:
            return
        done = self._loop.create_future()
        self._flushes.append(done)
        self._wake.set()
        await done

    async def close(self) -> None:
        """Write what waits, once, and end the writer. Takes at most some seconds, also where the disk hangs."""
        if self._loop is not None:
            self._ending = True
            self._wake.set()
            await asyncio.to_thread(self._writer.join, _CLOSING)
            if self._writer.is_alive():
                self._on_error(f"{self.path.name}: the last write hangs and is abandoned")
        self._readers.shutdown(wait=False)

    # -- in the loop ----------------------------------------------------------------------------------------------

    def _put(self, item: HostItem | ProbeItem) -> None:
        if len(self._items) < self._limit:
            self._items.append(item)
        else:
            self._refused += 1

    async def _read(self, question: Callable[[TelemetryReader], T]) -> T:
        def ask() -> T:
            with TelemetryReader(self.path) as reader:
                return question(reader)

        return await asyncio.get_running_loop().run_in_executor(self._readers, ask)

    # -- in the writer's thread -----------------------------------------------------------------------------------

    def _keep_writing(self) -> None:
        file = _File(self.path)
        pause = self._period
        while True:
            self._wake.wait(pause)
            self._wake.clear()
            ending, flushes = self._ending, [self._flushes.popleft() for _ in range(len(self._flushes))]
            wrote = self._write_waiting(file)
            pause = self._period if wrote else min(2 * pause, _LONGEST_PAUSE)
            for done in flushes:
                self._in_loop(_resolve, done)
            if ending:
                self._lost += len(self._batch) + len(self._items)
                file.close()
                return

    def _write_waiting(self, file: _File) -> bool:
        """Whether all that waited was written, or is known never to be."""
        while self._batch or self._items:
            if short := self._shortage(self.path.parent):
                return self._halt(f"{short}; measurements are not kept until there is room")
            if not self._batch:
                self._batch = [self._items.popleft() for _ in range(min(len(self._items), _AT_ONCE))]
            try:
                file.write(self._batch)
            except Exception as error:  # noqa: BLE001 - the thread's outermost edge: nothing in here may end it
                if _is_damage(error) and self._begin_anew(file):
                    continue
                if _is_damage(error) or isinstance(error, (sqlite3.OperationalError, OSError)):
                    return self._halt(f"{error}; measurements are not kept until this is mended")
                self._tell(f"{error}; measurements are lost")  # what is to be written is wrong, or the file's version
                self._lost += len(self._batch)
            else:
                self._over()
            self._batch = []
        return True

    def _begin_anew(self, file: _File) -> bool:
        """Put a damaged file out of the way. False if that does not help."""
        if self._renewed >= _RENEWALS:
            return False
        self._renewed += 1
        try:
            kept = file.set_aside()
        except OSError:
            return False
        self._tell(f"the file was damaged; it is kept as {kept.name} and a new one begun")
        self._told = False
        return True

    def _tell(self, what: str) -> None:
        if not self._told:
            self._told = True
            self._in_loop(self._on_error, one_line(f"{self.path.name}: {what}", 300))

    def _halt(self, why: str) -> bool:
        self._tell(why)
        self._halted = True
        return False

    def _over(self) -> None:
        self._told = False
        if self._halted:
            self._halted = False
            self._in_loop(self._on_error, "")

    def _in_loop(self, call: Callable[[A], None], value: A) -> None:
        assert self._loop is not None
        with contextlib.suppress(RuntimeError):  # the loop is gone, and with it whoever would listen
            self._loop.call_soon_threadsafe(call, value)


def _resolve(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)


def _is_damage(error: Exception) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED


class _File:
    """The file as the writer's thread holds it; opened at the first write and again after each failure."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def write(self, items: list[HostItem | ProbeItem]) -> None:
        """All of ``items``, or none. Raises OSError, sqlite3.Error, NewerSchema, ValueError, OverflowError."""
        try:
            if self._connection is None:
                self._connection = self._open()
            write_items(self._connection, items)
        except BaseException:
            self._drop()
            raise

    def close(self) -> None:
        """Leave one plain file, without the side files of WAL, that can be copied and read anywhere."""
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):  # somebody reads it just now: it stays in WAL mode
                self._connection.execute("PRAGMA busy_timeout = 0")
                self._connection.execute("PRAGMA journal_mode = DELETE")
            self._drop()

    def set_aside(self) -> Path:
        """Rename the file, and its side files with it, to a name that is free. Raises OSError."""
        self._drop()
        aside = next(p for i in count(1) if not (p := self._path.with_name(f"{self._path.name}.damaged-{i}")).exists())
        for suffix in ("-wal", "-shm", ""):
            with contextlib.suppress(FileNotFoundError):
                self._path.with_name(self._path.name + suffix).rename(aside.with_name(aside.name + suffix))
        return aside

    def _open(self) -> sqlite3.Connection:
        os.close(os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(self._path, timeout=_BUSY, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _drop(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None
