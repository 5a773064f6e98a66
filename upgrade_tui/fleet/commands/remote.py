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

from upgrade_tui.fleet.commands.channel import Channel, CommandChannels, LinkBroke, NoChannel, done, in_a_place
from upgrade_tui.fleet.commands.command_result import CommandResult, OnOutput
from upgrade_tui.fleet.commands.processes import GRACE
from upgrade_tui.foreign import one_line

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


class _Command(Channel):
    """Takes the control line out of the output, remembers how the command ended."""

    def __init__(self, mark: bytes, on_output: OnOutput) -> None:
        super().__init__()
        self.exit: int | None = None
        self.signal = ""
        self.pid: int | None = None
        self._loop = asyncio.get_running_loop()
        self.last = self._loop.time()
        self._head: bytes | None = b""
        self._mark, self._on_output = mark, on_output

    def take(self, data: bytes, datatype: asyncssh.DataType) -> None:
        """Output. What ``on_output`` raises ends the command, not the connection."""
        self.last = self._loop.time()
        if self._head is not None:
            self._opening(data)
        elif datatype is None or self.pid is None:  # the command's own stderr comes merged
            self._on_output(data)

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
        done(self.over)

    def exit_signal_received(self, signal: str, core_dumped: bool, msg: str, lang: str) -> None:
        """Proven."""
        self.signal = one_line(signal, 20)
        done(self.over)

    def connection_lost(self, exc: Exception | None) -> None:
        self.flush()
        super().connection_lost(exc)

    def flush(self) -> None:
        """Hand over what was held back while looking for the control line."""
        head, self._head = self._head, None
        if head:
            try:
                self._on_output(head)
            except Exception as error:  # noqa: BLE001 - the edge
                self.error = error

    def terminate(self) -> None:
        """Ask the host to end it, as far as sshd passes that on."""
        if self.channel is not None:
            self.channel.terminate()


class RemoteRunner:
    """Commands on one host. ``link`` gives the connection, or why there is none."""

    def __init__(self, link: Callable[[], Awaitable[CommandChannels | str]]) -> None:
        self._link = link

    async def run(self, command: str, *, timeout: float | None, on_output: OnOutput) -> CommandResult:
        """Run ``command``; see ``Runner``."""
        ended = await in_a_place(self._link, lambda link: _run(link, command, timeout, on_output))
        if isinstance(ended, CommandResult):
            return ended
        reason = ended if isinstance(ended, str) else f"the host opens no channel: {ended.reason}"
        return CommandResult(proven=False, sent=False, reason=reason)


async def _run(
    link: CommandChannels, command: str, timeout: float | None, on_output: OnOutput
) -> CommandResult | NoChannel:
    """Nothing was sent where it is ``NoChannel``: try again when others are through."""
    mark = f"{_MARK.decode()}{secrets.token_hex(8)}"
    session = _Command(mark.encode() + b":", on_output)
    line = "exec " + shlex.join(("sh", "-c", _WRAP, _INNER, command, mark))
    started = time.monotonic()

    def seconds() -> float:
        return time.monotonic() - started

    try:
        if (refused := await session.open(link.connection, line)) is not None:
            return refused
    except LinkBroke as error:
        return _unproven(session, seconds(), f"the link broke as the command was sent{error}")
    try:
        return await _followed(link, session, timeout, seconds)
    except asyncio.CancelledError:
        await asyncio.shield(_kill(link, session))  # cancelled again, we go, but the command is ended all the same
        raise
    finally:
        session.close()


async def _followed(
    link: CommandChannels, session: _Command, timeout: float | None, seconds: Callable[[], float]
) -> CommandResult:
    timed_out = False
    await asyncio.wait({session.over}, timeout=timeout)
    if not session.over.done():
        timed_out = True
        await _kill(link, session)
        await asyncio.wait({session.over}, timeout=GRACE)
    if session.error is not None:
        await _kill(link, session)
        return CommandResult(
            proven=False,
            seconds=seconds(),
            reason=f"its output could not be kept: {one_line(str(session.error), 200)}",
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


async def _drained(session: _Command) -> None:
    """Wait for the end of the output, but not for what the command left running in the background."""
    loop = asyncio.get_running_loop()
    until = loop.time() + 5 * _DRAIN
    while not session.closed.done() and loop.time() < until and loop.time() - session.last < _DRAIN:
        await asyncio.wait({session.closed}, timeout=_DRAIN / 4)


def _unproven(session: _Command, seconds: float, reason: str) -> CommandResult:
    return CommandResult(proven=False, sent=session.opened, seconds=seconds, reason=reason)


async def _kill(link: CommandChannels, session: _Command) -> None:
    """End the command's process group and session over a second channel; without one, as far as sshd passes it on."""
    if session.over.done() and session.error is None:
        return
    if session.pid is None:
        session.terminate()
        return
    command = "exec " + shlex.join(("sh", "-c", _KILL.format(pid=session.pid, turns=int(GRACE * 5))))
    killer = _Command(b"", lambda _data: None)
    try:
        async with asyncio.timeout(GRACE + 5):
            if await killer.open(link.connection, command) is None:
                await killer.over
            else:
                session.terminate()
    except (LinkBroke, TimeoutError):
        session.terminate()
    finally:
        killer.close()
