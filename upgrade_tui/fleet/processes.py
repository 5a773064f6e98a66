"""Commands on this machine: each in a session of its own, so that it can be ended with all it started."""

from __future__ import annotations

import asyncio
import os
import signal
import time

from upgrade_tui.fleet.ended import Ended, OnOutput

CHUNK = 64 * 1024
GRACE = 5.0  # seconds between asking (TERM) and forcing (KILL)
_DRAIN = 1.0  # seconds of silence that end the output of a command that left something running


class LocalRunner:
    """``/bin/sh -c`` here."""

    async def run(self, command: str, *, timeout: float | None, on_output: OnOutput) -> Ended:
        """Run ``command``; see ``Runner``."""
        started = time.monotonic()
        try:
            process = await asyncio.create_subprocess_exec(
                "/bin/sh", "-c", command,
                stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
                start_new_session=True, limit=CHUNK,
            )  # fmt: skip
        except (OSError, ValueError) as error:  # ValueError: a NUL in the command
            return Ended(proven=False, sent=False, reason=f"cannot start /bin/sh here: {error}")
        reading = asyncio.create_task(_forward(process, on_output))
        timed_out = False
        try:
            try:
                await asyncio.wait_for(process.wait(), timeout)
            except TimeoutError:
                timed_out = True
                await end_group(process)
            await _drained(reading, process)
        except BaseException:
            await asyncio.shield(end_group(process))
            raise
        finally:
            reading.cancel()
            _close_pipe(process)
        code = process.returncode
        seconds = time.monotonic() - started
        if code is None:
            return Ended(seconds=seconds, proven=False, timed_out=timed_out, reason="the process could not be ended")
        if code < 0:
            return Ended(signal=_signal_name(-code), seconds=seconds, timed_out=timed_out)
        return Ended(exit=code, seconds=seconds, timed_out=timed_out)


async def _forward(process: asyncio.subprocess.Process, on_output: OnOutput) -> None:
    assert process.stdout is not None
    while data := await process.stdout.read(CHUNK):
        on_output(data)


async def _drained(reading: asyncio.Task[None], process: asyncio.subprocess.Process) -> None:
    """Wait for the end of the output, but not for what the command left running in the background."""
    await asyncio.wait({reading}, timeout=_DRAIN)
    if reading.done():
        reading.result()


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
    while True:
        try:
            os.killpg(process.pid, 0)
        except (ProcessLookupError, PermissionError):
            return
        await asyncio.sleep(0.05)


def _close_pipe(process: asyncio.subprocess.Process) -> None:
    """asyncio has no public way to let go of a pipe that a background process holds open."""
    transport = getattr(process, "_transport", None)
    if transport is not None:
        transport.close()


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name.removeprefix("SIG")
    except ValueError:
        return str(number)
