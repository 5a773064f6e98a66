"""The window's socket: who is there, what they have seen, what they ask."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import msgspec
from msgspec import Struct

from upgrade_tui.attach import protocol as p
from upgrade_tui.attach.socket import NobodyThere, Peer, peer
from upgrade_tui.directory.paths import SOCKET, address, runtime_directory
from upgrade_tui.foreign import one_line
from upgrade_tui.journal.files import private_directory
from upgrade_tui.units import duration_text
from upgrade_tui.window import events as ev

MOST_WAITING = 8 * 1024 * 1024  # bytes that may wait for one client
ROOM = 1024 * 1024  # bytes waiting above which a client's next request is not read yet
AT_ONCE = 4  # questions of one client that are worked on together; an answer has up to 1.4 MB
SILENCE = 10.0  # seconds in which a client for which something waits has to read some of it
WORKING = 3.0  # seconds between two words that a request is still worked on
CHUNK = 500  # records of the backlog in one message
_LARGEST = 1024 * 1024  # bytes of one message of records, unless a single one is larger


class ServerBackend(Protocol):
    """What the server asks of the conductor."""

    def welcome(self, who: Peer, client: int) -> p.Welcome: ...

    def backlog(self, since: int, until: int) -> AsyncIterator[tuple[ev.Record, ...]]: ...

    async def answer(self, request: p.FromClient, welcome: p.Welcome) -> p.AnyAnswer: ...

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
    waiting: int = 0  # bytes in the queue and on their way
    frame: bytes | None = None
    live: bool = False
    held: list[ev.Record] = []
    too_slow: bool = False

    def put(self, line: bytes) -> None:
        """Queue a line; for a client that is let go, not any more."""
        if self.waiting + len(line) > MOST_WAITING:
            self.too_slow = True
        if not self.too_slow:
            self.queue.append(line)
            self.waiting += len(line)
            self.drained.clear()
        self.wake.set()


class WindowServer:
    """Serves the socket in the window's directory (0700, so only its owner and root get in)."""

    def __init__(self, directory: Path, backend: ServerBackend, on_error: Callable[[str], None]) -> None:
        self._path, self._backend, self._on_error = directory / SOCKET, backend, on_error
        self._guests: dict[int, Guest] = {}
        self._serving: set[asyncio.Task[None]] = set()  # a loop itself does not keep its tasks
        self._count = 0
        self.listening = asyncio.Event()

    async def run(self, first_client: int) -> None:
        """Serve until cancelled. Raises OSError where there can be no socket. Clients count from ``first_client``."""
        self._count = first_client
        listening = await asyncio.to_thread(self._listening)
        server = await asyncio.start_server(self._accepted, sock=listening, limit=p.MAX_MESSAGE)
        self.listening.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            server.close()
            self._path.unlink(missing_ok=True)

    def _listening(self) -> socket.socket:
        """In the window's directory; in the runtime directory where that one cannot be written."""
        try:
            return _bound(self._path)
        except OSError:
            elsewhere = runtime_directory(self._path.parent)
            private_directory(elsewhere)
            self._path = elsewhere / SOCKET
            return _bound(self._path)

    @property
    def any_frames(self) -> bool:
        """Whether anybody looks."""
        return any(g.hello.frames for g in self._guests.values())

    def happened(self, records: list[ev.Record]) -> None:
        """Tell everybody about durable records."""
        lines: list[bytes] = []
        for guest in self._guests.values():
            if guest.live:
                lines = lines or list(_lines(records))
                for line in lines:
                    guest.put(line)
            else:
                guest.held.extend(records)

    def telemetry(self, line: bytes) -> None:
        """Give everybody who wants frames the newest one."""
        for guest in self._guests.values():
            if guest.hello.frames and guest.live:
                guest.frame = line
                guest.wake.set()

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Awaitable[None]:
        """Not a coroutine: who is there is read in the moment of the connection, before anything else runs.

        The task is ours: for one that asyncio made itself it prints a traceback when a loop that ends cancels it.
        """
        try:
            who = peer(writer.get_extra_info("socket"))
        except (NobodyThere, OSError):
            who = None
        serving = asyncio.ensure_future(self._client(reader, writer, who))
        self._serving.add(serving)
        serving.add_done_callback(self._serving.discard)
        return serving

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, who: Peer | None) -> None:
        try:
            if who is None:
                await _last(writer, "the process that connected is gone: nobody can say who this is")
            else:
                await self._serve(reader, writer, who)
        except* (_GoneAway, OSError, ValueError, msgspec.MsgspecError):
            pass  # the client broke off, or does not speak this protocol
        except* Exception as group:  # noqa: BLE001 - outermost edge of one client: it must not end the window
            for error in group.exceptions:
                self._on_error(f"a client's connection ended with an error: {type(error).__name__}: {error}")
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, who: Peer) -> None:
        hello = p.decode_client(await reader.readline())
        if not isinstance(hello, p.Hello) or hello.protocol != p.PROTOCOL:
            await _last(writer, "this window's conductor is of another version of upgrade-tui: use that one to attach")
            return
        self._count += 1
        number = self._count
        welcome = self._backend.welcome(who, number)
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
            if hello.attach:  # also where the conductor ends and cancels us: else the log says that it is still there
                await asyncio.shield(self._backend.detached(welcome))

    async def _catch_up(self, guest: Guest) -> None:
        until = guest.welcome.seq
        since = until if guest.hello.since is None else guest.hello.since
        async for records in self._backend.backlog(since, until):
            for line in _lines(records):
                guest.put(line)
                await guest.drained.wait()  # a long log is read at the client's pace, not into memory
        # What happened meanwhile was held back for it: live lines between those of the backlog would be out of order.
        while fresh := [r for r in guest.held[:CHUNK] if r.seq > until]:
            del guest.held[:CHUNK]
            until = fresh[-1].seq
            for line in _lines(fresh):
                guest.put(line)
                await guest.drained.wait()
        guest.held, guest.live = [], True
        guest.put(p.encode(p.CaughtUp(seq=until)) + b"\n")
        if guest.hello.frames and (frame := self._backend.fresh_frame()) is not None:
            guest.put(frame)
        if guest.hello.attach:
            await self._backend.attached(guest.welcome, one_line(guest.hello.terminal, 60))

    async def _send(self, guest: Guest, writer: asyncio.StreamWriter) -> None:
        while True:
            await guest.wake.wait()
            guest.wake.clear()  # before the queue is taken: what comes from here on wakes it again
            lines, guest.queue = guest.queue, []
            if guest.frame is not None:
                lines.append(guest.frame)
                guest.frame = None
            if guest.too_slow:
                _let_go(writer, f"more than {MOST_WAITING >> 20} MiB waited for it")
            writer.writelines(lines)
            await _read(writer)
            guest.waiting = sum(map(len, guest.queue))
            if not guest.queue:
                guest.drained.set()

    async def _requests(self, guest: Guest, reader: asyncio.StreamReader, group: asyncio.TaskGroup) -> None:
        """Read what the client asks, but no more than it takes answers for."""
        places = asyncio.Semaphore(AT_ONCE)
        while line := await reader.readline():
            request = p.decode_client(line)
            if isinstance(request, p.Hello):
                continue
            while guest.waiting > ROOM:
                await guest.drained.wait()
            if isinstance(request, p.Do):  # its answer is small, and pausing must not wait behind somebody's output
                group.create_task(self._reply(guest, request))
            else:
                await places.acquire()
                group.create_task(self._reply(guest, request)).add_done_callback(lambda _: places.release())

    async def _reply(self, guest: Guest, request: p.Request) -> None:
        answer = asyncio.ensure_future(self._backend.answer(request, guest.welcome))
        try:
            while not (await asyncio.wait({answer}, timeout=WORKING))[0]:
                guest.put(p.encode(p.Working(id=request.id)) + b"\n")
        finally:
            answer.cancel()
        guest.put(p.encode(answer.result()) + b"\n")


