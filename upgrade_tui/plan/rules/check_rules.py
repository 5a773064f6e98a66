"""The preflight kit in a plan: one thing to check a table, with what that needs to be decided."""

from __future__ import annotations

import re

from upgrade_tui.plan.diagnostics import KeyPath
from upgrade_tui.plan.keys import keys_of
from upgrade_tui.plan.kit import Check
from upgrade_tui.plan.rules.host_rules import UNIT
from upgrade_tui.plan.rules.rule_context import Context
from upgrade_tui.plan.shape import choices, shown_toml
from upgrade_tui.units import Percent, Size

_SHORTEST_CLOCK = 1.0  # seconds: starting the check on the host takes a part of one, and counts as a difference
_PORT = re.compile(r"(?:\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9_][A-Za-z0-9_.-]*):(?P<port>\d{1,5})")
_PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._:@-]*")
_PROGRAM = re.compile(r"[A-Za-z0-9_/.][A-Za-z0-9_/.+@-]*")
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.:+~_-]*")
_LIKE = {
    "port": (_PORT, "host:port", 'such as "10.0.0.1:5432"'),
    "package": (_PACKAGE, "a package's name", 'such as "nginx"; its version stands in `version`'),
    "program": (_PROGRAM, "a program's name", 'such as "psql" or "/opt/app/bin/app", without options'),
    "unit": (UNIT, "a systemd unit's name", 'such as "nginx.service"'),
    "version": (_VERSION, "a version", 'such as "1.28": 1.28.3 is one too'),
}


def check(context: Context) -> None:
    """Looks at the ``checks`` of every step."""
    for i, step in enumerate(context.plan.steps):
        for j, wanted in enumerate(step.checks):
            path: KeyPath = ("steps", i, "checks", j)
            given = tuple(context.written(*path))
            kinds = [key for key in given if key in Check.one_of]
            if context.broken(path):
                continue
            if len(kinds) == 1:
                _one(context, path, wanted, kinds[0], given)
            elif kinds:
                names = " and ".join(f"`{kind}`" for kind in kinds)
                context.error(path, f"this check looks at {names}", "one thing each: write a table for every one")
            else:
                context.error(path, "this check looks at nothing", f"write one of {choices(Check.one_of)}")


def _one(context: Context, path: KeyPath, wanted: Check, kind: str, given: tuple[str, ...]) -> None:
    keys = keys_of(Check)
    for key in given:
        if keys[key].only and kind not in keys[key].only:
            fits = " and ".join(f"`{name}`" for name in keys[key].only)
            context.error(
                (*path, key), f"`{key}` means nothing for a check of `{kind}`", f"it is for {fits}", at_key=True
            )
        elif key in _LIKE:
            _spelt(context, (*path, key), str(getattr(wanted, key)), *_LIKE[key])
    _sizes(context, path, wanted, kind)
    if kind in ("free", "backup"):
        _absolute(context, (*path, kind), str(getattr(wanted, kind)))
    if kind == "port" and wanted.port is not None:
        number = _PORT.fullmatch(wanted.port)
        if number is not None and not 1 <= int(number["port"]) <= 65535:
            context.error((*path, "port"), f"no port has the number {number['port']}", "1 to 65535")
    if kind == "no_reboot_pending" and not wanted.no_reboot_pending:
        context.error((*path, kind), "`no_reboot_pending = false` checks nothing", "write true, or drop it")
    if kind == "backup":
        context.positive((*path, "max_age"), wanted.max_age)
        if "sha256" in given and not wanted.sha256:
            context.error((*path, "sha256"), "`sha256` is empty", 'the file with the checksum: "db.dump.sha256"')
    if kind == "clock" and context.positive((*path, "clock"), wanted.clock):
        _clock(context, (*path, "clock"), wanted.clock or 0.0)


def _spelt(context: Context, path: KeyPath, value: str, like: re.Pattern[str], what: str, hint: str) -> None:
    if not like.fullmatch(value):
        context.error(path, f"{shown_toml(value)} is not {what}", hint)


def _absolute(context: Context, path: KeyPath, value: str) -> None:
    if not value.startswith("/"):
        context.error(path, f"{shown_toml(value)} is not an absolute path", 'paths begin with "/"')


def _sizes(context: Context, path: KeyPath, wanted: Check, kind: str) -> None:
    if kind == "free" and not wanted.min:
        context.error(path, "a check of free space needs to know how much", 'write min = "5GiB" or min = "10%"')
    for key, text in (("memory", wanted.memory), ("min", wanted.min)):
        if not text or (key == "min" and kind not in keys_of(Check)["min"].only):
            continue
        share = kind == "free" and text.endswith("%")
        try:
            least = Percent.parse(text) if share else Size.parse(text)
        except ValueError as error:
            hint = "K, M, G or T; with iB in powers of 1024" + (', or a share such as "10%"' if kind == "free" else "")
            context.error((*path, key), f"`{key}`: {error}", "" if share else hint)
        else:
            if least <= 0:
                context.error((*path, key), f"`{key}` must be more than 0", 'such as "5GiB"')
    if kind == "memory" and wanted.memory == "":
        context.error((*path, "memory"), "`memory` is empty", 'write memory = "2GiB"')


def _clock(context: Context, path: KeyPath, limit: float) -> None:
    if limit < _SHORTEST_CLOCK:
        context.warn(
            path,
            "starting a check takes part of a second, and counts as a difference of the clocks",
            'allow "1s" or more; the dashboard shows the difference of every host more exactly',
        )
