"""Starting the demo's hosts in a process of their own, and ending them."""

from __future__ import annotations

import contextlib
import itertools
import os
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

from upgrade_tui.demo.site import FLEET_LOG, KEEP_FILE, PLAN_FILE
from upgrade_tui.directory.paths import state_directory
from upgrade_tui.directory.windows import WindowInfo

_START_LIMIT = 60.0  # seconds; two on an idle machine
_END_LIMIT = 60.0  # seconds


class DemoCannotStart(Exception):
    """The hosts did not come up; the message says why."""


def demos_directory() -> Path:
    """Where runs of the demo keep their hosts: in the state directory, where programs may be run and /tmp may not."""
    return state_directory() / "demo"


def claim_directory(windows: list[WindowInfo]) -> Path:
    """The directory of a new run, named as its window will be: ``demo``, or ``demo-2``, ... where that is taken.

    Made here (0700), which no two demos can do for the same name. Raises OSError.
    """
    taken = {w.plan_id for w in windows if w.open}
    demos_directory().mkdir(parents=True, exist_ok=True, mode=0o700)
    for n in itertools.count(1):
        place = demos_directory() / ("demo" if n == 1 else f"demo-{n}")
        if place.name not in taken:
            with contextlib.suppress(FileExistsError):
                place.mkdir(mode=0o700)
                return place
    raise AssertionError("unreachable")


def lost_windows(windows: list[WindowInfo]) -> list[WindowInfo]:
    """Windows of earlier demos that nobody could close: their hosts are gone, and so is their conductor."""
    place = str(demos_directory())
    return [
        w for w in windows
        if w.open and not w.running and w.state is not None and w.state.origin.startswith(place + os.sep)
        and not Path(w.state.origin, "hosts").is_dir()
    ]  # fmt: skip


class DemoHosts:
    """The eight hosts of one run. They end when ``leave`` is called, or when this process is gone."""

    def __init__(self, directory: Path, *, pace: float, keep: bool) -> None:
        """``directory``: as ``claim_directory`` made it. ``pace``: seconds for a second of the demo. Raises OSError."""
        self.directory = directory
        self.kept = directory.with_name(f"{directory.name}-{time.strftime('%Y%m%d-%H%M%S')}") if keep else None
        command = [sys.executable, "-m", "upgrade_tui.demo.embedded", str(directory), "--pace", str(pace)]
        command += ["--keep", str(self.kept)] if self.kept else []
        with (self.directory / FLEET_LOG).open("ab") as errors:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, start_new_session=True, cwd="/"
            )

    @property
    def plan(self) -> Path:
        return self.directory / PLAN_FILE

    def wait(self) -> None:
        """Until they are up. Raises CannotStart."""
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], _START_LIMIT)
        said = self._process.stdout.readline().decode("utf-8", "replace").strip() if ready else ""
        if said != "ready":
            raise DemoCannotStart(said or f"they said nothing; see {self.directory / FLEET_LOG}{self._last_words()}")

    def _last_words(self) -> str:
        with contextlib.suppress(OSError, IndexError):
            return ": " + (self.directory / FLEET_LOG).read_text("utf-8", "replace").strip().splitlines()[-1]
        return ""

    def opened(self, window: Path) -> None:
        """Tell them which window is theirs to close, should this process not be there to ask for it."""
        assert self._process.stdin is not None
        self._process.stdin.write(os.fsencode(f"window {window}\n"))
        self._process.stdin.flush()

    def leave(self) -> bool:
        """Close their window if it is open, and end them; whether they ended in time."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(_END_LIMIT)
        except subprocess.TimeoutExpired:
            return False
        return True


def remove_leftovers() -> None:
    """Remove what runs left behind whose hosts were ended before they could clean up."""
    import psutil

    if not demos_directory().is_dir():
        return
    living = {argument for process in psutil.process_iter(["cmdline"]) for argument in process.info["cmdline"] or ()}
    for place in demos_directory().iterdir():
        fresh = time.time() - place.stat().st_mtime < _START_LIMIT  # perhaps its process is only just starting
        if str(place) not in living and not fresh and not (place / KEEP_FILE).exists():
            shutil.rmtree(place, ignore_errors=True)
