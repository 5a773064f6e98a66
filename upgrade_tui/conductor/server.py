"""The window's socket: who is there, what they have seen, what they ask."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Protocol

import msgspec
from msgspec import Struct

from upgrade_tui.conductor import protocol as p
from upgrade_tui.conductor.paths import SOCKET
from upgrade_tui.conductor.wire import Peer, address, peer
from upgrade_tui.foreign import one_line
from upgrade_tui.window import events as ev

TOO_FAR_BEHIND = 32 * 1024 * 1024  # bytes waiting for a client that does not read
CHUNK = 500  # records of the backlog in one message


class Desk(Protocol):
    """What the server asks of the conductor."""

    def welcome(self, who: Peer, client: int) -> p.Welcome: ...

    def backlog(self, since: int, until: int) -> AsyncIterator[tuple[ev.Record, ...]]: ...

    async def answer(self, request: p.FromClient, welcome: p.Welcome) -> p.Answer: ...

    async def attached(self, welcome: p.Welcome, terminal: str) -> None: ...

    async def detached(self, welcome: p.Welcome) -> None: ...

    def fresh_frame(self) -> bytes | None: ...


class Guest(Struct):
    """A connected client. Lines wait in ``queue``; of frames only the newest waits."""

    hello: p.Hello
    welcome: p.Welcome
    queue: list[bytes]
    wake: asyncio.Event
    drained: asyncio.Event
    waiting: int = 0
    frame: bytes | None = None
    live: bool = False
    held: list[ev.Record] = []
    too_slow: bool = False

    def put(self, line: bytes) -> None:
        """Queue a line."""
        self.queue.append(line)
        self.waiting += len(line)
        self.too_slow = self.too_slow or self.waiting > TOO_FAR_BEHIND
        self.wake.set()
        self.drained.clear()


class Server:
    """Serves the socket in the window's directory (0700, so only its owner and root get in)."""

    def __init__(self, directory: Path, desk: Desk, on_error: Callable[[str], None]) -> None:
        self._path, self._desk, self._on_error = directory / SOCKET, desk, on_error
        self._guests: dict[int, Guest] = {}
        self._count = 0
        self.listening = asyncio.Event()

    async def run(self, first_client: int) -> None:
        """Serve until cancelled. Raises OSError where there can be no socket. Clients count from ``first_client``."""
        self._count = first_client
        await asyncio.to_thread(self._path.unlink, missing_ok=True)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with address(self._path) as name:
            listening.bind(name)
        await asyncio.to_thread(os.chmod, self._path, 0o600)
        server = await asyncio.start_server(self._client, sock=listening, limit=p.MAX_LINE)
        self.listening.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            server.close()
            self._path.unlink(missing_ok=True)

    @property
    def any_frames(self) -> bool:
        """Whether anybody looks."""
        return any(g.hello.frames for g in self._guests.values())

    def happened(self, records: list[ev.Record]) -> None:
        """Tell everybody about durable records."""
        line = b""
        for guest in self._guests.values():
            if guest.live:
                line = line or p.encode(p.Happened(records=tuple(records))) + b"\n"
                guest.put(line)
            else:
                guest.held.extend(records)

    def telemetry(self, line: bytes) -> None:
        """Give everybody who wants frames the newest one."""
        for guest in self._guests.values():
            if guest.hello.frames and guest.live:
                guest.frame = line
                guest.wake.set()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._serve(reader, writer)
        except* (_GoneAway, OSError, ValueError, msgspec.MsgspecError):
            pass  # the client broke off, or does not speak this protocol
        except* Exception as group:  # noqa: BLE001 - outermost edge of one client: it must not end the window
            for error in group.exceptions:
                self._on_error(f"a client's connection ended with an error: {type(error).__name__}: {error}")
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello = p.decode_client(await reader.readline())
        if not isinstance(hello, p.Hello) or hello.protocol != p.PROTOCOL:
            error = "this window's conductor is of another version of upgrade-tui: use that version to attach"
            writer.write(p.encode(p.Failed(error=error)) + b"\n")
            return
        self._count += 1
        number = self._count
        welcome = self._desk.welcome(peer(writer.get_extra_info("socket")), number)
        guest = Guest(hello, welcome, [], asyncio.Event(), asyncio.Event(), held=[])
        guest.put(p.encode(welcome) + b"\n")
        self._guests[number] = guest
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._send(guest, writer))
                group.create_task(self._catch_up(guest))
                await self._requests(guest, reader, group)
                raise _GoneAway
        finally:
            self._guests.pop(number, None)
            if hello.attach:
                await asyncio.shield(self._desk.detached(welcome))

    async def _catch_up(self, guest: Guest) -> None:
        until = guest.welcome.seq
        async for records in self._desk.backlog(guest.hello.since, until):
            guest.put(p.encode(p.Happened(records=records)) + b"\n")
            await guest.drained.wait()
        fresh = [r for r in guest.held if r.seq > until]
        guest.held = []
        guest.live = True
        if fresh:
            guest.put(p.encode(p.Happened(records=tuple(fresh))) + b"\n")
        guest.put(p.encode(p.Live(seq=max(until, fresh[-1].seq if fresh else 0))) + b"\n")
        if guest.hello.frames and (frame := self._desk.fresh_frame()) is not None:
            guest.put(frame)
        if guest.hello.attach:
            await self._desk.attached(guest.welcome, one_line(guest.hello.terminal, 60))

    async def _send(self, guest: Guest, writer: asyncio.StreamWriter) -> None:
        while True:
            await guest.wake.wait()
            guest.wake.clear()
            lines, guest.queue = guest.queue, []
            if guest.frame is not None:
                lines.append(guest.frame)
                guest.frame = None
            if guest.too_slow:
                writer.write(
                    p.encode(p.Failed(error="this client read too slowly and was let go; attach again")) + b"\n"
                )
                raise _GoneAway
            writer.writelines(lines)
            await writer.drain()
            guest.waiting = sum(map(len, guest.queue))
            guest.drained.set()

    async def _requests(self, guest: Guest, reader: asyncio.StreamReader, group: asyncio.TaskGroup) -> None:
        while line := await reader.readline():
            request = p.decode_client(line)
            if not isinstance(request, p.Hello):
                group.create_task(self._reply(guest, request))

    async def _reply(self, guest: Guest, request: p.FromClient) -> None:
        guest.put(p.encode(await self._desk.answer(request, guest.welcome)) + b"\n")


class _GoneAway(Exception):
    """The client is gone: ends its task group."""
