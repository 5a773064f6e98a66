"""Leaving the demo: its window is closed as abandoned if nobody closed it, and its conductor ends by itself."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from upgrade_tui.attach import protocol as p
from upgrade_tui.attach.client import Client, Lost, NotRunning
from upgrade_tui.attach.launch import start_conductor
from upgrade_tui.directory.windows import is_running, look
from upgrade_tui.journal import read_log
from upgrade_tui.plan.reader import parse_plan
from upgrade_tui.window import commands as cmd
from upgrade_tui.window.commands import Refusal
from upgrade_tui.window.events import ConductorStarted, WindowOpened
from upgrade_tui.window.fold import fold_all
from upgrade_tui.window.state import WindowState, initial

_LIMIT = 40.0  # seconds for running steps to end
_AFTER = 20.0  # seconds for the conductor to tidy the hosts and end, once its window is closed


async def leave(directory: Path, reason: str, stop_work: Callable[[], None] = lambda: None) -> None:
    """Close the window in ``directory`` as abandoned unless it is closed, and see its conductor end.

    A command that runs is ended with ``stop_work``, so that its step fails and the window can be closed; a conductor
    that is gone is started again for this. What still runs after ``LIMIT`` seconds is ended by force: the window then
    stays open, without a conductor. Raises CannotStart and OSError.
    """
    info = await asyncio.to_thread(look, directory)
    if info.open and not info.running:
        await asyncio.to_thread(start_conductor, directory)
    if info.open:
        stop_work()
        try:
            async with asyncio.timeout(_LIMIT):
                await _close(directory, reason)
        except (TimeoutError, NotRunning, Lost):
            pass
    pid = await asyncio.to_thread(conductor_pid, directory)
    if not await _gone(directory, pid) and pid:
        os.kill(pid, signal.SIGTERM)
        await _gone(directory, pid)


async def states(client: Client) -> AsyncIterator[WindowState]:
    """The window's state once the backlog is in, and after everything that happens from then on. Raises Lost."""
    state = initial(parse_plan(client.welcome.plan_text, "plan.toml"))
    live = False
    async for message in client.stream():
        if isinstance(message, p.Happened):
            state = fold_all(state.plan, message.records, state)
        live = live or isinstance(message, p.CaughtUp)
        if live:
            yield state


async def _close(directory: Path, reason: str) -> None:
    client = await Client.connect(directory)
    try:
        async for state in states(client):
            if state.phase == "closed":
                return
            running = [s.id for s in state.steps.values() if s.state in ("running", "rolling back")]
            commands = [i for i in running if (spec := state.plan.step(i)) is not None and spec.kind == "command"]
            if not running:
                close = cmd.Close(confirm=state.plan.window.id, outcome="abandoned", reason=reason)
                if not isinstance(await client.do(close), Refusal):
                    return
            elif len(commands) < len(running):
                for step in running:
                    await client.do(cmd.Skip(step=step, reason=reason))  # refused for commands
            elif state.phase == "paused":
                await client.do(cmd.Resume(reason=reason))  # a step waiting between its batches can only end then
    finally:
        await client.close()


async def _gone(directory: Path, pid: int | None) -> bool:
    """Wait for the conductor to end, first to answer, then to be there."""
    until = time.monotonic() + _AFTER
    while is_running(directory) or (pid is not None and _alive(pid)):
        if time.monotonic() > until:
            return False
        await asyncio.sleep(0.1)
    return True


def _alive(pid: int) -> bool:
    """Whether that process runs a conductor. One that ended and that nobody has waited for does not."""
    import psutil

    try:
        return "conductor" in psutil.Process(pid).cmdline()
    except psutil.Error:
        return False


def conductor_pid(directory: Path) -> int | None:
    """The process that last owned the window, by its log."""
    pid = None
    for record in read_log(directory):
        if isinstance(record.event, WindowOpened | ConductorStarted):
            pid = record.event.pid
    return pid
