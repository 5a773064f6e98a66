"""A real OpenSSH server for tests: its own config, host keys and directory, a high port, this machine only.

    with Sshd(tmp_path) as sshd:
        plan = {"hosts": {"h": {"address": "127.0.0.1"}}, "ssh": sshd.ssh_table()}

``netns`` puts the server into a network namespace of its own (see ``Netns``), where the link can be cut.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType

from tests.support import place_of_ours, subnet_of

_SSHD = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") or "/usr/sbin/sshd"


def free_port() -> int:
    """A port that nothing listens on, below those the kernel gives away: another test is not given it meanwhile."""
    while True:
        port = random.randrange(20_000, 32_000)
        with contextlib.suppress(OSError), socket.socket() as s:
            s.bind(("127.0.0.1", port))
            return port


class Sshd:
    """Start and stop a server; freeze it, cut its sessions, change its key. Logs to ``directory/sshd.log``."""

    def __init__(
        self, directory: Path, *, port: int | None = None, address: str = "127.0.0.1", netns: str = "",
        options: tuple[str, ...] = (), key_type: str = "ed25519",
    ) -> None:  # fmt: skip
        self.directory, self.address, self.netns = directory, address, netns
        self.port = port or free_port()
        self.user = getpass.getuser()
        self.identity = directory / "id_ed25519"
        self.known_hosts = directory / "known_hosts"
        self.host_key = directory / "host_key"
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self.home = directory / "home"  # of sessions: nobody's login scripts run
        self.home.mkdir(parents=True, exist_ok=True)
        directory.chmod(0o700)
        _keygen(self.identity, "ed25519")
        shutil.copy(f"{self.identity}.pub", directory / "authorized_keys")
        self.new_host_key(key_type)
        self.trust()

    # -- keys ---------------------------------------------------------------------------------------------------------

    def new_host_key(self, key_type: str = "ed25519") -> None:
        """Another host key, as after a reinstallation. Takes effect at the next start."""
        for path in (self.host_key, Path(f"{self.host_key}.pub")):
            path.unlink(missing_ok=True)
        _keygen(self.host_key, key_type)

    @property
    def known_hosts_line(self) -> str:
        """The line that makes the present host key known."""
        kind, key = Path(f"{self.host_key}.pub").read_text().split()[:2]
        return f"[{self.address}]:{self.port} {kind} {key}\n"

    def trust(self) -> None:
        """Make the present host key the known one."""
        self.known_hosts.write_text(self.known_hosts_line)

    def ssh_table(self) -> dict[str, object]:
        """``[ssh]`` of a plan that reaches this server."""
        return {
            "user": self.user,
            "port": self.port,
            "identity": [str(self.identity)],
            "known_hosts": str(self.known_hosts),
        }

    # -- running ------------------------------------------------------------------------------------------------------

    def start(self) -> Sshd:
        """Run it and wait until it listens."""
        config = self.directory / "sshd_config"
        lines = [
            f"Port {self.port}", f"ListenAddress {self.address}", f"HostKey {self.host_key}", "PidFile none",
            f"AuthorizedKeysFile {self.directory}/authorized_keys", "UsePAM no", "StrictModes no",
            "PasswordAuthentication no", "KbdInteractiveAuthentication no", "PermitRootLogin yes", "UseDNS no",
            "LogLevel VERBOSE", "PrintMotd no", f"SetEnv HOME={self.home}", *self._options,
        ]  # fmt: skip
        names = {line.split()[0].lower() for line in self._options}
        lines = [line for line in lines if line in self._options or line.split()[0].lower() not in names]
        if "maxstartups" not in names:
            lines.append("MaxStartups 500")
        config.write_text("\n".join(lines) + "\n")
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # privilege separation wants it
        enter = ("ip", "netns", "exec", self.netns) if self.netns else ()
        with (self.directory / "sshd.log").open("ab") as log:
            self._process = subprocess.Popen(
                (*enter, _SSHD, "-D", "-e", "-f", str(config)), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._wait()
        return self

    def _wait(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            assert self._process is not None
            if self._process.poll() is not None:
                raise RuntimeError(f"sshd ended: {(self.directory / 'sshd.log').read_text()[-2000:]}")
            with contextlib.suppress(OSError), socket.create_connection((self.address, self.port), 1):
                return
            time.sleep(0.02)
        raise RuntimeError("sshd does not listen")

    def stop(self) -> None:
        """End the listener and every session."""
        if self._process is not None:
            self.resume()
            for pid in self.sessions():
                _kill(pid, signal.SIGKILL)
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def restart(self) -> None:
        """As a reboot would: sessions break, the port is closed for a moment."""
        self.stop()
        self.start()

    @property
    def pid(self) -> int:
        """Of the listener."""
        assert self._process is not None
        return self._process.pid

    def sessions(self) -> list[int]:
        """sshd processes of sessions (not the listener, not what runs in them)."""
        return [p for p in _descendants(self.pid) if _name(p).startswith("sshd")] if self._process else []

    def commands(self) -> list[int]:
        """What runs in the sessions: samplers, shells, commands."""
        return [p for p in _descendants(self.pid) if not _name(p).startswith("sshd")] if self._process else []

    def pause(self, *, listener: bool = False) -> None:
        """Hang: SIGSTOP to the sessions, and to the listener as well if asked."""
        for pid in self.sessions() + ([self.pid] if listener else []):
            _kill(pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Go on after ``pause``."""
        if self._process is not None:
            for pid in (*self.sessions(), self.pid):
                _kill(pid, signal.SIGCONT)

    def cut(self) -> None:
        """Kill the sessions: their connections break at once."""
        for pid in self.sessions():
            _kill(pid, signal.SIGKILL)

    def __enter__(self) -> Sshd:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()


