"""Real faults, made by the kernel: killed at a system call, EIO, a file-size limit, a full disk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.journal.journal_support import note
from tests.support import require
from upgrade_tui.journal import Journal, read_log, verify_log
from upgrade_tui.window.events import LogFenced, NoteAdded, Record


def program(directory: Path, *arguments: str, under: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*under, sys.executable, "-m", "tests.journal.log_program", str(directory), *arguments],
        capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def strace(log: Path, *inject: str) -> tuple[str, ...]:
    """Command prefix that lets system calls on ``log`` fail or kill."""
    require("strace")
    return ("strace", "-qq", "-f", "-o", "/dev/null", "-P", str(log), "-e", "trace=write,fdatasync",
            *(part for rule in inject for part in ("-e", f"inject={rule}")))  # fmt: skip


def acknowledged(output: str) -> list[int]:
    return [int(line.split()[1]) for line in output.splitlines() if line.startswith("ack ")]


def texts(directory: Path) -> list[str]:
    return [r.event.text for r in read_log(directory) if isinstance(r.event, NoteAdded)]


@pytest.mark.parametrize("call", ["write", "fdatasync"])
@pytest.mark.parametrize("when", [1, 2, 3, 5, 8])
async def test_what_was_acknowledged_is_in_the_log_after_kill_9(tmp_path: Path, call: str, when: int) -> None:
    log = tmp_path / "log.jsonl"
    run = program(tmp_path, "10", under=strace(log, f"{call}:signal=SIGKILL:when={when}"))
    assert run.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL), run.stderr
    acks = acknowledged(run.stdout)
    assert acks == list(range(1, when))
    replayed: list[Record] = []
    async with await Journal.open(tmp_path, replay=replayed.append) as journal:
        assert {record.seq for record in replayed} >= set(acks)
        assert (await journal.append("mei", note("on"))).seq == len(replayed) + 1
    assert texts(tmp_path)[: len(acks)] == [f"{n} " for n in range(len(acks))]
    assert verify_log(tmp_path).intact


@pytest.mark.parametrize("rule", ["fdatasync:error=EIO:when=4", "write:error=EIO:when=4", "write:error=ENOSPC:when=4"])
def test_an_error_of_the_disk_fences_once_and_a_new_segment_goes_on(tmp_path: Path, rule: str) -> None:
    run = program(tmp_path, "10", "--then-reopen", under=strace(tmp_path / "log.jsonl", rule))
    assert run.returncode == 0, run.stderr
    words = run.stdout.splitlines()
    assert words[4] == "fenced log.jsonl: " + os.strerror(5 if "EIO" in rule else 28)
    assert words[5] == "reopened 4"
    assert acknowledged(run.stdout) == [1, 2, 3, 5, 6, 7, 8, 9]
    assert [record.seq for record in read_log(tmp_path)] == list(range(1, 10))
    assert verify_log(tmp_path).segments == 2
    assert verify_log(tmp_path).intact


def test_a_fence_and_then_kill_9_before_it_was_reopened_loses_nothing(tmp_path: Path) -> None:
    run = program(tmp_path, "10", under=strace(tmp_path / "log.jsonl", "fdatasync:error=EIO:when=4"))
    assert acknowledged(run.stdout) == [1, 2, 3]
    assert acknowledged(program(tmp_path, "2").stdout)[-1] in (5, 6)
    assert texts(tmp_path)[:3] == ["0 ", "1 ", "2 "]
    assert verify_log(tmp_path).intact


def test_a_limit_of_the_file_size_tears_a_line_and_fences(tmp_path: Path) -> None:
    require("prlimit")
    run = program(tmp_path, "10", "--size=300000", "--then-reopen", under=("prlimit", "--fsize=1200000"))
    assert "RefusedError" in run.stderr  # over 64 KiB: not a matter of the disk
    run = program(tmp_path, "60", "--size=40000", "--then-reopen", under=("prlimit", "--fsize=1200000"))
    assert run.returncode == 0, run.stderr
    assert "fenced log.jsonl: File too large" in run.stdout
    acks = acknowledged(run.stdout)
    assert (tmp_path / "log.jsonl").stat().st_size == 1_200_000
    assert [record.seq for record in read_log(tmp_path)] == list(range(1, acks[-1] + 1))
    assert verify_log(tmp_path).intact


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MiB."""
    require("mount", "umount", root=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(tmp_path)], check=False)
    if mounted.returncode:
        pytest.skip("may not mount here")
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def fill(path: Path) -> None:
    """Take all space that is left."""
    with path.open("wb", buffering=0) as rest, suppress(OSError):
        while True:
            rest.write(b"x" * 4096)


def test_on_a_full_disk_the_log_fences_and_a_rollback_can_still_be_logged(small_disk: Path) -> None:
    window = small_disk / "window"
    run = program(window, "1000", "--size=20000", "--then-reopen")
    assert run.returncode == 0, run.stderr
    assert "fenced log.jsonl: No space left on device" in run.stdout
    acks = acknowledged(run.stdout)
    records = list(read_log(window))
    assert [record.seq for record in records] == list(range(1, acks[-1] + 1))
    assert [r.event for r in records if isinstance(r.event, LogFenced)] == [
        LogFenced(error="log.jsonl: No space left on device", segment="log.jsonl", into="log.0002.jsonl")
    ]
    assert len(records) == len(acks) + 1


async def test_a_window_on_a_disk_that_is_full_already_can_be_opened_and_written(small_disk: Path) -> None:
    window = small_disk / "window"
    program(window, "3")
    with (window / "log.jsonl").open("ab") as log:
        log.write(b'{"torn')
    (window / "log.ballast").write_bytes(b"\0" * (1 << 20))  # the last process was killed
    fill(small_disk / "rest")
    async with await Journal.open(window) as journal:
        assert (await journal.append("mei", note("rolling back"))).seq == 5
    assert verify_log(window).intact
