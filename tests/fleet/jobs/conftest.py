"""Places for jobs: this machine, by every shell."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fleet.jobs.ran import Place
from tests.support import require

SHELLS = ("dash", "bash", "busybox")


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """``sh`` on the PATH is this one (and with busybox, all tools are busybox's)."""
    require(request.param)
    with_shell(str(request.param), tmp_path, monkeypatch)
    return str(request.param)


def with_shell(name: str, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = directory / "bin"
    tools.mkdir()
    program = shutil.which(name)
    assert program is not None
    names = ["sh"]
    if name == "busybox":
        names += ["dd", "mkdir", "mv", "rm", "sleep", "setsid", "tail", "wc", "cat", "mkfifo", "head", "kill"]
    for tool in names:
        (tools / tool).symlink_to(program)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A place on this machine to run jobs in; nothing of them is left afterwards."""
    made = Place(tmp_path / "base", itertools.count(1))
    yield made
    made.end_all()
