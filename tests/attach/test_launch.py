"""What is found and kept when a conductor is started."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.golden import golden
from tests.report.report_support import small_plan, window_at
from upgrade_tui.attach.launch import open_window_of, start_conductor
from upgrade_tui.directory.paths import CONDUCTOR_LOG, runtime_directory, windows_directory

SAYS_READY = """\
#!/bin/sh
echo trouble >&2
while [ "$1" != --ready-fd ]; do shift; done
echo ready >"/dev/fd/$2"
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """State and runtime directories that nobody else has."""
    (tmp_path / "run").mkdir(mode=0o700)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    return tmp_path


def test_the_open_window_of_a_plan_is_neither_a_closed_one_nor_that_of_another_plan(home: Path) -> None:
    windows_directory().mkdir(parents=True)
    window_at(windows_directory() / "over", golden("closed"))
    assert open_window_of(golden("closed").plan) is None
    window_at(windows_directory() / "now", golden("rollout"))
    found = open_window_of(golden("rollout").plan)
    assert found is not None
    assert found.directory.name == "now"
    assert open_window_of(small_plan()) is None


def test_what_a_conductor_says_on_stderr_is_kept_also_where_its_window_cannot_take_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, window = home / "python", home / "w"
    program.write_text(SAYS_READY, encoding="utf-8")
    program.chmod(0o700)
    window.mkdir()
    monkeypatch.setattr(sys, "executable", str(program))
    assert start_conductor(window) > 0
    assert (window / CONDUCTOR_LOG).read_text(encoding="utf-8") == "trouble\n"
    (window / CONDUCTOR_LOG).unlink()
    (window / CONDUCTOR_LOG).mkdir()  # nothing can be written to it, not even by root
    assert start_conductor(window) > 0
    assert (runtime_directory(window) / CONDUCTOR_LOG).read_text(encoding="utf-8") == "trouble\n"
