"""The eight hosts of the demo: who they are, where they listen, and the directory of one run.

A run's directory (0700) holds ``plan.toml``, the key made for this run, ``known_hosts``, ``ssh_config``, ``registry/``
(releases to fetch) and ``hosts/NAME/``, a directory for each host, which is its whole world.
"""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

USER = "deploy"
KEY, KNOWN_HOSTS, SSH_CONFIG, PLAN_FILE, HOSTS, REGISTRY, FLEET_LOG, KEEP_FILE = (
    "key", "known_hosts", "ssh_config", "plan.toml", "hosts", "registry", "fleet.log", "keep",
)  # fmt: skip
RELEASES = ("1", "2")

SLOW_HOST = "web1"  # fills its cache after the upgrade, and answers 503 meanwhile
SLOW_FOR = 20.0  # seconds
SHAKY_HOST = "cache1"  # its link drops once
SHAKY_AFTER = 40.0  # seconds after the first login to it
SHAKY_FOR = 6.0  # seconds


class DemoRole(Struct, frozen=True):
    """What hosts of a kind are like."""

    name: str
    count: int
    cores: int
    memory: int  # GiB
    upstreams: str = ""  # the role that it forwards to


ROLES = (
    DemoRole("lb", 1, 4, 8, upstreams="web"),
    DemoRole("web", 3, 8, 16),
    DemoRole("api", 2, 8, 32),
    DemoRole("cache", 1, 4, 64),
    DemoRole("db", 1, 16, 128),
)


class Box(Struct, frozen=True, kw_only=True):
    """One host."""

    name: str
    role: DemoRole
    address: str
    http_port: int
    directory: Path

    @property
    def proc(self) -> Path:
        """What it serves instead of /proc."""
        return self.directory / "proc"


class Site(Struct, frozen=True, kw_only=True):
    """One run of the demo. ``pace``: what one second of its script takes, in seconds (1 / speed)."""

    id: str  # of the window
    directory: Path
    pace: float
    boxes: tuple[Box, ...]

    def box(self, name: str) -> Box:
        """The host called ``name``. Raises KeyError."""
        return {box.name: box for box in self.boxes}[name]


def host_names() -> list[tuple[str, DemoRole]]:
    """Every host's name and role, in the plan's order: lb1, web1, web2, ..."""
    return [(f"{role.name}{n}", role) for role in ROLES for n in range(1, role.count + 1)]
