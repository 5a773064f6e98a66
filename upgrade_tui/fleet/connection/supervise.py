"""One supervisor a host: connect, ask what it is, stream samples, notice the end, and begin again after a pause."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from typing import Protocol

import asyncssh

from upgrade_tui.fleet.commands.channel import CHANNELS, CommandChannels
from upgrade_tui.fleet.connection.connect import Connected, Dialer
from upgrade_tui.fleet.connection.failures import Unreachable, link_lost
from upgrade_tui.fleet.sampling import samplers
from upgrade_tui.fleet.sampling.host_facts import HostDescription, read_description
from upgrade_tui.fleet.sampling.sample_builder import SampleBuilder
from upgrade_tui.fleet.sampling.stream import Lines, open_lines
from upgrade_tui.fleet.time_source import TimeSource
from upgrade_tui.plan.inventory import Host
from upgrade_tui.units import duration_text
from upgrade_tui.window.measurements import HostDetail, HostFrame, Link, Sample

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0  # seconds between attempts, doubling
SLOW_PAUSES = (15.0, 30.0)  # seconds, where somebody has to change something first
STEADY = 5.0  # seconds that a link must hold before the pauses start small again
ANSWER = 8.0  # seconds for a probe, or for a sampler's first line
PROBE_PAUSE = 5.0  # seconds until a host that did not answer the probe is asked again
NO_SAMPLER_PAUSE = 30.0  # seconds until samplers are tried again
STALL = 10.0  # seconds (and 4 intervals) without a line after which a sampler is started anew
_PROBE_LONGEST = 1 << 20

_log = logging.getLogger(__name__)


class Listener(Protocol):
    """What a supervisor tells. None of it raises."""

    def link(self, host: str, link: Link, detail: str) -> None:
        """The link changed, or what is to say about it."""

    def sample(self, host: str, sample: Sample) -> None:
        """A sample came."""

    def facts(self, host: str, detail: HostDetail, cores: int, memory: int) -> None:
        """The host came up and said what it is."""

    def detail(self, host: str, detail: HostDetail) -> None:
        """Something that changes rarely did."""


class Backoff:
    """Pauses between attempts: doubling, with jitter so that a fleet does not come back as one."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._count = 0

    def reset(self) -> None:
        """The link held: start small again."""
        self._count = 0

    def pause(self, *, slow: bool) -> float:
        """Seconds until the next attempt."""
        if slow:
            return self._rng.uniform(*SLOW_PAUSES)
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(self._count, 10))
        self._count += 1
        return float(pause * self._rng.uniform(0.7, 1.0))


