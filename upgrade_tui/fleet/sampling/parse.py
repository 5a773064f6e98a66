"""Lines of the samplers into counters, and two sets of counters into a ``Sample``. Pure; garbage gives None."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated

from msgspec import Meta, MsgspecError, Struct
from msgspec.json import Decoder

from upgrade_tui.window.measurements import DiskSample, Sample

LONGEST_LINE = 65536  # bytes of a line; a longer one is garbage
SECTOR = 512  # bytes, in /proc/diskstats whatever the disk says
_WRAP = 2**32


_Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
_Number = Annotated[float, Meta(ge=0, le=1e15)]
_Maybe = _Count | None


class Counters(Struct, frozen=True, gc=False, array_like=True, tag="S"):
    """An ``S`` line: what had been counted until then. None where the host does not have it."""

    uptime: _Number  # seconds
    cpu: tuple[_Count, _Count, _Count, _Count, _Count, _Count, _Count, _Count]  # ticks; order as in samplers/__init__
    load: tuple[_Number, _Number, _Number]
    memory: tuple[_Count, _Maybe, _Maybe, _Maybe, _Maybe, _Maybe, _Maybe, _Maybe]  # KiB
    psi: tuple[_Number | None, _Number | None, _Number | None]  # cpu, memory, io
    network: tuple[_Count, _Count]  # bytes received, sent
    tcp: _Count
    devices: tuple[tuple[_Count, _Count, _Count] | None, ...] = ()  # sectors read, sectors written, ms busy


class Cores(Struct, frozen=True, gc=False, array_like=True, tag="C"):
    """A ``C`` line: (core, busy ticks, all ticks) a core; ``born`` is the boot in epoch seconds by the host's clock."""

    born: _Maybe
    ticks: tuple[tuple[_Count, _Count, _Count], ...]


class Disks(Struct, frozen=True, gc=False, array_like=True, tag="D"):
    """A ``D`` line: (total, used, available) KiB a mount asked for, None where there is no such mount."""

    mounts: tuple[tuple[_Count, _Count, _Count] | None, ...]

    def usage(self, names: tuple[str, ...]) -> dict[str, Usage | None]:
        """By mount point, in bytes."""
        return {
            name: Usage(m[1] * 1024, (m[1] + m[2]) * 1024) if m else None
            for name, m in zip(names, self.mounts, strict=False)
        }


class Unit(Struct, frozen=True, gc=False, array_like=True):
    """What systemd says of a unit. None where it says nothing: only services are started again."""

    state: str
    restarts: _Maybe = None  # by systemd itself, since it was last started by somebody
    started: _Maybe = None  # microseconds of the host's monotonic clock; 0: never


class Units(Struct, frozen=True, gc=False, array_like=True, tag="U"):
    """A ``U`` line: the units in the order asked for."""

    units: tuple[Unit, ...]

    def known(self, names: tuple[str, ...]) -> dict[str, Unit]:
        """By name. ``unknown`` is a word that systemd does not have, and all where it did not answer for each."""
        if len(self.units) != len(names):
            return dict.fromkeys(names, Unit("unknown"))
        return {
            name: Unit(u.state.replace("-", " ") if u.state != "auto-restart" else u.state, u.restarts, u.started)
            if u.state in _STATES else Unit("unknown")
            for name, u in zip(names, self.units, strict=True)
        }  # fmt: skip


class Answered(Struct, frozen=True, gc=False, array_like=True, tag="E"):
    """An ``E`` line: the slow companion has said all and waits for the next line."""


class Usage(Struct, frozen=True, gc=False):
    """Bytes of a mount. ``capacity`` is what df's percentage divides by: without the blocks kept for root."""

    used: int
    capacity: int


SamplerLine = Counters | Cores | Disks | Units | Answered

