"""Commands on a host over a plain channel: output as it comes, an end that is proven or not, whole groups ended.

A command whose link breaks goes on or not as the host pleases: its end is then not proven.
"""

from __future__ import annotations

import asyncio
import secrets
import shlex
import time
from collections.abc import Awaitable, Callable

import asyncssh
from msgspec import Struct

from upgrade_tui.fleet.commands.command_result import CommandResult, OnOutput
from upgrade_tui.foreign import one_line

CHANNELS = 8  # commands at a time on a connection: sshd's MaxSessions is 10, the sampler and its companion take two
WINDOW = 256 * 1024  # bytes of output under way
GRACE = 5  # seconds between asking (TERM) and forcing (KILL)
_PATIENCE = 5.0  # seconds that a host may refuse channels for no visible reason
_DRAIN = 1.0  # seconds of silence after the exit that end the output of a command that left something running
_MARK = b"upgrade-tui-pid:"
_BANNER = 64 * 1024  # bytes that a login script may print before the command starts

_WRAP = """\
p=$$ g=
{ read -r a b c d g e </proc/$p/stat; } 2>/dev/null
if [ "$g" != "$p" ] && command -v setsid >/dev/null 2>&1; then exec setsid sh -c "$0" "$1" "$2"; fi
exec sh -c "$0" "$1" "$2"
"""
_INNER = """exec 2>&1 </dev/null; printf '%s\\n' "$1:$$"; exec sh -c "$0\""""

_KILL = """\
p={pid}
all() {{
    for s in /proc/[0-9]*/stat; do
        {{ read -r line <"$s"; }} 2>/dev/null || continue
        set -- ${{line##*)}}
        [ "$3" = $p ] || [ "$4" = $p ] || continue
        [ "$1" = Z ] && continue
        s=${{s#/proc/}}
        echo "${{s%/stat}}"
    done
}}
kill -TERM -- -$p 2>/dev/null
kill -TERM $(all) 2>/dev/null
n=0
while [ $n -lt {turns} ] && [ -n "$(all)" ]; do sleep 0.2 2>/dev/null || sleep 1; n=$((n + 1)); done
[ -z "$(all)" ] && exit 0
kill -KILL -- -$p 2>/dev/null
kill -KILL $(all) 2>/dev/null
exit 0
"""


class CommandChannels(Struct):
    """What is needed of a connection to run commands on it."""

    connection: asyncssh.SSHClientConnection
    channels: asyncio.Semaphore
    running: int = 0
    waiting: list[asyncio.Future[None]] = []  # for a command's channel to close


class _NoChannel(Struct):
    """The host opened no channel: it may allow fewer than we thought, or not have closed old ones yet."""

    reason: str


class _Session(asyncssh.SSHClientSession[bytes]):
    """One command: takes the control line out of the output, remembers how it ended."""

    def __init__(self, mark: bytes, on_output: OnOutput) -> None:
        loop = asyncio.get_running_loop()
        self.exited: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()
        self.exit: int | None = None
        self.signal = ""
        self.pid: int | None = None
        self.opened = False
        self.last = loop.time()
        self.broken: BaseException | None = None
        self._head: bytes | None = b""
        self._mark, self._on_output = mark, on_output
        self._loop = loop

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        """From here on the command may be sent."""
        self.opened = True
        self.channel = chan

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        """Output. What ``on_output`` raises ends the command, not the connection."""
        self.last = self._loop.time()
        try:
            if self._head is not None:
                self._opening(data)
            elif datatype is None or self.pid is None:  # the command's own stderr comes merged
                self._on_output(data)
        except Exception as error:  # noqa: BLE001 - the edge
            self.broken = error
            self._done(self.exited)

    def _opening(self, data: bytes) -> None:
        """Login scripts may print before the command starts: that is none of its output, if it starts at all."""
        head = (self._head or b"") + data
        start = head.find(self._mark)
        end = head.find(b"\n", start)
        if start >= 0 and end >= 0:
            number = head[start + len(self._mark) : end]
            self.pid = int(number) if number.isdigit() else None
            head, self._head = head[end + 1 :], None
        elif len(head) <= _BANNER:
            self._head = head
            return
        else:  # nobody's banner is that long: something else runs, and what it says is to be seen
            self._head = None
        if head:
            self._on_output(head)

    def exit_status_received(self, status: int) -> None:
        """Proven."""
        self.exit = status
        self._done(self.exited)

    def exit_signal_received(self, signal: str, core_dumped: bool, msg: str, lang: str) -> None:
        """Proven."""
        self.signal = one_line(signal, 20)
        self._done(self.exited)

    def connection_lost(self, exc: Exception | None) -> None:
        """The channel is gone, with or without a result."""
        self.flush()
        self._done(self.exited)
        self._done(self.closed)

    def flush(self) -> None:
        """Hand over what was held back while looking for the control line."""
        head, self._head = self._head, None
        if head:
            try:
                self._on_output(head)
            except Exception as error:  # noqa: BLE001 - the edge
                self.broken = error

    @staticmethod
    def _done(future: asyncio.Future[None]) -> None:
        if not future.done():
            future.set_result(None)