def _lines(records: Sequence[ev.Record]) -> Iterator[bytes]:
    """Messages of these records, none larger than a client reads: a record can have 64 KiB."""
    line = p.encode(p.Happened(records=tuple(records))) + b"\n"
    if len(line) <= _LARGEST or len(records) < 2:
        yield line
        return
    half = len(records) // 2
    yield from _lines(records[:half])
    yield from _lines(records[half:])


async def _read(writer: asyncio.StreamWriter) -> None:
    """Until the client has read nearly all that was written to it. Raises _GoneAway where it reads nothing any more."""
    while True:
        before = writer.transport.get_write_buffer_size()
        try:
            async with asyncio.timeout(SILENCE):
                await writer.drain()
            return
        except TimeoutError:
            if writer.transport.get_write_buffer_size() >= before:
                _let_go(writer, f"it read nothing for {duration_text(SILENCE)}")


def _let_go(writer: asyncio.StreamWriter, why: str) -> None:
    """End a connection whose client does not read: what waits for it is dropped, and so is the socket.

    There is no last word: it would wait behind all the rest. Raises _GoneAway.
    """
    writer.transport.abort()
    raise _GoneAway(why)


async def _last(writer: asyncio.StreamWriter, error: str) -> None:
    writer.write(p.encode(p.Failed(error=error)) + b"\n")
    await writer.drain()


def _bound(path: Path) -> socket.socket:
    # Whoever opens a window holds the log's lock by now: a socket that is still here belongs to nobody.
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with address(path) as name:
            listening.bind(name)
        path.chmod(0o600)
    except BaseException:
        listening.close()
        raise
    return listening


class _GoneAway(Exception):
    """The client is gone: ends its task group."""
