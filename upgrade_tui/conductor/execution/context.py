"""What everything that runs needs: the state, a way to make facts durable, the hosts, the clock."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from upgrade_tui.conductor.window_store import Decide
from upgrade_tui.directory.output import OutputFile
from upgrade_tui.fleet.commands.command_result import CommandResult, OnOutput
from upgrade_tui.fleet.jobs import JobSpec
from upgrade_tui.foreign import one_line
from upgrade_tui.window import events as ev
from upgrade_tui.window.commands import Refusal
from upgrade_tui.window.state import StepState, WindowState

Decided = list[ev.Record] | Refusal


def own_fault(error: Exception) -> str:
    """A fault of our own, in a line for the log; all of it goes to the conductor's own log."""
    traceback.print_exception(error)
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return one_line(f"an error in the conductor: {type(error).__name__}: {error}", 300)


def runs(state: WindowState, step_id: str, attempt: int) -> bool:
    """Whether this attempt of the step is the one that runs: nobody ended it, nobody began another."""
    step = state.steps[step_id]
    return step.state == "running" and step.attempt == attempt


class HostCommands(Protocol):
    """What is needed of the fleet."""

    async def execute(
        self, host: str, command: str, *, timeout: float | None, on_output: OnOutput
    ) -> CommandResult: ...

    async def job(
        self,
        host: str,
        spec: JobSpec,
        *,
        on_output: OnOutput,
        on_lost: Callable[[str], None],
        on_found: Callable[[], None],
        on_begun: Callable[[], None] | None = None,
        resume: bool = False,
        begun: bool = False,
    ) -> CommandResult: ...

    async def end_job(self, host: str, name: str, *, place: str = "") -> str: ...

    async def place(self, host: str, directory: str) -> str: ...


class ExecutionContext(Struct):
    """Shared by the runners of one window. What starts or ends something goes through ``transact``, facts do not."""

    state: Callable[[], WindowState]
    record: Callable[[ev.Event], Awaitable[None]]
    changed: Callable[[], Awaitable[None]]  # the next change of the state
    transact: Callable[[Decide], Awaitable[Decided]]  # decide on the state right before, and make that durable
    hosts: HostCommands
    output: Path  # directory for what tasks print
    mono: Callable[[], float]
    now: Callable[[], float]
    output_file: Callable[[Path], OutputFile] = OutputFile

    async def place(self, host: str) -> str:
        """Where this window's jobs are on the host: chosen once, and durable before anything is sent there.

        Raises NotAnswered: nothing can be sent.
        """
        if host not in self.state().places:
            place = await self.hosts.place(host, self.state().plan.ssh.job_dir)
            await self.record(ev.HostJobs(host=host, place=place))
            return self.state().places.get(host, place)
        return self.state().places[host]

    def place_of(self, host: str) -> str:
        """The same, of a host that something was sent to."""
        return self.state().places.get(host, "")

    def step(self, step_id: str) -> StepState:
        return self.state().steps[step_id]

    def under_way(self, step_id: str, attempt: int) -> bool:
        return runs(self.state(), step_id, attempt)

    async def change_within(self, seconds: float | None) -> None:
        """The next change of the state, or so many seconds; None: however long it takes."""
        try:
            async with asyncio.timeout(seconds):
                await self.changed()
        except TimeoutError:
            pass
