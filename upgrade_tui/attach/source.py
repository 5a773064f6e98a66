"""Where a dashboard's records come from: a running conductor, or a log alone. ``Session`` knows this protocol only.

To add one: a class with ``connect``, whose connection has what ``Connection`` asks for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, TypeVar

from upgrade_tui.attach import protocol as p
from upgrade_tui.attach.client import Client, NotRunning
from upgrade_tui.directory.paths import PLAN
from upgrade_tui.directory.windows import records_of
from upgrade_tui.journal import JournalError
from upgrade_tui.window.commands import AnyCommand, Refusal
from upgrade_tui.window.events import Record

A = TypeVar("A")

REPLAYED = "there is no conductor: this is a replay"
_CHUNK = 500  # records given at once


class Connection(Protocol):
    """What ``Session`` needs of a connection; ``Client`` is the live one."""

    @property
    def welcome(self) -> p.Welcome:
        """Who we are there, and the plan."""
        ...

    @property
    def still(self) -> bool:
        """Whether its time stands at ``welcome.now``."""
        ...

    def stream(self) -> AsyncIterator[p.Happened | p.CaughtUp | p.FrameMessage]:
        """What happened, ``CaughtUp``, and what happens. Raises Lost."""
        ...

    async def do(self, command: AnyCommand) -> p.Done | Refusal: ...

    async def ask(self, request: Any, answer: type[A]) -> A | str: ...

    async def close(self) -> None: ...


class RecordSource(Protocol):
    """A window to be looked at."""

    directory: Path

    async def connect(self, since: int) -> Connection:
        """To what happened after the record ``since``. Raises NotRunning, Lost."""
        ...


class LiveSource:
    """A window whose conductor runs: an operator attaches to it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    async def connect(self, since: int) -> Client:
        return await Client.connect(self.directory, since=since, frames=True, attach=True)


class LogSource:
    """A window as its log tells it, to look back: nobody measures, and nothing can be done."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    async def connect(self, since: int) -> Replay:
        return await asyncio.to_thread(self._replay, since)

    def _replay(self, since: int) -> Replay:
        try:
            plan = (self.directory / PLAN).read_text(encoding="utf-8")
            records = [record for record, _ in records_of(self.directory)]
        except (JournalError, OSError, UnicodeDecodeError) as error:
            raise NotRunning(f"{self.directory.name} cannot be read: {error}") from error
        return Replay(str(self.directory), plan, records, since)


class Replay:
    """A connection to records that are there already; its time stands at the last of them."""

    still = True

    def __init__(self, directory: str, plan: str, records: Sequence[Record], since: int = 0) -> None:
        last = records[-1] if records else None
        self.welcome = p.Welcome(
            version="", directory=directory, plan_text=plan, login="", role="observer", client=0,
            seq=last.seq if last else 0, now=last.ts if last else 0.0,
        )  # fmt: skip
        self._records = [record for record in records if record.seq > since]

    async def stream(self) -> AsyncIterator[p.Happened | p.CaughtUp | p.FrameMessage]:
        """All of it, then silence."""
        left = iter(self._records)
        while chunk := tuple(islice(left, _CHUNK)):
            yield p.Happened(records=chunk)
        yield p.CaughtUp(seq=self.welcome.seq)
        await asyncio.get_running_loop().create_future()

    async def do(self, command: AnyCommand) -> Refusal:
        return Refusal(REPLAYED, "start it again: upgrade-tui run PLAN")

    async def ask(self, request: Any, answer: type[A]) -> str:
        return REPLAYED

    async def close(self) -> None:
        """Nothing is held."""
