"""The clients' end of a window's socket: one connection, requests with answers, a stream of what happens."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from upgrade_tui.attach import protocol as p
from upgrade_tui.attach.socket import listener_pid
from upgrade_tui.directory.paths import PLAN, address, sockets
from upgrade_tui.plan.reader import parse_plan
from upgrade_tui.window.commands import AnyCommand, Refusal
from upgrade_tui.window.measurements import Frame
from upgrade_tui.window.state import WindowState

A = TypeVar("A")


PATIENCE = 10.0  # seconds without a word from the conductor while something is asked


class NotRunning(Exception):
    """No conductor listens on that window's socket."""


class Lost(Exception):
    """The connection to the conductor ended."""


class NotAnswering(Lost):
    """Its conductor is there, but says nothing: it was stopped, or hangs. ``pid``: its process; 0 where not known."""

    def __init__(self, pid: int) -> None:
        super().__init__(f"pid {pid} runs but does not answer" if pid else "its conductor runs but does not answer")
        self.pid = pid


def _connected(sock: socket.socket) -> bool:
    try:
        sock.getpeername()
    except OSError:
        return False
    return True


def _terminal() -> str:
    """The terminal of this process. It may have one whose device is not visible here: entered from outside, say."""
    for fd in (0, 1, 2):
        with contextlib.suppress(OSError):
            return os.ttyname(fd)
    return ""


async def _reach(directory: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to the conductor, wherever it listens. Raises the OSError of the window's own directory."""
    first: OSError | None = None
    for path in sockets(directory):
        try:
            with address(path) as name:
                return await asyncio.open_unix_connection(name, limit=p.MAX_MESSAGE)
        except OSError as error:
            first = first or error
    assert first is not None, "there is always the window's own directory"
    raise first


class Client:
    """A connection to a conductor. ``welcome`` says who we are; ``stream()`` gives what happens, once, in order."""

    still = False  # its time goes on

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, welcome: p.Welcome, pid: int = 0
    ) -> None:  # fmt: skip
        """``pid``: the conductor's process."""
        self._reader, self._writer, self.welcome, self._pid = reader, writer, welcome, pid
        self._spoke = 0.0  # when the conductor last said anything, by the loop's clock
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[p.AnyAnswer]] = {}
        self._stream: asyncio.Queue[p.Happened | p.CaughtUp | p.FrameMessage | None] = asyncio.Queue()
        self._failure = "the conductor closed the connection"
        self._pump = asyncio.create_task(self._read(), name="conductor-client")

    @classmethod
    async def connect(
        cls, directory: Path, *, since: int | None = 0, frames: bool = False, attach: bool = False
    ) -> Client:
        """``since``: see ``Hello``.

        Raises NotRunning where nobody listens, NotAnswering where somebody does and says nothing, Lost where the
        conductor refuses us (the message says why), PermissionError where the window is another user's.
        """
        try:
            reader, writer = await _reach(directory)
        except PermissionError as error:
            raise PermissionError(error.errno, error.strerror, str(directory)) from error  # asyncio names no file
        except OSError as error:
            raise NotRunning(f"no conductor listens for {directory.name}: {error.strerror or error}") from error
        sock = writer.get_extra_info("socket")
        if not _connected(sock):
            writer.transport.abort()
            raise NotAnswering(0)  # as many as may wait to be let in do wait; asyncio takes that for a connection
        pid = listener_pid(sock)
        writer.write(p.encode(p.Hello(since=since, frames=frames, attach=attach, terminal=_terminal())) + b"\n")
        try:
            line = await asyncio.wait_for(reader.readline(), PATIENCE)
            first = p.decode_conductor(line) if line else None
        except TimeoutError as error:
            writer.transport.abort()
            raise NotAnswering(pid) from error
        except (OSError, msgspec.MsgspecError, ValueError) as error:
            writer.close()
            raise Lost(f"the conductor of {directory.name} does not speak as it should: {error}") from error
        if not isinstance(first, p.Welcome):
            writer.close()
            raise Lost(
                first.error if isinstance(first, p.Failed) else f"{directory.name}: no welcome from the conductor"
            )
        return cls(reader, writer, first, pid)

    async def _read(self) -> None:
        try:
            while line := await self._reader.readline():
                self._spoke = asyncio.get_running_loop().time()
                message = p.decode_conductor(line)
                if isinstance(message, p.Happened | p.CaughtUp | p.FrameMessage):
                    self._stream.put_nowait(message)
                elif isinstance(message, p.Failed) and message.id == 0:
                    self._failure = message.error
                elif not isinstance(message, p.Welcome | p.Working):
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

    async def stream(self) -> AsyncIterator[p.Happened | p.CaughtUp | p.FrameMessage]:
        """What happens, until the connection ends. Raises Lost with the reason then."""
        while (message := await self._stream.get()) is not None:
            yield message
        raise Lost(self._failure)

    async def do(self, command: AnyCommand) -> p.Done | Refusal:
        """The command was carried out and its events are durable, or the refusal. Raises Lost, also NotAnswering."""
        answer = await self._request(p.Do(id=0, command=command))
        if isinstance(answer, p.Done):
            return answer
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

    async def state(self, *, over: str = "", back: bool = False) -> tuple[WindowState, Frame, float]:
        """The window's state, what is measured now, and the conductor's time; see ``GetState``. Raises Lost."""
        answer = await self.ask(p.GetState(id=0, over=over, back=back), p.State)
        if isinstance(answer, str):
            raise Lost(answer)
        try:
            state = p.unpacked(answer.state, parse_plan(self.welcome.plan_text, PLAN))
        except msgspec.MsgspecError as error:
            raise Lost(f"this window's conductor is of another version of upgrade-tui: {error}") from error
        return state, answer.frame, answer.now

    async def _request(self, request: Any) -> p.AnyAnswer:
        if self._pump.done():
            raise Lost(self._failure)
        number = next(self._ids)
        waiter: asyncio.Future[p.AnyAnswer] = asyncio.get_running_loop().create_future()
        self._waiting[number] = waiter
        self._writer.write(p.encode(replace(request, id=number)) + b"\n")
        loop = asyncio.get_running_loop()
        asked = loop.time()
        try:
            while not waiter.done():
                left = max(asked, self._spoke) + PATIENCE - loop.time()
                if left <= 0:
                    raise NotAnswering(self._pid)
                await asyncio.wait({waiter}, timeout=left)
            return waiter.result()
        finally:
            self._waiting.pop(number, None)

    async def close(self) -> None:
        """End the connection; the window goes on."""
        self._writer.close()
        self._pump.cancel()
        await asyncio.gather(self._pump, return_exceptions=True)
