"""What the golden window's fleet looks like at a moment: a telemetry frame that agrees with the folded state."""

from __future__ import annotations

import hashlib
import random

from tests.golden_plan import NASTY, kind_of
from upgrade_tui.window.measurements import CanaryFrame, DiskSample, Frame, HostDetail, HostFrame, Sample, TaskFrame
from upgrade_tui.window.state import CanaryState, HostState, WindowState

GIB = 1024**3
_SAMPLERS = {"db": "python3", "api": "python3", "lb": "perl", "cache": "awk"}
_CORES = {"db": 32, "api": 8, "lb": 4, "cache": 4}
_MEMORY = {"db": 128, "api": 16, "lb": 8, "cache": 64}  # GiB
_BUSY = {"db": (22.0, 48.0), "api": (18.0, 61.0), "lb": (8.0, 21.0), "cache": (5.0, 12.0)}


def cores(host: str) -> int:
    """CPUs."""
    return _CORES[kind_of(host)]


def memory_total(host: str) -> int:
    """Memory in bytes."""
    return _MEMORY[kind_of(host)] * GIB - 300 * 1024**2


def digest(*parts: object) -> str:
    """A SHA-256 that is always the same for the same parts."""
    return hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()


def boot_id(host: str, boot: int) -> str:
    """A boot id; ``boot`` counts from 0."""
    h = digest("boot", host, boot)
    return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:32]}"


def detail(host: str, boot: int = 0, *, hostile: bool = False) -> HostDetail:
    """What changes rarely on a host."""
    dice = random.Random(f"{host} detail")
    low, high = _BUSY[kind_of(host)]
    units = {"db": "postgresql@16-main", "api": "orders-api", "lb": "haproxy", "cache": "redis-server"}
    kernel = "6.1.0-26-amd64"
    if hostile:
        kernel = f"{NASTY['markup']} {NASTY['escapes']} {NASTY['wide']}"
    return HostDetail(
        kernel=kernel,
        boot_id=boot_id(host, boot),
        sampler=_SAMPLERS[kind_of(host)],
        skew=round(dice.uniform(-0.02, 0.02), 4),
        cores_busy=tuple(round(dice.uniform(low, high), 1) for _ in range(cores(host))),
        units={units[kind_of(host)]: "[/b]" if hostile and host == "api3" else "active"},
    )


def frame(state: WindowState, now: float, *, hostile: bool = False) -> Frame:
    """The telemetry frame at ``now``."""
    running = tuple(
        _task(step.id, task.host, now - task.started, hostile)
        for step in state.steps.values()
        for task in step.tasks.values()
        if task.state in ("running", "rolling back") and task.started is not None
    )
    return Frame(
        ts=now,
        hosts={host.name: _host(host, now) for host in state.hosts.values()},
        canaries={canary.name: _canary(canary, now) for canary in state.canaries.values()},
        tasks=running,
        details={
            host.name: detail(host.name, host.reboots, hostile=hostile)
            for host in state.hosts.values()
            if host.facts is not None
        },
    )


def _host(host: HostState, now: float) -> HostFrame:
    dice = random.Random(f"{host.name} {now}")
    if host.facts is None:
        return HostFrame(link=host.link, detail=host.detail, age=None, sample=None)
    gone = now - host.since if host.link != "up" and host.since is not None else 0.0
    age = round((gone + 3.4 if gone else 0.0) + dice.uniform(0.05, 0.4), 3)
    return HostFrame(
        link=host.link, detail=host.detail, age=age, sample=_sample(host, now - age, dice),
        rtt=round(dice.uniform(0.0004, 0.0021), 6),
    )  # fmt: skip


def _sample(host: HostState, ts: float, dice: random.Random) -> Sample:
    low, high = _BUSY[kind_of(host.name)]
    total = memory_total(host.name)
    used = dice.uniform(38, 74) if kind_of(host.name) != "cache" else dice.uniform(76, 86)
    if "memory" in host.alerts:
        used = dice.uniform(92, 94)
    uptime = (ts - host.since if host.reboots and host.since is not None else 41 * 86400.0 + ts % 86400) + 38.0
    many = cores(host.name)
    busy = dice.uniform(low, high)
    return Sample(
        ts=round(ts), cpu=round(busy, 1), iowait=round(dice.uniform(0, 4), 1), steal=round(dice.uniform(0, 0.4), 1),
        cores=many, load1=round(busy * many / 90, 2), load5=round(busy * many / 100, 2),
        load15=round(busy * many / 110, 2), memory_total=total, memory_available=int(total * (100 - used) / 100),
        swap_total=2 * GIB, swap_used=int(dice.uniform(0, 0.2) * GIB),
        psi_cpu=round(busy / 30, 2), psi_memory=round(dice.uniform(0, 0.3), 2), psi_io=round(dice.uniform(0, 2), 2),
        received=round(dice.uniform(2e5, 9e6)), sent=round(dice.uniform(2e5, 2e7)), tcp=dice.randrange(60, 900),
        uptime=round(uptime, 2), disks=_disks(host, dice),
    )  # fmt: skip


def _disks(host: HostState, dice: random.Random) -> tuple[DiskSample, ...]:
    root = DiskSample("/", 60 * GIB, int(dice.uniform(21, 34) * GIB), 0.0, round(dice.uniform(1e4, 4e5)), 1.2)
    if kind_of(host.name) != "db":
        return (root,)
    share = 0.871 if "disk /var/lib/postgresql" in host.alerts else 0.68
    data = DiskSample("/var/lib/postgresql", 900 * GIB, int(900 * GIB * share), 8.1e7, 3.9e7, 41.0)
    return (root, data)


def _canary(canary: CanaryState, now: float) -> CanaryFrame:
    dice = random.Random(f"{canary.name} {now}")
    latency = {"healthy": dice.uniform(0.03, 0.15), "degraded": dice.uniform(0.21, 0.28)}.get(canary.verdict)
    if canary.verdict == "no data":
        return CanaryFrame(verdict="no data", ok=None, latency=None, value=None, detail="not probed yet", age=None)
    value = {"replication lag": 0.4, "certificate": 61.0}.get(canary.name)
    return CanaryFrame(
        verdict=canary.verdict, ok=canary.verdict == "healthy", latency=None if latency is None else round(latency, 4),
        value=value, detail=canary.detail, age=round(dice.uniform(0.1, 1.9), 2),
    )  # fmt: skip


def _task(step: str, host: str, seconds: float, hostile: bool) -> TaskFrame:
    dice = random.Random(f"{step} {host}")
    line = "Unpacking orders-api (4.2.0) over (4.1.7) ..." if step == "api" else f"{int(seconds)} s: working"
    if hostile:
        line = f"{NASTY['escapes']} {NASTY['markup']} {NASTY['wide']}"
    return TaskFrame(
        step=step, host=host, bytes=int(900 + seconds * 37), silent=round(dice.uniform(0.2, 6), 1), last_line=line
    )
