"""The whole demo, played through by itself and cut off: what it leaves behind is a closed window and a report."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.demo.test_hosts import living, wait_until
from upgrade_tui.directory.windows import WindowInfo, look
from upgrade_tui.journal.verify import verify_log


def demo(state: Path, *options: str) -> subprocess.Popen[str]:
    """The command as an ordinary user has it: an empty HOME, no agent, no terminal."""
    home = state / "home"
    home.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-m", "upgrade_tui", "demo", "--speed", "20", *options], text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        env={"HOME": str(home), "XDG_STATE_HOME": str(state), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
    )  # fmt: skip


def windows(state: Path) -> list[WindowInfo]:
    place = state / "upgrade-tui/windows"
    return [look(d) for d in place.iterdir() if d.is_dir()] if place.is_dir() else []


def test_it_plays_itself_through_and_leaves_a_report_and_nothing_else(tmp_path: Path) -> None:
    running = demo(tmp_path, "--auto")
    try:
        out, err = running.communicate(timeout=120)
    finally:
        running.kill()
    assert running.returncode == 0, (out, err)
    (window,) = windows(tmp_path)
    assert window.state is not None
    assert window.state.outcome == "completed"
    assert verify_log(window.directory).intact
    assert window.state.canaries["web1 health"].troubles == 1
    assert window.state.steps["app"].attempt == 2
    assert 'canary "web1 health" is failing' in out
    assert "cache1 is lost" in out
    assert str(window.directory / "report/report.html") in out
    assert "completed" in (window.directory / "report/report.md").read_text(encoding="utf-8")
    assert living(tmp_path) == []
    assert list((tmp_path / "upgrade-tui/demo").iterdir()) == []


def test_killed_it_closes_its_window_and_leaves_nothing_running(tmp_path: Path) -> None:
    running = demo(tmp_path)
    wait_until(lambda: any(w.running and w.state and w.state.hosts["db1"].link == "up" for w in windows(tmp_path)), 60)
    os.kill(running.pid, signal.SIGKILL)
    running.communicate()
    wait_until(lambda: living(tmp_path) == [], 60)
    (window,) = windows(tmp_path)
    assert window.state is not None
    assert (window.state.phase, window.state.outcome) == ("closed", "abandoned")