_STATES = frozenset(
    (
        "active",
        "reloading",
        "inactive",
        "failed",
        "activating",
        "deactivating",
        "maintenance",
        "refreshing",
        "not-found",
        "auto-restart",
    )
)
_decode: Callable[[bytes], SamplerLine] = Decoder(SamplerLine).decode


def sampler_line(text: bytes) -> SamplerLine | None:
    """A line of a sampler; None if it is not one."""
    try:
        return _decode(text)
    except (MsgspecError, RecursionError, ValueError):
        return None


def busy_shares(before: Cores, now: Cores) -> tuple[float, ...]:
    """Busy percent of each core that is there now; a core that came since counts as 0."""
    old = {n: (busy, total) for n, busy, total in before.ticks}
    out = []
    for n, busy, total in now.ticks:
        was_busy, was_total = old.get(n, (busy, total))
        ticks = total - was_total
        out.append(round(_share(busy - was_busy, ticks), 1))
    return tuple(out)


def sample(
    before: Counters,
    now: Counters,
    *,
    ts: float,
    elapsed: float,
    cores: int,
    mounts: tuple[tuple[str, int | None], ...] = (),
    usage: Mapping[str, Usage | None] | None = None,
) -> Sample:
    """What happened between two sets of counters.

    ``ts`` host's wall clock in epoch seconds; ``elapsed`` seconds between the arrivals, used where the host's own
    uptime did not move forward; ``mounts`` are (mount point, index of its device in the counters); ``usage`` is by
    mount point.
    """
    seconds = now.uptime - before.uptime
    if seconds <= 0:
        seconds = elapsed if elapsed > 0 else 1.0
    moved = [n - b if n > b else 0 for n, b in zip(now.cpu, before.cpu, strict=True)]
    ticks = sum(moved)
    total, available, swap, swap_used = _memory(now)
    (received, sent), (was_received, was_sent) = now.network, before.network
    return Sample(
        ts, _share(ticks - moved[3] - moved[4], ticks), _share(moved[4], ticks), _share(moved[7], ticks), cores,
        *now.load, total, available, swap, swap_used, *now.psi,
        _rate(was_received, received, seconds), _rate(was_sent, sent, seconds), now.tcp, now.uptime,
        tuple([_disk(m, i, before, now, seconds, usage or {}) for m, i in mounts]),
    )  # fmt: skip


def _memory(now: Counters) -> tuple[int, int, int, int]:
    """Bytes: total, available, swap total, swap used. Kernels before 3.14 do not say what is available: estimated."""
    total, free, available, buffers, cached, shmem, swap, swap_free = now.memory
    if available is None:  # shared memory counts as cached but cannot be given up
        available = (free or 0) + (buffers or 0) + max(0, (cached or 0) - (shmem or 0))
    swap = swap or 0
    return total * 1024, min(available, total) * 1024, swap * 1024, max(0, swap - (swap_free or 0)) * 1024


def _disk(
    mount: str, index: int | None, before: Counters, now: Counters, seconds: float, usage: Mapping[str, Usage | None]
) -> DiskSample:
    known = usage.get(mount)
    total, used = (known.capacity, known.used) if known else (0, 0)
    if index is not None and index < len(now.devices) and index < len(before.devices):
        old, new = before.devices[index], now.devices[index]
        if old and new:
            read, written = _rate(old[0], new[0], seconds) * SECTOR, _rate(old[1], new[1], seconds) * SECTOR
            return DiskSample(mount, total, used, read, written, min(100.0, _rate(old[2], new[2], seconds) / 10))
    return DiskSample(mount, total, used, missing=mount in usage and known is None)


def _rate(before: int, now: int, seconds: float) -> float:
    """Per second. A counter that went back wrapped at 32 bits if it was near there, else it started anew: 0."""
    moved = now - before
    if moved < 0:
        moved = moved + _WRAP if _WRAP // 2 < before < _WRAP else 0
    return moved / seconds


def _share(part: int, whole: int) -> float:
    return min(100.0, max(0.0, 100.0 * part / whole)) if whole > 0 else 0.0
