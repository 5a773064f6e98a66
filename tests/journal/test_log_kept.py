"""Lines that were kept elsewhere come back into the log, or are told of; what a takeover read is durable."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.journal.journal_support import SetClock, hash_of, lines_of, log_at, note, some_events
from tests.support import require
from upgrade_tui.journal import FencedError, Journal, read_log, recovery, segments, verify_log
from upgrade_tui.journal.files import BALLAST_FILE, SegmentFile
from upgrade_tui.journal.kept import read_both
from upgrade_tui.journal.store import NOWHERE
from upgrade_tui.window.events import ConductorStarted, LogFenced, LogJoined, NoteAdded, Record

LINES = lines_of(some_events(6))
KEPT = lines_of([LogFenced(error="EROFS", segment="log.jsonl"), note("undo")], seq=6, prev=hash_of(LINES[4]))
STARTED = ConductorStarted(pid=1, host="h", version="1")


async def replayed(log: Path, kept: Path) -> list[Record]:
    """What is replayed when it is opened, and closed again."""
    found: list[Record] = []
    journal = await Journal.open(log, kept=kept, replay=found.append, clock=SetClock())
    await journal.close()
    return found


def put(tmp_path: Path, lines: list[bytes]) -> tuple[Path, Path]:
    log_at(tmp_path / "run" / "kept", KEPT, "log.0002.jsonl")
    log_at(tmp_path / "w", lines)
    return tmp_path / "w", tmp_path / "run" / "kept"


async def test_kept_lines_take_over_from_what_was_never_acknowledged(tmp_path: Path) -> None:
    log, kept = put(tmp_path, LINES)
    found = await replayed(log, kept)
    assert [type(r.event) for r in found[5:]] == [LogFenced, NoteAdded, LogJoined]
    assert found[-1].event == LogJoined(events=2, place=str(kept))
    assert not kept.exists()
    assert verify_log(log).intact
    assert list(read_log(log)) == found == await replayed(log, kept)


def test_who_only_looks_sees_what_is_kept_behind_the_log(tmp_path: Path) -> None:
    log, kept = put(tmp_path, LINES)
    seen = [(r.seq, there) for r, there in read_both(log, kept)]
    assert seen == [(1, False), (2, False), (3, False), (4, False), (5, False), (6, True), (7, True)]
    assert isinstance(list(read_both(log, kept))[5][0].event, LogFenced)
    assert [r.seq for r, _ in read_both(log, tmp_path / "nothing")] == [1, 2, 3, 4, 5, 6]


async def test_a_kept_line_that_was_torn_is_left_out(tmp_path: Path) -> None:
    log, kept = put(tmp_path, LINES[:5])
    with (kept / "log.0002.jsonl").open("ab") as file:
        file.write(b'{"v":1,"seq":8,')
    assert [r.seq for r in await replayed(log, kept)] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert verify_log(log).intact


async def test_a_crash_after_they_were_joined_and_before_that_was_told_joins_them_once(tmp_path: Path) -> None:
    log, kept = put(tmp_path, LINES)
    log_at(log, KEPT, "log.0002.jsonl")
    found = await replayed(log, kept)
    assert [type(r.event) for r in found[5:]] == [LogFenced, NoteAdded, LogJoined]
    log_at(kept, KEPT, "log.0002.jsonl")  # told, and the process ended before it removed them
    assert await replayed(log, kept) == found
    assert not kept.exists()


async def test_half_a_join_is_done_again(tmp_path: Path) -> None:
    log, kept = put(tmp_path, LINES)
    log_at(log, [KEPT[0], KEPT[1][:20]], "log.0002.jsonl")
    found = await replayed(log, kept)
    assert [type(r.event) for r in found[5:7]] == [LogFenced, NoteAdded]
    assert isinstance(found[-1].event, LogJoined)
    assert verify_log(log).intact


async def test_a_log_that_went_on_without_them_keeps_them_beside_it_and_says_so(tmp_path: Path) -> None:
    clock = SetClock(1_763_690_000.0)  # after the fence
    went_on = [STARTED, note("without them")]
    other = lines_of(went_on, seq=6, prev=hash_of(LINES[4]), clock=clock)
    log, kept = put(tmp_path, [*LINES[:5], *other])
    before = (kept / "log.0002.jsonl").read_bytes()
    found = await replayed(log, kept)
    said = found[-1].event
    assert isinstance(said, LogJoined)
    assert (said.events, said.problem) == (0, "the log went on without them")
    assert (log / said.file).read_bytes() == before
    assert [type(r.event) for r in found[5:]] == [ConductorStarted, NoteAdded, LogJoined]
    assert not kept.exists()
    assert verify_log(log).intact


async def test_kept_lines_that_somebody_changed_are_not_believed(tmp_path: Path) -> None:
    log, kept = put(tmp_path, LINES[:5])
    path = kept / "log.0002.jsonl"
    path.write_bytes(path.read_bytes().replace(b"undo", b"redo"))
    said = (await replayed(log, kept))[-1].event
    assert isinstance(said, LogJoined)
    assert "do not give its hash" in said.problem
    assert (log / said.file).is_file()


async def test_a_place_that_is_not_ours_alone_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = await Journal.open(tmp_path / "w", kept=tmp_path / "run" / "kept")
    await journal.append("mei", note("durable"))
    (tmp_path / "run").mkdir(mode=0o777)
    (tmp_path / "run").chmod(0o777)
    monkeypatch.setattr("upgrade_tui.journal.files.sync", cannot)
    with pytest.raises(FencedError):
        await journal.append("mei", note("lost"))
    with pytest.raises(FencedError, match="not a directory for this user alone"):
        await journal.keep()
    await journal.close()


def cannot(_: int) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MiB."""
    require("mount", "umount", root=True)
    place = tmp_path / "small"
    place.mkdir(mode=0o700)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m,mode=0700", "tmpfs", place], check=False).returncode:
        pytest.skip("may not mount here")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as rest, suppress(OSError):
        while True:
            rest.write(b"x" * 4096)


