"""Reading a log, also one that is being written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from upgrade_tui.journal.chain import Walk
from upgrade_tui.window.events import Record


def read_log(directory: Path, start: int = 1) -> Iterator[Record]:
    """The records of a window's log from seq ``start`` on, streamed, each line checked, foreign text made harmless.

    Safe while a writer is active: a line that is still being written is left out. Such a reader may see the newest
    lines before they are durable; who must not, takes them from the conductor.

    Raises MissingLogError, and after the last good record DamagedError or OtherLogError, which name the line.
    """
    walk = Walk(directory)
    return iter(walk) if start <= 1 else (record for record in walk if record.seq >= start)
