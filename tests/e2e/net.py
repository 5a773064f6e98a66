"""Hosts in network namespaces: a bridge, a veth pair and a real sshd each. Needs root; removes everything it made."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.support import place_of_ours, subnet_of

PORT = 2222


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


@dataclass
class NetHost:
    """One host: its namespace, address, own directory, and the processes in it."""

    name: str
    space: str
    address: str
    directory: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    sshd: subprocess.Popen[bytes] | None = None

    def spawn(self, *command: str, cwd: Path | None = None) -> subprocess.Popen[bytes]:
        """Start a process in the namespace; ended with the network."""
        process = subprocess.Popen(
            ["ip", "netns", "exec", self.space, *command],
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.processes.append(process)
        return process

    def cut(self) -> None:
        """Pull the cable."""
        _run("ip", "-n", self.space, "link", "set", "eth0", "down")

    def mend(self) -> None:
        """Plug it in again."""
        _run("ip", "-n", self.space, "link", "set", "eth0", "up")


class Net:
    """A few hosts on a bridge. Use as a context manager."""

    def __init__(self, directory: Path, count: int) -> None:
        self.directory = directory
        place = place_of_ours()
        self.tag, self.subnet = f"u{place:x}n", subnet_of(place)
        self.key = directory / "client_key"
        self.known_hosts = directory / "known_hosts"
        self.hosts = [
            NetHost(f"h{i}", f"{self.tag}h{i}", f"{self.subnet}.{i + 10}", directory / f"h{i}")
            for i in range(1, count + 1)
        ]
        self.bridge = f"{self.tag}br"

    def __enter__(self) -> Net:
        try:
            self._build()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _build(self) -> None:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd's privilege separation directory
        _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key))
        _run("ip", "link", "add", self.bridge, "type", "bridge")
        _run("ip", "addr", "add", f"{self.subnet}.1/24", "dev", self.bridge)
        _run("ip", "link", "set", self.bridge, "up")
        lines = []
        for number, host in enumerate(self.hosts, 1):
            outside = f"{self.tag}v{number}"
            _run("ip", "netns", "add", host.space)
            _run("ip", "link", "add", outside, "type", "veth", "peer", "name", "eth0", "netns", host.space)
            _run("ip", "link", "set", outside, "master", self.bridge, "up")
            _run("ip", "-n", host.space, "addr", "add", f"{host.address}/24", "dev", "eth0")
            _run("ip", "-n", host.space, "link", "set", "lo", "up")
            _run("ip", "-n", host.space, "link", "set", "eth0", "up")
            host.directory.mkdir()
            key = self.directory / f"{host.name}_key"
            _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
            lines.append(f"[{host.address}]:{PORT} {key.with_suffix('.pub').read_text().strip()}")
            self.start_sshd(host)
        self.known_hosts.write_text("\n".join(lines) + "\n")
        for host in self.hosts:
            wait_for_port(host.address, PORT)

    def start_sshd(self, host: NetHost) -> None:
        """A real OpenSSH server in the host's namespace."""
        config = self.directory / f"{host.name}_sshd_config"
        config.write_text(
            f"Port {PORT}\nListenAddress {host.address}\nHostKey {self.directory / f'{host.name}_key'}\n"
            f"AuthorizedKeysFile {self.key}.pub\nPermitRootLogin prohibit-password\nStrictModes no\nUsePAM no\n"
            f"PasswordAuthentication no\nPidFile none\n"
            f"SetEnv HOST_DIR={host.directory} HOST_NAME={host.name} HOME={host.directory}\n"
        )
        sshd = shutil.which("sshd", path="/usr/sbin:/sbin:" + os.environ.get("PATH", "")) or "/usr/sbin/sshd"
        host.sshd = host.spawn(sshd, "-D", "-f", str(config))

    def serve_http(self, host: NetHost, port: int, root: Path) -> subprocess.Popen[bytes]:
        """A real HTTP server in the host's namespace, serving ``root``."""
        process = host.spawn(sys.executable, "-m", "http.server", str(port), "--bind", host.address, cwd=root)
        wait_for_port(host.address, port)
        return process

    def plan_hosts(self) -> str:
        """The ``[ssh]`` and ``[hosts]`` tables of a plan for these hosts."""
        out = [f'[ssh]\nuser = "root"\nport = {PORT}\nidentity = ["{self.key}"]\nknown_hosts = "{self.known_hosts}"']
        out += [f'[hosts.{h.name}]\naddress = "{h.address}"\ngroups = ["all-of-them"]' for h in self.hosts]
        return "\n".join(out) + "\n"

    def __exit__(self, *_: object) -> None:
        for host in self.hosts:
            for pid in _pids(host.space):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, 9)
            for process in host.processes:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                process.wait()
            subprocess.run(["ip", "netns", "del", host.space], check=False, capture_output=True)
        subprocess.run(["ip", "link", "del", self.bridge], check=False, capture_output=True)


def _pids(space: str) -> list[int]:
    """Processes in a namespace of ours: what sshd and commands left there."""
    found = subprocess.run(["ip", "netns", "pids", space], check=False, capture_output=True, text=True).stdout
    return [int(pid) for pid in found.split()]


def wait_for_port(address: str, port: int, seconds: float = 60.0) -> None:
    """Until something listens. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            socket.create_connection((address, port), timeout=1.0).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(f"nothing listens on {address}:{port}")
