"""A process that writes a log and prints what was acknowledged: for tests that kill it or take its disk away.

    python -m tests.journal.log_program DIRECTORY COUNT [--then-reopen] [--hold]

Prints ``ready`` when the log is open, ``ack SEQ`` for every acknowledged event (after it is durable), ``fenced REASON``
on a fence, ``reopened SEQ`` and further acks with ``--then-reopen``. With ``--hold`` it waits for stdin to close.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from upgrade_tui.journal import FencedError, Journal, JournalError
from upgrade_tui.window.events import NoteAdded


def say(text: str) -> None:
    os.write(1, text.encode() + b"\n")  # at once: the process may be killed next


async def write(journal: Journal, count: int, size: int) -> None:
    for n in range(count):
        record = await journal.append("mei", NoteAdded(text=f"{n} " + "x" * size))
        say(f"ack {record.seq}")


async def main(arguments: list[str]) -> int:
    directory, count = Path(arguments[0]), int(arguments[1])
    size = next((int(a.removeprefix("--size=")) for a in arguments if a.startswith("--size=")), 0)
    try:
        journal = await Journal.open(directory)
    except JournalError as error:
        say(f"{type(error).__name__} {error}")
        return 75
    async with journal:
        say("ready")
        try:
            await write(journal, count, size)
        except FencedError as error:
            say(f"fenced {error.reason}")
            if "--then-reopen" in arguments:
                record = await journal.reopen()
                say(f"reopened {record.seq}")
                await write(journal, 5, 0)
        if "--hold" in arguments:
            await asyncio.to_thread(sys.stdin.read)
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
