"""The hosts of a plan as a conductor sees them, simulated: in place of ``fleet.Fleet``, with its jobs as they are."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping

from upgrade_tui.conductor.observations import Observations
from upgrade_tui.fleet.commands.command_result import CommandResult, OnOutput
from upgrade_tui.fleet.commands.top import TopProcess
from upgrade_tui.fleet.fleet import Fleet
from upgrade_tui.fleet.jobs.transport import Transport
from upgrade_tui.plan.model import LOCAL, Plan
from upgrade_tui.rehearsal.simulated_link import SimLine, SimPath
from upgrade_tui.window.measurements import HostDetail, HostFrame

_CORES, _MEMORY = 4, 8 << 30


class SimFleet(Fleet):
    """Over ``paths``, one for each host of the plan and one for ``local``."""

    def __init__(self, plan: Plan, observations: Observations, paths: Mapping[str, SimPath]) -> None:
        self.plan, self._observations = plan, observations
        self._lines = {name: SimLine(path, self._changed) for name, path in paths.items()}

    def _changed(self, line: SimLine) -> None:
        name = line.host.name
        if name not in self.plan.hosts:
            return
        self._observations.link(name, "up" if line.up else "lost", line.why)
        if line.up:
            self._observations.facts(
                name, HostDetail(kernel="6.1", boot_id=line.host.boot_id, sampler="sim"), _CORES, _MEMORY
            )

    async def run(self) -> None:
        """Connect, and stay connected, until cancelled."""
        try:
            for line in self._lines.values():
                line.dial()
            await asyncio.get_running_loop().create_future()
        finally:
            self.drop()

    def drop(self) -> None:
        """The conductor is gone."""
        for line in self._lines.values():
            line.drop()

    def frames(self, now: float | None = None) -> dict[str, HostFrame]:
        """Nobody looks; but who is up is asked at the end."""
        return {
            name: HostFrame(link="up" if line.up else "lost", detail=line.why, age=None, sample=None)
            for name, line in self._lines.items()
            if name in self.plan.hosts
        }

    def details(self) -> dict[str, HostDetail]:
        return {}

    def _transport(self, host: str) -> tuple[Transport, str]:
        return self._lines[host], "/proc"

    async def execute(self, host: str, command: str, *, timeout: float | None, on_output: OnOutput) -> CommandResult:
        """A check, or a canary's command: no job, it ends with its link."""
        line = self._lines[host]
        if why := await line.reached():
            return CommandResult(proven=False, sent=False, reason=why)
        order = line.host.order(command, {}, {})
        late = timeout is not None and order.seconds > timeout
        broken = await line.within(timeout if late and timeout is not None else order.seconds)
        if broken:
            return CommandResult(proven=False, reason=f"the link broke: {broken}")
        on_output(order.output)
        return CommandResult(exit=None if late else order.exit, seconds=order.seconds, timed_out=late)

    async def kick(self, host: str) -> None:
        self._lines[host].dial()

    async def top(self, host: str, count: int = 15) -> list[TopProcess]:
        """Nothing is known of processes here."""
        with contextlib.suppress(KeyError):
            self._lines[host or LOCAL].dial()
        return []
