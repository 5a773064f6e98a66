"""A host's load as the files of ``/proc`` that samplers read, each replaced whole: nobody reads half a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from upgrade_tui.demo.host_load import Load

_SWAP = 4 * 1024 * 1024  # KiB


def constant(boot_id: str) -> dict[str, str]:
    """What does not change while the host is up. The device under ``/`` is sda1 here, whatever it is really."""
    return {
        "sys/kernel/random/boot_id": f"{boot_id}\n",
        "sys/kernel/osrelease": "6.1.0-28-amd64\n",
        "mounts": "/dev/sda1 / ext4 rw,relatime 0 0\nproc /proc proc rw,nosuid,nodev,noexec,relatime 0 0\n",
        "self/mountinfo": "25 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n",
    }


def changing(load: Load, now: float) -> dict[str, str]:
    """The counters as they stand at ``now`` (epoch seconds)."""
    return {
        "stat": _stat(load, now),
        "uptime": f"{load.uptime:.2f} {load.uptime * load.cores * 0.8:.2f}\n",
        "loadavg": f"{load.loads[0]:.2f} {load.loads[1]:.2f} {load.loads[2]:.2f} 1/{200 + load.connections} 4711\n",
        "meminfo": _meminfo(load),
        "diskstats": _diskstats(load),
        "net/dev": _net_dev(load),
        "net/snmp": _net_snmp(load),
    } | {f"pressure/{name}": _pressure(avg) for name, avg in zip(("cpu", "memory", "io"), load.pressure, strict=True)}


def write_files(root: Path, files: Mapping[str, str]) -> None:
    """Write ``files`` (name below ``root`` -> text). Raises OSError."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}")
        beside.write_text(text, encoding="ascii")
        beside.replace(path)


def _stat(load: Load, now: float) -> str:
    def line(name: str, ticks: list[float]) -> str:
        user, system, idle, iowait, softirq = (int(t) for t in ticks)
        return f"{name} {user} 0 {system} {idle} {iowait} 0 {softirq} 0 0 0\n"

    total = [sum(int(core[i]) for core in load.ticks) * 1.0 for i in range(5)]
    cores = "".join(line(f"cpu{n}", core) for n, core in enumerate(load.ticks))
    return (
        f"{line('cpu ', total)}{cores}intr 0\nctxt 0\nbtime {int(now - load.uptime)}\nprocesses 4711\nprocs_running 2\n"
    )


def _meminfo(load: Load) -> str:
    total = load.memory_total
    available = int(total * (100 - load.memory) / 100)
    free, cached = available // 4, available * 2 // 3
    fields = {
        "MemTotal": total, "MemFree": free, "MemAvailable": available, "Buffers": available // 20, "Cached": cached,
        "SwapCached": 0, "Shmem": total // 200, "SwapTotal": _SWAP, "SwapFree": _SWAP - _SWAP // 50,
    }  # fmt: skip
    return "".join(f"{name}:{value:>15} kB\n" for name, value in fields.items())


def _diskstats(load: Load) -> str:
    counts = f"{int(load.read / 16)} 0 {int(load.read)} 0 {int(load.written / 16)} 0 {int(load.written)} 0 0"
    rest = f"{int(load.busy_ms)} {int(load.busy_ms)}"
    return f"   8       0 sda {counts} {rest}\n   8       1 sda1 {counts} {rest}\n"


def _net_dev(load: Load) -> str:
    def line(name: str, received: float, sent: float) -> str:
        return (
            f"{name:>6}: {int(received)} {int(received / 900)} 0 0 0 0 0 0 {int(sent)} {int(sent / 900)} 0 0 0 0 0 0\n"
        )

    head = (
        "Inter-|   Receive                                                |  Transmit\n"
        " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls\n"
    )
    return head + line("lo", load.received / 50, load.received / 50) + line("eth0", load.received, load.sent)


def _net_snmp(load: Load) -> str:
    names = (
        "RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab InSegs OutSegs"
    )
    return f"Ip: Forwarding\nIp: 2\nTcp: {names}\nTcp: 1 200 120000 -1 0 0 0 0 {load.connections} 0 0\n"


def _pressure(avg: float) -> str:
    return (
        f"some avg10={avg:.2f} avg60={avg * 0.8:.2f} avg300={avg * 0.6:.2f} total=0\n"
        f"full avg10={avg * 0.4:.2f} avg60=0.00 avg300=0.00 total=0\n"
    )
