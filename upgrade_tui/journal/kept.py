"""Where events go while the log cannot be written, and how they come back into it.

They are the next lines of the same chain, in a directory elsewhere (the user's runtime directory), durable there as far
as that can be said of it, or, where nothing can be written and a person accepted that, in memory alone. Once the log
can be written again they become its next segment as they are: same bytes, same ``seq``, same hashes. Blocking.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from upgrade_tui.journal.chain import Walk, find_segments
from upgrade_tui.journal.errors import DamagedError, JournalError, MissingLogError
from upgrade_tui.journal.files import SegmentFile, new_segment, sync_directory
from upgrade_tui.journal.format import Encoded, FormatError, decode_line
from upgrade_tui.journal.reader import read_log
from upgrade_tui.journal.recovery import next_path
from upgrade_tui.window.events import ConductorStarted, LogJoined, Record


def kept_lines(directory: Path) -> list[Encoded]:
    """The whole lines kept in ``directory``, in order. Raises DamagedError where they are not a chain, and OSError."""
    lines: list[Encoded] = []
    for segment in find_segments(directory):
        name = str(segment.path)
        for number, raw in enumerate(_whole(segment.path), 1):
            try:
                record, prev, h = decode_line(raw)
            except FormatError as error:
                raise DamagedError(name, number, str(error)) from error
            while lines and lines[-1].record.seq >= record.seq:  # a later segment takes over
                lines.pop()
            if lines and (lines[-1].h != prev or lines[-1].record.seq != record.seq - 1):
                raise DamagedError(name, number, f"seq {record.seq} does not continue the line before it")
            lines.append(Encoded(record, raw, h))
    return lines


def _whole(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        for raw in file:
            if raw.endswith(b"\n"):
                yield raw


def forget(directory: Path | None) -> None:
    """The lines kept in ``directory`` are in the log: they are needed there no longer."""
    if directory is not None:
        with suppress(OSError):  # what stays is found to be in the log already
            shutil.rmtree(directory)


def append_segment(log: Path, lines: Sequence[Encoded]) -> SegmentFile:
    """``lines`` as the next segment of ``log``, durable. Raises OSError; the segment is not there then."""
    return new_segment(next_path(log), b"".join([line.data for line in lines]))


def rejoin(log: Path, kept: Path) -> LogJoined | None:
    """When a log is opened: append what an earlier writer kept elsewhere. What the log has to tell of it, or None.

    Where the log went on without it (somebody opened it who could not see ``kept``), the lines cannot become part of
    the chain: they are put beside the log, and that is told. Raises OSError where the log cannot be written,
    JournalError where it is damaged.
    """
    if not find_segments(kept):
        return None
    try:
        lines = kept_lines(kept)
    except DamagedError as error:
        return LogJoined(events=0, place=str(kept), problem=str(error), file=_set_aside(log, kept))
    if not lines:
        return None
    joined = LogJoined(events=len(lines), place=str(kept))
    place = _place_of(log, lines)
    if place == "told":
        return None
    if place == "behind it":
        append_segment(log, lines).close()
    elif place == "nowhere":
        problem = "the log went on without them"
        return LogJoined(events=0, place=str(kept), problem=problem, file=_set_aside(log, kept))
    return joined


def _place_of(log: Path, lines: Sequence[Encoded]) -> str:
    """Whether ``lines`` are in the log and told of, in it, to come behind it, or belong nowhere in it."""
    first, last = lines[0].record, lines[-1].record
    before, there, told, over = decode_line(lines[0].data)[1], False, False, False
    walk = Walk(log)
    fits = first.seq == 1
    for record in walk:
        if record.seq == first.seq - 1:
            fits = walk.h == before
        if record.seq == last.seq:
            there = walk.h == lines[-1].h
        if record.seq >= first.seq and isinstance(record.event, ConductorStarted) and record.ts > first.ts:
            over = True
        told = told or (there and isinstance(record.event, LogJoined))
    if there:
        return "told" if told else "in it"
    return "behind it" if fits and not over else "nowhere"


def _set_aside(log: Path, kept: Path) -> str:
    """Put what cannot be joined beside the log, durable, and take it away from where it was. The first file's name."""
    names = []
    for segment in find_segments(kept):
        number = 1
        while (path := log / f"log.kept-{number}.unjoined").exists():
            number += 1
        shutil.copyfile(segment.path, path)
        path.chmod(0o600)
        fd = os.open(path, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
        names.append(path.name)
    sync_directory(log)
    forget(kept)
    return names[0]


class Unwritable(NamedTuple):
    """A log that cannot be written, as it reads, with what was kept of it elsewhere behind it."""

    records: list[Record]  # of the log
    kept: list[Encoded]
    seq: int  # of the last of all
    h: str
    segment: Path  # the log's last
    size: int  # bytes of its lines: perhaps not durable, if its writer died


def read_unwritable(log: Path, kept: Path) -> Unwritable:
    """See there. A line that is being written, or was torn, is left out. Raises JournalError where there is no log, or
    it is damaged, or what was kept does not continue it.
    """
    lines = kept_lines(kept) if find_segments(kept) else []
    first = lines[0].record.seq if lines else 0
    records: list[Record] = []
    walk, seq, h, size = Walk(log), 0, "", 0
    for record in walk:
        if first and record.seq >= first:
            break
        records.append(record)
        seq, h, size = record.seq, walk.h, walk.size
    if not records or walk.last is None:
        raise MissingLogError(str(log))
    if lines and (seq != first - 1 or h != decode_line(lines[0].data)[1]):
        raise JournalError(f"{kept}: what is kept there does not continue the log in {log}")
    last = lines[-1] if lines else None
    return Unwritable(records, lines, last.record.seq if last else seq, last.h if last else h, walk.last.path, size)


def read_both(log: Path, kept: Path) -> Iterable[tuple[Record, bool]]:
    """The records of ``log``, then those kept in ``kept``; and whether each is one of these. Raises as ``read_log``."""
    try:
        found = read_unwritable(log, kept)
    except JournalError:  # it has nothing to do with this log, or the log is damaged, and says so
        return ((record, False) for record in read_log(log))
    return chain(((record, False) for record in found.records), ((line.record, True) for line in found.kept))
