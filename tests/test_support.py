"""The tests' own support: what is missing is skipped with a word, or fails where everything has to be there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests import support


@pytest.fixture
def root_without(monkeypatch: pytest.MonkeyPatch) -> None:
    """Root in a container that may not make network namespaces."""
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda tool, path=None: f"/usr/bin/{tool}")
    monkeypatch.setattr(support, "capable", lambda bit: bit != support.CAPABILITIES["ip"][1])


def test_root_without_the_capability_skips_what_needs_it(root_without: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UPGRADE_TUI_REQUIRE_ALL", raising=False)
    with pytest.raises(pytest.skip.Exception, match="needs CAP_NET_ADMIN"):
        support.require("ip", "sshd", root=True)
    support.require("mount", root=True)


def test_where_everything_is_required_it_fails(root_without: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPGRADE_TUI_REQUIRE_ALL", "1")
    with pytest.raises(pytest.fail.Exception, match="CAP_NET_ADMIN"):
        support.require("ip", root=True)


def test_two_runs_at_once_have_places_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where one's number is what the other would have begun with."""
    monkeypatch.setattr("os.getpid", lambda: 4711)
    mine = support.place_of_ours()
    other = "import os; os.getpid = lambda: 4711\nfrom tests.support import *; print(place_of_ours())"
    said = subprocess.run(
        [sys.executable, "-c", other],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parent.parent,
    )  # fmt: skip
    assert int(said.stdout) != mine
    assert support.subnet_of(int(said.stdout)) != support.subnet_of(mine)
