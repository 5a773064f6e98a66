"""Commands on this machine: each in a session of its own, so that it can be ended with all it started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Collection
from typing import Any

import psutil

from upgrade_tui.fleet.commands.command_result import CommandResult, OnOutput

_CHUNK = 64 * 1024
GRACE = 5.0  # seconds between asking (TERM) and forcing (KILL)
_DRAIN = 1.0  # seconds of silence that end the output of a command that left something running


def environment(without: Collection[str]) -> dict[str, str]:
    """What commands here are given of our environment: all of it but the plan's secrets.

    A step's own secrets reach its command as they do on any host; no other command gets to see them.
    """
    return {name: value for name, value in os.environ.items() if name not in without}


class LocalRunner:
    """``/bin/sh -c`` here. ``without``: names of variables that are kept from what is run."""

    def __init__(self, without: Collection[str] = ()) -> None:
        self._without = without

    async def run(self, command: str, *, timeout: float | None, on_output: OnOutput) -> CommandResult:
        """Run ``command``; see ``Runner``."""
        started = time.monotonic()
        pipe = _Pipe(on_output)
        try:
            process = await asyncio.create_subprocess_exec(
                "/bin/sh", "-c", command,
                stdin=asyncio.subprocess.DEVNULL, stdout=pipe.writing, stderr=pipe.writing, start_new_session=True,
                env=environment(self._without),
            )  # fmt: skip
        except (OSError, ValueError) as error:  # ValueError: a NUL in the command
            pipe.close()
            return CommandResult(proven=False, sent=False, reason=f"cannot start /bin/sh here: {error}")
        try:
            timed_out = not await _finished(process, pipe, timeout)
            if timed_out or pipe.broken is not None:
                await end_group(process)
            await pipe.drained()
        except BaseException:
            await asyncio.shield(end_group(process))
            raise
        finally:
            pipe.close()
        return _ended(process.returncode, time.monotonic() - started, timed_out, pipe.broken)


async def _finished(process: asyncio.subprocess.Process, pipe: _Pipe, timeout: float | None) -> bool:
    """Wait for the process, or for output that cannot be kept; False after ``timeout`` seconds."""
    pipe.start()
    waiting = asyncio.ensure_future(process.wait())
    either: tuple[asyncio.Future[Any], ...] = (waiting, pipe.failed)
    try:
        done, _ = await asyncio.wait(either, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
    return bool(done)


def _ended(code: int | None, seconds: float, timed_out: bool, broken: BaseException | None) -> CommandResult:
    if broken is not None:
        return CommandResult(proven=False, seconds=seconds, reason=f"its output could not be kept: {broken}")
    if code is None:
        return CommandResult(
            seconds=seconds, proven=False, timed_out=timed_out, reason="the process could not be ended"
        )
    if code < 0:
        return CommandResult(signal=_signal_name(-code), seconds=seconds, timed_out=timed_out)
    return CommandResult(exit=code, seconds=seconds, timed_out=timed_out)


class _Pipe:
    """The command's output. A pipe of our own: asyncio's process waits for what was left running to close its pipe."""

    def __init__(self, on_output: OnOutput) -> None:
        self._loop = asyncio.get_running_loop()
        self._reading, self.writing = os.pipe()
        self._on_output = on_output
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self.failed: asyncio.Future[None] = self._loop.create_future()
        self.broken: BaseException | None = None
        self._open = True
        os.set_blocking(self._reading, False)

    def start(self) -> None:
        """Read from now on; the writing end is the child's alone."""
        os.close(self.writing)
        self.writing = -1
        self._loop.add_reader(self._reading, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._reading, _CHUNK)
        except BlockingIOError:
            return
        if not data:
            self._loop.remove_reader(self._reading)
            self._ended.set_result(None)
            return
        try:
            self._on_output(data)
        except Exception as error:  # noqa: BLE001 - the edge: it ends the command
            self.broken = error
            self._loop.remove_reader(self._reading)
            self._ended.set_result(None)
            self.failed.set_result(None)

    async def drained(self) -> None:
        """Wait for the end of the output, but not for what the command left running in the background."""
        await asyncio.wait({self._ended}, timeout=_DRAIN)

    def close(self) -> None:
        """Let go of both ends."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._reading)
            os.close(self._reading)
            if self.writing >= 0:
                os.close(self.writing)


async def end_group(process: asyncio.subprocess.Process) -> None:
    """End the process and all in its group: politely, then after ``GRACE`` seconds by force."""
    for number, patience in ((signal.SIGTERM, GRACE), (signal.SIGKILL, GRACE)):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return
        try:
            await asyncio.wait_for(_group_gone(process), patience)
        except TimeoutError:
            continue
        return


async def _group_gone(process: asyncio.subprocess.Process) -> None:
    await process.wait()
    while _alive(process.pid):  # noqa: ASYNC110 - the kernel tells nobody when a group is empty
        await asyncio.sleep(0.05)


def _alive(group: int) -> bool:
    """Whether anything still runs in the group; a zombie that init has not collected yet does not."""
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    for other in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if os.getpgid(other.pid) == group and other.status() != psutil.STATUS_ZOMBIE:
                return True
    return False


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name.removeprefix("SIG")
    except ValueError:
        return str(number)
