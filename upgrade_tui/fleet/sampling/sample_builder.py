"""One host's lines as samples and detail: keeps the counters before, the disk use and the units. No I/O."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain

import msgspec

from upgrade_tui.fleet.sampling import parse
from upgrade_tui.fleet.sampling.host_facts import HostDescription
from upgrade_tui.fleet.sampling.unit_watch import UnitWatch
from upgrade_tui.fleet.time_source import TimeSource
from upgrade_tui.plan.inventory import Host
from upgrade_tui.window.measurements import HostDetail, Sample

SLOW_KEPT = 30.0  # seconds after which disk use and units that nobody renewed are forgotten
_SHORTEST = 0.25  # seconds between samples: less is too short for rates


class SampleBuilder:
    """Turns what a sampler says into a ``Sample`` and a ``HostDetail``; ``feed`` never raises for what a host sent."""

    def __init__(
        self,
        host: Host,
        facts: HostDescription,
        sampler: str,
        clock: TimeSource,
        *,
        skew: float | None,
        on_sample: Callable[[Sample], None],
        on_detail: Callable[[HostDetail], None],
    ) -> None:
        self.empty = False  # a line of counters without the counters: there is no /proc where it looks
        self.arrived: float | None = None  # monotonic seconds of the last counters
        self._host, self._clock = host, clock
        self._on_sample, self._on_detail = on_sample, on_detail
        self._facts = facts
        self._before: parse.Counters | None = None
        self._cores: parse.Cores | None = None
        self._unitwatch = UnitWatch()
        self._usage: dict[str, parse.Usage | None] = {}
        self._usage_at = self._units_at = clock.mono()
        self._ts = clock.wall() + (skew or 0.0)
        self.detail = HostDetail(facts.kernel, facts.boot_id, sampler, skew, units={})

    def feed(self, lines: list[bytes]) -> None:
        """Lines as they came, complete. Of several sets of counters only the newest counts."""
        newest: parse.Counters | None = None
        for text in lines:
            said = parse.sampler_line(text)
            if isinstance(said, parse.Counters):
                newest = said
            elif said is None:  # such as what a login script prints
                self.empty = self.empty or text.startswith(b'["S",')
            else:
                self._slow(said)
        if newest is not None:
            self.counted(newest)

    def counted(self, now: parse.Counters) -> None:
        """A new set of counters: the first is what the next are measured against."""
        arrived, before = self._clock.mono(), self._before
        elapsed = arrived - self.arrived if self.arrived is not None else 0.0
        seconds = now.uptime - before.uptime if before else 0.0
        if before is not None and (seconds if seconds > 0 else elapsed) < _SHORTEST:
            return
        self._before, self.arrived = now, arrived
        if before is None:
            self._ts = self._clock.wall() + (self.detail.skew or 0.0)
            return
        self._ts += seconds if seconds > 0 else elapsed
        if self._usage and arrived - self._usage_at > SLOW_KEPT:
            self._usage = {}
        cores = self._facts.cores or (len(self._cores.ticks) if self._cores else 0)
        mounts = self._facts.mounts
        self._on_sample(
            parse.sample(before, now, ts=self._ts, elapsed=elapsed, cores=cores, mounts=mounts, usage=self._usage)
        )

    def _slow(self, said: parse.Cores | parse.Disks | parse.Units | parse.Answered) -> None:
        match said:
            case parse.Cores():
                self.cores(said)
            case parse.Disks():
                self.used(said.usage(self._host.disks))
            case parse.Units():
                self._units_at = self._clock.mono()
                units, restarts = self._unitwatch.look(said.known(self._host.units), self._units_at)
                self._tell(units=units, restarts=restarts)
            case parse.Answered():
                pass

    def used(self, usage: dict[str, parse.Usage | None]) -> None:
        """Disk use by mount point."""
        self._usage, self._usage_at = usage, self._clock.mono()

    def cores(self, now: parse.Cores) -> None:
        """Busy ticks of the cores; also shows when the host's clock was set."""
        before, self._cores = self._cores, now
        skew = self.detail.skew
        if before and before.born and now.born and abs(now.born - before.born) >= 2:
            self._ts += now.born - before.born
            skew = None if skew is None else skew + now.born - before.born
        units = self.detail.units
        if self._host.units and self._clock.mono() - self._units_at > SLOW_KEPT:
            units = dict.fromkeys(self._host.units, "unknown")  # also where systemd never answered, or is not there
        busy = parse.busy_shares(before, now) if before else self.detail.cores_busy
        self._tell(cores_busy=busy, skew=skew, units=units)

    def _tell(self, **changed: object) -> None:
        self.detail = msgspec.structs.replace(self.detail, **changed)
        self._on_detail(self.detail)


class Splitter:
    """Bytes into lines; a line longer than ``parse.LONGEST`` is dropped whole, so that memory stays bounded."""

    def __init__(self) -> None:
        self.dropped = 0
        self._rest: list[bytes] = []
        self._held = 0
        self._skipping = False

    def split(self, data: bytes) -> list[bytes]:
        """The lines that ``data`` completes, without their newlines."""
        first, newline, more = data.partition(b"\n")
        if not newline:
            self._hold(data)
            return []
        if self._skipping:
            self._skipping, out = False, []
        else:
            out = [b"".join(chain(self._rest, (first,))) if self._rest else first]
            if len(out[0]) > parse.LONGEST_LINE:
                self.dropped, out = self.dropped + 1, []
        self._rest, self._held = [], 0
        if more:
            *whole, rest = more.split(b"\n")
            out += whole
            if rest:
                self._hold(rest)
        return out

    def _hold(self, data: bytes) -> None:
        if self._skipping:
            return
        self._rest.append(data)
        self._held += len(data)
        if self._held > parse.LONGEST_LINE:
            self._rest, self._held, self._skipping = [], 0, True
            self.dropped += 1
