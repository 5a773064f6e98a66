"""The single writer: order, group commit, fencing, recovery, the lock."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.journal.journal_support import LINES, SetClock, after_fence, lines_of, log_at, note, some_events
from upgrade_tui.journal import (
    DamagedError,
    FencedError,
    Journal,
    JournalError,
    LockedError,
    NewerLogError,
    RefusedError,
    read_log,
    verify_log,
)
from upgrade_tui.journal.files import BALLAST_FILE, SegmentFile
from upgrade_tui.journal.format import MAX_LINE
from upgrade_tui.window.events import LogFenced, LogRecovered, NoteAdded, Record
from upgrade_tui.window.sentences import sentence


def kinds(records: list[Record]) -> list[str]:
    return [str(record.event.__struct_config__.tag) for record in records]


async def test_what_is_appended_is_read_back_exactly(tmp_path: Path) -> None:
    committed: list[Record] = []
    async with await Journal.open(tmp_path / "w", clock=SetClock(), on_commit=committed.extend) as journal:
        appended = [await journal.append("mei", event) for event in some_events(5)]
        appended += await journal.append_many("tom", some_events(5))
        assert (journal.seq, journal.head) == (10, verify_log(tmp_path / "w").head)
    assert list(read_log(tmp_path / "w")) == appended == committed
    assert [record.seq for record in appended] == list(range(1, 11))
    assert [record.event for record in appended] == some_events(5) * 2


async def test_the_directory_and_the_log_are_for_their_owner_only(tmp_path: Path) -> None:
    (tmp_path / "w").mkdir(mode=0o755)
    async with await Journal.open(tmp_path / "w") as journal:
        await journal.append("mei", note("x"))
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "w").iterdir()}
    assert stat.S_IMODE((tmp_path / "w").stat().st_mode) == 0o700
    assert set(modes.values()) == {0o600}
    assert {"log.jsonl", "log.lock", "log.ballast"} == set(modes)


async def test_writing_goes_on_after_reopening_and_replay_gives_what_was_there(tmp_path: Path) -> None:
    for round_ in range(3):
        replayed: list[Record] = []
        async with await Journal.open(tmp_path, replay=replayed.append) as journal:
            assert len(replayed) == 2 * round_
            await journal.append_many("mei", some_events(2))
    assert [record.seq for record in read_log(tmp_path)] == [1, 2, 3, 4, 5, 6]
    assert verify_log(tmp_path).intact


async def test_acknowledgements_and_commits_come_in_the_order_of_seq(tmp_path: Path) -> None:
    committed: list[int] = []
    acknowledged: list[int] = []

    async def producer(journal: Journal, name: int) -> None:
        for n in range(20):
            record = await journal.append(f"p{name}", note(str(n)))
            assert record.seq in committed  # told to the conductor before it is acknowledged
            acknowledged.append(record.seq)

    async with await Journal.open(tmp_path, on_commit=lambda batch: committed.extend(r.seq for r in batch)) as journal:
        await asyncio.gather(*(producer(journal, name) for name in range(16)))
    assert committed == acknowledged == list(range(1, 321))
    assert [record.seq for record in read_log(tmp_path)] == committed


async def test_what_queues_during_a_sync_is_committed_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    running, proceed = threading.Event(), threading.Event()
    sizes: list[int] = []
    commit = SegmentFile.commit

    def slow(segment: SegmentFile, data: bytes) -> None:
        sizes.append(data.count(b"\n"))
        running.set()
        assert proceed.wait(10)
        commit(segment, data)

    monkeypatch.setattr(SegmentFile, "commit", slow)
    async with await Journal.open(tmp_path) as journal:
        first = journal.submit("mei", [note("first")]).durable
        await asyncio.to_thread(running.wait, 10)
        others = [journal.submit("mei", [note(str(n))]).durable for n in range(30)]
        assert not first.done()
        proceed.set()
        await asyncio.gather(first, *others)
    assert sizes == [1, 30]


async def test_a_refused_event_leaves_no_trace(tmp_path: Path) -> None:
    async with await Journal.open(tmp_path) as journal:
        await journal.append("mei", note("before"))
        with pytest.raises(RefusedError):
            await journal.append("mei", note("x" * MAX_LINE))
        with pytest.raises(RefusedError):
            await journal.append_many("mei", [note("never written"), note("x" * MAX_LINE)])
        assert await journal.append_many("mei", []) == []
        await journal.append("mei", note("after"))
    assert [record.event for record in read_log(tmp_path)] == [note("before"), note("after")]
    assert verify_log(tmp_path).intact


async def test_a_cancelled_append_is_written_all_the_same(tmp_path: Path) -> None:
    async with await Journal.open(tmp_path) as journal:
        task = asyncio.ensure_future(journal.append("mei", note("cancelled")))
        await asyncio.sleep(0)
        task.cancel()
        await journal.append("mei", note("next"))
    assert task.cancelled()
    assert [record.event for record in read_log(tmp_path)] == [note("cancelled"), note("next")]


async def test_an_error_in_on_commit_does_not_keep_the_acknowledgement(tmp_path: Path) -> None:
    seen: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: seen.append(context["exception"]))

    def broken(_: list[Record]) -> None:
        raise LookupError("a fault in the conductor")

    async with await Journal.open(tmp_path, on_commit=broken) as journal:
        assert (await journal.append("mei", note("x"))).seq == 1
    assert [type(error) for error in seen] == [LookupError]


async def test_a_closed_log_takes_nothing_and_gives_the_lock_free(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path)
    queued = journal.submit("mei", [note("queued")]).durable
    await journal.close()
    await journal.close()
    assert queued.result().seq == 1
    with pytest.raises(JournalError, match="closed"):
        await journal.append("mei", note("late"))
    assert not (tmp_path / BALLAST_FILE).exists()
    async with await Journal.open(tmp_path):
        pass


async def test_a_reader_of_an_active_log_sees_whole_records_only(tmp_path: Path) -> None:
    async with await Journal.open(tmp_path) as journal:
        done = threading.Event()
        counts: list[int] = []

        def look() -> None:
            while not done.is_set():
                counts.append(sum(1 for _ in read_log(tmp_path)))

        looking = asyncio.create_task(asyncio.to_thread(look))
        for _ in range(40):
            await journal.append_many("mei", some_events(60))
        done.set()
        await looking
    assert counts == sorted(counts)
    assert verify_log(tmp_path).records == 2400


# -- the lock -----------------------------------------------------------------------------------------------------


async def test_a_second_writer_is_told_who_holds_the_log(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.journal.log_program", str(tmp_path), "3", "--hold"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert [holder.stdout.readline() for _ in range(4)] == [b"ready\n", b"ack 1\n", b"ack 2\n", b"ack 3\n"]
        with pytest.raises(LockedError) as caught:
            await Journal.open(tmp_path)
        assert (caught.value.pid, caught.value.host) == (holder.pid, os.uname().nodename)
        assert f"process {holder.pid} on" in str(caught.value)
        second = await asyncio.to_thread(subprocess.run, command, stdin=subprocess.DEVNULL, capture_output=True)
        assert second.returncode == 75
        assert second.stdout.startswith(b"LockedError ")
        holder.kill()
        holder.wait()
        async with await Journal.open(tmp_path) as journal:  # free at once after kill -9
            assert journal.seq == 3


async def test_a_label_that_cannot_be_read_does_not_hide_the_lock(tmp_path: Path) -> None:
    async with await Journal.open(tmp_path):
        (tmp_path / "log.lock").write_bytes(b"\xff{")
        with pytest.raises(LockedError, match="another process") as caught:
            await Journal.open(tmp_path)
    assert caught.value.pid == 0


# -- recovery -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "tail", [b"x", LINES[5][:1], LINES[5][:200], LINES[5][:-1], b"\0" * 70_000, LINES[5][:9] + b"\0" * 9]
)
async def test_a_torn_tail_is_set_aside_and_logged(tmp_path: Path, tail: bytes) -> None:
    log_at(tmp_path, [*LINES[:5], tail])
    replayed: list[Record] = []
    async with await Journal.open(tmp_path, replay=replayed.append) as journal:
        assert replayed[-1].event == LogRecovered(bytes=len(tail), file="log.jsonl.torn")
        assert journal.seq == 6
        await journal.append("mei", note("on"))
    assert (tmp_path / "log.jsonl.torn").read_bytes() == tail
    assert [record.seq for record in read_log(tmp_path)] == list(range(1, 8))
    assert verify_log(tmp_path).intact
    assert verify_log(tmp_path).torn == 0


async def test_each_torn_tail_gets_a_file_of_its_own(tmp_path: Path) -> None:
    log_at(tmp_path, LINES[:2])
    for n in range(3):
        with (tmp_path / "log.jsonl").open("ab") as file:
            file.write(b"torn %d" % n)
        await (await Journal.open(tmp_path)).close()
    torn = [record.event.file for record in read_log(tmp_path) if isinstance(record.event, LogRecovered)]
    assert torn == ["log.jsonl.torn", "log.jsonl.torn2", "log.jsonl.torn3"]
    assert [(tmp_path / name).read_bytes() for name in torn] == [b"torn 0", b"torn 1", b"torn 2"]


async def test_a_tail_set_aside_by_a_recovery_that_was_cut_short_is_logged_by_the_next(tmp_path: Path) -> None:
    log_at(tmp_path, LINES[:4])
    (tmp_path / "log.jsonl.torn").write_bytes(b"half a li")
    await (await Journal.open(tmp_path)).close()
    await (await Journal.open(tmp_path)).close()
    assert [record.event for record in read_log(tmp_path, 5)] == [LogRecovered(bytes=9, file="log.jsonl.torn")]


async def test_only_a_torn_first_line_begins_a_new_log(tmp_path: Path) -> None:
    log_at(tmp_path, [LINES[0][:77]])
    async with await Journal.open(tmp_path) as journal:
        assert journal.seq == 1
    assert kinds(list(read_log(tmp_path))) == ["log.recovered"]


@pytest.mark.parametrize(
    ("lines", "line"),
    [
        ([*LINES[:3], LINES[3].replace(b"remark", b"REMARK"), *LINES[4:]], 4),
        ([*LINES[:3], *LINES[4:]], 4),
        ([*LINES[:3], LINES[2], *LINES[3:]], 4),
        ([*LINES[:7], LINES[7][:-1] + b"\x0e"], 8),
        (LINES[1:], 1),
    ],
)
async def test_any_other_damage_leaves_the_log_untouched_and_names_the_line(
    tmp_path: Path, lines: list[bytes], line: int
) -> None:
    path = log_at(tmp_path, lines)
    with pytest.raises(DamagedError, match=rf"log\.jsonl:{line}: .*read-only"):
        await Journal.open(tmp_path)
    assert path.read_bytes() == b"".join(lines)
    with pytest.raises(DamagedError):  # and the lock was given back
        await Journal.open(tmp_path)


async def test_a_log_of_a_newer_version_is_not_written_to(tmp_path: Path) -> None:
    line = lines_of([note("x")])[0]
    newer = line.replace(b"note.added", b"note.eaten")
    h = hashlib.sha256(newer[:-73] + b"}").hexdigest().encode()
    path = log_at(tmp_path, [newer[:-67] + h + newer[-3:]])
    with pytest.raises(NewerLogError, match=r"note\.eaten"):
        await Journal.open(tmp_path)
    assert path.stat().st_size == len(newer)


async def test_recovery_goes_on_in_the_last_segment(tmp_path: Path) -> None:
    log_at(tmp_path, [*LINES[:6], b"never acknowl"])
    second = after_fence(5)
    log_at(tmp_path, [*second, b"torn"], "log.0002.jsonl")
    log_at(tmp_path, [b'{"v"'], "log.0003.jsonl")
    async with await Journal.open(tmp_path) as journal:
        assert journal.seq == 5 + len(second) + 1
        await journal.append("mei", note("on"))
    assert (tmp_path / "log.0002.jsonl.torn").read_bytes() == b"torn"
    assert (tmp_path / "log.jsonl").read_bytes().endswith(b"never acknowl")
    assert verify_log(tmp_path).intact


# -- fencing ------------------------------------------------------------------------------------------------------


class FailingDisk:
    """Fails the sync of chosen commits, as a disk does: the bytes may or may not be there."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.error: int | None = None
        self.syncs = 0
        monkeypatch.setattr("upgrade_tui.journal.files.sync", self.sync)

    def sync(self, fd: int) -> None:
        self.syncs += 1
        if self.error is not None:
            raise OSError(self.error, os.strerror(self.error))
        os.fdatasync(fd)


