"""``upgrade-tui`` as a user runs it: in processes of its own, with a state directory of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PROGRAM = [sys.executable, "-m", "upgrade_tui"]


class Program:
    """The command line with its own HOME and state directory. ``uid``: the audit login id to take on (needs root)."""

    def __init__(self, home: Path, uid: int | None = None) -> None:
        home.mkdir(exist_ok=True)
        self.home, self.uid = home, uid
        keep = {k: v for k, v in os.environ.items() if k in ("PATH", "LANG", "LC_ALL", "PYTHONPATH")}
        self.env = keep | {"HOME": str(home), "XDG_STATE_HOME": str(home / "state"), "TERM": "xterm-256color"}

    def as_login(self, uid: int) -> Program:
        """The same, as another login: who they are comes from the kernel's audit login id."""
        return Program(self.home, uid)

    def _take_on(self) -> None:
        if self.uid is not None:
            Path("/proc/self/loginuid").write_text(str(self.uid))

    def run(self, *arguments: str, code: int | None = 0, seconds: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Run to its end; asserts the exit code unless ``code`` is None."""
        done = subprocess.run(
            [*PROGRAM, *arguments],
            env=self.env,
            capture_output=True,
            text=True,
            timeout=seconds,
            stdin=subprocess.DEVNULL,
            preexec_fn=self._take_on,
        )
        assert code is None or done.returncode == code, (
            f"{arguments}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start without waiting; stdout is a pipe."""
        return subprocess.Popen(
            [*PROGRAM, *arguments],
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=self._take_on,
        )

    def status(self) -> dict[str, Any]:
        """``status --json`` of the only open window."""
        data: dict[str, Any] = json.loads(self.run("status", "--json").stdout)
        return data

    def until(self, what: Callable[[dict[str, Any]], Any], seconds: float = 120.0) -> dict[str, Any]:
        """The first status for which ``what`` holds. Fails with the last one seen."""
        deadline = time.monotonic() + seconds
        while True:
            seen = self.status()
            if what(seen):
                return seen
            assert time.monotonic() < deadline, json.dumps(seen, indent=1)
            time.sleep(0.1)

    def events(self, name: str) -> list[dict[str, Any]]:
        """The log as ``log --json`` gives it."""
        return [json.loads(line) for line in self.run("log", "--json", "--window", name).stdout.splitlines()]


def step(status: dict[str, Any], step_id: str) -> dict[str, Any]:
    """A step of a status."""
    return next(s for s in status["steps"] if s["id"] == step_id)


def host(status: dict[str, Any], name: str) -> dict[str, Any]:
    """A host of a status."""
    return next(h for h in status["hosts"] if h["name"] == name)


def task(status: dict[str, Any], step_id: str, name: str) -> dict[str, Any]:
    """A task of a status."""
    return next(t for t in step(status, step_id)["tasks"] if t["host"] == name)
