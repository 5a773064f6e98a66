"""The event log on disk: one writer, any number of readers, every line chained to the one before.

``Journal`` writes, ``read_log`` streams, ``verify_log`` judges; ``EventStore`` (``store.py``) is what a window needs
of them.
What writes is imported on first use: who only reads a log does not pay for asyncio.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
from upgrade_tui.journal.log_clock import LogClock, SystemLogClock
from upgrade_tui.journal.reader import read_log
from upgrade_tui.journal.verify import Verification, verify_log

if TYPE_CHECKING:
    from upgrade_tui.journal.writer import Journal, file_store

__all__ = [
    "DamagedError",
    "FencedError",
    "Journal",
    "JournalError",
    "LockedError",
    "LogClock",
    "MissingLogError",
    "NewerLogError",
    "OlderLogError",
    "OtherLogError",
    "RefusedError",
    "SystemLogClock",
    "Verification",
    "file_store",
    "read_log",
    "verify_log",
]


def __getattr__(name: str) -> Any:
    if name in ("Journal", "file_store"):
        from upgrade_tui.journal import writer

        return getattr(writer, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
