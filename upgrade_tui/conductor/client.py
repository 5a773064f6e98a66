"""The clients' end of a window's socket: one connection, requests with answers, a stream of what happens."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from upgrade_tui.conductor import protocol as p
from upgrade_tui.conductor.paths import SOCKET
from upgrade_tui.conductor.wire import address
from upgrade_tui.window.commands import AnyCommand, Refusal

A = TypeVar("A")


class NotRunning(Exception):
    """No conductor answers on that window's socket."""


class Lost(Exception):
    """The connection to the conductor ended."""


class Client:
    """A connection to a conductor. ``welcome`` says who we are; ``stream()`` gives what happens, once, in order."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, welcome: p.Welcome) -> None:
        self._reader, self._writer, self.welcome = reader, writer, welcome
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[p.Answer]] = {}
        self._stream: asyncio.Queue[p.Happened | p.Live | p.Telemetry | None] = asyncio.Queue()
        self._failure = "the conductor closed the connection"
        self._pump = asyncio.create_task(self._read(), name="conductor-client")

    @classmethod
    async def connect(cls, directory: Path, *, since: int = 0, frames: bool = False, attach: bool = False) -> Client:
        """Raises NotRunning where nobody listens, Lost where the conductor refuses us (the message says why)."""
        try:
            with address(directory / SOCKET) as name:
                reader, writer = await asyncio.open_unix_connection(name, limit=p.MAX_LINE)
        except (TimeoutError, OSError) as error:
            raise NotRunning(f"no conductor answers for {directory.name}: {error}") from error
        terminal = next((os.ttyname(fd) for fd in (0, 1, 2) if os.isatty(fd)), "")
        writer.write(p.encode(p.Hello(since=since, frames=frames, attach=attach, terminal=terminal)) + b"\n")
        try:
            line = await asyncio.wait_for(reader.readline(), 15)
            first = p.decode_conductor(line) if line else None
        except (TimeoutError, OSError, msgspec.MsgspecError, ValueError) as error:
            writer.close()
            raise NotRunning(f"the conductor of {directory.name} does not answer: {error or 'timed out'}") from error
        if not isinstance(first, p.Welcome):
            writer.close()
            raise Lost(
                first.error if isinstance(first, p.Failed) else f"{directory.name}: no welcome from the conductor"
            )
        return cls(reader, writer, first)

    async def _read(self) -> None:
        try:
            while line := await self._reader.readline():
                message = p.decode_conductor(line)
                if isinstance(message, p.Happened | p.Live | p.Telemetry):
                    self._stream.put_nowait(message)
                elif isinstance(message, p.Failed) and message.id == 0:
                    self._failure = message.error
                elif not isinstance(message, p.Welcome):
                    waiter = self._waiting.pop(message.id, None)
                    if waiter is not None and not waiter.done():
                        waiter.set_result(message)
        except (OSError, ValueError, msgspec.MsgspecError) as error:
            self._failure = f"the connection to the conductor broke: {error}"
        finally:
            for waiter in self._waiting.values():
                if not waiter.done():
                    waiter.set_exception(Lost(self._failure))
            self._waiting.clear()
            self._stream.put_nowait(None)

    async def stream(self) -> AsyncIterator[p.Happened | p.Live | p.Telemetry]:
        """What happens, until the connection ends. Raises Lost with the reason then."""
        while (message := await self._stream.get()) is not None:
            yield message
        raise Lost(self._failure)

    async def do(self, command: AnyCommand) -> tuple[int, ...] | Refusal:
        """The seqs of the command's events, durable by then, or the refusal. Raises Lost."""
        answer = await self._request(p.Do(id=0, command=command))
        if isinstance(answer, p.Done):
            return answer.seqs
        if isinstance(answer, p.Refused):
            return answer.refusal
        return Refusal(
            answer.error if isinstance(answer, p.Failed) else "the conductor gave an answer that does not fit"
        )

    async def ask(self, request: Any, answer: type[A]) -> A | str:
        """An answer of the type asked for, or one line saying why there is none. Raises Lost."""
        got = await self._request(request)
        if isinstance(got, answer):
            return got
        return got.error if isinstance(got, p.Failed) else "the conductor gave an answer that does not fit"

    async def _request(self, request: Any) -> p.Answer:
        if self._pump.done():
            raise Lost(self._failure)
        number = next(self._ids)
        waiter: asyncio.Future[p.Answer] = asyncio.get_running_loop().create_future()
        self._waiting[number] = waiter
        self._writer.write(p.encode(replace(request, id=number)) + b"\n")
        return await waiter

    async def close(self) -> None:
        """End the connection; the window goes on."""
        self._writer.close()
        self._pump.cancel()
        await asyncio.gather(self._pump, return_exceptions=True)
