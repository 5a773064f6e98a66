"""Cut off at any moment: kill -9 without warning, the power cut, a file system that turns read-only."""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journal.journal_support import lines_of, note
from tests.support import require
from upgrade_tui.journal import Journal, LockedError, read_log, verify_log
from upgrade_tui.window.events import Record

EXT4_SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = struct.pack("I", 2)  # as if the power went: what is not on the disk is lost


def writing(directory: Path, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.journal.log_program", str(directory), "1000000", *arguments]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def acks(process: subprocess.Popen[bytes], count: int) -> int:
    """Read ``count`` acknowledgements; returns the last seq."""
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(count)]
    return int(lines[-1].split()[1])


def test_kill_9_at_any_moment_again_and_again_loses_nothing_acknowledged(tmp_path: Path) -> None:
    for n in range(6):
        with writing(tmp_path) as process:
            last = acks(process, 3 + 7 * n)
            process.kill()
            assert process.stdout is not None
            rest = process.stdout.read().splitlines()
        last = max(last, *(int(line.split()[1]) for line in rest)) if rest else last
        seqs = [record.seq for record in read_log(tmp_path)]
        assert seqs == list(range(1, len(seqs) + 1))
        assert len(seqs) >= last
    assert verify_log(tmp_path).intact


@pytest.fixture
def ext4(tmp_path: Path) -> Iterator[Path]:
    """An ext4 of its own on a file."""
    require("mkfs.ext4", "mount", "umount", root=True)
    image, place = tmp_path / "image", tmp_path / "disk"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(32 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True)
    if subprocess.run(["mount", "-o", "loop", str(image), str(place)], check=False).returncode:
        pytest.skip("may not mount a loop device here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=False)


async def test_after_a_power_cut_everything_acknowledged_is_there(ext4: Path) -> None:
    image = ext4.parent / "image"
    for count in (1, 20, 60):
        with writing(ext4 / "w") as process:
            last = acks(process, count)
            disk = os.open(ext4, os.O_RDONLY)
            fcntl.ioctl(disk, EXT4_SHUTDOWN, NO_LOG_FLUSH)
            os.close(disk)
            process.kill()
        subprocess.run(["umount", str(ext4)], check=True)
        # What is on the disk now, as a disk of its own: a namespace made meanwhile may still hold the old mount.
        image = shutil.copy(image, ext4.parent / f"image-{count}")
        subprocess.run(["mount", "-o", "loop", str(image), str(ext4)], check=True)
        async with await Journal.open(ext4 / "w") as journal:
            assert journal.seq >= last
        assert verify_log(ext4 / "w").intact


async def test_what_a_takeover_read_survives_a_power_cut_though_its_writer_never_synced_it(ext4: Path) -> None:
    async with await Journal.open(ext4 / "w") as journal:
        await journal.append("mei", note("durable"))
        head = journal.head
    with (ext4 / "w" / "log.jsonl").open("ab") as log:  # the last process ended between its write and its sync
        log.write(lines_of([note("in the page cache only")], seq=2, prev=head)[0])
    replayed: list[Record] = []
    journal = await Journal.open(ext4 / "w", replay=replayed.append)
    assert len(replayed) == 2, "from here on it may be acted upon"
    disk = os.open(ext4, os.O_RDONLY)
    fcntl.ioctl(disk, EXT4_SHUTDOWN, NO_LOG_FLUSH)
    os.close(disk)
    await journal.close()
    subprocess.run(["umount", "-l", str(ext4)], check=True)
    image = shutil.copy(ext4.parent / "image", ext4.parent / "image-after")
    subprocess.run(["mount", "-o", "loop", str(image), str(ext4)], check=True)
    assert list(read_log(ext4 / "w")) == replayed


async def test_a_read_only_log_has_one_writer_too_and_shows_what_is_in_it(ext4: Path, tmp_path: Path) -> None:
    async with await Journal.open(ext4 / "w") as journal:
        await journal.append_many("mei", [note("one"), note("two")])
    subprocess.run(["mount", "-o", "remount,ro", str(ext4)], check=True)
    kept, replayed = tmp_path / "run" / "kept", list[Record]()
    async with await Journal.open(ext4 / "w", kept=kept, replay=replayed.append) as journal:
        assert len(replayed) == 2
        assert journal.fenced == "log.jsonl: Read-only file system"
        with pytest.raises(LockedError):
            await Journal.open(ext4 / "w", kept=tmp_path / "elsewhere" / "kept")
        subprocess.run(["mount", "-o", "remount,rw", str(ext4)], check=True)
        with pytest.raises(LockedError):
            await Journal.open(ext4 / "w", kept=kept)
        assert (await journal.reopen()).seq == 3
    subprocess.run(["mount", "-o", "remount,ro", str(ext4)], check=True)
    with pytest.raises(OSError, match="Read-only"):
        await Journal.open(ext4 / "w")


def test_a_file_system_that_turns_read_only_fences(ext4: Path) -> None:
    with writing(ext4 / "w") as process:
        last = acks(process, 5)
        subprocess.run(["mount", "-o", "remount,abort", str(ext4)], check=False)
        assert process.stdout is not None
        words = process.stdout.read().split(b"\n")
    assert any(line.startswith(b"fenced log.jsonl: ") for line in words)
    assert [record.seq for record in read_log(ext4 / "w")][:last] == list(range(1, last + 1))
