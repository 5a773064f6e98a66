"""What several tests need: tools of the machine, and a clear word when one is missing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

# What a tool is allowed to do only with this capability (linux/capability.h): root in a container may lack it.
CAPABILITIES = {"ip": ("CAP_NET_ADMIN", 12), "mount": ("CAP_SYS_ADMIN", 21), "umount": ("CAP_SYS_ADMIN", 21)}


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
