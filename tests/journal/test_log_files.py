"""What stands on the disk besides the lines: room, directories, descriptors."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from upgrade_tui.journal import LockedError, files
from upgrade_tui.journal.files import LOCK_FILE, Lock, SegmentFile
from upgrade_tui.journal.room import shortage

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("free", "size", "short"),
    [(64 * MIB, 1024 * MIB, False), (64 * MIB - 1, 1024 * MIB, True), (2000 * MIB, 100_000 * MIB, False),
     (2000 * MIB - 1, 100_000 * MIB, True)],
)  # fmt: skip
def test_the_last_64_mib_of_a_disk_and_its_last_fiftieth_are_the_logs(
    free: int, size: int, short: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = os.statvfs_result((1, 1, size, free, free, 0, 0, 0, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda path: found)
    assert bool(shortage(tmp_path)) is short


def test_a_new_segment_is_durable_in_its_directory_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(files, "sync_directory", synced.append)
    SegmentFile(tmp_path / "log.jsonl", create=True).close()
    assert synced == [tmp_path]
    SegmentFile(tmp_path / "log.jsonl", create=False).close()
    assert synced == [tmp_path]  # it was there


def test_who_is_refused_the_log_leaves_no_descriptor_open(tmp_path: Path) -> None:
    def still_open() -> int:
        file, fds = (tmp_path / LOCK_FILE).stat(), []
        for name in os.listdir("/proc/self/fd"):
            with suppress(OSError):  # of the listing itself
                fds.append(os.fstat(int(name)))
        return sum((found.st_dev, found.st_ino) == (file.st_dev, file.st_ino) for found in fds)

    held = Lock(tmp_path)
    for _ in range(3):
        with pytest.raises(LockedError):
            Lock(tmp_path)
    assert still_open() == 1
    held.release()


def test_a_log_on_a_disk_that_takes_no_writing_is_held_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Lock(tmp_path).release()
    opened = os.open

    def read_only(path: Any, flags: int, *more: Any) -> int:
        if flags & os.O_RDWR:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        return opened(path, flags, *more)

    monkeypatch.setattr(os, "open", read_only)
    held = Lock(tmp_path)
    with pytest.raises(LockedError):
        Lock(tmp_path)
    held.release()
    Lock(tmp_path).release()
