"""known_hosts files, read once and matched once a host: asyncssh would parse them again on every connect.

Parsing and matching are asyncssh's; this adds a memory, tolerance for a damaged line, and the file and line of a key.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import asyncssh
from asyncssh.known_hosts import SSHKnownHosts


class KnownHosts:
    """The keys trusted by a set of files. Loading blocks: do it in a thread."""

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = tuple(files)
        self.problems: list[str] = []  # "file:line: what is wrong"
        self._lock = threading.Lock()  # many hosts ask at once, from threads
        self._hosts = SSHKnownHosts()
        self._found: dict[tuple[str, str, int | None], Any] = {}
        self._stamp: tuple[object, ...] = ()

    def load(self) -> KnownHosts:
        """Read the files if they are new or changed since the last time."""
        with self._lock:
            self._load()
        return self

    def _load(self) -> None:
        stamp = tuple(_stamp(path) for path in self.files)
        if stamp != self._stamp or not stamp:
            hosts, problems = SSHKnownHosts(), []
            for path in self.files:
                for number, line in _lines(path):
                    try:
                        hosts.load(line)
                    except ValueError as error:
                        problems.append(f"{path}:{number}: {error}")
            self._hosts, self.problems, self._found, self._stamp = hosts, problems, {}, stamp

    def match(self, host: str, address: str, port: int | None) -> Any:
        """As asyncssh asks: keys trusted, CA keys, revoked keys, X.509. Remembered: hashed lines are slow."""
        key = (host, address, port)
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = self._hosts.match(host, address, port)
        return found

    def where(self, host: str, address: str, port: int | None) -> tuple[str, ...]:
        """``file:line`` of each line about the host. Slow (a key is parsed a line): only to explain a failure."""
        out = []
        for path in self.files:
            for number, line in _lines(path):
                try:
                    found = any(SSHKnownHosts(line).match(host, address, port))
                except ValueError:
                    continue
                if found:
                    out.append(f"{path}:{number}")
        return tuple(out)

    @property
    def main(self) -> Path:
        """The file where an operator would add a key."""
        return self.files[0]


def fingerprint(key: asyncssh.SSHKey) -> str:
    """As ``ssh-keygen -l`` prints it: ``ssh-ed25519 SHA256:...``."""
    return f"{key.get_algorithm()} {key.get_fingerprint()}"


def _stamp(path: Path) -> object:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _lines(path: Path) -> list[tuple[int, str]]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return [(n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
