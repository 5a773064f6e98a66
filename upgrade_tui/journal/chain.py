"""One pass over a log: segments in order, every line checked against its own hash and the line before.

A log is ``log.jsonl`` and, after failures of the disk, ``log.0002.jsonl`` and so on. The first line of a later segment
decides where the earlier ones end: with seq N it takes over from N on, and its ``prev`` is the ``h`` of line N-1.
What an earlier segment holds from N on was never acknowledged and is not part of the log. A segment without one whole
line is void: nothing in it was acknowledged either.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from upgrade_tui.journal.errors import DamagedError, MissingLogError, NewerLogError, OlderLogError
from upgrade_tui.journal.format import (
    GENESIS,
    MAX_LINE,
    ChainLink,
    FormatError,
    OtherVersionError,
    UnreadError,
    decode_line,
)
from upgrade_tui.units import count_text
from upgrade_tui.window.events import Record

FIRST_SEGMENT = "log.jsonl"
_SEGMENT = re.compile(r"log\.([0-9]{4,9})\.jsonl")


def segment_name(number: int) -> str:
    """``log.jsonl`` for 1, ``log.0002.jsonl`` for 2."""
    return FIRST_SEGMENT if number == 1 else f"log.{number:04}.jsonl"


def segment_number(name: str) -> int:
    """The number of a segment's file, 0 for any other file."""
    if name == FIRST_SEGMENT:
        return 1
    match = _SEGMENT.fullmatch(name)
    return int(match[1]) if match and segment_name(int(match[1])) == name else 0


@dataclass
class Segment:
    """A file of the log and what is known of it before it is read."""

    path: Path
    number: int
    first: int | None = None  # seq of its first line; None: void, or damaged
    void: bool = False  # without one whole line
    until: int | None = None  # the seq a later segment takes over from


@dataclass
class Tail:
    """Bytes after the last newline: a line that was being written, or was torn by a crash."""

    segment: Path
    offset: int  # bytes
    data: bytes  # the trailing NUL bytes left out
    size: int  # bytes, NUL included


class Walk:
    """Iterate it once for the records; afterwards its fields say where the log ended and how.

    Raises MissingLogError, DamagedError, NewerLogError and OlderLogError while iterating. With ``lenient`` the lines of
    unknown kinds are counted in ``unknown`` instead of raised, as long as the chain holds. With ``chain_only`` so are
    those whose kind means something else in this version: nobody may read a log without them.
    """

    def __init__(self, directory: Path, *, lenient: bool = False, chain_only: bool = False) -> None:
        self.directory = directory
        self.lenient = lenient or chain_only
        self.chain_only = chain_only
        self.seq = 0  # of the last good line
        self.h = GENESIS  # of the last good line
        self.last: Segment | None = None  # the segment that the log goes on in
        self.size = 0  # bytes of good lines in ``last``
        self.tail: Tail | None = None
        self.void: list[Path] = []
        self.abandoned: list[tuple[str, int]] = []  # (segment, bytes) that were never acknowledged
        self.unknown: list[str] = []  # kinds that this version does not know, one entry a line
        self.segments = 0

    def __iter__(self) -> Iterator[Record]:
        for segment in self._plan():
            yield from self._segment(segment)

    def _plan(self) -> list[Segment]:
        """The segments that are part of the log, each knowing where the next one takes over."""
        found = find_segments(self.directory)
        if not found:
            raise MissingLogError(str(self.directory))
        for segment in found:
            _peek(segment)
        until: int | None = None
        for segment in reversed(found):
            segment.until = until
            if segment.first is not None and (until is None or segment.first < until):
                until = segment.first
        part = [s for s in found if not s.void and (s.first is None or s.until is None or s.first < s.until)]
        self.void = [s.path for s in found if s.void and (s is not found[0] or part)]
        if not part:  # nothing was ever acknowledged: at most a torn first line
            part = found[:1]
        self.segments = len(part)
        return part

    def _segment(self, segment: Segment) -> Iterator[Record]:
        self.last, self.size, self.tail = segment, 0, None
        name, number = segment.path.name, 0
        with segment.path.open("rb", buffering=1 << 18) as file:
            readline = file.readline
            while raw := readline(MAX_LINE + 1):
                if self.seq + 1 == segment.until:
                    self.abandoned.append((name, os.fstat(file.fileno()).st_size - self.size))
                    return
                number += 1
                if raw[-1] != 10:
                    self.tail = _tail(file, raw, segment.path, self.size, number)
                    return
                record: Record | None
                try:
                    record, prev, h = decode_line(raw)
                    seq = record.seq
                except FormatError as error:
                    record, (seq, prev, h) = None, self._passed_over(error, name, number)
                if prev != self.h or seq != self.seq + 1:
                    raise DamagedError(name, number, self._broken(ChainLink(seq, prev, h)))
                self.seq, self.h = seq, h
                self.size += len(raw)
                if record is not None:
                    yield record

    def _passed_over(self, error: FormatError, name: str, number: int) -> ChainLink:
        """The place of a line that cannot be read, where it may be passed over; raises otherwise."""
        if not isinstance(error, UnreadError):
            raise DamagedError(name, number, str(error)) from error
        other = isinstance(error, OtherVersionError)
        if error.link is None or not (self.chain_only if other else self.lenient):
            found = OlderLogError if isinstance(error, OtherVersionError) and error.older else NewerLogError
            raise found(name, number, str(error), error.kind) from error
        self.unknown.append(error.kind)
        return error.link

    def _broken(self, link: ChainLink) -> str:
        expected = self.seq + 1
        if link.seq == expected:
            return f"seq {link.seq} does not continue the line before it: its prev is not the hash of seq {self.seq}"
        if link.seq <= self.seq:
            return f"seq {link.seq} comes again or out of order, after seq {self.seq}"
        missing = link.seq - expected
        gap = count_text(missing, "line is", "lines are")
        return f"seq {link.seq} follows seq {self.seq}: {gap} missing"


def find_segments(directory: Path) -> list[Segment]:
    """The files of the log, in order. Empty where there is none."""
    try:
        names = [path.name for path in directory.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    numbers = sorted(number for name in names if (number := segment_number(name)))
    return [Segment(directory / segment_name(number), number) for number in numbers]


def _peek(segment: Segment) -> None:
    """Read the first line's seq: that is where this segment takes over."""
    with segment.path.open("rb") as file:
        raw = file.readline(MAX_LINE + 1)
        if raw[-1:] != b"\n":
            with suppress(DamagedError):  # reported when the walk comes to it
                _tail(file, raw, segment.path, 0, 1)
                segment.void = True
            return
    try:
        segment.first = decode_line(raw)[0].seq
    except UnreadError as error:
        segment.first = error.link.seq if error.link else None
    except FormatError:
        segment.first = None  # reported when the walk comes to it


def _tail(file: BinaryIO, raw: bytes, path: Path, offset: int, line: int) -> Tail:
    """What stands after the last newline. Raises DamagedError where a crash cannot have left it so."""
    size = os.fstat(file.fileno()).st_size - offset
    data = raw.rstrip(b"\0")
    if len(data) > MAX_LINE or (len(raw) > MAX_LINE and any(chunk.strip(b"\0") for chunk in _chunks(file))):
        raise DamagedError(path.name, line, f"no newline within the {MAX_LINE} bytes a line may have")
    if data and data == raw:
        try:
            decode_line(raw[:-1] + b"\n")
        except FormatError:
            pass
        else:
            raise DamagedError(path.name, line, "its newline was changed into another byte")
    return Tail(path, offset, data, max(size, len(raw)))


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(1 << 20):
        yield chunk
