"""The event log on disk: one writer, any number of readers, every line chained to the one before.

``Journal`` writes, ``read`` streams, ``verify`` judges. ``Journal`` is imported on first use: who only reads a log does
not pay for asyncio.
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
    RefusedError,
)
from upgrade_tui.journal.reader import read
from upgrade_tui.journal.verify import Verdict, verify

if TYPE_CHECKING:
    from upgrade_tui.journal.writer import Journal

__all__ = [
    "Clock",
    "DamagedError",
    "FencedError",
    "Journal",
    "JournalError",
    "LockedError",
    "MissingLogError",
    "NewerLogError",
    "RefusedError",
    "SystemClock",
    "Verdict",
    "read",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name == "Journal":
        from upgrade_tui.journal.writer import Journal

        return Journal
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
