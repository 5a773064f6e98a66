"""A window's socket with a backend that the test holds in its hands: no log, no hosts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import TracebackType

from upgrade_tui.attach import protocol as p
from upgrade_tui.attach.socket import Peer
from upgrade_tui.conductor.server import WindowServer
from upgrade_tui.window import events as ev


class Served:
    """A server on ``directory``'s socket. ``answers`` makes the answer to a request; ``records`` is the backlog."""

    def __init__(
        self,
        directory: Path,
        answers: Callable[[p.Request], Awaitable[p.AnyAnswer]] | None = None,
        records: tuple[ev.Record, ...] = (),
        plan_text: str = "",
    ) -> None:
        self.errors: list[str] = []
        self.welcomed: list[Peer] = []
        self.left: list[int] = []
        self.came: list[int] = []
        self._answers, self._records, self._plan_text = answers, records, plan_text
        self._news = asyncio.Event()
        self.server = WindowServer(directory, self, self.errors.append)
        self._task: asyncio.Task[None] | None = None
        self._accepted = 0
        accept = self.server._accepted

        def counted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Awaitable[None]:
            self._accepted += 1
            serving = accept(reader, writer)
            self._tell()
            return serving

        self.server._accepted = counted  # type: ignore[method-assign]

    async def __aenter__(self) -> Served:
        self._task = asyncio.create_task(self.server.run(0))
        await self.server.listening.wait()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def _until(self, what: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not what():
                await self._news.wait()

    async def until_accepted(self, count: int) -> None:
        await self._until(lambda: self._accepted >= count)

    async def until_attached(self, count: int) -> None:
        await self._until(lambda: len(self.came) >= count)

    async def until_left(self, count: int) -> None:
        await self._until(lambda: len(self.left) >= count)

    # -- what the server asks -----------------------------------------------------------------------------------------

    def welcome(self, who: Peer, client: int) -> p.Welcome:
        self.welcomed.append(who)
        seq = self._records[-1].seq if self._records else 0
        return p.Welcome(
            version="1",
            directory="",
            plan_text=self._plan_text,
            login=who.login,
            role="lead",
            client=client,
            seq=seq,
            now=0.0,
        )

    async def backlog(self, since: int, until: int) -> AsyncIterator[tuple[ev.Record, ...]]:
        if since < until:
            yield self._records

    async def answer(self, request: p.FromClient, welcome: p.Welcome) -> p.AnyAnswer:
        assert not isinstance(request, p.Hello)
        return await self._answers(request) if self._answers else p.Ok(id=request.id)

    async def attached(self, welcome: p.Welcome, terminal: str) -> None:
        self.came.append(welcome.client)
        self._tell()

    async def detached(self, welcome: p.Welcome) -> None:
        self.left.append(welcome.client)
        self._tell()

    def fresh_frame(self) -> bytes | None:
        return None


async def speaking(directory: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A raw connection to the socket in ``directory``."""
    return await asyncio.open_unix_connection(str(directory / "socket"), limit=p.MAX_MESSAGE)