class HostStatus:
    """What is known of one host at any time; shared by all kinds of supervisors."""

    def __init__(self, name: str, host: Host, clock: TimeSource, listener: Listener) -> None:
        self.name, self.host, self.clock = name, host, clock
        self.link: Link = "connecting"
        self.why = ""
        self.sample: Sample | None = None
        self.sampled: float | None = None  # monotonic seconds
        self.detail = HostDetail(units={})
        self._listener = listener
        self._told = False
        self._waiting: list[asyncio.Future[None]] = []

    def set_link(self, link: Link, why: str = "") -> None:
        """Told on once a change."""
        if not self._told or (link, why) != (self.link, self.why):
            self.link, self.why, self._told = link, why, True
            self._listener.link(self.name, link, why)
        self.pulse()

    def pulse(self) -> None:
        """Wake whoever waits for a change."""
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def changed(self) -> None:
        """Wait for the next change of the link or failed attempt."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        await future

    def on_sample(self, sample: Sample) -> None:
        """The newest."""
        self.sample, self.sampled = sample, self.clock.mono()
        self._listener.sample(self.name, sample)

    def on_facts(self, known: HostDescription, detail: HostDetail) -> None:
        """At each connect."""
        self.detail = detail
        self._listener.facts(self.name, detail, known.cores, known.memory)

    def on_detail(self, detail: HostDetail) -> None:
        """The newest."""
        self.detail = detail
        self._listener.detail(self.name, detail)

    def frame(self, now: float, rtt: float | None) -> HostFrame:
        """For the telemetry frame."""
        age = None if self.sampled is None else max(0.0, now - self.sampled)
        return HostFrame(self.link, self.why, age, self.sample, rtt)


class Supervisor:
    """A host over SSH. ``run`` until cancelled; ``tick`` and ``slow_tick`` come from the fleet's one ticker."""

    def __init__(
        self, state: HostStatus, dialer: Dialer, places: asyncio.Semaphore, *, interval: float, phase: float,
        rng: random.Random,
    ) -> None:  # fmt: skip
        self.state = state
        self._dialer, self._places = dialer, places
        self._interval, self._phase, self._rng = interval, phase, rng
        self._backoff = Backoff(rng)
        self._kicked: asyncio.Future[None] | None = None  # while it sleeps; an Event would cost each host 700 bytes
        self._stream: Lines | None = None
        self._slow: Lines | None = None
        self._slow_asked = False
        self._builder: SampleBuilder | None = None
        self._ticked = False
        self.connected: Connected | None = None
        self.commands: CommandChannels | None = None
        self.attempts = 0

    # -- the life of a link -------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Connect, stream, begin again; nothing that a host does ends this."""
        self.state.set_link("connecting")
        while True:
            slow = False
            try:
                await self._once()
            except Unreachable as failure:
                slow = failure.slow
                self.state.set_link(failure.link, failure.detail)
            except (OSError, asyncssh.Error, TimeoutError) as error:
                broken = link_lost(error, 0)
                self.state.set_link(broken.link, broken.detail)
            except Exception as error:  # noqa: BLE001 - the outermost edge of this host: the others go on
                _log.exception("supervising %s", self.state.name)
                self.state.set_link("lost", f"an error in this program ({type(error).__name__}): trying again")
            self.attempts += 1
            self.state.pulse()
            await self._sleep(self._backoff.pause(slow=slow))

    async def _sleep(self, seconds: float) -> None:
        self._kicked = asyncio.get_running_loop().create_future()
        await asyncio.wait({self._kicked}, timeout=seconds)
        self._kicked = None

    def kick(self) -> None:
        """Try now: ends a pause; a link that is there but does not work is cut and made anew."""
        if self._kicked is not None and not self._kicked.done():
            self._kicked.set_result(None)
        self._backoff.reset()
        if self.connected is not None and self.state.link != "up":
            self.connected.connection.abort()

    async def _once(self) -> None:
        """One link, from connect to its end. Raises Unreachable when it ends."""
        host = self.state.host
        async with self._places:  # a fleet that dials at once keeps the loop busy with key exchanges for seconds
            connected = await self._dialer.connect(self.state.name, host.address, host.ssh)
        connection = connected.connection
        since = self.state.clock.mono()
        try:
            self.connected = connected
            self.commands = CommandChannels(connection, asyncio.Semaphore(CHANNELS))
            self.state.pulse()
            await self._work(connection)
            raise link_lost(connected.client.error, connected.limit)
        finally:
            self.connected = self.commands = None
            self._forget_streams()
            connection.abort()
            # A host that takes connections and drops them at once has not come back: only what held begins small again.
            if self.state.clock.mono() - since >= STEADY:
                self._backoff.reset()

    async def _work(self, connection: asyncssh.SSHClientConnection) -> None:
        """Returns when the link is gone."""
        known, skew = await self._ask(connection)
        while known is None:
            if connection.is_closed():
                return
            why = "overloaded, or not a Linux shell; asking again"
            self.state.set_link(
                "no sampler", f"connected, but no answer to the probe in {duration_text(ANSWER)}: {why}"
            )
            await _closed_within(connection, PROBE_PAUSE)
            if connection.is_closed():
                return
            known, skew = await self._ask(connection)
        while not connection.is_closed():
            for sampler in known.samplers:
                while await self._sampled(connection, known, skew, sampler):  # it had worked: start it again
                    await _closed_within(connection, 1.0)
            if not connection.is_closed():
                self._say_no_sampler(known)
                await _closed_within(connection, NO_SAMPLER_PAUSE)

    def _say_no_sampler(self, known: HostDescription) -> None:
        tried = ", ".join(s.name for s in known.samplers)
        said = self._stream.complaint if self._stream else ""
        self.state.set_link(
            "no sampler",
            f"connected, but none of its samplers ({tried}) gives counters from {self.state.host.proc_root}"
            + (f": {said}" if said else ""),
        )

    # -- asking -------------------------------------------------------------------------------------------------------

    async def _ask(self, connection: asyncssh.SSHClientConnection) -> tuple[HostDescription | None, float | None]:
        """What the host is, and by how much its clock differs from ours."""
        host, clock = self.state.host, self.state.clock
        said: list[bytes] = []
        command = samplers.probe_command(proc_root=host.proc_root, mounts=host.disks)
        before = clock.wall()  # the answer was made somewhere between the two: the error is half of what it took
        session = await open_lines(connection, command, said.extend)
        await asyncio.wait({session.closed}, timeout=ANSWER)
        after = clock.wall()
        session.close()
        text = b"\n".join(said)[:_PROBE_LONGEST].decode("utf-8", "replace")
        known = read_description(text, host.disks)
        return known, _skew(before, known.clock if known else None, after)

    # -- sampling -----------------------------------------------------------------------------------------------------

    async def _sampled(
        self,
        connection: asyncssh.SSHClientConnection,
        known: HostDescription,
        skew: float | None,
        sampler: samplers.Sampler,
    ) -> bool:
        """Run one sampler to its end. Whether it worked for a while."""
        state, host = self.state, self.state.host
        if connection.is_closed():
            return False
        came: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def on_detail(detail: HostDetail) -> None:
            if self._builder is builder:  # facts come first
                state.on_detail(detail)

        builder = SampleBuilder(
            host, known, sampler.name, state.clock, skew=skew, on_sample=state.on_sample, on_detail=on_detail
        )

        def on_lines(lines: list[bytes]) -> None:
            builder.feed(lines)
            if (builder.arrived is not None or builder.empty) and not came.done():
                came.set_result(None)

        command = samplers.sampler_command(
            sampler, proc_root=host.proc_root, interval=self._interval, phase=self._phase,
            devices=known.devices, mounts=host.disks, awk=known.awk,
        )  # fmt: skip
        self._stream = stream = await open_lines(connection, command, on_lines)
        await asyncio.wait({came, stream.closed}, timeout=ANSWER, return_when=asyncio.FIRST_COMPLETED)
        if builder.arrived is None:
            stream.close()
            return False
        self._builder, self._ticked = builder, sampler.ticked
        state.on_facts(known, builder.detail)
        state.set_link("up")
        await self._companion(connection, known, sampler, builder)
        await stream.closed
        self._forget_streams()
        return True

    async def _companion(
        self,
        connection: asyncssh.SSHClientConnection,
        known: HostDescription,
        sampler: samplers.Sampler,
        builder: SampleBuilder,
    ) -> None:
        """Start what tells disk use and units, where somebody wants to know them and the sampler cannot tell."""
        host = self.state.host
        mounts = () if sampler.disks else host.disks
        units = host.units if known.systemd else ()
        if not mounts and not units:
            return

        def on_lines(lines: list[bytes]) -> None:
            builder.feed(lines)
            if b'["E"]' in lines:
                self._slow_asked = False

        try:
            self._slow = await open_lines(connection, samplers.slow_command(mounts=mounts, units=units), on_lines)
            self._slow_asked = True
        except asyncssh.ChannelOpenError as error:
            _log.warning("%s: no channel for disk use and units: %s", self.state.name, error)

    def _forget_streams(self) -> None:
        for lines in (self._stream, self._slow):
            if lines is not None:
                lines.close()
        self._slow, self._builder, self._ticked, self._slow_asked = None, None, False, False

    def tick(self) -> None:
        """Each interval, on the wall second: samplers that do not keep time themselves are asked for a line."""
        if self._ticked and self._stream is not None:
            self._stream.tick()

    def slow_tick(self) -> None:
        """Every few seconds: ask for disk use and units, if the last question was answered; see to hung samplers."""
        if self._slow is not None and not self._slow_asked:
            self._slow_asked = True
            self._slow.tick()
        builder = self._builder
        if builder is not None and builder.arrived is not None and self._stream is not None:
            silent = self.state.clock.mono() - builder.arrived
            if silent > max(STALL, 4 * self._interval):
                _log.warning("%s: its sampler was silent for %.0f s and is started anew", self.state.name, silent)
                self._stream.close()


def _skew(before: float, theirs: float | None, after: float) -> float | None:
    """By how many seconds a clock read between ``before`` and ``after`` is ahead; 0 where it may well be right."""
    if theirs is None:
        return None
    return 0.0 if before <= theirs <= after else theirs - (before + after) / 2


async def _closed_within(connection: asyncssh.SSHClientConnection, seconds: float) -> None:
    """A pause that the end of the connection cuts short."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(connection.wait_closed(), seconds)
