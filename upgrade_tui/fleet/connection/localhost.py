"""The supervisor of ``address = "local"``: this machine, without SSH."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from upgrade_tui.fleet.connection.supervise import HostStatus
from upgrade_tui.fleet.sampling.host_facts import HostDescription
from upgrade_tui.fleet.sampling.local_counters import (
    ChildSampler,
    ChildUnits,
    local_cores,
    local_counters,
    local_facts,
    local_usage,
)
from upgrade_tui.fleet.sampling.parse import Usage
from upgrade_tui.fleet.sampling.sample_builder import SampleBuilder
from upgrade_tui.fleet.sampling.samplers import DETAIL_SECONDS

_PROC = "/proc"
_PAUSE = 5.0  # seconds until a sampler that ended is started again

_log = logging.getLogger(__name__)


class LocalSupervisor:
    """Samples this machine until cancelled."""

    def __init__(self, state: HostStatus, *, interval: float) -> None:
        self.state = state
        self.attempts = 0
        self._interval = interval
        self._usage: asyncio.Future[dict[str, Usage | None]] | None = None
        self._kicked = asyncio.Event()

    async def run(self) -> None:
        """Sample; nothing that goes wrong ends this."""
        self.state.set_link("connecting")
        while True:
            try:
                if self.state.host.proc_root == _PROC:
                    await self._psutil()
                else:
                    await self._child()
            except Exception as error:  # noqa: BLE001 - the outermost edge of this host: the others go on
                _log.exception("sampling this machine")
                self.state.set_link("no sampler", f"sampling this machine failed ({error}): trying again")
            self.attempts += 1
            try:
                await asyncio.wait_for(self._kicked.wait(), _PAUSE)
            except TimeoutError:
                continue
            finally:
                self._kicked.clear()

    def kick(self) -> None:
        """Try again now."""
        self._kicked.set()

    def tick(self) -> None:
        """Keeps time itself."""

    def slow_tick(self) -> None:
        """Keeps time itself."""

    def _builder(self, known: HostDescription, sampler: str, skew: float | None) -> SampleBuilder:
        state = self.state
        return SampleBuilder(
            state.host, known, sampler, state.clock, skew=skew, on_sample=state.on_sample, on_detail=state.on_detail
        )

    async def _psutil(self) -> None:
        known = await asyncio.to_thread(local_facts, self.state.host.disks)
        builder = self._builder(known, "psutil", 0.0)
        self.state.on_facts(known, builder.detail)
        builder.counted(await asyncio.to_thread(local_counters, known.devices))
        self.state.set_link("up")
        slow_at = 0.0
        async with self._units_told(known, builder):
            while True:
                if self.state.clock.mono() >= slow_at:
                    slow_at = self.state.clock.mono() + DETAIL_SECONDS - 0.5
                    builder.cores(local_cores())
                    await self._use(builder)
                await asyncio.sleep(self._until_next())
                builder.counted(await asyncio.to_thread(local_counters, known.devices))

    @contextlib.asynccontextmanager
    async def _units_told(self, known: HostDescription, builder: SampleBuilder) -> AsyncIterator[None]:
        """Meanwhile the units that the plan watches are looked at, where there is a systemd."""
        if not (known.systemd and self.state.host.units):
            yield
            return
        watching = asyncio.create_task(self._units(builder))
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _units(self, builder: SampleBuilder) -> None:
        child = ChildUnits(self.state.host.units, DETAIL_SECONDS)
        while True:
            try:
                await child.run(builder.feed)
            except (OSError, ValueError) as error:
                _log.warning("units of this machine: %s", error)
            await asyncio.sleep(_PAUSE)

    async def _use(self, builder: SampleBuilder) -> None:
        """Disk use, from a thread that may hang on a dead network file system without holding up the rest."""
        if self._usage is None or self._usage.done():
            self._usage = asyncio.get_running_loop().run_in_executor(None, local_usage, self.state.host.disks)
        await asyncio.wait({self._usage}, timeout=0.2)
        if self._usage.done():
            builder.used(self._usage.result())

    def _until_next(self) -> float:
        """Seconds to the next wall second that is due; one that is nearly there is the one just served."""
        left = self._interval - self.state.clock.wall() % self._interval
        return left if left > 0.1 else left + self._interval

    async def _child(self) -> None:
        host = self.state.host
        child = ChildSampler(host.proc_root, self._interval, host.disks)
        known = await child.facts()
        if known is None or not known.memory:
            self.state.set_link("no sampler", f"{host.proc_root} is no proc file system")
            return
        builder = self._builder(known, "python3", 0.0)
        told = False

        def on_lines(lines: list[bytes]) -> None:
            nonlocal told
            builder.feed(lines)
            if builder.arrived is not None and not told:
                told = True
                self.state.on_facts(known, builder.detail)
                self.state.set_link("up")

        async with self._units_told(known, builder):
            await child.run(known, on_lines)
        self.state.set_link("no sampler", "the sampler on this machine ended: starting it again")