async def test_a_new_segment_that_finds_the_disk_full_is_tried_again_with_the_ballast_given_back(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = await Journal.open(small_disk / "w")
    with monkeypatch.context() as broken:
        broken.setattr("upgrade_tui.journal.files.sync", cannot)
        with pytest.raises(FencedError, match="Input/output error"):
            await journal.append("mei", note("lost"))
    fill(small_disk / "rest")
    assert journal.has_ballast
    assert (await journal.reopen()).seq == 1
    await journal.close()


async def test_a_full_place_elsewhere_costs_the_log_no_ballast(
    small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = await Journal.open(tmp_path / "w", kept=small_disk / "run" / "kept")
    await journal.append("mei", note("durable"))
    (small_disk / "run").mkdir(mode=0o700)
    fill(small_disk / "rest")
    monkeypatch.setattr("upgrade_tui.journal.files.sync", cannot)
    with pytest.raises(FencedError):
        await journal.append("mei", note("lost"))
    with pytest.raises(FencedError, match="No space left"):
        await journal.keep()
    assert journal.has_ballast
    await journal.close()


async def test_what_was_read_while_it_could_not_be_made_durable_is_made_so_before_anything_follows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = log_at(tmp_path / "w", LINES)
    made: list[tuple[Path, int]] = []
    with monkeypatch.context() as broken:
        broken.setattr(recovery, "persist", lambda path, size: cannot(0))
        journal = await Journal.open(tmp_path / "w", kept=tmp_path / "run" / "kept")
    assert journal.fenced is not None
    monkeypatch.setattr(segments, "persist", lambda path, size: made.append((path, size)))
    assert (await journal.reopen()).seq == 7
    assert made == [(path, path.stat().st_size)]
    await journal.close()


async def test_what_an_earlier_conductor_wrote_is_made_durable_at_the_takeover(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may stand in the page cache only: written over itself and synced, before anybody acts on it."""
    path = log_at(tmp_path / "w", LINES)
    synced: list[tuple[int, bytes]] = []

    def sync(fd: int) -> None:
        synced.append((os.fstat(fd).st_ino, os.pread(fd, 1 << 20, 0)))

    monkeypatch.setattr(recovery, "sync", sync)
    journal = await Journal.open(tmp_path / "w")
    assert synced == [(path.stat().st_ino, b"".join(LINES))]
    await journal.close()


async def test_a_full_disk_is_tried_again_as_soon_as_the_ballast_is_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = await Journal.open(tmp_path / "w")
    with monkeypatch.context() as broken:
        broken.setattr("upgrade_tui.journal.files.sync", cannot)
        with pytest.raises(FencedError, match="Input/output error"):
            await journal.append("mei", note("lost"))
    real = recovery.new_segment

    def full_until_then(path: Path, data: bytes) -> SegmentFile:
        if (tmp_path / "w" / BALLAST_FILE).exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(path, data)

    monkeypatch.setattr(recovery, "new_segment", full_until_then)
    assert journal.has_ballast
    assert (await journal.reopen()).seq == 1
    await journal.close()


# -- the place elsewhere goes away: logind removes the runtime directory with the user's last session ------------------


async def kept_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Journal, Path]:
    """A log that cannot be written, with a note kept in the second directory, below a runtime directory."""
    runtime = tmp_path / "run-user-0"
    runtime.mkdir(mode=0o700)
    kept = runtime / "upgrade-tui" / "w" / "kept"
    journal = await Journal.open(tmp_path / "w", kept=kept)
    await journal.append("mei", note("durable"))
    refuse_to_sync(monkeypatch, tmp_path / "w")
    with pytest.raises(FencedError):
        await journal.append("mei", note("lost"))
    await journal.keep()
    await journal.append("mei", note("kept"))
    return journal, runtime


def refuse_to_sync(monkeypatch: pytest.MonkeyPatch, log: Path) -> None:
    """Only files of ``log`` cannot be written."""

    def sync(fd: int) -> None:
        if Path(os.readlink(f"/proc/self/fd/{fd}")).parent == log:
            cannot(fd)

    monkeypatch.setattr("upgrade_tui.journal.files.sync", sync)


def texts(records: Iterator[Record]) -> list[str]:
    return [str(getattr(r.event, "text", r.event.__struct_config__.tag)) for r in records]


async def test_what_was_kept_in_a_directory_that_was_removed_is_kept_again_before_anything_else_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, runtime = await kept_there(tmp_path, monkeypatch)
    for text in ("on", "and on"):
        shutil.rmtree(runtime / "upgrade-tui")
        with pytest.raises(FencedError, match="was renamed or removed"):
            await journal.append("mei", note("not acknowledged"))
        await journal.keep()
        await journal.append("mei", note(text))
    lines = read_both(tmp_path / "w", runtime / "upgrade-tui" / "w" / "kept")
    found = [text for text in texts(r for r, there in lines if there) if text != "log.fenced"]
    assert found == ["kept", "on", "and on"]
    await journal.close()


async def test_where_the_runtime_directory_is_gone_nothing_is_acknowledged_until_it_is_said_to_be_in_memory_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, runtime = await kept_there(tmp_path, monkeypatch)
    shutil.rmtree(runtime)
    with pytest.raises(FencedError, match="was renamed or removed"):
        await journal.append("mei", note("not acknowledged"))
    with pytest.raises(FencedError, match="No such file or directory"):
        await journal.keep()
    await journal.keep(recorded=False)
    assert journal.kept == NOWHERE
    await journal.append("mei", note("on"))
    monkeypatch.setattr("upgrade_tui.journal.files.sync", lambda fd: None)
    await journal.join()
    assert texts(read_log(tmp_path / "w")) == ["durable", "log.fenced", "kept", "log.fenced", "on"], (
        "all of it came back"
    )
    await journal.close()


@pytest.mark.parametrize("gone", ["upgrade-tui", ""], ids=["can-be-made-again", "runtime-directory-too"])
async def test_kept_lines_that_are_removed_are_put_back_or_told_to_be_in_memory_alone_also_where_nothing_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    """Every few seconds the log is tried again: who looks meanwhile is not told of a place where nothing is."""
    journal, runtime = await kept_there(tmp_path, monkeypatch)
    there = journal.kept
    shutil.rmtree(runtime / gone)
    with pytest.raises(FencedError):
        await journal.join()
    if gone:
        lines = read_both(tmp_path / "w", Path(there).parent)
        assert texts(r for r, elsewhere in lines if elsewhere) == ["log.fenced", "kept"]
    else:
        assert journal.kept == NOWHERE
        with pytest.raises(FencedError):
            await journal.append("mei", note("not acknowledged"))
        runtime.mkdir(mode=0o700)
    await journal.keep() if journal.fenced else None
    await journal.append("mei", note("on"))
    assert journal.kept != NOWHERE
    monkeypatch.setattr("upgrade_tui.journal.files.sync", lambda fd: None)
    await journal.join()
    assert [t for t in texts(read_log(tmp_path / "w")) if t != "log.fenced"] == ["durable", "kept", "on"]
    await journal.close()
