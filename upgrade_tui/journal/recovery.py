"""Opening a log for writing: check all of it, set a torn tail aside, make sure that what was read is durable."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from upgrade_tui.journal.chain import FIRST_SEGMENT, Tail, Walk, find_segments, segment_name
from upgrade_tui.journal.errors import MissingLogError
from upgrade_tui.journal.files import MovedError, Nowhere, SegmentFile, new_segment, sync, sync_directory, write_all
from upgrade_tui.journal.format import MAX_LINE, Encoded, encode_line
from upgrade_tui.journal.log_clock import LogClock
from upgrade_tui.journal.store import OnReplay
from upgrade_tui.window.events import SYSTEM, Event, LogFenced, LogRecovered

MAX_BATCH = 1 << 20  # bytes a commit writes at most, but for its last line


@dataclass
class Opened:
    """Where writing goes on: behind line ``seq`` with hash ``h``."""

    segment: SegmentFile | Nowhere
    seq: int
    h: str


def recover(directory: Path, clock: LogClock, replay: OnReplay | None = None) -> Opened:
    """Open the log of ``directory``, make it where there is none, and give every record in it to ``replay``.

    A torn tail is moved to a ``.torn`` file and logged as ``log.recovered``. Raises DamagedError or OtherLogError, with
    nothing changed, and OSError.
    """
    walk = Walk(directory)
    known: set[str] = set()  # torn files that the log already tells of
    try:
        for record in walk:
            if isinstance(record.event, LogRecovered):
                known.add(record.event.file)
            if replay is not None:
                replay(record)
    except MissingLogError:
        return Opened(SegmentFile(directory / FIRST_SEGMENT, create=True), 0, walk.h)
    assert walk.last is not None
    if walk.tail is not None:
        _set_aside(walk.tail, known)
    persist(walk.last.path, walk.size)
    opened = Opened(SegmentFile(walk.last.path, create=False), walk.seq, walk.h)
    try:
        if opened.segment.size != walk.size:
            raise MovedError(errno.ESTALE, f"{walk.last.path.name} was written to by somebody else while it was opened")
        for torn in _torn_files(directory):
            if torn.name not in known:
                append_own(opened, clock, LogRecovered(bytes=torn.stat().st_size, file=torn.name), replay)
    except BaseException:
        opened.segment.close()
        raise
    return opened


def next_segment(
    directory: Path, after: Opened, clock: LogClock, error: str, ahead: Sequence[Encoded] = (), elsewhere: bool = False
) -> tuple[Opened, Encoded]:  # fmt: skip
    """A new segment behind the last durable line, in ``directory``, with ``log.fenced`` as its durable last line.

    ``ahead``: lines that were kept elsewhere and come first. ``elsewhere``: this is not the log's directory. Raises
    OSError.
    """
    with suppress(OSError):  # going on matters more; without it a reader names the lines that are missing
        after.segment.restore()
    path = next_path(directory)
    into = str(path) if elsewhere else path.name
    line = own_line(after, clock, LogFenced(error=error, segment=after.segment.path.name, into=into))
    data = b"".join([each.data for each in (*ahead, line)])
    return Opened(new_segment(path, data), line.record.seq, line.h), line


def next_path(directory: Path) -> Path:
    """The file of the next segment."""
    return directory / segment_name(max((s.number for s in find_segments(directory)), default=1) + 1)


def append_own(opened: Opened, clock: LogClock, event: Event, replay: OnReplay | None) -> None:
    """Write an event of the log itself while it is opened."""
    line = own_line(opened, clock, event)
    opened.segment.commit(line.data)
    opened.seq, opened.h = line.record.seq, line.h
    if replay is not None:
        replay(line.record)


def own_line(opened: Opened, clock: LogClock, event: Event) -> Encoded:
    """An event of the log itself as the next line."""
    return encode_line(opened.seq + 1, clock.wall(), clock.mono(), clock.boot_id(), SYSTEM, event, opened.h)


def _torn_files(directory: Path) -> list[Path]:
    return sorted(path for path in directory.glob("log*.jsonl.torn*") if path.is_file())


def _set_aside(tail: Tail, known: set[str]) -> None:
    """Copy the torn bytes, make the copy durable, only then cut them off: a crash in between repeats this."""
    name = tail.segment.name + ".torn"
    number = 1
    while name in known:
        number += 1
        name = f"{tail.segment.name}.torn{number}"
    directory = tail.segment.parent
    fd = os.open(directory / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        write_all(fd, tail.data)
        os.ftruncate(fd, tail.size)  # trailing NUL bytes as a hole
        os.fsync(fd)
    finally:
        os.close(fd)
    sync_directory(directory)
    fd = os.open(tail.segment, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        os.ftruncate(fd, tail.offset)
        os.fsync(fd)
    finally:
        os.close(fd)


def persist(path: Path, size: int) -> None:
    """Write the newest lines over themselves and sync, before anybody acts on them.

    They may stand in the page cache only: the last process may have ended between its write and its sync, or that sync
    failed, after which the kernel holds the pages for clean and a further sync alone would do nothing.
    """
    start = max(0, size - MAX_BATCH - MAX_LINE)
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        data = os.pread(fd, size - start, start)
        os.lseek(fd, start, os.SEEK_SET)
        write_all(fd, data)
        sync(fd)
    finally:
        os.close(fd)
    sync_directory(path.parent)