class RemoteRunner:
    """Commands on one host. ``link`` gives the connection, or why there is none."""

    def __init__(self, link: Callable[[], Awaitable[CommandChannels | str]]) -> None:
        self._link = link

    async def run(self, command: str, *, timeout: float | None, on_output: OnOutput) -> CommandResult:
        """Run ``command``; see ``Runner``."""
        patience = time.monotonic() + _PATIENCE
        while True:
            link = await self._link()
            if isinstance(link, str):
                return CommandResult(proven=False, sent=False, reason=link)
            async with link.channels:
                if link.connection.is_closed():
                    continue  # it broke while this waited in the queue: nothing was sent
                link.running += 1
                try:
                    ended = await _run(link, command, timeout, on_output)
                finally:
                    link.running -= 1
                    wake_waiters(link)
            if not isinstance(ended, _NoChannel):
                return ended
            # sshd counts a session until it has noticed that it closed: a refusal right after one of ours ended passes.
            if link.running == 0 and time.monotonic() > patience:  # no command of ours is in the way
                return CommandResult(proven=False, sent=False, reason=f"the host opens no channel: {ended.reason}")
            await place_free(link)


async def place_free(link: CommandChannels) -> None:
    """The host allows fewer sessions than we thought: wait for one of ours to end."""
    future = asyncio.get_running_loop().create_future()
    link.waiting.append(future)
    await asyncio.wait({future}, timeout=1.0)  # others use the host, too: nobody tells us when theirs end


def wake_waiters(link: CommandChannels) -> None:
    """A channel of ours closed: wake who waits for that."""
    waiting, link.waiting = link.waiting, []
    for future in waiting:
        if not future.done():
            future.set_result(None)


async def _run(
    link: CommandChannels, command: str, timeout: float | None, on_output: OnOutput
) -> CommandResult | _NoChannel:
    """Nothing was sent where it is ``_NoChannel``: try again when others are through."""
    mark = f"{_MARK.decode()}{secrets.token_hex(8)}"
    session = _Session(mark.encode() + b":", on_output)
    line = "exec " + shlex.join(("sh", "-c", _WRAP, _INNER, command, mark))
    started = time.monotonic()

    def seconds() -> float:
        return time.monotonic() - started

    try:
        await link.connection.create_session(lambda: session, line, encoding=None, window=WINDOW, request_pty=False)
    except asyncssh.ChannelOpenError as error:
        if link.connection.is_closed():
            return _unproven(session, seconds(), "the link broke as the command was sent")
        return _NoChannel(one_line(str(error), 200))
    except (OSError, asyncssh.Error) as error:
        return _unproven(session, seconds(), f"the link broke as the command was sent: {one_line(str(error), 200)}")
    except AttributeError:  # asyncssh 2.24, where the channel closes between its answer and the session's start
        return _unproven(session, seconds(), "the link broke as the command was sent")
    try:
        return await _followed(link, session, timeout, seconds)
    except asyncio.CancelledError:
        await asyncio.shield(_kill(link, session))  # cancelled again, we go, but the command is ended all the same
        raise
    finally:
        session.channel.close()


async def _followed(
    link: CommandChannels, session: _Session, timeout: float | None, seconds: Callable[[], float]
) -> CommandResult:
    timed_out = False
    await asyncio.wait({session.exited}, timeout=timeout)
    if not session.exited.done():
        timed_out = True
        await _kill(link, session)
        await asyncio.wait({session.exited}, timeout=GRACE)
    if session.broken is not None:
        await _kill(link, session)
        return CommandResult(
            proven=False,
            seconds=seconds(),
            reason=f"its output could not be kept: {one_line(str(session.broken), 200)}",
        )
    took = seconds()
    await _drained(session)
    session.flush()
    if session.pid is None and (session.exit is not None or session.signal):  # an exit 0 here is no success of ours
        return _unproven(session, took, "the host ran something else instead (a forced command, or no login shell)")
    if session.exit is not None or session.signal:
        return CommandResult(exit=session.exit, signal=session.signal, seconds=took, timed_out=timed_out)
    if timed_out:
        return CommandResult(
            proven=False, seconds=took, timed_out=True, reason="timed out, and could not be ended: look there"
        )
    return _unproven(session, took, "the link broke while it ran")


async def _drained(session: _Session) -> None:
    """Wait for the end of the output, but not for what the command left running in the background."""
    loop = asyncio.get_running_loop()
    until = loop.time() + 5 * _DRAIN
    while not session.closed.done() and loop.time() < until and loop.time() - session.last < _DRAIN:
        await asyncio.wait({session.closed}, timeout=_DRAIN / 4)


def _unproven(session: _Session, seconds: float, reason: str) -> CommandResult:
    return CommandResult(proven=False, sent=session.opened, seconds=seconds, reason=reason)


async def _kill(link: CommandChannels, session: _Session) -> None:
    """End the command's process group and session over a second channel; without one, as far as sshd passes it on."""
    if session.exited.done() and session.broken is None:
        return
    if session.pid is None:
        session.channel.terminate()
        return
    command = "exec " + shlex.join(("sh", "-c", _KILL.format(pid=session.pid, turns=GRACE * 5)))
    killer = _Session(b"", lambda _data: None)
    try:
        async with asyncio.timeout(GRACE + 5):
            await link.connection.create_session(lambda: killer, command, encoding=None, request_pty=False)
            await killer.exited
    except (OSError, asyncssh.Error, TimeoutError):
        session.channel.terminate()
    finally:
        if killer.opened:
            killer.channel.close()
