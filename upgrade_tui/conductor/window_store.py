"""A window's store and its fold together: decide, be durable, fold, tell. The only place where the state changes."""

from __future__ import annotations

import asyncio
from bisect import insort
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from msgspec import Struct

from upgrade_tui.journal.errors import FencedError, JournalError, RefusedError
from upgrade_tui.journal.store import EventStore, OpenStore, Submitted
from upgrade_tui.plan.model import Plan
from upgrade_tui.window import events as ev
from upgrade_tui.window.commands import Actor, AnyCommand, Refusal, StartRollback
from upgrade_tui.window.decide import decide
from upgrade_tui.window.fold import fold
from upgrade_tui.window.on_fail import canary_answer
from upgrade_tui.window.state import WindowState, initial
from upgrade_tui.window.way_back import asks_for_it, belongs_to_it

RETRY = 5.0  # seconds between tries to go on after the store failed

Decide = Callable[[WindowState], Sequence[ev.Event] | Refusal]
Observer = Callable[[list[ev.Record]], None]


class _Fact(Struct, frozen=True):
    """Events that were not decided but happened, and who waits for them."""

    number: int  # in which order they came
    actor: str
    events: Sequence[ev.Event]
    waiter: asyncio.Future[list[ev.Record]]


class WindowStore:
    """A window's store, open for writing, and the state it folds to.

    What is submitted has its place in the log at once and is durable a moment later. ``state`` is what is durable;
    ``transact`` decides on the state that stands right before its events in the log, so that no two decisions are ever
    made on the same state, and none has to wait for another. What is decided on that state goes away with it where the
    store fails, and is decided again.
    """

    def __init__(self, plan: Plan, now: Callable[[], float], open_store: OpenStore) -> None:
        self.state: WindowState = initial(plan)
        self.fenced: str = ""  # why nothing can be recorded at the moment
        self.unwritable: str = ""  # why events are kept elsewhere and not in the log, see ``kept``
        self._now = now
        self._open_store = open_store
        self._store: EventStore | None = None
        self._tip = self.state  # with what was submitted and is not durable yet
        self._ahead: deque[tuple[ev.Record, WindowState]] = deque()  # what that is, and the state after each
        self._facts: list[_Fact] = []  # that wait for the store to be writable, in the order they came
        self._count = 0  # of facts so far
        self._told_last: ev.Event | None = None  # the last event in the store
        self._observers: list[Observer] = []
        self._change = asyncio.Event()
        self._writable, self._failed = asyncio.Event(), asyncio.Event()
        self._mending = asyncio.Lock()  # held while the store is asked to go on

    async def open(self) -> None:
        """Take the writer's place and fold what is in the store. Raises JournalError and OSError."""
        self._store = await self._open_store(on_commit=self._committed, replay=self._replay)
        self._tip = self.state
        if self._store.fenced is not None:
            self._fence(self._store.fenced)
            return
        self._writable.set()
        if isinstance(self._told_last, ev.LogFenced):
            self._pause(self._told_last)
        elif isinstance(self._told_last, ev.CanaryVerdict):  # the power went before what it brings about was written
            answer = canary_answer(self.state, self._told_last)
            if answer:
                self._submit(ev.SYSTEM, answer)

    def observe(self, observer: Observer) -> None:
        """Have ``observer`` called with records that just became durable, after they were folded."""
        self._observers.append(observer)

    async def changed(self) -> None:
        """Wait for the next change of the state."""
        await self._change.wait()

    async def transact(self, decide: Decide, actor: str = ev.SYSTEM) -> list[ev.Record] | Refusal:
        """Decide on the state as it is in the log right before the events that ``decide`` returns; make them durable.

        Returns them as recorded; nothing or a Refusal is handed on, once all that it was decided on is durable. Where
        the store is fenced, wait, and decide again: what comes before it then (the pause, say) is seen.
        """
        while True:
            await self._writable.wait()
            try:
                return await self._transacted(decide, actor)
            except FencedError:
                continue

    async def write(self, events: Sequence[ev.Event], actor: str = ev.SYSTEM) -> list[ev.Record]:
        """Make facts durable; where the store is fenced, wait until it is not. Returns them as recorded.

        They are written also where the caller no longer waits for it: what happened is not taken back.
        """
        return await self.post(events, actor) if events else []

    def post(self, events: Sequence[ev.Event], actor: str = ev.SYSTEM) -> asyncio.Future[list[ev.Record]]:
        """``write`` for who need not wait for it."""
        self._count += 1
        fact = _Fact(self._count, actor, events, asyncio.get_running_loop().create_future())
        fact.waiter.add_done_callback(lambda waiter: waiter.cancelled() or waiter.exception())  # nobody has to look
        self._facts.append(fact)
        self._write_facts()
        return fact.waiter

    async def command(self, command: AnyCommand, actor: Actor) -> list[ev.Record] | Refusal:
        """Decide, and make the decision durable. A fenced store refuses: what cannot be logged is not done.

        A decision is carried through, also where the caller goes away meanwhile.
        """
        if self.fenced and asks_for_it(self.state, command, actor):
            refused = await self._keep_for(command, actor)
            if refused is not None:
                return refused
        if self.fenced:
            return _cannot(self.fenced)
        if self.unwritable and not belongs_to_it(self.state, command):
            return _cannot(self.unwritable, "a rollback goes on, and nothing else, until it can be")
        try:
            return await self._transacted(lambda state: decide(state, command, actor, self._now()), actor.login)
        except RefusedError as error:
            return Refusal(f"this does not fit into the log: {error}", "make it shorter")
        except FencedError as error:
            return _cannot(error.reason)

    @property
    def kept(self) -> str:
        """What an acknowledgement has to say about where its events are; empty: in the log."""
        place = self._store.kept if self._store is not None else ""
        if not place:
            return ""
        return "NOT RECORDED: in memory alone, until the log can be written" if place == "memory" else (
            f"kept in {place}, not yet in the log"
        )  # fmt: skip

    def read(self, start: int = 1) -> Iterator[ev.Record]:
        """The records from seq ``start`` on. Blocking: for a thread."""
        assert self._store is not None, "open() comes first"
        return self._store.read(start)

    async def keep_writable(self) -> None:
        """After a failed write: go on in a new segment, again and again until that works. A rollback does not wait."""
        while True:
            await self._failed.wait()
            reason = self.fenced
            while self._failed.is_set():
                try:
                    await self._back_into_the_log()
                except FencedError as error:
                    if self.fenced:
                        again = f"; going on in a new file failed too: {error.reason}"
                        self.fenced = reason + (again if error.reason != reason else "")
                        if self.state.rolling_back:
                            with suppress(FencedError):
                                await self._keep()
                    await asyncio.sleep(RETRY)

    async def _back_into_the_log(self) -> None:
        """Raises FencedError."""
        assert self._store is not None, "nothing fails before open()"
        async with self._mending:  # what was asked for may have happened while we waited: a second time is an error
            if self.fenced:
                await self._store.reopen()
            elif self._store.kept:
                await self._store.join()
        if self._store.joined is not None:  # all that was kept is in the log: now it tells of that
            self.unwritable = ""
            await asyncio.shield(self._submit(ev.SYSTEM, [self._store.joined]).durable)
            await self._store.forget()
            self._failed.clear()

    async def _keep(self, *, recorded: bool = True) -> None:
        """Keep events elsewhere until the log can be written. Raises FencedError."""
        assert self._store is not None, "nothing fails before open()"
        async with self._mending:
            if self.fenced:
                await self._store.keep(recorded=recorded)

    async def _keep_for(self, command: AnyCommand, actor: Actor) -> list[ev.Record] | Refusal | None:
        """Keep events elsewhere for this command; an answer where that is all that can be done, or fails too."""
        try:
            await self._keep()
        except FencedError as error:
            why = command.unrecorded.strip() if isinstance(command, StartRollback) else ""
            if not why:
                return Refusal(
                    f"the log cannot be written: {self.fenced}; and nothing can be kept elsewhere: {error.reason}",
                    "the lead can roll back without any record: --not-recorded REASON",
                    "unrecorded",
                )
            await self._keep(recorded=False)
            note = ev.NoteAdded(text=f"goes on although nothing can be recorded: {why}")
            said = await self.write([note], actor.login)
            if self.state.rolling_back:  # it waited for just that
                return said
        return None

    async def close(self) -> None:
        """Let go of the store."""
        if self._store is not None:
            await self._store.close()

    # -- submitting ---------------------------------------------------------------------------------------------------

    async def _transacted(self, decide: Decide, actor: str) -> list[ev.Record] | Refusal:
        """``transact`` where the store is writable. Raises FencedError where it no longer is, and RefusedError."""
        decision = decide(self._tip)
        if not isinstance(decision, Refusal) and decision:
            submitted = self._submit(actor, decision)
            # Its place in the log is taken: a client that goes away now gives up the answer, not the decision.
            await asyncio.shield(submitted.durable)
            return submitted.records
        if self._ahead:  # nobody is told what a crash could still take back
            await asyncio.shield(self._last.durable)
        return decision if isinstance(decision, Refusal) else []

    def _submit(self, actor: str, events: Sequence[ev.Event]) -> Submitted:
        assert self._store is not None, "open() comes first"
        self._last = submitted = self._store.submit(actor, events)
        for record in submitted.records:
            self._tip = fold(self._tip, record)
            self._ahead.append((record, self._tip))
        submitted.durable.add_done_callback(self._ended)
        return submitted

    def _ended(self, durable: asyncio.Future[ev.Record]) -> None:
        error = None if durable.cancelled() else durable.exception()
        if isinstance(error, FencedError) and not self.fenced:
            self._fence(error.reason)

    def _write_facts(self) -> None:
        while self._facts and not self.fenced:
            fact = self._facts[0]
            try:
                submitted = self._submit(fact.actor, fact.events)
            except FencedError:
                return  # what failed says so in a moment; then it is tried again
            except JournalError as error:
                if not fact.waiter.done():
                    fact.waiter.set_exception(error)
            else:
                submitted.durable.add_done_callback(self._arrival(fact, submitted.records))
            self._facts.pop(0)

    def _arrival(self, fact: _Fact, records: list[ev.Record]) -> Callable[[asyncio.Future[ev.Record]], None]:
        def arrived(durable: asyncio.Future[ev.Record]) -> None:
            if durable.cancelled():
                fact.waiter.cancel()
            elif durable.exception() is not None:  # back among those that wait, in the order in which it all happened
                insort(self._facts, fact, key=lambda each: each.number)
            elif not fact.waiter.done():
                fact.waiter.set_result(records)

        return arrived

    # -- what the store tells -----------------------------------------------------------------------------------------

    def _replay(self, record: ev.Record) -> None:
        self.state = fold(self.state, record)
        self._told_last = record.event

    def _committed(self, records: list[ev.Record]) -> None:
        for record in records:
            if self._ahead and self._ahead[0][0] is record:
                self.state = self._ahead.popleft()[1]
            else:  # the store's own: it goes on after a fence
                self.state = self._tip = fold(self.state, record)
                self._ahead.clear()
        if isinstance(fence := records[-1].event, ev.LogFenced):
            self._go_on(fence)
        self._wake()
        for observer in self._observers:
            observer(records)

    def _fence(self, reason: str) -> None:
        """Nothing that was submitted counts; whoever decided on it decides again.

        Nobody decides until the store goes on: its own first record makes the tip anew, from what is durable.
        """
        self.fenced = reason
        self._ahead.clear()
        self._writable.clear()
        self._failed.set()
        self._wake()

    def _go_on(self, fence: ev.LogFenced) -> None:
        """The store takes events again: the pause comes first, then the facts that waited, then new decisions."""
        assert self._store is not None, "it has just told us"
        self.unwritable = self.fenced if self._store.kept else ""
        self.fenced = ""
        if not self._store.kept and self._store.joined is None:
            self._failed.clear()
        self._pause(fence)
        self._write_facts()
        self._writable.set()

    def _pause(self, fence: ev.LogFenced) -> None:
        """People must know that something may be missing from the log before anything new starts."""
        if self._tip.phase == "open":
            reason = f"the log failed and went on in a new segment: {fence.error}"
            if self.kept:
                reason = f"the log could not be written: {fence.error}"
            self._submit(ev.SYSTEM, [ev.WindowPaused(reason=reason)])

    def _wake(self) -> None:
        # A new one each time: an event that is set and cleared at once is missed by who was about to wait for it.
        change, self._change = self._change, asyncio.Event()
        change.set()


def _cannot(why: str, hint: str = "nothing new starts until it can be") -> Refusal:
    return Refusal(f"the log cannot be written: {why}", hint)
