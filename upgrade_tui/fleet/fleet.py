"""All hosts of a plan: supervised, sampled, commands carried out on them. The conductor's one way to touch hosts."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import socket
import struct
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ParamSpec

from upgrade_tui.fleet.commands.channel import CommandChannels
from upgrade_tui.fleet.commands.command_result import CommandResult, OnOutput
from upgrade_tui.fleet.commands.processes import LocalRunner
from upgrade_tui.fleet.commands.remote import RemoteRunner
from upgrade_tui.fleet.commands.top import TopProcess, busiest, look_command, names_command, with_names
from upgrade_tui.fleet.connection.connect import Dialer
from upgrade_tui.fleet.connection.localhost import LocalSupervisor
from upgrade_tui.fleet.connection.supervise import HostStatus, Supervisor
from upgrade_tui.fleet.jobs.fleet_jobs import FleetJobs
from upgrade_tui.fleet.jobs.transport import LocalTransport, RemoteTransport, Transport
from upgrade_tui.fleet.sampling.samplers import DETAIL_SECONDS
from upgrade_tui.fleet.time_source import SystemTime, TimeSource
from upgrade_tui.plan.model import LOCAL, Plan
from upgrade_tui.window.measurements import HostDetail, HostFrame, Link, Sample

CONNECTS = 50  # at a time
PHASE_HOSTS, PHASE_SECONDS = 50, 0.02  # samplers fire in groups: a burst is short, and still one wake-up for many hosts
THREADS = 64  # at most; made as needed
TOP_TIMEOUT = 10.0  # seconds
_TCP_INFO_RTT = 68  # offset of tcpi_rtt (microseconds, u32) in Linux' struct tcp_info

_log = logging.getLogger(__name__)
_P = ParamSpec("_P")


class Fleet(FleetJobs):
    """Hosts of ``plan``. Callbacks run in the event loop and must be quick; what they raise is logged, never passed on.

    ``on_link(host, link, detail)`` at each change; ``on_sample(host, sample)`` each interval; ``on_facts(host, detail,
    cores, memory in bytes)`` at each connect (another boot id than before is a reboot); ``on_detail(host, detail)``
    every few seconds. Relative paths in the plan start at ``base_dir``.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        on_link: Callable[[str, Link, str], None],
        on_sample: Callable[[str, Sample], None],
        on_facts: Callable[[str, HostDetail, int, int], None],
        on_detail: Callable[[str, HostDetail], None],
        clock: TimeSource | None = None,
        base_dir: Path | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.plan = plan
        self._clock = clock or SystemTime()
        self._listener = _Edge(on_link, on_sample, on_facts, on_detail)
        self._interval = max(1.0, float(round(plan.watch.interval)))
        self._dialer = Dialer(plan.ssh, base_dir)
        self._rng = rng or random.Random()  # noqa: S311 - jitter
        self._secret = frozenset(name for step in plan.steps for name in step.secret_env)
        self._local = LocalRunner(self._secret)
        self._supervisors: dict[str, Supervisor | LocalSupervisor] = {}
        places = asyncio.Semaphore(CONNECTS)
        for position, (name, host) in enumerate(plan.hosts.items()):
            state = HostStatus(name, host, self._clock, self._listener)
            if host.address == LOCAL:
                self._supervisors[name] = LocalSupervisor(state, interval=self._interval)
            else:
                phase = position // PHASE_HOSTS * PHASE_SECONDS % 0.5
                self._supervisors[name] = Supervisor(
                    state, self._dialer, places, interval=self._interval, phase=phase, rng=self._rng
                )

    async def run(self) -> None:
        """Supervise all hosts until cancelled."""
        # Name resolution blocks a thread for as long as DNS likes: slow names must not keep the other hosts waiting.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS, thread_name_prefix="fleet"))
        try:
            async with asyncio.TaskGroup() as group:
                for name, supervisor in self._supervisors.items():
                    group.create_task(supervisor.run(), name=f"host {name}")
                group.create_task(self._tick(), name="fleet ticker")
        finally:
            await self._dialer.close()

    async def _tick(self) -> None:
        """On the wall second: ask the samplers that do not keep time themselves, and now and then for detail."""
        slow_at = 0.0
        while True:
            # Samples that come together wake the loop once for many hosts: a third of the work of arrivals all over the
            # second.
            left = self._interval - self._clock.wall() % self._interval
            # A timer may fire a moment early: what is left then is no second of its own.
            await asyncio.sleep(left if left > 0.01 else left + self._interval)
            slow = self._clock.mono() >= slow_at
            if slow:
                slow_at = self._clock.mono() + DETAIL_SECONDS - 0.5
            for count, supervisor in enumerate(self._supervisors.values(), 1):
                supervisor.tick()
                if slow:
                    supervisor.slow_tick()
                if count % 25 == 0:
                    await asyncio.sleep(0)  # let others in between

    # -- what is known ------------------------------------------------------------------------------------------------

    def frames(self, now: float | None = None) -> dict[str, HostFrame]:
        """Every host for the telemetry frame. ``now``: monotonic seconds of the fleet's clock."""
        at = self._clock.mono() if now is None else now
        return {name: s.state.frame(at, _rtt(s)) for name, s in self._supervisors.items()}

    def details(self) -> dict[str, HostDetail]:
        """What changes rarely, by host."""
        return {name: s.state.detail for name, s in self._supervisors.items()}

    # -- acting -------------------------------------------------------------------------------------------------------

    async def execute(self, host: str, command: str, *, timeout: float | None, on_output: OnOutput) -> CommandResult:
        """Run ``command`` through ``sh -c`` on ``host`` (or ``local``); ``on_output`` gets its output as it comes.

        Never raises for what the host does. A ``timeout`` (seconds) or a cancellation ends the command with all it
        started. CommandChannels beyond what a connection carries wait their turn. Raises KeyError for an unknown host.
        """
        supervisor = self._supervisors[host] if host != LOCAL or LOCAL in self._supervisors else None
        if not isinstance(supervisor, Supervisor):
            return await self._local.run(command, timeout=timeout, on_output=on_output)
        runner = RemoteRunner(lambda: self._commands(supervisor))
        return await runner.run(command, timeout=timeout, on_output=on_output)

    def _transport(self, host: str) -> tuple[Transport, str]:
        supervisor = self._supervisors[host] if host != LOCAL or LOCAL in self._supervisors else None
        root = supervisor.state.host.proc_root if supervisor is not None else "/proc"
        if not isinstance(supervisor, Supervisor):
            return LocalTransport(self._secret), root
        return RemoteTransport(
            lambda: supervisor.commands, lambda: self._commands(supervisor), supervisor.state.changed
        ), root

    async def _commands(self, supervisor: Supervisor) -> CommandChannels | str:
        """The connection, after one more attempt if it is not there; else why it is not."""
        state, attempts = supervisor.state, supervisor.attempts
        if supervisor.commands is None and state.link != "connecting":
            supervisor.kick()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2 * float(self.plan.ssh.connect_timeout) + 1):
                while supervisor.commands is None and supervisor.attempts == attempts:
                    await state.changed()
        if supervisor.commands is not None:
            return supervisor.commands
        return (
            f"{state.name} is not reachable ({state.link}): {state.why}" if state.why else f"{state.name}: {state.link}"
        )

    async def kick(self, host: str) -> None:
        """Try to reach ``host`` now instead of after the pause. Raises KeyError for an unknown host."""
        self._supervisors[host].kick()

    async def top(self, host: str, count: int = 15) -> list[TopProcess]:
        """The busiest processes of ``host`` over the next second; empty where it cannot be asked."""
        root = self.plan.hosts[host].proc_root if host in self.plan.hosts else "/proc"
        looked = await self._said(host, look_command(root))
        found = busiest(looked, count)
        if not found:
            return []
        return with_names(found, await self._said(host, names_command(root, [p.pid for p in found])))

    async def _said(self, host: str, command: str) -> str:
        said = bytearray()

        def keep(data: bytes) -> None:
            if len(said) < 4 << 20:  # a host that never stops talking fills its own memory, not ours
                said.extend(data)

        await self.execute(host, command, timeout=TOP_TIMEOUT, on_output=keep)
        return said.decode("utf-8", "replace")


