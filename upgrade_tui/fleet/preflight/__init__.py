"""The preflight kit: a plan's ``checks`` as one POSIX shell script, which says of each what it found.

The pieces are files of their own beside this one (``kit.sh``, ``free.sh`` ...): a script has those that its checks
need. It runs under dash, bash, ksh and busybox sh, needs no root and no python, changes nothing, and prints a line for
each check (``ok``, ``FAIL`` or ``?`` where it could not be found out) and a last one with the host and the counts.
Exit code 0: all are ok; 1: at least one failed; 3: none failed, but some could not be found out.

What the conductor gives in the environment: ``UPGRADE_SKEW``, how far the host's clock is ahead in seconds, as measured
over the connection; where that is not known, ``UPGRADE_NOW``, its own clock as epoch seconds with a fraction, read as
late as possible before the start; and ``UPGRADE_PROC``, where the host's ``/proc`` is, if it is elsewhere. Pure.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from upgrade_tui.plan.model import Check, Step
from upgrade_tui.units import Percent, Size, duration_text

__all__ = ["FAILED", "NOT_FOUND_OUT", "command_of", "describe", "script"]

FAILED = 1
NOT_FOUND_OUT = 3
"""Exit codes of a script."""

_PARTS = ("port", "package", "program", "unit", "free", "memory", "load", "clock", "no_reboot_pending", "backup")
_FILES = {"no_reboot_pending": "reboot"}


class _Call(NamedTuple):
    """How a check is called: the function ``check_KIND`` with these words; and the check in words for people."""

    kind: str
    words: tuple[str, ...]
    said: str


def command_of(step: Step, host: str) -> str:
    """What a command step runs for ``host``: its ``run`` as it is, or the script of its ``checks``."""
    if step.run is not None or not step.checks:
        return step.run or ""
    return script(step.checks, host)


def script(checks: Sequence[Check], host: str, *, proc_root: str = "/proc") -> str:
    """One shell script that runs every check. ``host`` is how its last line calls the host.

    ``proc_root`` is where ``/proc`` is, unless ``$UPGRADE_PROC`` says otherwise on the host.
    """
    calls = [_call(check) for check in checks]
    kinds = [kind for kind in _PARTS if any(call.kind == kind for call in calls)]
    return "\n".join(
        [
            f"kit_host={shlex.quote(host)} kit_default_proc={shlex.quote(proc_root)}",
            *([_source("clock")] if "clock" in kinds else ()),  # first: it reads the clock before anything takes time
            _source("kit"),
            *(_source(_FILES.get(kind, kind)) for kind in kinds if kind != "clock"),
            *(f"check_{call.kind} {shlex.join(call.words)}; count $?" for call in calls),
            _source("summary"),
        ]
    )


def describe(check: Check) -> str:
    """The check in words, for previews: ``free space on /var: at least 5 GiB``."""
    return _call(check).said


@cache
def _source(name: str) -> str:
    return (files(__package__) / f"{name}.sh").read_text(encoding="utf-8")


def _call(check: Check) -> _Call:
    """Raises ValueError for a check of nothing; the plan's reader refuses those before."""
    if check.free is not None:
        return _free(check.free, check.min)
    if check.memory is not None:
        least = _in_words(check.memory)
        words = (str(int(Size.parse(check.memory))), least)
        return _Call("memory", words, f"memory: at least {least} available")
    if check.load is not None:
        most = _share(check.load)
        return _Call("load", (_hundredths(check.load), most), f"load: at most {most} of the CPUs")
    if check.port is not None:
        host, _, port = check.port.rpartition(":")
        return _Call("port", (host.strip("[]"), port, check.port), f"port {check.port}: answers")
    if check.clock is not None:
        most = _duration(check.clock)
        return _Call("clock", (str(round(check.clock * 1000)), most), f"clock: at most {most} off")
    if check.backup is not None:
        return _backup(check, check.backup)
    if check.no_reboot_pending:
        return _Call("no_reboot_pending", (), "no reboot pending")
    if check.unit is not None:
        return _Call("unit", (check.unit,), f"unit {check.unit}: active")
    for kind, name in (("package", check.package), ("program", check.program)):
        if name is not None:
            there = "installed" if kind == "package" else "there"
            return _Call(kind, (name, check.version), f"{kind} {name}: {check.version or there}")
    raise ValueError("this check looks at nothing")


def _free(path: str, least: str) -> _Call:
    words = _in_words(least) if not least.endswith("%") else _share(Percent.parse(least))
    size = "" if least.endswith("%") else str(int(Size.parse(least)))
    share = _hundredths(Percent.parse(least)) if least.endswith("%") else ""
    return _Call("free", (path, size, share, words), f"free space on {path}: at least {words}")


def _backup(check: Check, path: str) -> _Call:
    least = _in_words(check.min) if check.min else ""
    oldest = _duration(check.max_age) if check.max_age is not None else ""
    words = (
        path,
        str(int(Size.parse(check.min))) if check.min else "",
        least,
        str(int(check.max_age)) if check.max_age is not None else "",
        oldest,
        check.sha256 or "",
    )
    wanted = [
        f"at least {least}" if least else "",
        f"at most {oldest} old" if oldest else "",
        "checksum verified" if check.sha256 else "",
    ]
    return _Call("backup", words, f"backup {path}: " + (", ".join(filter(None, wanted)) or "there and not empty"))


def _in_words(size: str) -> str:
    """``5GiB`` -> ``5 GiB``: as the plan writes it."""
    return re.sub(r"(?<=\d) ?(?=[A-Z])", " ", size.strip())


def _share(share: float) -> str:
    return f"{share:g} %"


def _hundredths(share: float) -> str:
    return str(round(share * 100))


def _duration(seconds: float) -> str:
    """As ages are shown, where that is exact: ``24 h``, not ``1 d``."""
    if seconds < 10:
        return f"{seconds:g} s"
    if seconds % 3600 == 0 and 7200 <= seconds < 259200:
        return f"{seconds / 3600:.0f} h"
    return duration_text(seconds, parts=3)
