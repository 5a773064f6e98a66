"""The event log on disk: one writer, any number of readers, every line chained to the one before.

``Journal`` writes, ``read`` streams, ``verify`` judges; ``EventStore`` (``store.py``) is what a window needs of them.
What writes is imported on first use: who only reads a log does not pay for asyncio.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from upgrade_tui.journal.clock import Clock, SystemClock
from upgrade_tui.journal.errors import (
    DamagedError,
    FencedError,
    JournalError,
    LockedError,
    MissingLogError,
    NewerLogError,
    OlderLogError,
    OtherLogError,
    RefusedError,
)
from upgrade_tui.journal.reader import read
from upgrade_tui.journal.verify import Verdict, verify

if TYPE_CHECKING:
    from upgrade_tui.journal.writer import Journal, file_store

__all__ = [
    "Clock",
    "DamagedError",
    "FencedError",
    "Journal",
    "JournalError",
    "LockedError",
    "MissingLogError",
    "NewerLogError",
    "OlderLogError",
    "OtherLogError",
    "RefusedError",
    "SystemClock",
    "Verdict",
    "file_store",
    "read",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name in ("Journal", "file_store"):
        from upgrade_tui.journal import writer

        return getattr(writer, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