async def test_a_failed_sync_fences_and_is_never_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = FailingDisk(monkeypatch)
    committed: list[Record] = []
    async with await Journal.open(tmp_path, on_commit=committed.extend) as journal:
        await journal.append_many("mei", some_events(3))
        disk.error, before = errno.EIO, disk.syncs
        results = await asyncio.gather(
            *(journal.append("mei", note(str(n))) for n in range(10)), return_exceptions=True
        )
        assert [type(result) for result in results] == [FencedError] * 10
        assert disk.syncs == before + 1
        assert journal.fenced == "log.jsonl: Input/output error"
        with pytest.raises(FencedError):
            journal.submit("mei", [note("refused at once")])
        assert journal.seq == len(committed) == 3
        disk.error = None
        record = await journal.reopen()
        assert record.event == LogFenced(
            error="log.jsonl: Input/output error", segment="log.jsonl", into="log.0002.jsonl"
        )
        assert sentence(record.event).endswith("it goes on in log.0002.jsonl")
        assert journal.fenced is None
        after = await journal.append("mei", note("goes on"))
        assert [record.seq, after.seq] == [4, 5]
    assert committed == list(read_log(tmp_path))
    assert verify_log(tmp_path).segments == 2
    assert "never acknowledged" in verify_log(tmp_path).notes[0]


