"""What a host is asked about jobs, and how that is put to a real one: by scripts. Nothing is installed there.

A simulated host reads the calls themselves.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from secrets import token_hex
from typing import Literal

from msgspec import Struct, field
from msgspec.structs import replace

from upgrade_tui.fleet.jobs.spec import JobSpec, place_name

SYSTEMD = "/run/systemd"
Mode = Literal["start", "attach", "resume"]
Verb = Literal["end", "clean", "confirm", "extend", "state"]


class JobCall(Struct, frozen=True, kw_only=True):
    """Start a job (or not) and follow its output. ``mode``: "start" it where it is not there, only "attach" to what is
    there, or "resume": attach, and where it is not there keep it from starting late.
    """

    mode: Mode
    key: str  # the job's name with the host's (``place_name``): a key is started at most once on a host
    place: str  # where job directories are on the host
    offset: int  # byte of the output to go on from
    command: str = ""  # all from here on only to start it
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    timeout: float | None = None  # seconds
    keep: int = 0  # bytes of output to keep
    armed: int = 0  # seconds until a dead-man fires; 0: not a dead-man
    proc_root: str = "/proc"
    systemd: str = SYSTEMD
    mark: str = field(default_factory=lambda: new_mark())


class ManageCall(Struct, frozen=True, kw_only=True):
    """End a job, clear a window's jobs away, or confirm, extend, look at a dead-man."""

    verb: Verb
    key: str  # as in JobCall; "@HOST" to clear
    place: str
    window: str = ""  # to clear: what the names of its jobs begin with
    seconds: int = 0  # to extend: until it fires
    proc_root: str = "/proc"
    mark: str = field(default_factory=lambda: new_mark())


Call = JobCall | ManageCall


class Rendered(Struct, frozen=True):
    """A call as a host takes it: what to execute, and what to write to its stdin."""

    argv: tuple[str, ...]
    stdin: bytes

    @property
    def line(self) -> str:
        """For a channel: whatever the login shell is, sh takes its place."""
        return "exec " + shlex.join(self.argv)


def render(call: Call) -> Rendered:
    """What a real host is sent; the line before its first frame begins with the call's mark."""
    return _job(call) if isinstance(call, JobCall) else _manage(call)


@cache
def source(*names: str) -> str:
    """The text of these scripts, one after the other, without what is only for readers."""
    text = "\n".join((files(__package__) / f"{name}.sh").read_text(encoding="utf-8") for name in names)
    lines = (re.sub(r" # .*", "", line.strip()) for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("#")) + "\n"


def job_call(
    spec: JobSpec, host: str, mode: Mode, *, offset: int, proc_root: str = "/proc", armed: int = 0,
    systemd: str = SYSTEMD,
) -> JobCall:  # fmt: skip
    """Start the job (or not) and follow its output from byte ``offset``. ``armed``: seconds until a dead-man fires."""
    call = JobCall(
        mode=mode, key=place_name(spec.name, host), place=spec.directory, offset=offset, armed=armed,
        proc_root=proc_root, systemd=systemd,
    )  # fmt: skip
    if mode != "start":
        return call
    return replace(call, command=spec.command, env=spec.env, secrets=spec.secrets, timeout=spec.timeout, keep=spec.keep)


def manage_call(
    verb: Verb, name: str, host: str, *, directory: str = "", proc_root: str = "/proc", window: str = "",
    seconds: int = 0,
) -> ManageCall:  # fmt: skip
    """End, clear away, confirm, extend or ask. ``name`` is empty to clear, ``window`` then says whose."""
    return ManageCall(
        verb=verb, key=place_name(name, host), place=directory, window=window, seconds=seconds, proc_root=proc_root
    )


def new_mark() -> str:
    """What the host's answer to one call begins with: whatever login scripts print is told apart from it."""
    return f"upgrade-tui:{token_hex(8)}"


def _job(call: JobCall) -> Rendered:
    timeout = "" if call.timeout is None else f"{call.timeout:.3f}"
    runner = source("runner") if call.mode == "start" else ""
    own = (
        call.mode, call.key, call.mark, call.place, call.proc_root, call.systemd, str(call.offset), timeout,
        str(call.keep), str(len(call.secrets)), str(call.armed), _exports(call.env), call.command, runner,
    )  # fmt: skip
    scripts = ("common", "perils", "follow") if call.armed else ("common", "follow")
    argv = ("sh", "-c", source(*scripts), "upgrade-tui", *own)
    return Rendered(argv, _secret_lines(call.secrets))


def _manage(call: ManageCall) -> Rendered:
    more = str(call.seconds) if call.verb == "extend" else call.window
    own = (call.verb, call.key, call.mark, call.place, call.proc_root, more)
    return Rendered(("sh", "-c", source("common", "manage"), "upgrade-tui", *own), b"")


def _exports(env: Mapping[str, str]) -> str:
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in env.items())


def _secret_lines(secrets: Mapping[str, str]) -> bytes:
    """A line a secret, its bytes as ``printf %b`` reads them: nothing but the shell itself ever sees the value."""
    lines = []
    for name, value in secrets.items():
        octal = "".join(f"\\0{byte:03o}" for byte in value.encode("utf-8", "surrogateescape"))
        lines.append(f"{name} {octal}\n")
    return "".join(lines).encode()
