"""What is measured, once a second: shapes shared by the samplers, the telemetry table, the socket and the panes.

Not events: a sample is shown and kept in ``telemetry.sqlite``; only what crosses a limit or changes state is an event.
All structs are encoded as arrays to keep the socket's every-second frame small.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Link = Literal[
    "connecting",
    "up",
    "lost",
    "refused",
    "unresolved",
    "host key unknown",
    "host key changed",
    "auth failed",
    "no sampler",
]
"""The state of the connection to a host. Only ``up`` has fresh samples."""

Verdict = Literal["healthy", "degraded", "failing", "no data"]


class DiskSample(Struct, frozen=True, array_like=True):
    """A mount: bytes of the file system as df counts them, I/O rates of its device, its busy share."""

    mount: str
    total: int  # bytes
    used: int  # bytes
    read: float = 0.0  # bytes/s
    written: float = 0.0  # bytes/s
    busy: float = 0.0  # percent of time with I/O in flight
    missing: bool = False  # no such mount on the host

    @property
    def percent(self) -> float:
        """Used share, 0 to 100."""
        return 100.0 * self.used / self.total if self.total else 0.0


class Sample(Struct, frozen=True, array_like=True):
    """One second of one host. Shares are 0 to 100; rates are per second since the sample before."""

    ts: float  # host's wall clock, epoch seconds
    cpu: float  # busy, all cores together
    iowait: float
    steal: float
    cores: int
    load1: float
    load5: float
    load15: float
    memory_total: int  # bytes
    memory_available: int  # bytes
    swap_total: int  # bytes
    swap_used: int  # bytes
    psi_cpu: float | None  # "some avg10" of /proc/pressure/*; None where the kernel has none
    psi_memory: float | None
    psi_io: float | None
    received: float  # bytes/s, all interfaces but lo
    sent: float  # bytes/s
    tcp: int  # established connections
    uptime: float  # seconds
    disks: tuple[DiskSample, ...] = ()

    @property
    def memory(self) -> float:
        """Memory in use, percent."""
        return 100.0 * (self.memory_total - self.memory_available) / self.memory_total if self.memory_total else 0.0

    @property
    def swap(self) -> float:
        """Swap in use, percent."""
        return 100.0 * self.swap_used / self.swap_total if self.swap_total else 0.0

    @property
    def disk(self) -> float:
        """The fullest watched file system, percent."""
        return max((d.percent for d in self.disks), default=0.0)

    @property
    def load(self) -> float:
        """One-minute load as a percentage of the cores."""
        return 100.0 * self.load1 / self.cores if self.cores else 0.0

    def metric(self, name: str) -> float | None:
        """A value by its name in ``[watch] limits`` (see the plan model's ``Watch``); None where the host has none."""
        value = getattr(self, name, None)
        return float(value) if value is not None else None


class HostDetail(Struct, frozen=True):
    """What changes rarely or is asked for: read at connect and every few seconds, not every second."""

    kernel: str = ""
    boot_id: str = ""
    sampler: str = ""  # which sampler runs there: python3, perl, awk, bash, dash, psutil
    skew: float | None = None  # host's wall clock minus ours, seconds
    cores_busy: tuple[float, ...] = ()  # percent, a core
    units: dict[str, str] = {}  # systemd unit -> "active", "failed", ...; empty where there is no systemd
    restarts: dict[str, int] = {}  # systemd unit -> how often it was started again since the host was connected


class HostFrame(Struct, frozen=True, array_like=True):
    """A host in a telemetry frame. ``age`` is the seconds since the sample arrived: shown as stale from 3 on."""

    link: Link
    detail: str  # why the link is as it is, and what to do
    age: float | None  # None: there never was a sample
    sample: Sample | None
    rtt: float | None = None  # seconds, of the last keepalive or connect


class CanaryFrame(Struct, frozen=True, array_like=True):
    """A canary in a telemetry frame: the last probe."""

    verdict: Verdict
    ok: bool | None  # None: not probed yet
    latency: float | None  # seconds
    value: float | None  # number the probe gave (tls: days left, run: printed number)
    detail: str  # what the probe found, one line
    age: float | None  # seconds since the probe


class TaskFrame(Struct, frozen=True, array_like=True):
    """A running task: bytes of output so far, seconds of silence, its last line."""

    step: str
    host: str
    bytes: int
    silent: float
    last_line: str


class Frame(Struct, frozen=True, tag="frame"):
    """One coalesced telemetry frame, sent to every client once a second."""

    ts: float  # conductor's wall clock, epoch seconds
    hosts: dict[str, HostFrame]
    canaries: dict[str, CanaryFrame]
    tasks: tuple[TaskFrame, ...] = ()
    details: dict[str, HostDetail] = {}  # only hosts whose detail changed since this client's last frame
    trouble: tuple[str, ...] = ()  # the conductor's own: a fenced log, a full disk, a telemetry table it cannot write
