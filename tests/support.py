"""What several tests need: tools of the machine, and a clear word when one is missing."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

import pytest

# What a tool is allowed to do only with this capability (linux/capability.h): root in a container may lack it.
CAPABILITIES = {"ip": ("CAP_NET_ADMIN", 12), "mount": ("CAP_SYS_ADMIN", 21), "umount": ("CAP_SYS_ADMIN", 21)}

PLACES = 25_000
_CLAIMED: list[socket.socket] = []  # until this process ends


def place_of_ours() -> int:
    """A number that no other test on this machine has, whoever runs it: for names of interfaces, and subnets.

    Claimed by a socket that has a name and no file: the kernel lets go of it with its process.
    """
    for turn in range(PLACES):
        place = (os.getpid() * 8 + turn) % PLACES
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f"\0upgrade-tui-tests-{place}")
        except OSError:
            claim.close()
        else:
            _CLAIMED.append(claim)
            return place
    raise AssertionError("all places are taken")


def subnet_of(place: int) -> str:
    """The first three numbers of its addresses: of those that nobody routes."""
    return f"10.{150 + place // 250}.{place % 250}"


def capable(bit: int) -> bool:
    """Whether this process has the capability with that number."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return True  # not Linux: what cannot be done will say so
    effective = next((line.split()[1] for line in lines if line.startswith("CapEff:")), "0")
    return bool(int(effective, 16) >> bit & 1)


def require(*tools: str, root: bool = False) -> None:
    """Skip the test where a tool, root, or a capability that the tool needs is missing.

    Under UPGRADE_TUI_REQUIRE_ALL=1 it fails instead.
    """
    missing = [t for t in tools if shutil.which(t, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") is None]
    if root and os.geteuid() != 0:
        missing.append("root")
    elif root:
        missing += dict.fromkeys(
            name for tool, (name, bit) in CAPABILITIES.items() if tool in tools and not capable(bit)
        )
    if missing:
        reason = f"needs {', '.join(missing)}"
        if os.environ.get("UPGRADE_TUI_REQUIRE_ALL") == "1":
            pytest.fail(reason + " (UPGRADE_TUI_REQUIRE_ALL=1)")
        pytest.skip(reason)
