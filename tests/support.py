"""What several tests need: tools of the machine, and a clear word when one is missing."""

from __future__ import annotations

import os
import shutil

import pytest


def require(*tools: str, root: bool = False) -> None:
    """Skip the test where a tool (or root) is missing; fail it under UPGRADE_TUI_REQUIRE_ALL=1."""
    missing = [t for t in tools if shutil.which(t, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") is None]
    if root and os.geteuid() != 0:
        missing.append("root")
    if missing:
        reason = f"needs {', '.join(missing)}"
        if os.environ.get("UPGRADE_TUI_REQUIRE_ALL") == "1":
            pytest.fail(reason + " (UPGRADE_TUI_REQUIRE_ALL=1)")
        pytest.skip(reason)
