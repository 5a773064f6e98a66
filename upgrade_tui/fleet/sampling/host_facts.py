"""The answer of ``samplers/probe.sh`` read: what a host is, its samplers, the devices under its mounts. Pure."""

from __future__ import annotations

import re

from msgspec import Struct

from upgrade_tui.fleet.sampling.samplers import ORDER, Sampler, escaped_mount
from upgrade_tui.foreign import one_line


class HostDescription(Struct, frozen=True):
    """What a host said of itself. 0, "" and None are what it could not say."""

    kernel: str = ""
    boot_id: str = ""
    cores: int = 0
    memory: int = 0  # bytes
    uptime: float | None = None  # seconds, when it answered
    clock: float | None = None  # its wall clock then, epoch seconds
    systemd: bool = False
    have: frozenset[str] = frozenset()
    awk: str = ""  # the program behind awk
    devices: tuple[str, ...] = ()  # names in /proc/diskstats of what is under the mounts
    mounts: tuple[tuple[str, int | None], ...] = ()  # mount point, index of its device in ``devices``

    @property
    def samplers(self) -> tuple[Sampler, ...]:
        """The samplers that the host has, cheapest first; a POSIX shell answered, so the last is always there."""
        return tuple(s for s in ORDER if s.name in self.have or s.name == "dash")


def read_description(text: str, mounts: tuple[str, ...]) -> HostDescription | None:
    """``text`` read; None if it is no answer of the probe (a banner before it does no harm)."""
    lines = [line.rstrip("\r") for line in text.split("\n")]
    try:
        lines = lines[lines.index("upgrade-tui-probe 1") + 1 :]
    except ValueError:
        return None
    said: dict[str, list[str]] = {}
    for line in lines:
        key, _, value = line.partition(" ")
        said.setdefault(key, []).append(value)
    if "end" not in said:
        return None
    single = {key: values[0] for key, values in said.items()}
    devices, pairs = _devices(said, mounts)
    return HostDescription(
        kernel=one_line(single.get("kernel", ""), 120),
        boot_id=one_line(single.get("boot", ""), 64),
        cores=int(_number(single.get("cores")) or 0),
        memory=int(_number(single.get("memory")) or 0) * 1024,
        uptime=_number(single.get("uptime")),
        clock=_number(single.get("clock")),
        systemd="systemd" in single,
        have=frozenset(said.get("have", ())),
        awk=one_line(single.get("awk", ""), 200),
        devices=devices,
        mounts=pairs,
    )


def _number(text: str | None) -> float | None:
    """The number at the start of ``text`` (busybox ``date`` has no ``%N`` and leaves the point)."""
    match = re.match(r"\d{1,18}(\.\d{1,9})?", text or "")
    return float(match.group()) if match else None


def _devices(
    said: dict[str, list[str]], mounts: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[tuple[str, int | None], ...]]:
    """Devices worth reading, and for each mount the index of its device (None: no device of its own, as with NFS)."""
    by_number = {}
    for line in said.get("device", ()):
        number, _, name = line.partition(" ")
        if re.fullmatch(r"[\w.!/+:@-]+", name):
            by_number[number] = name
    names = set(by_number.values())
    found: dict[str, str | None] = {}
    for line in said.get("mountinfo", ()):  # see proc(5): ... major:minor root mount-point options ... - type source
        fields = line.split(" ")
        if len(fields) > 6 and "-" in fields:
            source = [*fields[fields.index("-") :], "", "", ""][2]
            found[fields[4]] = by_number.get(fields[2]) or _by_source(source, names)
    for line in said.get("mount", ()):
        fields = line.split(" ")
        if len(fields) > 2:
            found[fields[1]] = _by_source(fields[0], names)
    devices = tuple(dict.fromkeys(d for d in (found.get(escaped_mount(m)) for m in mounts) if d))
    index = {device: i for i, device in enumerate(devices)}
    return devices, tuple((m, index.get(found.get(escaped_mount(m)) or "")) for m in mounts)


def _by_source(source: str, names: set[str]) -> str | None:
    """btrfs and old kernels: the name after /dev/, if the kernel counts for it."""
    name = source.removeprefix("/dev/").replace("/", "!")
    return next((n for n in (source.removeprefix("/dev/"), name) if n in names), None)
