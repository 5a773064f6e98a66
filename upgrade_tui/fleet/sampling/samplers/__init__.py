"""The little programs that run on hosts: one sampler in five languages, a slow companion, a probe.

They are files of their own (``sampler.python3`` ...), sent on a channel's command line; nothing is installed on a host.
All samplers print the same lines for the same ``/proc``; ``upgrade_tui.fleet.sampling.parse`` reads them:

``["S", uptime, cpu, load, memory, pressure, network, connections, devices]``   every interval: counted until then
    cpu: user, nice, system, idle, iowait, irq, softirq, steal (ticks); load: 1, 5, 15 minutes; memory: total, free,
    available, buffers, cached, shmem, swap total, swap free (KiB); pressure: avg10 of cpu, memory, io;
    network: bytes received, sent (all but lo); connections: established TCP; a device: sectors read, sectors written,
    ms busy. ``null`` is what the host does not have.
``["C", boot time, [[core, busy, total], ...]]``   every five seconds or so, ticks
``["D", [[total, used, available], ...]]``         so, too (the companion: 15), KiB, mounts in the order asked for
``["U", [[state, restarts, started], ...]]``       systemd units in the order asked for; see ``parse.Unit``
``["E"]``                                          the slow companion has said all and waits for the next line
"""

from __future__ import annotations

import shlex
from functools import cache
from importlib.resources import files

from msgspec import Struct

DETAIL_SECONDS = 5.0  # between lines of cores, disk use and units


class Sampler(Struct, frozen=True):
    """How one sampler is started. ``ticked``: it prints a line for each line it is sent; else it keeps time itself."""

    name: str
    ticked: bool
    disks: bool  # prints ``D`` lines itself


ORDER = (
    Sampler("python3", ticked=False, disks=True),
    Sampler("perl", ticked=False, disks=False),
    Sampler("awk", ticked=True, disks=False),
    Sampler("bash", ticked=True, disks=False),
    Sampler("dash", ticked=True, disks=False),
)
"""Cheapest for the host first; the first that it has and that works is used.

Milliseconds of CPU a sample, sshd's part included: python3 0.28 to 0.39, perl and awk 0.22 to 0.40, bash 0.73, dash 1.4
(it reads a byte a system call). A shell that slept by itself would start a process a second, for 1 ms, and drift: so
the shells and awk print at each line they are sent. Reasons stand here since every byte of a script goes to every host.
"""


@cache
def sampler_text(name: str) -> str:
    """The text of ``sampler.NAME``, ``slow.sh`` or ``probe.sh``."""
    return (files(__package__) / name).read_text(encoding="utf-8")


@cache  # hosts alike share it: it is 5 KB, and a channel keeps it
def sampler_command(
    sampler: Sampler,
    *,
    proc_root: str,
    interval: float,
    phase: float,
    devices: tuple[str, ...],
    mounts: tuple[str, ...],
    awk: str = "",
) -> str:
    """The command line that starts ``sampler`` in place of the shell (``exec``), so that it ends with the channel.

    ``interval`` seconds between lines, ``phase`` seconds after the wall second. ``awk`` is what awk really is there.
    """
    script = sampler_text(f"sampler.{sampler.name}")
    own: tuple[str, ...] = (proc_root, f"{interval:g}", f"{phase:g}", str(len(devices)), *devices)
    if sampler.ticked:
        own = (proc_root, str(detail_turns(interval)), str(len(devices)), *devices)
    start = {
        "python3": ("python3", "-S", "-E", "-c", script),  # without site and the login user's PYTHON*
        "perl": ("perl", "-e", script),
        # mawk alone waits for a full buffer of input, unless told that somebody types
        "awk": ("awk", *(("-W", "interactive") if awk.endswith("mawk") else ()), script),
        "bash": ("bash", "-c", script, "bash"),
        "dash": ("sh", "-c", script, "sh"),
    }[sampler.name]
    return "exec " + shlex.join((*start, *own, *(mounts if sampler.disks else ())))


@cache
def slow_command(*, mounts: tuple[str, ...], units: tuple[str, ...]) -> str:
    """The command line of the companion: disk use (where the sampler does not do it) and units, at each line sent."""
    return "exec " + shlex.join(("sh", "-c", sampler_text("slow.sh"), "sh", " ".join(units), *mounts))


@cache
def probe_command(*, proc_root: str, mounts: tuple[str, ...]) -> str:
    """The command line that asks a host what it is. ``upgrade_tui.fleet.sampling.host_facts`` reads the answer."""
    return "exec " + shlex.join(("sh", "-c", sampler_text("probe.sh"), "sh", proc_root, *map(escaped_mount, mounts)))


def detail_turns(interval: float) -> int:
    """After how many samples detail is due again."""
    return max(1, int(DETAIL_SECONDS / interval)) if interval else 1


def escaped_mount(mount: str) -> str:
    """A mount point as ``/proc/mounts`` writes it."""
    return mount.replace("\\", "\\134").replace(" ", "\\040").replace("\t", "\\011").replace("\n", "\\012")
