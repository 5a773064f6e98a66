"""What a client knows of a window: the fold over its events, kept up to date, reconnecting when the conductor changes.

The dashboard draws from this; ``replayed`` makes the same thing from a log alone, for looking back and for tests.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from upgrade_tui.attach import protocol as p
from upgrade_tui.attach.client import Lost, NotRunning
from upgrade_tui.attach.source import REPLAYED, Connection, RecordSource
from upgrade_tui.plan.model import Plan, Role
from upgrade_tui.plan.reader import parse_plan
from upgrade_tui.window.commands import AnyCommand, Refusal
from upgrade_tui.window.events import Record
from upgrade_tui.window.fold import fold
from upgrade_tui.window.measurements import Frame, HostDetail
from upgrade_tui.window.outcomes import outcome
from upgrade_tui.window.state import WindowState, initial

A = TypeVar("A")


class Session:
    """State, records and the last frame of a window; verbs go through ``do`` and ``ask``.

    ``listener`` is called (on the loop) after anything changed. ``connected`` is None, or one line why there is no
    connection. ``now()`` is the conductor's wall clock as far as we know it, in epoch seconds.
    """

    def __init__(self, plan: Plan, login: str, role: Role, source: RecordSource | None = None) -> None:
        """``source``: what to connect to again; left out, nothing."""
        self.plan, self.login, self.role, self._source = plan, login, role, source
        self.directory: Path | None = source.directory if source is not None else None
        self.state: WindowState = initial(plan)
        self.records: list[Record] = []
        self.outcomes: dict[int, str] = {}  # seq of an attempt's end -> what it brought its step to
        self.frame: Frame | None = None
        self.frame_at: float | None = None  # monotonic seconds when the frame came
        self.details: dict[str, HostDetail] = {}
        self.live = False  # the backlog is in; what comes now is new
        self.kept = ""  # where the events of the last command are, if not in the log
        self.trouble: str | None = None  # why there is no connection
        self.listener: Callable[[], None] = lambda: None
        self.on_record: Callable[[Record], None] = lambda record: None  # each new record once live
        self._client: Connection | None = None
        self._offset = 0.0
        self._clock: Callable[[], float] = time.time

    @classmethod
    async def of(cls, source: RecordSource) -> Session:
        """Connect to a window. Raises NotRunning or Lost."""
        client = await source.connect(0)
        welcome = client.welcome
        session = cls(parse_plan(welcome.plan_text, "plan.toml"), welcome.login, welcome.role, source)
        session._took(client)
        return session

    @classmethod
    def replayed(
        cls, plan: Plan, records: Sequence[Record], *, frame: Frame | None = None,
        details: dict[str, HostDetail] | None = None, now: float | None = None, login: str = "observer",
        role: Role = "observer",
    ) -> Session:  # fmt: skip
        """A session without a conductor, at the end of ``records`` (or at ``now``). Its verbs are refused."""
        session = cls(plan, login, role)
        session._fold(records)
        session.frame, session.details, session.live = frame, details or {}, True
        session.frame_at = time.monotonic() if frame else None
        at = now if now is not None else (records[-1].ts if records else 0.0)
        session._clock = lambda: at
        return session

    def now(self) -> float:
        """The conductor's wall clock, epoch seconds."""
        return self._clock() + self._offset

    def frame_age(self) -> float | None:
        """Seconds since the last frame; None before the first. On from 3 the numbers are stale whatever they say."""
        return None if self.frame_at is None else time.monotonic() - self.frame_at

    def _took(self, client: Connection) -> None:
        self._client, self.trouble = client, None
        self.login, self.role = client.welcome.login, client.welcome.role
        if client.still:
            self._clock = lambda: client.welcome.now
        self._offset = client.welcome.now - self._clock()

    async def run(self) -> None:
        """Follow the window until cancelled, reconnecting (0.2 s to 2 s apart) when the conductor is gone.

        Returns when the window was closed: its conductor has ended, as it should.
        """
        pause = 0.2
        while True:
            if self._client is not None:
                try:
                    async for message in self._client.stream():
                        self._take(message)
                        pause = 0.2
                except Lost as lost:
                    if self.state.phase == "closed":
                        self.frame = None  # nobody measures any more: old numbers must not pretend
                        self.listener()
                        return
                    self._gone(str(lost))
                finally:
                    client, self._client = self._client, None
                    if client is not None:
                        await client.close()
            await asyncio.sleep(pause)
            pause = min(2.0, pause * 1.5)
            if self._source is None:
                return
            try:
                self._took(await self._source.connect(self.state.seq))
                self.listener()
            except (NotRunning, Lost) as error:
                self._gone(str(error))

    def _gone(self, why: str) -> None:
        self.trouble, self.frame = why, None
        self.listener()

    def _take(self, message: p.Happened | p.CaughtUp | p.FrameMessage) -> None:
        if isinstance(message, p.Happened):
            self._fold(message.records)
        elif isinstance(message, p.CaughtUp):
            self.live = True
        else:
            self.frame, self.frame_at = message.frame, time.monotonic()
            self.details.update(message.frame.details)
            self._offset = message.frame.ts - self._clock()
        self.listener()

    def _fold(self, records: Iterable[Record]) -> None:
        for record in records:
            if record.seq <= self.state.seq:
                continue  # a reconnect may send one twice
            self.state = fold(self.state, record)
            self.records.append(record)
            if came := outcome(self.state, record):
                self.outcomes[record.seq] = came
            if self.live:
                self.on_record(record)

    async def do(self, command: AnyCommand) -> Refusal | None:
        """Carry out a command: None, or why not. Its events arrive like all others; ``kept`` says if not in the log."""
        if self._client is None:
            if self.state.phase == "closed":
                return Refusal(f"the window is closed ({self.state.outcome})", "its report: upgrade-tui report")
            return Refusal(self.trouble or REPLAYED, "start it again: upgrade-tui run PLAN")
        try:
            answer = await self._client.do(command)
        except Lost as lost:
            return Refusal(str(lost), "the window goes on; its log says whether this was carried out")
        if isinstance(answer, Refusal):
            return answer
        self.kept = answer.kept
        return None

    async def ask(self, request: Any, answer: type[A]) -> A | str:
        """An answer of the type asked for, or one line why there is none."""
        if self._client is None:
            return self.trouble or REPLAYED
        try:
            return await self._client.ask(request, answer)
        except Lost as lost:
            return str(lost)
