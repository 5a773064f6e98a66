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

import shlex
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from upgrade_tui.plan.command_text import least_words
from upgrade_tui.plan.kit import Check
from upgrade_tui.plan.model import Step
from upgrade_tui.units import Percent, Size, age_text, share_text, size_text

__all__ = ["FAILED", "NOT_FOUND_OUT", "command_of", "script"]

FAILED = 1
NOT_FOUND_OUT = 3
"""Exit codes of a script."""

_PARTS = ("port", "package", "program", "unit", "free", "memory", "load", "clock", "no_reboot_pending", "backup")
_FILES = {"no_reboot_pending": "reboot"}


class _Call(NamedTuple):
    """How a check is called: the function ``check_KIND`` with these words."""

    kind: str
    words: tuple[str, ...]


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


@cache
def _source(name: str) -> str:
    return (files(__package__) / f"{name}.sh").read_text(encoding="utf-8")


def _call(check: Check) -> _Call:
    """Raises ValueError for a check of nothing; the plan's reader refuses those before."""
    if check.free is not None:
        return _free(check.free, check.min)
    if check.memory is not None:
        return _Call("memory", (str(int(Size.parse(check.memory))), size_text(check.memory)))
    if check.load is not None:
        return _Call("load", (_hundredths(check.load), share_text(check.load)))
    if check.port is not None:
        host, _, port = check.port.rpartition(":")
        return _Call("port", (host.strip("[]"), port, check.port))
    if check.clock is not None:
        return _Call("clock", (str(round(check.clock * 1000)), age_text(check.clock)))
    if check.backup is not None:
        return _backup(check, check.backup)
    if check.no_reboot_pending:
        return _Call("no_reboot_pending", ())
    if check.unit is not None:
        return _Call("unit", (check.unit,))
    for kind, name in (("package", check.package), ("program", check.program)):
        if name is not None:
            return _Call(kind, (name, check.version))
    raise ValueError("this check looks at nothing")


def _free(path: str, least: str) -> _Call:
    size = "" if least.endswith("%") else str(int(Size.parse(least)))
    share = _hundredths(Percent.parse(least)) if least.endswith("%") else ""
    return _Call("free", (path, size, share, least_words(least)))


def _backup(check: Check, path: str) -> _Call:
    words = (
        path,
        str(int(Size.parse(check.min))) if check.min else "",
        size_text(check.min) if check.min else "",
        str(int(check.max_age)) if check.max_age is not None else "",
        age_text(check.max_age) if check.max_age is not None else "",
        check.sha256 or "",
    )
    return _Call("backup", words)


def _hundredths(share: float) -> str:
    return str(round(share * 100))
