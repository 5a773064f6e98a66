"""The system that all hosts stand on: a small Debian, made once by debootstrap, never written to afterwards."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

BASE = Path(os.environ.get("UPGRADE_TUI_SYSTEMD_BASE", "/var/cache/upgrade-tui-tests/bookworm"))
_MIRROR = "http://deb.debian.org/debian"
_PACKAGES = (
    "systemd", "systemd-sysv", "dbus", "dbus-user-session", "libpam-systemd", "openssh-server", "python3", "sudo",
    "iproute2", "procps", "curl", "nginx-light",
)  # fmt: skip


def base_system() -> Path:
    """Where it is; made now (a few minutes, 270 MB on the disk, from Debian's mirror) if it is not there.

    Logins: ``root``, ``ops`` (sudo without a password), ``app`` (no sudo). Raises CalledProcessError.
    """
    if (BASE / ".ready").exists():
        return BASE
    BASE.parent.mkdir(parents=True, exist_ok=True)
    part = BASE.with_name(f"{BASE.name}.{os.getpid()}")
    try:
        include = ",".join(_PACKAGES)
        _run("debootstrap", "--variant=minbase", f"--include={include}", "bookworm", str(part), _mirror())
        for login in ("ops", "app"):
            _run("chroot", str(part), "useradd", "-m", "-s", "/bin/bash", login)
        sudoers = part / "etc/sudoers.d/ops"
        sudoers.write_text("ops ALL=(ALL) NOPASSWD: ALL\n")
        sudoers.chmod(0o440)
        (part / "etc/systemd/system/systemd-firstboot.service").symlink_to("/dev/null")
        for waste in (*part.glob("var/cache/apt/archives/*.deb"), *part.glob("etc/ssh/ssh_host_*")):
            waste.unlink()
        (part / ".ready").touch()
        with contextlib.suppress(OSError):  # somebody else was at it, too, and was first
            part.rename(BASE)
        assert (BASE / ".ready").exists(), f"{BASE} could not be made"
    finally:
        if part.exists():
            shutil.rmtree(part)
    return BASE


def _mirror() -> str:
    """Where this machine's own apt gets Debian 12 from; Debian's own mirror where it has none."""
    if said := os.environ.get("UPGRADE_TUI_DEBIAN_MIRROR"):
        return said
    if shutil.which("apt-get") is None:
        return _MIRROR
    asked = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "RELEASE: bookworm"]
    found = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.split()
    return found[0] if found else _MIRROR


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
