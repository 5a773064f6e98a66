"""The fleet on a real sshd, side by side with what one would write instead. Host CPU needs root (a cgroup)."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.sshd import Sshd

Row = tuple[str, str, str, str]

_CGROUPS = (Path("/sys/fs/cgroup/cpuacct"), Path("/sys/fs/cgroup/cpu,cpuacct"))


def run(scales: tuple[int, ...] = (200, 500), seconds: int = 10) -> list[Row]:
    """All figures."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as directory:
        options = ("MaxStartups 1000", "LogLevel ERROR")
        with Sshd(Path(directory), options=options) as sshd:
            idle = _child(sshd, "lagging", 1, 5)["lag"]
            for hosts in scales:
                rows += _streaming(sshd, hosts, seconds, idle)
            connect = _child(sshd, "connecting", 40, 1)["ms"]
            rows.append(("connect and login, client CPU", f"{connect:.2f} ms", "at most 3 ms", _word(connect <= 3)))
            by_run = _child(sshd, "running", 20, seconds)["us"]
            rows.append(("  instead: asyncssh run, client CPU a sample", f"{by_run:.0f} us", "", ""))
            by_ssh = _child(sshd, "mastering", 1, seconds)["us"]
            rows.append(("  instead: ssh ControlMaster, client CPU a sample", f"{by_ssh:.0f} us", "", ""))
            rows += _host_cpu(sshd, seconds)
    return rows


def _streaming(sshd: Sshd, hosts: int, seconds: int, idle: float) -> list[Row]:
    got = _child(sshd, "streaming", hosts, seconds)
    us, lag, kib, core = got["us"], got["lag"], got["kib"], got["core"]
    bare = _child(sshd, "plain", hosts, seconds)
    least = f"{bare['us']:.0f} us ({us / bare['us']:.2f}x), {bare['kib']:.0f} KiB, {bare['join']:.1f} ms to join"
    cpu = f"{us:.0f} us, {core:.1f} % of a core"
    return [
        (f"{hosts} hosts: client CPU a sample", cpu, "at most 60 us", _word(us <= 60)),
        (f"{hosts} hosts: loop lag p99", f"{lag:.1f} ms (idle loop now: {idle:.1f})", "under 10 ms", _word(lag < 10)),
        (f"{hosts} hosts: resident memory a connection", f"{kib:.0f} KiB", "at most 40 KiB", _word(kib <= 40)),
        (f"{hosts} hosts: all up, client CPU a host", f"{got['join']:.1f} ms ({got['took']:.0f} s)", "", ""),
        ("  asyncssh alone, samples only decoded", least, "", ""),
    ]  # fmt: skip


def _host_cpu(sshd: Sshd, seconds: int) -> list[Row]:
    rows: list[Row] = []
    with _accounted(sshd) as usage:
        if usage is None:
            return [("host CPU a sample", "no cgroup to count in", "at most 0.4 ms", "")]
        for sampler in ("python3", "perl", "awk", "bash", "dash"):
            ms = _child(sshd, "sampling", 10, 2 * seconds, sampler, str(usage))["ms"]
            goal = sampler in ("python3", "awk")
            rows.append((
                f"host CPU a sample, sshd included: {sampler}", f"{ms:.2f} ms",
                "at most 0.4 ms" if goal else "", _word(ms <= 0.4) if goal else "",
            ))  # fmt: skip
    return rows


@contextlib.contextmanager
def _accounted(sshd: Sshd) -> Iterator[Path | None]:
    """Put sshd, and so all its sessions, into a cgroup that counts nanoseconds."""
    root = next((path for path in _CGROUPS if path.is_dir()), None)
    group = root / f"upgrade-tui-bench-{sshd.pid}" if root else None
    try:
        if group is not None:
            group.mkdir()
            (group / "cgroup.procs").write_text(str(sshd.pid))
    except OSError:
        group = None
    try:
        yield group / "cpuacct.usage" if group else None
    finally:
        if group is not None and root is not None:
            with contextlib.suppress(OSError):
                for pid in (group / "cgroup.procs").read_text().split():
                    with contextlib.suppress(OSError):
                        (root / "cgroup.procs").write_text(pid)
                group.rmdir()


def _child(sshd: Sshd, kind: str, hosts: int, seconds: int, *more: str) -> dict[str, float]:
    done = subprocess.run(
        (sys.executable, "-m", "bench.fleet_child", kind, str(hosts), str(seconds), *more),
        input=json.dumps(sshd.ssh_table()), text=True, capture_output=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{kind} with {hosts} hosts: {done.stderr[-1000:]}")
    result: dict[str, float] = json.loads(done.stdout)
    return result


def _word(met: bool) -> str:
    return "met" if met else "missed"
