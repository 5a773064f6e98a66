"""Hosts with systemd as PID 1: booted by systemd-nspawn, each with its own boot id, network namespace and sshd.

Needs root; removes everything it made. ``systemctl reboot`` inside boots the host again.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.support import place_of_ours, subnet_of
from tests.systemd.base import base_system

LOGINS = ("root", "ops", "app")
PATIENCE = 60.0  # seconds; generous: nothing here measures time
_CGROUPS = (Path("/sys/fs/cgroup/systemd"), Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"))
_SUPERVISE = Path(__file__).with_name("supervise.sh")


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def until(true: Callable[[], object], what: str) -> None:
    """Wait for a state. Raises TimeoutError, which says what was waited for."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {PATIENCE:g} s for this: {what}")
        time.sleep(0.05)


@dataclass
class SystemdHost:
    """One host. ``root`` is its file system as seen from here."""

    name: str
    address: str
    directory: Path
    _supervisor: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def root(self) -> Path:
        return self.directory / "root"

    def boot(self) -> None:
        """Start it; see ``greets`` for when it is there."""
        with (self.directory / "console.log").open("ab") as console:
            self._supervisor = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", "sh", str(_SUPERVISE), str(self.root), self.name, self.name],
                stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True,
            )  # fmt: skip

    def greets(self) -> bool:
        """Whether its sshd answers."""
        with contextlib.suppress(OSError), socket.create_connection((self.address, 22), timeout=1.0) as tcp:
            return tcp.recv(4) == b"SSH-"
        return False

    def pid1(self) -> int:
        """Its systemd, as a process of this machine."""
        assert self._supervisor is not None
        (nspawn,) = _children(self._supervisor.pid, "systemd-nspawn")
        (init,) = _children(nspawn)
        return init

    def shell(self, command: str, login: str = "root", *, check: bool = True) -> str:
        """Run something inside, beside ssh and without its systemd's doing; what it printed."""
        inside = ["nsenter", "-t", str(self.pid1()), "-m", "-u", "-i", "-n", "-p", "-C", "--"]
        own = ["/usr/bin/env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
        if login != "root":
            own = [*own, "runuser", "-u", login, "--"]
        done = subprocess.run([*inside, *own, "sh", "-c", command], capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, f"{command}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """A file inside, of root's."""
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)

    def boot_id(self) -> str:
        return self.shell("cat /proc/sys/kernel/random/boot_id").strip()

    def booted_again(self, before: str) -> None:
        """Wait until it is up with another boot id than ``before``."""

        def again() -> bool:
            with contextlib.suppress(AssertionError, ValueError):
                return self.boot_id() != before and self.greets()
            return False

        until(again, f"{self.name} is booted again")

    def reboot(self) -> None:
        """As ``systemctl reboot`` does it; back when its sshd answers again."""
        before = self.boot_id()
        self.shell("systemctl reboot")
        self.booted_again(before)

    def journal(self) -> str:
        """What systemd wrote about units since the boot."""
        return self.shell("journalctl -b -o cat --no-pager _PID=1 || journalctl -b -o cat --no-pager")

    def cut(self) -> None:
        """Pull the cable."""
        _run("ip", "-n", self.name, "link", "set", "eth0", "down")

    def mend(self) -> None:
        """Plug it in again."""
        _run("ip", "-n", self.name, "link", "set", "eth0", "up")

    def halt(self) -> None:
        """End it, and wait for that."""
        if self._supervisor is None:
            return
        with contextlib.suppress(ProcessLookupError, ValueError):
            os.kill(self.pid1(), signal.SIGCONT)  # a test may have stopped it
        self._supervisor.terminate()
        try:
            self._supervisor.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            for pid in _children(self._supervisor.pid, "systemd-nspawn"):
                os.kill(pid, signal.SIGKILL)
            self._supervisor.kill()
            self._supervisor.wait()
        self._supervisor = None


class SystemdHosts:
    """A few of them on a bridge, named h1, h2 … in plans. Use as a context manager."""

    def __init__(self, directory: Path, count: int) -> None:
        place = place_of_ours()
        tag, self._subnet = f"s{place:x}n", subnet_of(place)
        self._bridge = f"{tag}br"
        self.key, self.known_hosts = directory / "key", directory / "known_hosts"
        self.hosts = [
            SystemdHost(f"{tag}h{i}", f"{self._subnet}.{i + 10}", directory / f"h{i}") for i in range(1, count + 1)
        ]

    def __enter__(self) -> SystemdHosts:
        try:
            self._build(base_system())
        except BaseException:
            self.__exit__()
            raise
        return self

    def _build(self, base: Path) -> None:
        _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key))
        _run("ip", "link", "add", self._bridge, "type", "bridge", "forward_delay", "0")
        _run("ip", "addr", "add", f"{self._subnet}.1/24", "dev", self._bridge)
        _run("ip", "link", "set", self._bridge, "up")
        for number, host in enumerate(self.hosts, 1):
            self._furnish(host, base)
            self._connect(host, f"{self._bridge[:-2]}o{number}")
            host.boot()
        for host in self.hosts:
            until(host.greets, f"the sshd of {host.name} answers (see {host.directory}/console.log)")

    def _furnish(self, host: SystemdHost, base: Path) -> None:
        """Its file system: the base, and what is written goes beside it."""
        for part in ("upper", "work", "root"):
            (host.directory / part).mkdir(parents=True)
        layers = f"lowerdir={base},upperdir={host.directory}/upper,workdir={host.directory}/work"
        _run("mount", "-t", "overlay", host.name, "-o", layers, str(host.root))
        host.write("/etc/machine-id", uuid.uuid4().hex + "\n")
        host.write("/etc/hostname", host.name + "\n")
        host.write("/etc/hosts", f"127.0.0.1 localhost {host.name}\n")
        key = host.root / "etc/ssh/ssh_host_ed25519_key"
        _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
        with self.known_hosts.open("a") as known:
            known.write(f"{host.address} {' '.join(key.with_suffix('.pub').read_text().split()[:2])}\n")
        for login in LOGINS:
            home = host.root / ("root" if login == "root" else f"home/{login}")
            (home / ".ssh").mkdir(mode=0o700, exist_ok=True)
            keys = home / ".ssh/authorized_keys"
            keys.write_text(self.key.with_suffix(".pub").read_text())
            keys.chmod(0o600)
            for path in (home / ".ssh", keys):
                os.chown(path, home.stat().st_uid, home.stat().st_gid)

    def _connect(self, host: SystemdHost, outside: str) -> None:
        _run("ip", "netns", "add", host.name)
        _run("ip", "link", "add", outside, "type", "veth", "peer", "name", "eth0", "netns", host.name)
        _run("ip", "link", "set", outside, "master", self._bridge, "up")
        _run("ip", "-n", host.name, "addr", "add", f"{host.address}/24", "dev", "eth0")
        _run("ip", "-n", host.name, "link", "set", "eth0", "up")
        _run("ip", "-n", host.name, "link", "set", "lo", "up")

    def ssh_table(self, login: str) -> dict[str, object]:
        """``[ssh]`` of a plan, as TOML gives it."""
        return {"user": login, "identity": [str(self.key)], "known_hosts": str(self.known_hosts)}

    def plan_hosts(self, login: str) -> str:
        """The ``[ssh]`` and ``[hosts]`` tables of a plan for these hosts."""
        out = [f'[ssh]\nuser = "{login}"\nidentity = ["{self.key}"]\nknown_hosts = "{self.known_hosts}"']
        out += [f'[hosts.h{i}]\naddress = "{h.address}"' for i, h in enumerate(self.hosts, 1)]
        return "\n".join(out) + "\n"

    def __exit__(self, *_: object) -> None:
        for host in self.hosts:
            host.halt()
            while os.path.ismount(host.root):
                subprocess.run(["umount", "-l", str(host.root)], check=True)
            subprocess.run(["ip", "netns", "del", host.name], check=False, capture_output=True)
            for group in (place / host.name for place in _CGROUPS):
                for inner in sorted((p for p in group.rglob("*") if p.is_dir()), reverse=True):
                    with contextlib.suppress(OSError):
                        inner.rmdir()
                with contextlib.suppress(OSError):
                    group.rmdir()
        subprocess.run(["ip", "link", "del", self._bridge], check=False, capture_output=True)


def _children(pid: int, name: str = "") -> list[int]:
    """Processes that ``pid`` started, of that name."""
    said = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(p) for p in said if not name or Path(f"/proc/{p}/comm").read_text().strip() == name[:15]]
