"""A clock that tests set, events to write, and logs made without the writer."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from upgrade_tui.journal.format import GENESIS, encode_line
from upgrade_tui.window.events import Event, LogFenced, NoteAdded, StepIntent, TaskFinished


class SetClock:
    """Wall and monotonic time as a test sets them; both move a second at each reading of the wall clock."""

    def __init__(self, wall: float = 1_763_680_000.25) -> None:
        self.now = wall

    def wall(self) -> float:
        self.now += 1.0
        return self.now

    def mono(self) -> float:
        return self.now - 1_763_600_000.0

    def boot_id(self) -> str:
        return "6e1f9d5c-0001-4222-8333-444455556666"


def note(text: str) -> Event:
    return NoteAdded(text=text)


def some_events(count: int) -> list[Event]:
    """``count`` events of several kinds, some with foreign text."""
    return [
        (
            NoteAdded(text=f"remark {n}", step="upgrade", mark="good"),
            StepIntent(step="upgrade", attempt=n, batches=(("db1",), ("db2", "db3"))),
            TaskFinished(step="upgrade", host="db1", attempt=n, exit=None, seconds=1.5 * n, last_line="готово ✓"),
        )[n % 3]
        for n in range(count)
    ]


def lines_of(
    events: Iterable[Event], *, seq: int = 1, prev: str = GENESIS, clock: SetClock | None = None
) -> list[bytes]:
    """The lines of ``events``, chained, the first with ``seq`` and ``prev``."""
    clock = clock or SetClock()
    lines = []
    for event in events:
        line = encode_line(seq, clock.wall(), clock.mono(), clock.boot_id(), "mei", event, prev)
        lines.append(line.data)
        seq, prev = seq + 1, line.h
    return lines


def log_at(directory: Path, lines: Iterable[bytes], name: str = "log.jsonl") -> Path:
    """A log of ``lines`` in ``directory``; returns the file."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / name
    path.write_bytes(b"".join(lines))
    return path


def hash_of(line: bytes) -> str:
    return line[-67:-3].decode()


LINES = lines_of(some_events(8))
FENCED = LogFenced(error="EIO", segment="log.jsonl")


def after_fence(durable: int, count: int = 3) -> list[bytes]:
    """A second segment that takes over behind line ``durable`` of LINES."""
    prev = hash_of(LINES[durable - 1]) if durable else GENESIS
    return lines_of([FENCED, *some_events(count)], seq=durable + 1, prev=prev)
