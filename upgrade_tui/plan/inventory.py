"""The machines of a plan: how they are reached, what they are, and what is watched on them, as tables. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated as Key
from typing import ClassVar

from msgspec import Struct, field

from upgrade_tui.plan.keys import PORT, says
from upgrade_tui.units import Duration, Percent

METRICS = ("cpu", "memory", "swap", "disk", "iowait", "steal", "load", "psi_cpu", "psi_memory", "psi_io")
LIMITS = {"propertyNames": {"enum": list(METRICS)}}


class Ssh(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[ssh]`` for all hosts, or ``[hosts.NAME.ssh]`` for one. What is not given comes from ``~/.ssh/config``.

    Host keys are always verified. Times in seconds.
    """

    heading: ClassVar = "[ssh]"

    user: Key[str | None, says("Login on the host.")] = None
    port: Key[int | None, says("Port of the SSH server.", schema=PORT)] = None
    identity: Key[tuple[str, ...], says("Private key files.")] = ()
    known_hosts: Key[
        str | None, says("File of known host keys instead of ~/.ssh/known_hosts. Verification cannot be switched off.")
    ] = None
    config: Key[str | None, says("An ssh_config file instead of ~/.ssh/config.")] = None
    jump: Key[str | None, says("ProxyJump: [user@]host[:port], several with commas.")] = None
    job_dir: Key[
        str, says("Where jobs are kept on the host. Left out: the login user's `~/.local/state/upgrade-tui`.")
    ] = ""
    connect_timeout: Key[Duration, says("Give a connection up after this long.")] = field(
        default_factory=lambda: Duration.parse("5s")
    )
    keepalive: Key[Duration, says("Ask a silent connection this often; three missing answers and it is lost.")] = field(
        default_factory=lambda: Duration.parse("1s")
    )


class Host(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[hosts.NAME]``: a machine; ``address = "local"`` is this one. ``disks``: mount points, ``units``: systemd's."""

    heading: ClassVar = "[hosts.NAME]"

    address: Key[
        str,
        says(
            'IP address or host name; "local" is this machine.',
            missing='write address = "10.0.0.1", a name, or "local" for this machine',
        ),
    ]
    groups: Key[tuple[str, ...], says("Groups it belongs to; `all` is always every host.")] = ()
    disks: Key[tuple[str, ...], says("Mount points that are watched.")] = ("/",)
    units: Key[tuple[str, ...], says("systemd units that are watched.")] = ()
    proc_root: Key[str, says("Where its /proc is mounted, for containers.")] = "/proc"
    limits: Key[Mapping[str, Percent], says("Limits of this host, over those of [watch].", schema=LIMITS)] = {}
    ssh: Key[Ssh | None, says("How this host is reached, over [ssh].")] = None
    note: Key[str, says("A remark; for a host without steps, why it is watched.", text="prose")] = ""


class Watch(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[watch]``: how often hosts are sampled and what they must not exceed."""

    heading: ClassVar = "[watch]"

    interval: Key[Duration, says("How often hosts are sampled.")] = field(default_factory=lambda: Duration.parse("1s"))
    limits: Key[Mapping[str, Percent], says("Metric to the share it must not exceed.", schema=LIMITS)] = {}
    sustain: Key[Duration, says("A limit is crossed after so long above it.")] = field(
        default_factory=lambda: Duration.parse("5s"), name="for"
    )
    clear: Key[Percent, says("Cleared so many percentage points below the limit.")] = field(
        default_factory=lambda: Percent(5)
    )
