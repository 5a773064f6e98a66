"""A command that does nothing, on many hosts: durable jobs against what a team would use instead, on one sshd.

All have their connections open before (but pyinfra, which cannot keep them). The hosts are names for one machine, this
one: what a command costs on its host is paid here, by all of them, once a host. The share of the client is shown apart.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.peers import programs
from tests.sshd import Sshd

Row = tuple[str, str, str, str]

ROUNDS = 5
PEER_ROUNDS, PEER_LONG = 3, 20.0  # at most so many; no further one once they took so many seconds
PEER_TIMEOUT = 300.0  # seconds
FORKS = 50


def run(scales: tuple[int, ...] = (1, 50, 200)) -> list[Row]:
    """All figures."""
    rows: list[Row] = []
    tools = programs()
    for hosts in scales:
        with tempfile.TemporaryDirectory() as name:
            directory = Path(name)
            with Sshd(directory / "sshd", options=("MaxStartups 1000", "LogLevel ERROR")) as sshd:
                rows += _scale(sshd, directory, hosts, tools)
    return rows


def _scale(sshd: Sshd, directory: Path, hosts: int, tools: Path | str) -> list[Row]:
    said = _child(sshd, hosts, directory / "jobs")
    bare, job = statistics.median(said["run"]), statistics.median(said["job"])
    ratio = statistics.median(j / r for j, r in zip(said["job"], said["run"], strict=True))
    cpu, bare_cpu = (statistics.median(said[k]) / hosts * 1e3 for k in ("job_cpu", "run_cpu"))
    label = f"{hosts} host{'s' if hosts > 1 else ''}"
    goal = hosts > 1
    rows: list[Row] = [
        (f"{label}: asyncssh run", f"{_seconds(bare)}, client CPU {bare_cpu:.1f} ms a host", "", ""),
        (
            f"{label}: durable jobs", f"{_seconds(job)}, {ratio:.1f}x; client CPU {cpu:.1f} ms a host",
            "at most 1.5x asyncssh run" if goal else "", _word(ratio <= 1.5) if goal else "",
        ),
    ]  # fmt: skip
    if not goal:
        return rows
    if isinstance(tools, str):
        return [*rows, (f"{label}: Ansible, ClusterShell, pyinfra", tools, "", "")]
    for name, took in _peers(sshd, directory, hosts, tools):
        if isinstance(took, str):
            rows.append((f"{label}: {name}", took, "", ""))
            continue
        times = took / job
        ansible = name.startswith("ansible")
        rows.append((
            f"{label}: {name}", f"{_seconds(took)}, {times:.1f}x durable jobs",
            "at least 5x durable jobs" if ansible else "", _word(times >= 5) if ansible else "",
        ))  # fmt: skip
    return rows


def _child(sshd: Sshd, hosts: int, directory: Path) -> dict[str, list[float]]:
    done = subprocess.run(
        (sys.executable, "-m", "bench.jobs_child", str(hosts), str(ROUNDS), str(directory)),
        input=json.dumps(sshd.ssh_table()), text=True, capture_output=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"jobs on {hosts} hosts: {done.stderr[-1000:]}")
    result: dict[str, list[float]] = json.loads(done.stdout)
    return result


# -- what a team would use instead ------------------------------------------------------------------------------------


def _peers(sshd: Sshd, directory: Path, hosts: int, tools: Path) -> list[tuple[str, float | str]]:
    """(what, seconds or why not). A first run of clush opens the connections; Ansible finds them open."""
    config = _ssh_config(sshd, directory)
    names = [f"h{n}" for n in range(hosts)]
    hosts_file = directory / "hosts"
    hosts_file.write_text("\n".join(names) + "\n")
    ansible = (str(tools / "ansible"), "all", "-i", str(hosts_file), "-f", str(FORKS))
    inventory = _pyinfra_inventory(sshd, directory, names)
    commands: list[tuple[str, tuple[str, ...]]] = [
        (
            "clush, ssh with ControlPersist",
            (str(tools / "clush"), "-q", "-O", f"ssh_path=ssh -F {config}", "-w", f"h[0-{hosts - 1}]", "true"),
        ),
        ("pyinfra, connecting each time", (str(tools / "pyinfra"), "-y", str(inventory), "exec", "--", "true")),
        (f"ansible -m raw, {FORKS} forks", (*ansible, "-m", "raw", "-a", "true")),
        (f"ansible -m command, {FORKS} forks, pipelining", (*ansible, "-m", "command", "-a", "true")),
    ]
    try:
        _timed(commands[0][1], directory, config)
        return [(name, _timed(command, directory, config)) for name, command in commands]
    finally:
        for socket in (directory / "cm").iterdir():
            subprocess.run(("ssh", "-F", str(config), "-O", "exit", socket.name), check=False, capture_output=True)


def _timed(command: tuple[str, ...], directory: Path, config: Path) -> float | str:
    """Seconds on the wall, the median; or why not."""
    environment = {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": str(directory), "LC_ALL": "C.UTF-8",
        "ANSIBLE_PIPELINING": "True", "ANSIBLE_SSH_ARGS": f"-F {config}", "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable, "ANSIBLE_LOCAL_TEMP": str(directory / "ansible"),
        "ANSIBLE_SSH_CONTROL_PATH": "%(directory)s/none",
    }  # fmt: skip
    taken: list[float] = []
    while len(taken) < PEER_ROUNDS and sum(taken) < PEER_LONG:
        started = time.perf_counter()
        try:
            done = subprocess.run(
                command, env=environment, cwd=directory, capture_output=True, text=True, check=False,
                stdin=subprocess.DEVNULL, timeout=PEER_TIMEOUT,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"failed: {type(error).__name__}"
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()
            return f"failed with {done.returncode}: {said[-1][:100] if said else ''}"
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def _ssh_config(sshd: Sshd, directory: Path) -> Path:
    """Many names for one server, a master connection a name."""
    (directory / "cm").mkdir(mode=0o700)
    config = directory / "ssh_config"
    config.write_text(
        f"Host h*\n HostName {sshd.address}\n Port {sshd.port}\n User {sshd.user}\n IdentityFile {sshd.identity}\n"
        f" IdentitiesOnly yes\n UserKnownHostsFile {sshd.known_hosts}\n BatchMode yes\n"
        f" ControlMaster auto\n ControlPath {directory}/cm/%n\n ControlPersist 10m\n"
    )
    return config


def _pyinfra_inventory(sshd: Sshd, directory: Path, names: list[str]) -> Path:
    data = {
        "ssh_hostname": sshd.address, "ssh_port": sshd.port, "ssh_user": sshd.user, "ssh_key": str(sshd.identity),
        "ssh_known_hosts_file": str(sshd.known_hosts), "ssh_strict_host_key_checking": "yes",
    }  # fmt: skip
    path = directory / "inventory.py"
    path.write_text(f"hosts = [(name, {data!r}) for name in {names!r}]\n")
    return path


def _seconds(seconds: float) -> str:
    return f"{seconds * 1e3:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"


def _word(met: bool) -> str:
    return "met" if met else "missed"