async def test_a_disk_that_stays_broken_keeps_the_log_fenced_until_it_heals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = FailingDisk(monkeypatch)
    async with await Journal.open(tmp_path) as journal:
        await journal.append("mei", note("durable"))
        with pytest.raises(JournalError, match="not fenced"):
            await journal.reopen()
        disk.error = errno.EIO
        with pytest.raises(FencedError):
            await journal.append("mei", note("lost"))
        for _ in range(3):
            results = await asyncio.gather(journal.reopen(), journal.reopen(), return_exceptions=True)
            assert [type(result) for result in results] == [FencedError] * 2
        disk.error = None
        first, second = await asyncio.gather(journal.reopen(), journal.reopen())
        assert first == second
        await journal.append("mei", note("again"))
    assert kinds(list(read_log(tmp_path))) == ["note.added", "log.fenced", "note.added"]
    assert verify_log(tmp_path).intact


async def test_a_log_can_be_fenced_many_times_and_at_its_first_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = FailingDisk(monkeypatch)
    async with await Journal.open(tmp_path) as journal:
        for n in range(4):
            disk.error = errno.EIO
            with pytest.raises(FencedError):
                await journal.append_many("mei", [note("lost"), note(str(n))])
            disk.error = None
            await journal.reopen()
            if n % 2:
                await journal.append("mei", note(f"kept {n}"))
    records = list(read_log(tmp_path))
    assert [r.event.text for r in records if isinstance(r.event, NoteAdded)] == ["kept 1", "kept 3"]
    assert [record.seq for record in records] == list(range(1, 7))
    replayed: list[Record] = []
    await (await Journal.open(tmp_path, replay=replayed.append)).close()
    assert replayed == records


