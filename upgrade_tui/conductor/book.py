"""The log and its fold together: append, be durable, fold, tell. The only place where the state of a window changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from upgrade_tui.journal import FencedError, RefusedError
from upgrade_tui.journal.store import EventStore, OpenStore
from upgrade_tui.journal.writer import file_store
from upgrade_tui.plan.model import Plan
from upgrade_tui.window import events as ev
from upgrade_tui.window.commands import Actor, AnyCommand, Refusal
from upgrade_tui.window.decide import decide
from upgrade_tui.window.fold import fold
from upgrade_tui.window.state import WindowState, initial

RETRY = 5.0  # seconds between tries to open a new segment after the log failed


class Book:
    """A window's log, open for writing, and the state it folds to.

    ``on_commit`` is called with records that just became durable, after they were folded. ``lock`` is held while
    something is decided, so that no two decisions are made on the same state. A command is decided with all facts
    folded that stand before it in the log.
    """

    def __init__(self, plan: Plan, now: Callable[[], float]) -> None:
        self.state: WindowState = initial(plan)
        self.lock = asyncio.Lock()
        self.fenced: str = ""  # why nothing can be logged at the moment
        self.on_commit: Callable[[list[ev.Record]], None] = lambda records: None
        self._now = now
        self._journal: EventStore | None = None
        self._change = asyncio.Event()
        self._writable = asyncio.Event()
        self._writing = 0  # facts on their way into the log
        self._written = asyncio.Event()  # they arrived
        self._admitted = asyncio.Event()  # no command is being decided
        self._admitted.set()
        self._deciding: set[asyncio.Future[list[ev.Record] | Refusal]] = set()

    async def open(self, directory: Path, store: OpenStore | None = None) -> None:
        """Lock and recover the log and fold what is in it. Raises JournalError and OSError."""
        open_store = store or file_store(directory)
        self._journal = await open_store(on_commit=self._committed, replay=self._replay)
        self._writable.set()

    def _replay(self, record: ev.Record) -> None:
        self.state = fold(self.state, record)

    def _committed(self, records: list[ev.Record]) -> None:
        for record in records:
            self.state = fold(self.state, record)
        change, self._change = self._change, asyncio.Event()
        change.set()
        self.on_commit(records)

    async def changed(self) -> None:
        """Wait for the next change of the state."""
        await self._change.wait()

    async def write(self, events: Sequence[ev.Event], actor: str = ev.SYSTEM) -> list[ev.Record]:
        """Make facts durable; where the log is fenced, wait until it can be written again. Returns them as recorded."""
        while True:
            while not (self._writable.is_set() and self._admitted.is_set()):
                await self._writable.wait()
                await self._admitted.wait()
            self._writing += 1
            writing = asyncio.ensure_future(self._append(actor, events))
            writing.add_done_callback(self._arrived)
            try:
                return await asyncio.shield(writing)  # who no longer waits for it has not taken it back
            except FencedError as error:
                self._fence(error.reason)

    def _arrived(self, writing: asyncio.Future[list[ev.Record]]) -> None:
        self._writing -= 1
        self._written.set()
        if not writing.cancelled():
            writing.exception()  # whoever waits gets it; if nobody does any more, nothing is amiss

    async def command(self, command: AnyCommand, actor: Actor) -> list[ev.Record] | Refusal:
        """Decide, and make the decision durable. A fenced log refuses: what cannot be logged is not done.

        A decision is carried through, also where the caller goes away meanwhile: what comes next has to see it.
        """
        if self.fenced:
            return self._cannot(self.fenced)
        deciding = asyncio.ensure_future(self._alone(command, actor))
        self._deciding.add(deciding)
        deciding.add_done_callback(self._deciding.discard)
        return await asyncio.shield(deciding)

    async def _alone(self, command: AnyCommand, actor: Actor) -> list[ev.Record] | Refusal:
        async with self.lock:
            self._admitted.clear()
            try:
                while self._writing:
                    self._written.clear()
                    await self._written.wait()
                return await self._decided(command, actor)
            finally:
                self._admitted.set()

    async def _decided(self, command: AnyCommand, actor: Actor) -> list[ev.Record] | Refusal:
        if self.fenced:
            return self._cannot(self.fenced)
        decision = decide(self.state, command, actor, self._now())
        if isinstance(decision, Refusal):
            return decision
        try:
            return await self._append(actor.login, decision)
        except RefusedError as error:
            return Refusal(f"this does not fit into the log: {error}", "make it shorter")
        except FencedError as error:
            self._fence(error.reason)
            return self._cannot(error.reason)

    def _cannot(self, why: str) -> Refusal:
        return Refusal(f"the log cannot be written: {why}", "nothing new starts until it can be")

    async def _append(self, actor: str, events: Sequence[ev.Event]) -> list[ev.Record]:
        assert self._journal is not None, "open() comes first"
        if not events:
            return []
        records, durable = self._journal.submit(actor, events)
        await durable
        while records and self.state.seq < records[-1].seq:
            await self.changed()
        return list(records)

    def _fence(self, reason: str) -> None:
        self.fenced = reason
        self._writable.clear()

    async def keep_writable(self) -> None:
        """After a failed write: open a new segment, again and again until one opens; then pause the window, loudly."""
        assert self._journal is not None, "open() comes first"
        while True:
            if self._writable.is_set() and not self._journal.fenced:
                await asyncio.sleep(0.5)
                continue
            reason = self.fenced or str(self._journal.fenced)
            self._fence(reason)
            try:
                await self._journal.reopen()
            except (OSError, FencedError) as error:
                self.fenced = f"{reason}; a new segment could not be opened either: {error}"
                await asyncio.sleep(RETRY)
                continue
            self.fenced = ""
            self._writable.set()
            if self.state.phase == "open":
                await self.write([ev.WindowPaused(reason=f"the log failed and went on in a new segment: {reason}")])

    async def close(self) -> None:
        """Let go of the log."""
        if self._journal is not None:
            await self._journal.close()