class _Edge:
    """The callbacks; an error in one is logged and goes no further."""

    def __init__(
        self,
        on_link: Callable[[str, Link, str], None],
        on_sample: Callable[[str, Sample], None],
        on_facts: Callable[[str, HostDetail, int, int], None],
        on_detail: Callable[[str, HostDetail], None],
    ) -> None:
        self.link = _caught(on_link)
        self.sample = _caught(on_sample)
        self.facts = _caught(on_facts)
        self.detail = _caught(on_detail)


def _caught(callback: Callable[_P, None]) -> Callable[_P, None]:
    def call(*args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            callback(*args, **kwargs)
        except Exception:  # noqa: BLE001 - the edge
            _log.exception("a callback of the fleet failed")

    return call


def _rtt(supervisor: Supervisor | LocalSupervisor) -> float | None:
    """Round trip in seconds as the kernel measures it on the connection; None where it does not say."""
    connected = supervisor.connected if isinstance(supervisor, Supervisor) else None
    if connected is None or sys.platform != "linux":
        return None
    sock = connected.connection.get_extra_info("socket")
    if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return None
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_RTT + 4)
    except OSError:
        return None
    return float(struct.unpack_from("=I", info, _TCP_INFO_RTT)[0]) / 1e6 if len(info) >= _TCP_INFO_RTT + 4 else None
