"""What a job is to do, and what of it can be sent at all."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from msgspec import Struct, field

KEEP = 16 * 1024 * 1024
_LONGEST = 100_000  # bytes of command and exports: Linux allows 128 KiB in one argument
_LEAST_KEPT = 4096
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:+-]{0,119}")
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class JobSpec(Struct, frozen=True, kw_only=True):
    """One attempt of a step on a host. ``name`` decides: a name is started at most once on a host, ever."""

    name: str  # "<window>.<step>.<attempt>" and the like; letters, digits and _ . : + - only
    command: str  # for `sh -c`
    timeout: float | None = None  # seconds, enforced on the host
    directory: str = ""  # where the plan wants job directories on the host; "": the login user's state directory
    place: str = ""  # where they are there, as the host has said (``Jobs.place``); "": not asked yet
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)  # for the command's environment only; never in a file
    guards: str = ""  # of a dead-man: the name of the job that is over, or never begins, before this one begins
    keep: int = KEEP  # bytes of output on the host's disk: head and tail

    def problem(self) -> str:
        """Why this cannot be sent; empty if it can."""
        if not _SAFE.fullmatch(self.name):
            return f"a job's name is letters, digits and _ . : + - (at most 120), not {self.name[:150]!r}"
        if self.timeout is not None and not 0 < self.timeout < 1e8:
            return f"a timeout is more than 0 seconds, not {self.timeout:g}"
        if self.keep < _LEAST_KEPT:
            return f"keep at least {_LEAST_KEPT} bytes of output, not {self.keep}"
        for path in (self.directory, self.place):
            if path and (not path.startswith("/") or not path.isprintable()):
                return f"a job directory is an absolute path, not {path[:150]!r}"
        for name in (*self.env, *self.secrets):
            if not _VARIABLE.fullmatch(name):
                return f"{name[:80]!r} cannot be the name of an environment variable"
        for what, text in (("command", self.command), *self.env.items(), *self.secrets.items()):
            if "\0" in text:
                return f"{what} contains a NUL character, which no shell can be given"
        size = len(self.command.encode("utf-8", "surrogateescape")) + sum(len(v) * 4 + 20 for v in self.env.values())
        if size > _LONGEST:
            said = f"{size:,} bytes with its variables, {_LONGEST:,} at most"
            return f"the command is too long ({said}): put it in a file"
        return ""


def place_name(name: str, host: str) -> str:
    """A job's key on ``host``: two hosts of a plan may be one machine, or share a disk."""
    safe = _UNSAFE.sub("_", host)[:60]
    if safe != host:
        safe += "." + hashlib.sha256(host.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{name}@{safe}"
