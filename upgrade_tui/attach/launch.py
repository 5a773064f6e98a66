"""Starting a window's conductor: freeze the plan, start the process in a session of its own, wait until it answers."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from upgrade_tui.directory.paths import CONDUCTOR_LOG, PLAN, make_private, runtime_directory, windows_directory
from upgrade_tui.directory.windows import WindowInfo, all_windows
from upgrade_tui.journal.files import private_directory, sync_directory
from upgrade_tui.plan.model import Plan

_START_LIMIT = 30.0  # seconds; opening a log of 100,000 events takes about one


class CannotStart(Exception):
    """The conductor did not come up. ``code`` is its exit code (75: another one holds the window)."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


@contextlib.contextmanager
def launching() -> Iterator[None]:
    """Held while a window is looked for and started, so that two ``run`` at once do not open two. Raises OSError."""
    root = windows_directory()
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        fd = os.open(root / ".launch", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.ENOSPC):
            raise
        fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def open_window_of(plan: Plan) -> WindowInfo | None:
    """The window of this plan that is not closed yet, if there is one."""
    return next((w for w in all_windows() if w.open and w.plan_id == plan.window.id), None)


def freeze(plan: Plan, text: str) -> Path:
    """Make a new window's directory with the plan in it. Raises OSError."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    name = f"{plan.window.id}-{stamp}"
    directory = windows_directory() / name
    number = 1
    while directory.exists():
        number += 1
        directory = windows_directory() / f"{name}-{number}"
    make_private(directory)
    path = directory / PLAN
    with path.open("x", encoding="utf-8") as file:
        path.chmod(0o600)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())  # a log without its plan is worth nothing
    sync_directory(directory)
    sync_directory(directory.parent)
    return directory


def put_back(directory: Path, plan: bytes) -> None:
    """Make ``plan`` the frozen plan of the window in ``directory`` again: all of it or nothing. Raises OSError."""
    beside = directory / f".{PLAN}.given"
    with beside.open("wb") as file:
        beside.chmod(0o600)
        file.write(plan)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(directory / PLAN)
    sync_directory(directory)


def start_conductor(directory: Path, origin: Path | None = None, accept: str = "") -> int:
    """Start a conductor for ``directory`` and wait until its socket answers; the process id.

    It gets a session of its own, so that it survives this terminal. ``origin`` is the folder of the plan; ``accept``
    why to go on with a frozen plan that was changed.
    Raises CannotStart with what it said.
    """
    reading, writing = os.pipe()
    command = [sys.executable, "-m", "upgrade_tui", "conductor", str(directory), "--ready-fd", str(writing)]
    if origin is not None:
        command += ["--origin", str(origin)]
    if accept:
        command += ["--accept-plan", accept]
    log, errors = _log_of(directory)
    with errors:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors, start_new_session=True,
            pass_fds=[writing], cwd="/",
        )  # fmt: skip
    os.close(writing)
    try:
        said = _wait(reading)
    finally:
        os.close(reading)
    if said == "ready":
        return process.pid
    if not said:
        code = process.poll()
        said = f"the conductor did not come up; see {log}"
        raise CannotStart(said, code or 70)
    raise CannotStart(said, process.wait(timeout=5))


def _log_of(directory: Path) -> tuple[Path, BinaryIO]:
    """Where the conductor's stderr goes: the window's directory, or the runtime directory where that is unwritable."""
    path = directory / CONDUCTOR_LOG
    try:
        return path, path.open("ab")
    except OSError:
        elsewhere = runtime_directory(directory)
        private_directory(elsewhere)
        path = elsewhere / CONDUCTOR_LOG
        return path, path.open("ab")


def _wait(fd: int) -> str:
    """The line the conductor says on its pipe: ``ready``, or what is wrong. Empty: it ended without a word."""
    import select

    said, deadline = b"", time.monotonic() + _START_LIMIT
    while not said.endswith(b"\n"):
        readable, _, _ = select.select([fd], [], [], max(0.0, deadline - time.monotonic()))
        if not readable:
            return ""
        piece = os.read(fd, 4096)
        if not piece:
            break
        said += piece
    return said.decode("utf-8", "replace").strip()
