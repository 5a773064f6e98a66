"""The hosts of a plan as a conductor sees them, simulated: in place of ``fleet.Fleet``, with its jobs as they are."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping

from upgrade_tui.conductor.facts import Facts
from upgrade_tui.fleet.ended import Ended, OnOutput
from upgrade_tui.fleet.fleet import Fleet
from upgrade_tui.fleet.jobs.door import Door
from upgrade_tui.fleet.top import Process
from upgrade_tui.plan.model import LOCAL, Plan
from upgrade_tui.rehearsal.link import Line, Path
from upgrade_tui.window.telemetry import HostDetail, HostFrame

CORES, MEMORY = 4, 8 << 30


class SimFleet(Fleet):
    """Over ``paths``, one for each host of the plan and one for ``local``."""

    def __init__(self, plan: Plan, facts: Facts, paths: Mapping[str, Path]) -> None:
        self.plan, self._facts = plan, facts
        self._lines = {name: Line(path, self._changed) for name, path in paths.items()}

    def _changed(self, line: Line) -> None:
        name = line.host.name
        if name not in self.plan.hosts:
            return
        self._facts.link(name, "up" if line.up else "lost", line.why)
        if line.up:
            self._facts.facts(name, HostDetail(kernel="6.1", boot_id=line.host.boot_id, sampler="sim"), CORES, MEMORY)

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

    def _door(self, host: str) -> tuple[Door, str]:
        return self._lines[host], "/proc"

    async def execute(self, host: str, command: str, *, timeout: float | None, on_output: OnOutput) -> Ended:
        """A check, or a canary's command: no job, it ends with its link."""
        line = self._lines[host]
        if why := await line.reached():
            return Ended(proven=False, sent=False, reason=why)
        order = line.host.behave(line.host, command, {}, {})
        late = timeout is not None and order.seconds > timeout
        broken = await line.within(timeout if late and timeout is not None else order.seconds)
        if broken:
            return Ended(proven=False, reason=f"the link broke: {broken}")
        on_output(order.output)
        return Ended(exit=None if late else order.exit, seconds=order.seconds, timed_out=late)

    async def kick(self, host: str) -> None:
        self._lines[host].dial()

    async def top(self, host: str, count: int = 15) -> list[Process]:
        """Nothing is known of processes here."""
        with contextlib.suppress(KeyError):
            self._lines[host or LOCAL].dial()
        return []
