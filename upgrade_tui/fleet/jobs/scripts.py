"""What a host is asked about jobs, and how that is put to a real one: by scripts. Nothing is installed there.

A simulated host reads the calls themselves.
"""

from __future__ import annotations

import hashlib
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
_ODD = re.compile(r"[^ -\[\]-~]")  # all but printable ASCII, and the backslash
Mode = Literal["start", "attach", "resume"]
ManageVerb = Literal["place", "end", "clean", "confirm", "extend", "state"]


class JobCall(Struct, frozen=True, kw_only=True):
    """Start a job (or not) and follow its output. ``mode``: "start" it where it is not there, only "attach" to what is
    there, or "resume": attach, and where it is not there keep it from starting late.
    """

    mode: Mode
    key: str  # the job's name with the host's (``place_name``): a key is started at most once on a host
    place: str = ""  # where this window's jobs are on the host, as the host said; "": it chooses, by ``job_dir``
    job_dir: str = ""  # where the plan wants them; "": in the login user's state directory
    offset: int  # byte of the output to go on from
    command: str = ""  # all from here on only to start it
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    timeout: float | None = None  # seconds
    keep: int = 0  # bytes of output to keep
    armed: int = 0  # seconds until a dead-man fires; 0: not a dead-man
    guards: str = ""  # of a dead-man: the key of the job that it does not undo while that runs
    proc_root: str = "/proc"
    systemd: str = SYSTEMD
    mark: str = field(default_factory=lambda: new_mark())


class ManageCall(Struct, frozen=True, kw_only=True):
    """End a job, clear a window's jobs away, confirm, extend, look at a dead-man, or say where jobs are."""

    verb: ManageVerb
    key: str = ""  # as in JobCall
    place: str = ""
    job_dir: str = ""
    host: str = ""  # to clear: what the keys of its jobs end with
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


def rendered_call(call: Call) -> Rendered:
    """What a real host is sent; the line before its first frame begins with the call's mark."""
    return _job(call) if isinstance(call, JobCall) else _manage(call)


@cache
def script_text(*names: str) -> str:
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
        mode=mode, key=place_name(spec.name, host), place=spec.place, job_dir=spec.directory, offset=offset,
        armed=armed, proc_root=proc_root, systemd=systemd,
    )  # fmt: skip
    if mode != "start":
        return call
    guards = place_name(spec.guards, host) if spec.guards else ""
    return replace(
        call, command=spec.command, env=spec.env, secrets=spec.secrets, timeout=spec.timeout, keep=spec.keep,
        guards=guards,
    )  # fmt: skip


def manage_call(
    verb: ManageVerb, name: str, host: str, *, directory: str = "", place: str = "", proc_root: str = "/proc",
    window: str = "", seconds: int = 0,
) -> ManageCall:  # fmt: skip
    """End, clear away, confirm, extend, ask. ``name`` is empty to clear (``window`` then says whose), and for "place".

    ``directory``, ``place``: see JobSpec.
    """
    return ManageCall(
        verb=verb, key=place_name(name, host) if name else "", host=place_name("", host)[1:], place=place,
        job_dir=directory, window=window, seconds=seconds, proc_root=proc_root,
    )  # fmt: skip


def new_mark() -> str:
    """What the host's answers to one call begin with: whatever login scripts print is told apart from them."""
    return f"upgrade-tui:{token_hex(8)}"


def directory_name(key: str) -> str:
    """Of a job's directory. Not its key: the host's tools get it as an argument, which all of its users can read."""
    return hashlib.sha256(key.encode()).hexdigest()[:24]


def _job(call: JobCall) -> Rendered:
    fields = [
        ("mode", call.mode), ("at", str(call.offset)), ("armed", str(call.armed)), ("systemd", call.systemd),
    ]  # fmt: skip
    runner: tuple[str, ...] = ()
    if call.mode == "start":
        runner = (script_text("runner"),)
        fields += [
            ("timeout", "" if call.timeout is None else f"{call.timeout:.3f}"), ("keep", str(call.keep)),
            ("unit", token_hex(8)), ("command", call.command),
            ("guards", f"{directory_name(call.guards)} {call.guards}" if call.guards else ""),
        ]  # fmt: skip
    scripts = ("common", "perils", "follow") if call.armed else ("common", "follow")
    return Rendered(
        ("sh", "-c", script_text(*scripts), "upgrade-tui", *runner),
        _record([*_asked(call), *fields], {**call.env, **call.secrets}),
    )


def _manage(call: ManageCall) -> Rendered:
    fields = [
        ("mode", call.verb), ("host", call.host), ("window", call.window), ("seconds", str(call.seconds)),
    ]  # fmt: skip
    return Rendered(("sh", "-c", script_text("common", "manage"), "upgrade-tui"), _record([*_asked(call), *fields], {}))


def _asked(call: Call) -> list[tuple[str, str]]:
    """What every record has."""
    return [
        ("mark", call.mark), ("key", call.key), ("id", directory_name(call.key)), ("place", call.place),
        ("job_dir", call.job_dir), ("proc", call.proc_root),
    ]  # fmt: skip


def _record(fields: list[tuple[str, str]], variables: Mapping[str, str]) -> bytes:
    """What a script reads from its standard input: the length in bytes, then a field a line, plain ASCII."""
    lines = [f"{name} {_plain(value)}\n" for name, value in fields]
    lines += [f"env {name} {_plain(value)}\n" for name, value in variables.items()]
    body = "".join(lines).encode("ascii")
    return b"%d\n%s" % (len(body), body)


def _plain(value: str) -> str:
    """As ``printf %b`` reads it: a shell's ``read`` takes a line of it, whatever the bytes are."""
    return _ODD.sub(lambda odd: "".join(f"\\0{byte:03o}" for byte in odd[0].encode("utf-8", "surrogateescape")), value)
