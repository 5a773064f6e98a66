"""The command lines that carry the scripts to a host. Nothing is installed there."""

from __future__ import annotations

import re
import secrets
import shlex
from functools import cache
from importlib.resources import files
from typing import Literal

from msgspec import Struct

from upgrade_tui.fleet.jobs.spec import JobSpec, place_name

SYSTEMD = "/run/systemd"
Mode = Literal["start", "attach", "resume"]
Verb = Literal["end", "clean", "confirm", "extend", "state"]


class Call(Struct, frozen=True, kw_only=True):
    """One run of a script: what to execute, what to write to its stdin, and the line before its first frame."""

    argv: tuple[str, ...]
    stdin: bytes
    mark: bytes

    @property
    def line(self) -> str:
        """For a channel: whatever the login shell is, sh takes its place."""
        return "exec " + shlex.join(self.argv)


@cache
def source(*names: str) -> str:
    """The text of these scripts, one after the other, without what is only for readers."""
    text = "\n".join((files(__package__) / f"{name}.sh").read_text(encoding="utf-8") for name in names)
    lines = (re.sub(r" # .*", "", line.strip()) for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("#")) + "\n"


def job_call(
    spec: JobSpec, host: str, mode: Mode, *, offset: int, proc_root: str = "/proc", armed: int = 0,
    systemd: str = SYSTEMD,
) -> Call:  # fmt: skip
    """Start the job (or not) and follow its output from byte ``offset``. ``armed``: seconds until a dead-man fires."""
    mark = _mark()
    own: tuple[str, ...] = (mode, place_name(spec.name, host), mark, spec.directory, proc_root, systemd, str(offset))
    if mode == "start":
        timeout = "" if spec.timeout is None else f"{spec.timeout:.3f}"
        own += (timeout, str(spec.keep), str(len(spec.secrets)), str(armed))
        own += (_exports(spec), spec.command, source("runner"))
    else:
        own += ("", "0", "0", str(armed), "", "", "")
    argv = ("sh", "-c", source("common", "follow"), "upgrade-tui", *own)
    return Call(argv=argv, stdin=_secret_lines(spec) if mode == "start" else b"", mark=mark.encode())


def manage_call(
    verb: Verb, name: str, host: str, *, directory: str = "", proc_root: str = "/proc", more: str = ""
) -> Call:
    """End, clear away, confirm, extend or ask. ``name`` is empty to clear, ``more`` then names the window."""
    mark = _mark()
    own = (verb, place_name(name, host), mark, directory, proc_root, more)
    argv = ("sh", "-c", source("common", "manage"), "upgrade-tui", *own)
    return Call(argv=argv, stdin=b"", mark=mark.encode())


def _mark() -> str:
    return f"upgrade-tui:{secrets.token_hex(8)}"


def _exports(spec: JobSpec) -> str:
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in spec.env.items())


def _secret_lines(spec: JobSpec) -> bytes:
    """A line a secret, its bytes as ``printf %b`` reads them: nothing but the shell itself ever sees the value."""
    lines = []
    for name, value in spec.secrets.items():
        octal = "".join(f"\\0{byte:03o}" for byte in value.encode("utf-8", "surrogateescape"))
        lines.append(f"{name} {octal}\n")
    return "".join(lines).encode()
