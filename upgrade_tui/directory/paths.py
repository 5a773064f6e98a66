"""Where windows live: ``$XDG_STATE_HOME/upgrade-tui/windows/<window>/``.

A window's directory holds ``plan.toml`` (frozen), the log, ``telemetry.sqlite``, ``output/``, ``report/``, ``socket``
while a conductor runs, and ``conductor.log`` with what it wrote to stderr. Where it cannot be written, what is needed
for a rollback is in the runtime directory.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from stat import S_ISDIR, S_ISREG

PLAN, SOCKET, OUTPUT, REPORT, TELEMETRY, CONDUCTOR_LOG = (
    "plan.toml", "socket", "output", "report", "telemetry.sqlite", "conductor.log",
)  # fmt: skip


def state_directory() -> Path:
    """``$XDG_STATE_HOME/upgrade-tui`` (the variable is honoured on every system), else the platform's own place."""
    given = os.environ.get("XDG_STATE_HOME")
    if given and Path(given).is_absolute():
        return Path(given) / "upgrade-tui"
    from platformdirs import user_state_path

    return user_state_path("upgrade-tui")


def windows_directory() -> Path:
    """Where the windows are."""
    return state_directory() / "windows"


def runtime_directory(window: Path) -> Path:
    """Where a window's socket, its conductor's stderr and what the log cannot take go while ``window`` is unwritable.

    Under the runtime directory of the window's owner: ``$XDG_RUNTIME_DIR``, ``/run/user/UID``, else one in ``/tmp``.
    It is not made here; an earlier one that is there counts before a better place.
    """
    owner = window.stat().st_uid
    given = os.environ.get("XDG_RUNTIME_DIR", "") if owner == os.getuid() else ""
    bases = [Path(given), Path("/run/user") / str(owner)] if Path(given).is_absolute() else [Path(f"/run/user/{owner}")]
    name = f"{window.name}-{hashlib.sha256(os.fsencode(window.resolve())).hexdigest()[:8]}"
    places = [base / "upgrade-tui" / name for base in bases if base.is_dir()]
    places.append(Path(tempfile.gettempdir()) / f"upgrade-tui-{owner}" / name)
    return next((place for place in places if _private(place, owner)), places[0])


def _private(directory: Path, owner: int) -> bool:
    """Whether it is there, and its owner's alone: another user may have made one of that name in ``/tmp``."""
    try:
        found = directory.lstat()
    except OSError:
        return False
    return S_ISDIR(found.st_mode) and found.st_uid == owner and not found.st_mode & 0o077


def kept_directory(window: Path) -> Path:
    """Where events are kept while the log cannot be written."""
    return runtime_directory(window) / "kept"


def sockets(window: Path) -> list[Path]:
    """Where a window's conductor may listen: in its directory, or, where that is unwritable, in the runtime one."""
    found = [window / SOCKET]
    with contextlib.suppress(OSError):  # there is no such window: its own directory says so
        elsewhere = runtime_directory(window)
        if _private(elsewhere, window.stat().st_uid):
            found.append(elsewhere / SOCKET)
    return found


def window_directories() -> list[Path]:
    """Every window's directory, newest first (by the time its plan was frozen). Raises PermissionError."""
    root = windows_directory()
    if not root.is_dir():
        return []
    frozen = {d: _frozen(d) for d in root.iterdir()}
    found = [d for d, at in frozen.items() if at is not None]
    return sorted(found, key=lambda d: frozen[d] or 0, reverse=True)


def _frozen(directory: Path) -> int | None:
    """When the plan of a window was frozen (ns); 0 where we may not know: another user's; None: this is no window.

    A window whose plan was lost is one all the same: its log says so.
    """
    for name in (PLAN, "log.jsonl"):
        try:
            found = (directory / name).stat()
        except PermissionError:
            return 0
        except OSError:
            continue
        if S_ISREG(found.st_mode):
            return found.st_mtime_ns
    return None


def make_private(directory: Path) -> None:
    """Create ``directory`` (0700) and its parents. Raises OSError."""
    directory.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    directory.mkdir(mode=0o700, exist_ok=True)
    directory.chmod(0o700)


def output_file(step: str, host: str, attempt: int, what: str = "out") -> str:
    """Name of a task's output under ``output/``: ids and host names are safe there, the plan's reader sees to it."""
    return f"{re.sub(r'[^A-Za-z0-9._-]', '_', f'{step}.{host}.{attempt}')}.{what}"


@contextlib.contextmanager
def address(path: Path) -> Iterator[str]:
    """A short name for ``path``, good while the context lasts."""
    if len(os.fsencode(path)) < 100 or not sys.platform.startswith("linux"):
        yield str(path)
        return
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)