@pytest.mark.parametrize("how", ["renamed", "removed", "replaced", "truncated", "written to"])
async def test_a_log_changed_under_us_fences_at_the_next_commit(tmp_path: Path, how: str) -> None:
    log = tmp_path / "log.jsonl"
    async with await Journal.open(tmp_path) as journal:
        await journal.append_many("mei", some_events(5))
        if how == "renamed":
            log.rename(tmp_path / "elsewhere")
        elif how == "removed":
            log.unlink()
        elif how == "replaced":
            log.rename(tmp_path / "elsewhere")
            log.write_bytes((tmp_path / "elsewhere").read_bytes())
        elif how == "truncated":
            os.truncate(log, 100)
        else:
            with log.open("ab") as file:
                file.write(b"echo\n")
        with pytest.raises(FencedError, match=how.removeprefix("re")):
            await journal.append("mei", note("not acknowledged"))
        await journal.reopen()
        await journal.append("mei", note("goes on"))
    verdict = verify_log(tmp_path)
    assert verdict.intact == (how != "truncated")
    if verdict.intact:  # a log whose name was gone is written again from the open file
        assert [record.seq for record in read_log(tmp_path)] == list(range(1, 8))
    else:
        assert (verdict.segment, verdict.line) == ("log.jsonl", 1)
