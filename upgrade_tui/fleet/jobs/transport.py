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

from upgrade_tui.fleet.commands.channel import Channel, CommandChannels, LinkBroke, NoChannel, done, in_a_place
from upgrade_tui.fleet.commands.processes import environment
from upgrade_tui.fleet.jobs.scripts import Call, Rendered, rendered_call

_CHUNK = 64 * 1024
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
        self, now: Callable[[], CommandChannels | None], attempt: Callable[[], Awaitable[CommandChannels | str]],
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
        sent = rendered_call(call)

        async def reach() -> CommandChannels | str:
            link = self._now()
            return "the link broke before it was sent" if link is None or link.connection.is_closed() else link

        came = await in_a_place(reach, lambda link: _over(link, sent, feed))
        if isinstance(came, ScriptRun):
            return came
        none = "the host opens no channel, with none of ours in the way"
        return ScriptRun(sent=False, cut=came if isinstance(came, str) else none)

    async def dismiss(self, pid: int, born: int) -> None:
        """See Transport. Closing the channel does not do it, and sshd takes a signal for no session of root's."""
        link = self._now()
        if link is None or link.connection.is_closed():
            return
        with contextlib.suppress(OSError, asyncssh.Error, TimeoutError):
            async with asyncio.timeout(_CLOSING):
                await link.connection.run(_DISMISS.format(pid=pid, born=born), encoding=None)


class _Script(Channel):
    def __init__(self, feed: Feed) -> None:
        super().__init__()
        self._feed = feed

    def take(self, data: bytes, datatype: asyncssh.DataType) -> None:
        """Frames; what goes to stderr is the login shell's."""
        if datatype is None and not self.over.done() and self._feed(data):
            done(self.over)


async def _over(link: CommandChannels, sent: Rendered, feed: Feed) -> ScriptRun | NoChannel:
    """NoChannel: nothing was sent; try again when others are through."""
    session = _Script(feed)
    try:
        if (refused := await session.open(link.connection, sent.line)) is not None:
            return refused
    except LinkBroke as error:
        return ScriptRun(sent=session.opened, cut=f"the link broke as it was sent{error}")
    try:
        with contextlib.suppress(OSError, asyncssh.Error):
            session.write(sent.stdin)
        await asyncio.wait({session.over})
        if session.lost and session.error is None:
            return ScriptRun(sent=True, cut=session.lost)
        if session.error is None:
            await asyncio.wait({session.closed}, timeout=_CLOSING)
        return ScriptRun(sent=True, error=session.error)
    finally:
        session.close()


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
