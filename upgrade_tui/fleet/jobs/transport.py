"""One run of a script on a host: over a channel of the supervised connection, or here."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable, Collection
from typing import Protocol

import asyncssh
from msgspec import Struct

from upgrade_tui.fleet.commands.processes import environment
from upgrade_tui.fleet.commands.remote import WINDOW, place_free, wake_waiters
from upgrade_tui.fleet.commands.remote import CommandChannels as Commands
from upgrade_tui.fleet.jobs.scripts import Call, Rendered, rendered_call
from upgrade_tui.foreign import one_line

_CHUNK = 64 * 1024
_PATIENCE = 5.0  # seconds for a host to open a channel while it has none of ours to close
_CLOSING = 2.0  # seconds that a script which was followed to its end may take to leave
_DISMISS = (  # whatever the login shell is
    "exec sh -c 'read -r s </proc/{pid}/stat && set -- ${{s##*) }} && "
    '[ "${{20}}" = {born} ] && {{ kill -TERM -{pid} || kill -TERM {pid}; }}\''
)

Feed = Callable[[bytes], bool]
"""Gets what the script prints; True: enough, the end was read. What it raises ends the run."""


class ScriptRun(Struct, frozen=True):
    """How a run of a script ended. ``sent`` False: the host has not seen it. ``cut``: why the link broke, if it did."""

    sent: bool
    cut: str = ""
    error: BaseException | None = None  # what ``feed`` raised


class Transport(Protocol):
    """The way to a host."""

    async def reached(self) -> str:
        """Wait for one attempt to reach it; why it is not reached, or nothing."""

    async def opened(self) -> None:
        """Wait until it is reached, however long that takes."""

    async def run(self, call: Call, feed: Feed) -> ScriptRun:
        """Put a call to the host. Cancelling stops following; what the script detached goes on."""

    async def dismiss(self, pid: int, born: int) -> None:
        """End a follower that nobody listens to any more, so that its channel is free again; as far as possible.

        ``born``: when it began, in the host's clock ticks: nobody else who got its pid since is meant.
        """


class RemoteTransport:
    """Over SSH. ``now`` gives the connection if there is one, ``attempt`` tries once, ``news`` waits for a change."""

    def __init__(
        self, now: Callable[[], Commands | None], attempt: Callable[[], Awaitable[Commands | str]],
        news: Callable[[], Awaitable[object]],
    ) -> None:  # fmt: skip
        self._now, self._attempt, self._news = now, attempt, news

    async def reached(self) -> str:
        link = await self._attempt()
        return link if isinstance(link, str) else ""

    async def opened(self) -> None:
        while (link := self._now()) is None or link.connection.is_closed():
            await self._news()

    async def run(self, call: Call, feed: Feed) -> ScriptRun:
        """See Transport. Waits for a place where the connection carries as many channels as it can."""
        loop = asyncio.get_running_loop()
        sent = rendered_call(call)
        patience = loop.time() + _PATIENCE
        while True:
            link = self._now()
            if link is None or link.connection.is_closed():
                return ScriptRun(sent=False, cut="the link broke before it was sent")
            async with link.channels:
                if link.connection.is_closed():
                    continue
                link.running += 1
                try:
                    run = await _over(link, sent, feed)
                finally:
                    link.running -= 1
                    wake_waiters(link)
            if run is not None:
                return run
            if link.running == 0 and loop.time() > patience:  # none of ours is in the way
                return ScriptRun(sent=False, cut="the host opens no channel, with none of ours in the way")
            await place_free(link)

    async def dismiss(self, pid: int, born: int) -> None:
        """See Transport. Closing the channel does not do it, and sshd takes a signal for no session of root's."""
        link = self._now()
        if link is None or link.connection.is_closed():
            return
        with contextlib.suppress(OSError, asyncssh.Error, TimeoutError):
            async with asyncio.timeout(_CLOSING):
                await link.connection.run(_DISMISS.format(pid=pid, born=born), encoding=None)


class _Channel(asyncssh.SSHClientSession[bytes]):
    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self.opened = False
        self.lost = ""
        self.error: BaseException | None = None
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        """From here on the script may be sent."""
        self.opened, self.channel = True, chan

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        """Frames; what goes to stderr is the login shell's."""
        if datatype is not None or self.over.done():
            return
        try:
            if self._feed(data):
                self.over.set_result(None)
        except Exception as error:  # noqa: BLE001 - the edge: an exception here would end the connection
            self.error = error
            self.over.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = one_line(str(exc), 200) if exc else "its channel was closed"
        for future in (self.over, self.closed):
            if not future.done():
                future.set_result(None)


async def _over(link: Commands, sent: Rendered, feed: Feed) -> ScriptRun | None:
    """None: the host opened no channel, nothing was sent; try again when others are through."""
    session = _Channel(feed)
    try:
        await link.connection.create_session(
            lambda: session, sent.line, encoding=None, window=WINDOW, request_pty=False
        )
    except asyncssh.ChannelOpenError as error:
        if not session.opened and not link.connection.is_closed():
            return None
        return ScriptRun(sent=session.opened, cut=f"the link broke as it was sent: {one_line(str(error), 200)}")
    except (OSError, asyncssh.Error) as error:
        return ScriptRun(sent=session.opened, cut=f"the link broke as it was sent: {one_line(str(error), 200)}")
    except AttributeError:  # asyncssh 2.24, where the channel closes between its answer and the session's start
        return ScriptRun(sent=True, cut="the link broke as it was sent")
    try:
        with contextlib.suppress(OSError, asyncssh.Error):
            session.channel.write(sent.stdin)
        await asyncio.wait({session.over})
        if session.lost and session.error is None:
            return ScriptRun(sent=True, cut=session.lost)
        if session.error is None:
            await asyncio.wait({session.closed}, timeout=_CLOSING)
        return ScriptRun(sent=True, error=session.error)
    finally:
        session.channel.close()


class LocalTransport:
    """This machine. ``without``: names of variables that are kept from what is run."""

    def __init__(self, without: Collection[str] = ()) -> None:
        self._without = without

    async def reached(self) -> str:
        return ""

    async def opened(self) -> None:
        """Always."""

    async def run(self, call: Call, feed: Feed) -> ScriptRun:
        pipe = asyncio.subprocess.PIPE
        sent = rendered_call(call)
        try:
            process = await asyncio.create_subprocess_exec(
                *sent.argv, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL, start_new_session=True,
                limit=_CHUNK, env=environment(self._without),
            )  # fmt: skip
        except OSError as error:
            return ScriptRun(sent=False, cut=f"cannot start {sent.argv[0]} here: {error}")
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(sent.stdin)
            while data := await process.stdout.read(_CHUNK):
                if feed(data):
                    return ScriptRun(sent=True)
        except Exception as error:  # noqa: BLE001 - what feed raises is the caller's to judge
            return ScriptRun(sent=True, error=error)
        finally:
            process.stdin.close()
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGTERM)  # the follower; the runner is in a session of its own
            await asyncio.shield(process.wait())
        return ScriptRun(sent=True, cut="its follower was ended")

    async def dismiss(self, pid: int, born: int) -> None:
        """See Transport. ``run`` has done it."""
