"""This machine as a host: counters from psutil or, with another ``proc_root``, the python sampler as a child."""

from __future__ import annotations

import asyncio
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from upgrade_tui.fleet.sampling import parse, samplers
from upgrade_tui.fleet.sampling.host_facts import HostDescription, read_description

_TICKS = 100  # psutil counts seconds; hundredths keep what it knows


def local_facts(mounts: tuple[str, ...]) -> HostDescription:
    """What this machine is. Blocking."""
    names = {p.mountpoint: p.device.removeprefix("/dev/") for p in psutil.disk_partitions(all=True)}
    devices = tuple(dict.fromkeys(d for d in (_device(names, m) for m in mounts) if d))
    index = {device: i for i, device in enumerate(devices)}
    return HostDescription(
        kernel=platform.release(),
        boot_id=_boot_id(),
        cores=psutil.cpu_count() or 1,
        memory=psutil.virtual_memory().total,
        uptime=time.time() - psutil.boot_time(),
        clock=time.time(),
        systemd=Path("/run/systemd/system").is_dir(),
        devices=devices,
        mounts=tuple((m, index.get(_device(names, m) or "")) for m in mounts),
    )


def _device(names: dict[str, str], mount: str) -> str | None:
    device = names.get(mount)
    if device is None:
        return None
    if device.startswith("mapper/"):
        device = os.path.realpath(f"/dev/{device}").removeprefix("/dev/")
    return device if device in (psutil.disk_io_counters(perdisk=True) or {}) else None


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return f"boot {psutil.boot_time():.0f}"


def local_counters(devices: tuple[str, ...]) -> parse.Counters:
    """As an ``S`` line of a sampler. Blocking, for a millisecond or two."""
    cpu, memory, swap = psutil.cpu_times(), psutil.virtual_memory(), psutil.swap_memory()
    names = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
    ticks = [int(getattr(cpu, name, 0.0) * _TICKS) for name in names]
    io = psutil.disk_io_counters(perdisk=True) or {} if devices else {}
    nics = [n for name, n in psutil.net_io_counters(pernic=True).items() if name not in ("lo", "lo0")]
    return parse.Counters(
        uptime=time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic(),
        cpu=(ticks[0], ticks[1], ticks[2], ticks[3], ticks[4], ticks[5], ticks[6], ticks[7]),
        load=psutil.getloadavg(),
        memory=(memory.total // 1024, None, memory.available // 1024, None, None, None,
                swap.total // 1024, (swap.total - swap.used) // 1024),
        psi=(_pressure("cpu"), _pressure("memory"), _pressure("io")),
        network=(sum(n.bytes_recv for n in nics), sum(n.bytes_sent for n in nics)),
        tcp=_established(),
        devices=tuple(_io(io.get(d)) for d in devices),
    )  # fmt: skip


def _io(counted: object) -> tuple[int, int, int] | None:
    if counted is None:
        return None
    return (
        getattr(counted, "read_bytes", 0) // parse.SECTOR,
        getattr(counted, "write_bytes", 0) // parse.SECTOR,
        getattr(counted, "busy_time", 0),
    )


def _pressure(name: str) -> float | None:
    """psutil has no pressure stall information."""
    try:
        return float(Path(f"/proc/pressure/{name}").read_text(encoding="ascii").split()[1].removeprefix("avg10="))
    except (OSError, ValueError, IndexError):
        return None


def _established() -> int:
    """From the kernel's own counter where there is one; psutil would list every socket of the machine."""
    try:
        lines = [
            line.split()
            for line in Path("/proc/net/snmp").read_text(encoding="ascii").splitlines()
            if line.startswith("Tcp:")
        ]
        return int(dict(zip(*lines, strict=False))["CurrEstab"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def local_cores() -> parse.Cores:
    """As a ``C`` line of a sampler."""
    ticks = []
    for n, cpu in enumerate(psutil.cpu_times(percpu=True)):
        total = sum(cpu) - getattr(cpu, "guest", 0.0) - getattr(cpu, "guest_nice", 0.0)  # guests count as user, too
        idle = cpu.idle + getattr(cpu, "iowait", 0.0)
        ticks.append((n, int((total - idle) * _TICKS), int(total * _TICKS)))
    return parse.Cores(int(psutil.boot_time()), tuple(ticks))


def local_usage(mounts: tuple[str, ...]) -> dict[str, parse.Usage | None]:
    """Disk use of mount points. Blocking, for ever if a network file system is dead: call it in a thread."""
    there = {p.mountpoint for p in psutil.disk_partitions(all=True)}
    out: dict[str, parse.Usage | None] = {}
    for mount in mounts:
        try:
            use = psutil.disk_usage(mount) if mount in there else None
        except OSError:
            use = None
        out[mount] = parse.Usage(use.used, use.used + use.free) if use else None
    return out


class ChildSampler:
    """The python sampler as a child: psutil knows only one ``proc_root`` for the whole process."""

    def __init__(self, proc_root: str, interval: float, mounts: tuple[str, ...]) -> None:
        self._root, self._interval, self._mounts = proc_root, interval, mounts

    async def facts(self) -> HostDescription | None:
        """Ask as a remote host is asked."""
        command = samplers.probe_command(proc_root=self._root, mounts=self._mounts)
        process = await asyncio.create_subprocess_exec(
            "/bin/sh", "-c", command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
        )
        said, _ = await process.communicate()
        return read_description(said.decode("utf-8", "replace"), self._mounts)

    async def run(self, known: HostDescription, on_lines: Callable[[list[bytes]], None]) -> None:
        """Lines until the child ends or this is cancelled."""
        script = samplers.sampler_text("sampler.python3")
        own = (self._root, f"{self._interval:g}", "0", str(len(known.devices)), *known.devices, *self._mounts)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-S", "-E", "-c", script, *own,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, limit=parse.LONGEST_LINE,
        )  # fmt: skip
        assert process.stdout is not None
        try:
            while line := await process.stdout.readline():
                on_lines([line.rstrip(b"\n")])
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


class ChildUnits:
    """What the units of this machine are, asked of systemd as it is on any other host."""

    def __init__(self, units: tuple[str, ...], every: float) -> None:
        self._command, self._every = samplers.slow_command(mounts=(), units=units), every

    async def run(self, on_lines: Callable[[list[bytes]], None]) -> None:
        """Lines, ``every`` so many seconds, until the child ends or this is cancelled."""
        process = await asyncio.create_subprocess_exec(
            "/bin/sh", "-c", self._command,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=parse.LONGEST_LINE,
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            while line := (await process.stdout.readline()).rstrip(b"\n"):
                on_lines([line])
                if line == b'["E"]':
                    await asyncio.sleep(self._every)
                    process.stdin.write(b"\n")
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
