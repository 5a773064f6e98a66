"""Output files: whole up to the cap, then the end; never a byte too many on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from upgrade_tui.directory import output as module
from upgrade_tui.directory.output import OutputFile


def test_small_output_is_kept_whole(tmp_path: Path) -> None:
    file = OutputFile(tmp_path / "o")
    file.write(b"one\n")
    file.write(b"two")
    file.close()
    assert (tmp_path / "o").read_bytes() == b"one\ntwo"
    assert (file.size, file.last_line) == (7, "two")
    assert (tmp_path / "o").stat().st_mode & 0o777 == 0o600


def test_a_flood_keeps_its_head_and_its_end_and_names_the_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEAD", 100)
    monkeypatch.setattr(module, "TAIL", 50)
    file = OutputFile(tmp_path / "o")
    for number in range(1000):
        file.write(b"line %04d\n" % number)
    file.close()
    kept = (tmp_path / "o").read_bytes()
    assert file.size == 10_000
    assert kept.startswith(b"line 0000\nline 0001\n")
    assert kept.endswith(b"line 0999\n")
    assert b"bytes left out" in kept
    assert len(kept) < 250


def test_a_progress_bar_shows_its_last_state(tmp_path: Path) -> None:
    file = OutputFile(tmp_path / "o")
    file.write(b"10%\r50%\r100%\r\n")
    assert file.last_line == "100%"
    file.close()


def test_a_full_disk_is_told_and_the_command_goes_on(tmp_path: Path) -> None:
    file = OutputFile(tmp_path / "o")
    import os

    os.close(file._fd)
    file._fd = os.open("/dev/full", os.O_WRONLY)
    file.write(b"x" * 10)
    assert "No space left" in file.error
    file.write(b"y" * 10)
    assert file.size == 20
    file.close()
