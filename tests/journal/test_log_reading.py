"""Reading and verifying: the chain, every kind of damage, torn tails, segments."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.journal.journal_support import FENCED, LINES, after_fence, hash_of, lines_of, log_at, note, some_events
from tests.journal.test_log_format import EVENTS, forged
from upgrade_tui.journal import DamagedError, MissingLogError, NewerLogError, OlderLogError, read_log, verify_log
from upgrade_tui.journal.chain import Walk
from upgrade_tui.journal.format import GENESIS, MAX_LINE
from upgrade_tui.window.event_table import VERSIONS
from upgrade_tui.window.events import Event, StepIntent


def seqs(directory: Path, start: int = 1) -> list[int]:
    return [record.seq for record in read_log(directory, start)]


@given(events=st.lists(EVENTS, max_size=12))
@settings(max_examples=40)
def test_any_events_come_back_in_order(tmp_path_factory: pytest.TempPathFactory, events: list[Event]) -> None:
    directory = tmp_path_factory.mktemp("log")
    lines = lines_of(events)
    log_at(directory, lines)
    assert seqs(directory) == list(range(1, len(events) + 1))
    verdict = verify_log(directory)
    assert verdict.intact
    assert verdict.records == len(events)
    assert verdict.head == (hash_of(lines[-1]) if lines else GENESIS)


def test_reading_starts_where_asked(tmp_path: Path) -> None:
    log_at(tmp_path, lines_of(some_events(9)))
    assert seqs(tmp_path, 7) == [7, 8, 9]


@pytest.mark.parametrize("directory", ["nowhere", "empty", "file"])
def test_a_directory_without_a_log_is_named(tmp_path: Path, directory: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    for look in (lambda path: list(read_log(path)), verify_log):
        with pytest.raises(MissingLogError, match=directory):
            look(tmp_path / directory)


@pytest.mark.parametrize("bit", range(8))
def test_every_single_bit_flip_is_found_and_never_taken_for_a_torn_tail(tmp_path: Path, bit: int) -> None:
    lines = lines_of([note(str(n)) for n in range(20)])
    with log_at(tmp_path, lines).open("r+b", buffering=0) as file:
        position = 0
        for number, line in enumerate(lines, 1):
            for byte in line:
                os.pwrite(file.fileno(), bytes([byte ^ 1 << bit]), position)
                verdict = verify_log(tmp_path)
                os.pwrite(file.fileno(), bytes([byte]), position)
                position += 1
                found = (verdict.intact, verdict.segment, verdict.line, verdict.records)
                assert found == (False, "log.jsonl", number, number - 1), (position, bit)
    assert verify_log(tmp_path).intact


@given(data=st.data())
@settings(max_examples=60)
def test_random_damage_to_any_log_is_found(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    directory = tmp_path_factory.mktemp("log")
    good = b"".join(lines_of(data.draw(st.lists(EVENTS, min_size=1, max_size=5))))
    position = data.draw(st.integers(0, len(good) - 1))
    bit = data.draw(st.integers(0, 7))
    log_at(directory, [good[:position], bytes([good[position] ^ 1 << bit]), good[position + 1 :]])
    assert not verify_log(directory).intact
    with pytest.raises(DamagedError):
        list(read_log(directory))


FOREIGN = lines_of(some_events(3), seq=5, prev="ab" * 32)


@pytest.mark.parametrize(
    ("lines", "line", "problem"),
    [
        (LINES[1:], 1, "seq 2 follows seq 0: 1 line is missing"),
        (LINES[:3] + LINES[5:], 4, "seq 6 follows seq 3: 2 lines are missing"),
        (LINES[:4] + LINES[3:], 5, "seq 4 comes again or out of order, after seq 4"),
        ([*LINES[:2], LINES[3], LINES[2], *LINES[4:]], 3, "seq 4 follows seq 2"),
        (LINES[:4] + FOREIGN, 5, "its prev is not the hash of seq 4"),
        ([*LINES[:2], LINES[2][:50], *LINES[3:]], 3, "changed after it was written"),
        ([*LINES[:2], LINES[2][:50] + b"\n", *LINES[3:]], 3, "not a whole line"),
        ([*LINES[:2], b"\n", *LINES[2:]], 3, "not a whole line"),
        ([*LINES[:2], b"\0" * 4096, *LINES[2:]], 3, "changed after it was written"),
        ([*LINES, b"x" * (MAX_LINE + 1)], 9, "no newline within"),
        ([*LINES, b"x" + b"\0" * (MAX_LINE + 1) + b"y"], 9, "no newline within"),
        ([*LINES[:-1], LINES[-1][:-1] + b"\x0b"], 8, "its newline was changed"),
        ([LINES[0][:-1] + b"\x0b"], 1, "its newline was changed"),
        ([*LINES[:2], b"y" * (MAX_LINE + 1) + b"\n", *LINES[2:]], 3, "no newline within"),
    ],
)
def test_damage_is_named_with_its_line(tmp_path: Path, lines: list[bytes], line: int, problem: str) -> None:
    log_at(tmp_path, lines)
    verdict = verify_log(tmp_path)
    assert (verdict.intact, verdict.line, verdict.records) == (False, line, line - 1)
    assert problem in verdict.problem
    assert f"log.jsonl:{line}: " in str(verdict)
    with pytest.raises(DamagedError) as caught:
        list(read_log(tmp_path))
    assert (caught.value.segment, caught.value.line) == ("log.jsonl", line)


def test_the_records_before_the_damage_can_be_read(tmp_path: Path) -> None:
    log_at(tmp_path, [*LINES[:5], b"?\n", *LINES[5:]])
    reading = read_log(tmp_path)
    assert [next(reading).seq for _ in range(5)] == [1, 2, 3, 4, 5]
    with pytest.raises(DamagedError, match=r"log\.jsonl:6: "):
        next(reading)


def test_any_bytes_without_a_newline_at_the_end_are_a_torn_tail(tmp_path: Path) -> None:
    log_at(tmp_path, [*LINES, b"\0" * 10, b"x"])
    assert verify_log(tmp_path).intact
    assert verify_log(tmp_path).torn == 11


@pytest.mark.parametrize("cut", [1, 2, 70, 120])
def test_a_torn_tail_is_reported_and_is_no_damage(tmp_path: Path, cut: int) -> None:
    log_at(tmp_path, [*LINES[:-1], LINES[-1][:-cut]])
    verdict = verify_log(tmp_path)
    assert verdict.intact
    assert (verdict.records, verdict.torn) == (7, len(LINES[-1]) - cut)
    assert "torn" in verdict.notes[0]
    assert seqs(tmp_path) == list(range(1, 8))


@pytest.mark.parametrize("start", [b"", LINES[-1][:40], LINES[-1][:-1]])
def test_a_tail_filled_with_nul_is_torn_however_long(tmp_path: Path, start: bytes) -> None:
    log_at(tmp_path, [*LINES[:-1], start, b"\0" * 200_000])
    verdict = verify_log(tmp_path)
    assert verdict.intact
    assert (verdict.records, verdict.torn) == (7, len(start) + 200_000)
    assert seqs(tmp_path) == list(range(1, 8))


def test_a_kind_of_a_newer_version_stops_the_reader_with_its_line_and_kind(tmp_path: Path) -> None:
    head = '{"v":1,"seq":3,"ts":1.0,"mono":1.0,"boot":"b","actor":"a","kind":"host.danced","prev":"'
    newer = forged(head + hash_of(LINES[1]) + '"}')
    after = lines_of([note("x")], seq=4, prev=hash_of(newer))
    log_at(tmp_path, [*LINES[:2], newer, *after])
    with pytest.raises(NewerLogError, match=r'log\.jsonl:3: its kind "host\.danced"') as caught:
        list(read_log(tmp_path))
    assert caught.value.kind == "host.danced"
    verdict = verify_log(tmp_path)
    assert verdict.intact
    assert verdict.records == 4
    assert "host.danced" in verdict.notes[0]


def test_an_older_meaning_stops_reader_and_report_with_its_line_but_not_the_check_of_the_chain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_at(tmp_path, LINES)
    number = next(n for n, line in enumerate(LINES, 1) if b'"step.intent"' in line)
    monkeypatch.setitem(VERSIONS, StepIntent, 2)
    told = rf"log\.jsonl:{number}: step\.intent of version 1: its meaning changed; read this log with the version that"
    with pytest.raises(OlderLogError, match=told):
        list(read_log(tmp_path))
    with pytest.raises(OlderLogError, match=told):
        list(Walk(tmp_path, lenient=True))
    verdict = verify_log(tmp_path)
    assert (verdict.intact, verdict.records) == (True, len(LINES))
    assert "step.intent" in verdict.notes[0]


def test_a_newer_format_is_named(tmp_path: Path) -> None:
    log_at(tmp_path, [*LINES[:2], forged('{"v":99}')])
    with pytest.raises(NewerLogError, match="format 99"):
        list(read_log(tmp_path))
    verdict = verify_log(tmp_path)
    assert (verdict.intact, verdict.line) == (False, 3)


# -- segments -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rest", [b"", LINES[5], LINES[5] + LINES[6][:30], b"\0" * 5000, b"garbage\n" * 3])
def test_the_next_segment_says_where_the_former_ended(tmp_path: Path, rest: bytes) -> None:
    second = after_fence(5)
    log_at(tmp_path, [*LINES[:5], rest])
    log_at(tmp_path, second, "log.0002.jsonl")
    assert [(r.seq, r.event.__struct_config__.tag) for r in read_log(tmp_path, 5)][1] == (6, "log.fenced")
    assert seqs(tmp_path) == list(range(1, 10))
    verdict = verify_log(tmp_path)
    assert verdict.intact
    assert (verdict.records, verdict.segments, verdict.head) == (9, 2, hash_of(second[-1]))
    assert len(verdict.notes) == bool(rest)


def test_a_former_segment_that_ends_too_early_is_damage(tmp_path: Path) -> None:
    log_at(tmp_path, LINES[:3])
    log_at(tmp_path, after_fence(5), "log.0002.jsonl")
    verdict = verify_log(tmp_path)
    assert (verdict.segment, verdict.line) == ("log.0002.jsonl", 1)
    assert "2 lines are missing" in verdict.problem


def test_a_missing_first_segment_is_damage(tmp_path: Path) -> None:
    log_at(tmp_path, after_fence(5), "log.0002.jsonl")
    assert (verify_log(tmp_path).segment, verify_log(tmp_path).line) == ("log.0002.jsonl", 1)


def test_every_bit_flip_in_the_first_line_of_a_later_segment_is_found_there(tmp_path: Path) -> None:
    log_at(tmp_path, LINES[:6])
    second = after_fence(5, 0)
    path = tmp_path / "log.0002.jsonl"
    for position in range(len(second[0])):
        flipped = bytearray(second[0])
        flipped[position] ^= 1 << position % 8
        path.write_bytes(flipped)
        verdict = verify_log(tmp_path)
        assert (verdict.intact, verdict.segment, verdict.line) == (False, "log.0002.jsonl", 1), position
        assert verdict.records == 6


@pytest.mark.parametrize("content", [b"", b'{"v":1,"se', b"\0" * 600])
def test_a_segment_without_a_whole_line_is_void(tmp_path: Path, content: bytes) -> None:
    log_at(tmp_path, LINES)
    log_at(tmp_path, [content], "log.0002.jsonl")
    assert seqs(tmp_path) == list(range(1, 9))
    assert verify_log(tmp_path).intact
    assert "log.0002.jsonl" in verify_log(tmp_path).notes[0]


def test_a_third_segment_can_replace_a_second_whose_lines_were_never_acknowledged(tmp_path: Path) -> None:
    log_at(tmp_path, LINES[:6])
    log_at(tmp_path, after_fence(5), "log.0002.jsonl")
    third = lines_of([FENCED, note("on")], seq=6, prev=hash_of(LINES[4]))
    log_at(tmp_path, third, "log.0003.jsonl")
    assert verify_log(tmp_path).intact
    assert verify_log(tmp_path).head == hash_of(third[-1])
    assert seqs(tmp_path) == list(range(1, 8))


def test_a_window_fenced_at_its_very_first_line_is_read(tmp_path: Path) -> None:
    log_at(tmp_path, [LINES[0][:20]])
    log_at(tmp_path, after_fence(0), "log.0002.jsonl")
    assert seqs(tmp_path) == [1, 2, 3, 4]


def test_other_files_are_not_segments(tmp_path: Path) -> None:
    log_at(tmp_path, LINES)
    for name in ("log.2.jsonl", "log.00002.jsonl", "log.0001.jsonl", "log.jsonl.torn", "log.0002.jsonl~"):
        log_at(tmp_path, [b"x\n"], name)
    assert seqs(tmp_path) == list(range(1, 9))
