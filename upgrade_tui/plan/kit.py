"""The preflight kit: ready-made checks of a host, as tables of a plan. Pure."""

from __future__ import annotations

from typing import Annotated as Key
from typing import ClassVar

from msgspec import Struct

from upgrade_tui.plan.keys import SIZED, SIZED_OR_SHARE, TRUE, says
from upgrade_tui.units import Duration, Percent


class Check(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A ready-made check of a host, without shell: one of the preflight kit. Each says what it found."""

    heading: ClassVar = "a step's `checks`"
    one_of: ClassVar = (
        "free",
        "memory",
        "load",
        "port",
        "package",
        "program",
        "unit",
        "clock",
        "no_reboot_pending",
        "backup",
    )

    free: Key[str | None, says("Mount point or directory with at least `min` free.")] = None
    memory: Key[str | None, says('So much memory must be available, such as "2GiB".', schema=SIZED)] = None
    load: Key[Percent | None, says("One-minute load, at most so much of the CPUs.")] = None
    port: Key[str | None, says("host:port that must answer from there.")] = None
    package: Key[str | None, says("Package that must be installed (dpkg, rpm or apk).")] = None
    program: Key[str | None, says("Program that must be there.")] = None
    version: Key[
        str,
        says(
            'For `package` and `program`: this version, or one that goes on from it: "1.28" is 1.28.3 too.',
            only="package program",
        ),
    ] = ""
    unit: Key[str | None, says("systemd unit that must be active.")] = None
    clock: Key[Duration | None, says("Its clock may be at most so far from the conductor's.")] = None
    no_reboot_pending: Key[bool, says("true: no installed update may be waiting for a reboot.", schema=TRUE)] = False
    backup: Key[str | None, says("File that must be there and not empty.")] = None
    max_age: Key[Duration | None, says("For `backup`: written at most so long ago.", only="backup")] = None
    sha256: Key[
        str | None,
        says("For `backup`: file with its SHA-256, beside it or with a full path; it must agree.", only="backup"),
    ] = None
    min: Key[
        str,
        says(
            'For `free`: a size ("5GiB") or share ("10%"); for `backup`: a size.',
            only="free backup",
            schema=SIZED_OR_SHARE,
        ),
    ] = ""
