"""A channel to a program on a host, over the supervised connection: opened when the host has a place for it.

Commands, scripts of jobs and samplers differ in what they make of the bytes; that is all that they bring themselves.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncssh
from msgspec import Struct

from upgrade_tui.foreign import one_line

CHANNELS = 8  # commands at a time on a connection: sshd's MaxSessions is 10, the sampler and its companion take two
_WINDOW = 256 * 1024  # bytes of output under way
_PATIENCE = 5.0  # seconds that a host may refuse channels while none of ours is in the way

T = TypeVar("T")


class CommandChannels(Struct):
    """What is needed of a connection to run commands on it."""

    connection: asyncssh.SSHClientConnection
    channels: asyncio.Semaphore
    running: int = 0
    waiting: list[asyncio.Future[None]] = []  # for a command's channel to close

    async def place_free(self) -> None:
        """The host allows fewer sessions than we thought: wait for one of ours to end."""
        future = asyncio.get_running_loop().create_future()
        self.waiting.append(future)
        await asyncio.wait({future}, timeout=1.0)  # others use the host, too: nobody tells us when theirs end

    def wake_waiters(self) -> None:
        """A channel of ours closed: wake who waits for that."""
        waiting, self.waiting = self.waiting, []
        for future in waiting:
            done(future)


class LinkBroke(Exception):
    """The link broke as something was sent: it may have arrived, or not. The message says why, if that is known."""


class NoChannel(Struct, frozen=True):
    """The host opened no channel: it may allow fewer than we thought, or not have closed old ones yet."""

    reason: str


def done(future: asyncio.Future[None]) -> None:
    """What ``future`` waits for is so; told twice, the first time counts."""
    if not future.done():
        future.set_result(None)


class Channel(asyncssh.SSHClientSession[bytes]):
    """One run of a program. ``opened``: it may have been sent. ``error``: what ``take`` raised, which ends it."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.over: asyncio.Future[None] = loop.create_future()  # nothing more is waited for
        self.closed: asyncio.Future[None] = loop.create_future()
        self.channel: asyncssh.SSHClientChannel[bytes] | None = None
        self.opened = False
        self.lost = ""  # why the channel is gone
        self.error: BaseException | None = None

    @abstractmethod
    def take(self, data: bytes, datatype: asyncssh.DataType) -> None:
        """What the program printed."""

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        """From here on the command may be sent."""
        self.opened, self.channel = True, chan

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        """An exception here would end the whole connection, with all its channels: none leaves."""
        try:
            self.take(data, datatype)
        except Exception as error:  # noqa: BLE001 - the edge
            self.failed(error)

    def failed(self, error: Exception) -> None:
        """What came could not be taken."""
        self.error = error
        done(self.over)

    def connection_lost(self, exc: Exception | None) -> None:
        """The channel is gone, with or without a result."""
        self.lost = one_line(str(exc), 200) if exc else "its channel was closed"
        done(self.over)
        done(self.closed)

    async def open(self, connection: asyncssh.SSHClientConnection, line: str) -> NoChannel | None:
        """Have the host run ``line``; NoChannel: nothing was sent. Raises LinkBroke."""
        try:
            await connection.create_session(lambda: self, line, encoding=None, window=_WINDOW, request_pty=False)
        except asyncssh.ChannelOpenError as error:
            if not self.opened and not connection.is_closed():
                return NoChannel(one_line(str(error), 200))
            raise LinkBroke(f": {one_line(str(error), 200)}") from error
        except (OSError, asyncssh.Error) as error:
            raise LinkBroke(f": {one_line(str(error), 200)}") from error
        except AttributeError as error:  # asyncssh 2.24, where the channel closes between its answer and our start
            self.opened = True
            raise LinkBroke from error
        return None

    def write(self, data: bytes) -> None:
        """To the program's standard input."""
        if self.channel is not None:
            self.channel.write(data)

    def close(self) -> None:
        """Let go of the channel; what runs on the host may go on."""
        if self.channel is not None:
            self.channel.close()


async def in_a_place(
    reach: Callable[[], Awaitable[CommandChannels | str]], run: Callable[[CommandChannels], Awaitable[T | NoChannel]]
) -> T | NoChannel | str:
    """What ``run`` comes to once the host has a channel for it. Nothing was sent where it is NoChannel, or a text that
    says why the host is not reached.
    """
    loop = asyncio.get_running_loop()
    patience = loop.time() + _PATIENCE
    while True:
        link = await reach()
        if isinstance(link, str):
            return link
        async with link.channels:
            if link.connection.is_closed():
                continue  # it broke while this waited in the queue: nothing was sent
            link.running += 1
            try:
                came = await run(link)
            finally:
                link.running -= 1
                link.wake_waiters()
        # sshd counts a session until it has noticed that it closed: a refusal right after one of ours ended passes.
        if not isinstance(came, NoChannel) or (link.running == 0 and loop.time() > patience):
            return came
        await link.place_free()
