"""Where what is needed for a rollback goes while the window's own directory cannot be written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support import require
from upgrade_tui.directory.paths import runtime_directory, sockets
from upgrade_tui.journal.files import private_directory


@pytest.fixture
def window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("run", "tmp", "windows/w1"):
        (tmp_path / name).mkdir(parents=True, mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "tmp"))
    return tmp_path / "windows" / "w1"


def test_windows_of_one_name_have_directories_of_their_own(window: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere" / "w1"
    other.mkdir(parents=True)
    assert runtime_directory(window).parent == tmp_path / "run" / "upgrade-tui"
    assert runtime_directory(window) != runtime_directory(other)
    assert runtime_directory(window) == runtime_directory(window / ".." / "w1"), "however it is called"


def test_what_an_earlier_conductor_left_is_found_where_it_left_it(
    window: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setattr(Path, "is_dir", lambda path: not str(path).startswith("/run/user"))
    before = runtime_directory(window)
    assert before.parent == tmp_path / "tmp" / f"upgrade-tui-{os.getuid()}"
    private_directory(before)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    assert runtime_directory(window) == before
    assert sockets(window) == [window / "socket", before / "socket"]


def test_what_another_user_made_in_tmp_is_neither_believed_nor_in_the_way(window: Path, tmp_path: Path) -> None:
    require(root=True)
    planted = tmp_path / "tmp" / f"upgrade-tui-{os.getuid()}" / runtime_directory(window).name
    planted.mkdir(parents=True, mode=0o700)
    os.chown(planted, 65534, 65534)
    assert runtime_directory(window).parent == tmp_path / "run" / "upgrade-tui"
    assert sockets(window) == [window / "socket"]
    with pytest.raises(PermissionError):
        private_directory(planted)


def test_a_link_in_its_place_is_refused(window: Path, tmp_path: Path) -> None:
    (tmp_path / "target").mkdir(mode=0o700)
    private_directory(runtime_directory(window).parent)
    runtime_directory(window).symlink_to(tmp_path / "target")
    with pytest.raises(PermissionError):
        private_directory(runtime_directory(window))
    assert sockets(window) == [window / "socket"]