class Netns:
    """A network namespace with a link to this one: ``inside`` is its address. Needs root and iproute2."""

    def __init__(self) -> None:
        place = place_of_ours()
        self.name, self.outer, self.inner = f"ut{place:x}", f"ut{place:x}a", f"ut{place:x}b"
        self.outside, self.inside = f"{subnet_of(place)}.1", f"{subnet_of(place)}.2"

    def __enter__(self) -> Netns:
        _ip("netns", "add", self.name)
        _ip("link", "add", self.outer, "type", "veth", "peer", "name", self.inner, "netns", self.name)
        _ip("addr", "add", f"{self.outside}/24", "dev", self.outer)
        _ip("link", "set", self.outer, "up")
        _ip("-n", self.name, "addr", "add", f"{self.inside}/24", "dev", self.inner)
        _ip("-n", self.name, "link", "set", self.inner, "up")
        _ip("-n", self.name, "link", "set", "lo", "up")
        return self

    def cut(self) -> None:
        """Nothing goes through any more, and nobody is told."""
        _ip("-n", self.name, "link", "set", self.inner, "down")

    def mend(self) -> None:
        """The link is back."""
        _ip("-n", self.name, "link", "set", self.inner, "up")

    def __exit__(self, *_: object) -> None:
        subprocess.run(("ip", "link", "del", self.outer), check=False, stderr=subprocess.DEVNULL)
        subprocess.run(("ip", "netns", "del", self.name), check=False, stderr=subprocess.DEVNULL)


def _ip(*args: str) -> None:
    subprocess.run(("ip", *args), check=True, capture_output=True)


def _keygen(path: Path, key_type: str) -> None:
    subprocess.run(
        ("ssh-keygen", "-q", "-N", "", "-C", "test", "-t", key_type, "-f", str(path)), check=True, capture_output=True
    )


def _kill(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def _descendants(pid: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    out: list[int] = []
    queue = [pid]
    while queue:
        for child in children.get(queue.pop(), ()):
            out.append(child)
            queue.append(child)
    return out
