"""A record as a line and back: exact bytes, refusals, foreign text, newer versions."""

from __future__ import annotations

import hashlib
import json
import math
import subprocess
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.journal.journal_support import lines_of, some_events
from tests.support import require
from upgrade_tui.foreign import harmless
from upgrade_tui.journal.errors import RefusedError
from upgrade_tui.journal.format import (
    GENESIS,
    MAX_LINE,
    FormatError,
    OtherVersionError,
    UnknownKindError,
    decode_line,
    encode_line,
)
from upgrade_tui.window.event_table import VERSIONS
from upgrade_tui.window.events import Event, LimitCrossed, NoteAdded, StepIntent, TaskFinished

ENVELOPE = {"v", "seq", "ts", "mono", "boot", "actor", "kind", "prev", "h"}
TEXT = st.text(st.characters(codec=None), max_size=40)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
EVENTS = st.one_of(
    st.builds(NoteAdded, text=TEXT, step=TEXT, host=TEXT, mark=st.sampled_from(["", "good", "bad"])),
    st.builds(StepIntent, step=TEXT, attempt=st.integers(-(2**63), 2**64 - 1),
              batches=st.lists(st.lists(TEXT, max_size=3).map(tuple), max_size=3).map(tuple)),
    st.builds(LimitCrossed, host=TEXT, metric=TEXT, value=FINITE, limit=FINITE),
    st.builds(TaskFinished, step=TEXT, host=TEXT, attempt=st.integers(0, 9), exit=st.none() | st.integers(0, 255),
              seconds=FINITE, last_line=TEXT),
)  # fmt: skip


def written(event: Event, *, actor: str = "mei", ts: float = 1.5, mono: float = 2.5, prev: str = GENESIS) -> bytes:
    return encode_line(1, ts, mono, "boot", actor, event, prev).data


def forged(text: str) -> bytes:
    """A line of any members, with the right hash: what a careless other writer could leave."""
    body = text.encode()
    return body[:-1] + b',"h":"' + hashlib.sha256(body).hexdigest().encode() + b'"}\n'


def forged_fields(members: str, v: int = 1) -> bytes:
    head = f'{{"v":{v},"seq":1,"ts":1.0,"mono":1.0,"boot":"b","actor":"a",'
    return forged(head + members + ',"prev":"' + GENESIS + '"}')


def test_a_line_is_exactly_what_the_document_says() -> None:
    line = encode_line(7, 1763680000.25, 80.5, "b-1", "mei", NoteAdded(text="go", mark="good"), "ab" * 32).data
    body = (
        '{"v":1,"seq":7,"ts":1763680000.25,"mono":80.5,"boot":"b-1","actor":"mei",'
        '"kind":"note.added","text":"go","mark":"good","prev":"' + "ab" * 32 + '"}'
    )
    h = hashlib.sha256(body.encode()).hexdigest()
    assert line == (body[:-1] + f',"h":"{h}"}}\n').encode()


def test_every_line_is_plain_json_with_the_members_in_order() -> None:
    for line in lines_of(some_events(6)):
        keys = list(json.loads(line))
        assert keys[:7] == ["v", "seq", "ts", "mono", "boot", "actor", "kind"]
        assert keys[-2:] == ["prev", "h"]


def test_no_event_has_a_field_that_the_line_needs_for_itself() -> None:
    for kind in get_args(Event):
        assert not ENVELOPE & {field.encode_name for field in msgspec.structs.fields(kind)}, kind


@given(event=EVENTS, actor=TEXT, ts=FINITE, mono=FINITE, seq=st.integers(1, 10**15))
@example(event=NoteAdded(text="\ud800"), actor="\udfff", ts=1e16, mono=-0.0, seq=1)
@example(event=NoteAdded(text="null"), actor="null", ts=1, mono=5e-324, seq=1)
def test_what_is_written_is_what_is_read(event: Event, actor: str, ts: float, mono: float, seq: int) -> None:
    line = encode_line(seq, ts, mono, "boot", actor, event, GENESIS)
    record, prev, h = decode_line(line.data)
    assert record == line.record
    assert (prev, h) == (GENESIS, line.h)
    assert (record.seq, record.ts, record.mono, record.actor) == (seq, ts, mono, harmless(actor))
    assert line.data.count(b"\n") == 1


@given(text=TEXT)
def test_foreign_text_is_harmless_when_read(text: str) -> None:
    record, _, _ = decode_line(written(NoteAdded(text=text), actor=text))
    assert record.event == NoteAdded(text=harmless(text))
    assert record.actor == harmless(text)


@pytest.mark.parametrize(
    "escape", ["\\u001b]52;c;x\\u0007", "\x7f", "\\u009b31m", "\u202e", "\\r", "\\b", "\\ud83d\\ude00"]
)
def test_a_log_by_another_hand_cannot_act_on_the_terminal(escape: str) -> None:
    record, _, _ = decode_line(forged_fields(f'"kind":"note.added","text":"{escape}"'))
    assert isinstance(record.event, NoteAdded)
    assert record.event.text == harmless(json.loads(f'"{escape}"', strict=False))


@pytest.mark.parametrize(
    "event",
    [
        LimitCrossed(host="h", metric="cpu", value=math.nan, limit=1.0),
        LimitCrossed(host="h", metric="cpu", value=1.0, limit=math.inf),
        TaskFinished(step="s", host="h", attempt=1, exit=math.nan, seconds=1.0),  # type: ignore[arg-type]
        TaskFinished(step="s", host="h\udc00", attempt=1, exit=None, seconds=-math.inf),
        NoteAdded(text=17),  # type: ignore[arg-type]
        NoteAdded(text="x", mark="splendid"),  # type: ignore[arg-type]
        NoteAdded(text=object()),  # type: ignore[arg-type]
        "no event at all",
    ],
)  # fmt: skip
def test_what_no_reader_could_read_is_refused_before_it_is_written(event: Event) -> None:
    with pytest.raises(RefusedError):
        written(event)


@pytest.mark.parametrize(("ts", "mono"), [(math.nan, 1.0), (1.0, math.inf)])
def test_a_clock_that_gives_no_number_is_refused(ts: float, mono: float) -> None:
    with pytest.raises(RefusedError):
        written(NoteAdded(text="x"), ts=ts, mono=mono)


def test_a_line_has_at_most_64_kib_on_write_and_on_read() -> None:
    frame = len(written(NoteAdded(text="")))
    longest = written(NoteAdded(text="x" * (MAX_LINE - frame)))
    assert len(longest) == MAX_LINE
    assert decode_line(longest)[0].event == NoteAdded(text="x" * (MAX_LINE - frame))
    with pytest.raises(RefusedError, match="65537 bytes"):
        written(NoteAdded(text="x" * (MAX_LINE - frame + 1)))
    with pytest.raises(FormatError, match="longer than"):
        decode_line(forged_fields('"kind":"note.added","text":"' + "x" * MAX_LINE + '"'))


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ('"kind":"note.added","text":"x","text":"y"', '"text" is in it twice'),
        ('"kind":"note.added","text":"x","seq":2', '"seq" is in it twice'),
        ('"kind":"note.added","kind":"note.added","text":"x"', '"kind" is in it twice'),
        ('"kind":"note.added","text":"x","later":{"a":1,"a":1}', '"a" is in it twice'),
        pytest.param(
            '"kind":"note.added","text":"x","later":' + "[" * 9000 + "]" * 9000, "nested deeper than 64", id="nested"
        ),
        ('"kind":"limit.crossed","host":"h","metric":"m","value":NaN,"limit":1', "not JSON"),
        ('"kind":"limit.crossed","host":"h","metric":"m","value":1e999,"limit":1', "out of range"),
        ('"kind":"note.added"', "does not fit: Object missing required field `text`"),
        ('"kind":"note.added","text":"\xff', "not JSON"),
        ('"text":"x","kind":"note.added"', "not those of a log line"),
        ('"text":"x"', "not those of a log line"),
    ],
)
def test_wrong_members_are_refused_although_the_hash_fits(members: str, problem: str) -> None:
    with pytest.raises(FormatError, match=problem.replace("`", ".")):
        decode_line(forged_fields(members))


@pytest.mark.parametrize(
    "head",
    [
        '{"v":1,"v":1,"seq":1',
        '{"seq":1,"v":1',
        '{"v":1,"seq":0',
        '{"v":1, "seq":1',
        '{"v":1,"seq":1.0',
        '{"v":0,"seq":1',
    ],
)
def test_members_around_the_event_must_be_ours_in_order(head: str) -> None:
    rest = ',"ts":1.0,"mono":1.0,"boot":"b","actor":"a","kind":"note.added","text":"x","prev":"' + GENESIS + '"}'
    with pytest.raises(FormatError):
        decode_line(forged(head + rest))


@pytest.mark.parametrize("brackets", ["[]", "{}"])
def test_nesting_has_a_limit_of_its_own_whatever_the_interpreter_allows(brackets: str) -> None:
    start, end = ("[", "]") if brackets == "[]" else ('{"a":', "}")
    around = '"kind":"note.added","text":"[[{ \\" [[[","later":'
    allowed, over = (around + start * depth + "1" + end * depth for depth in (63, 64))
    assert decode_line(forged_fields(allowed))[0].event == NoteAdded(text='[[{ " [[[')
    with pytest.raises(FormatError, match="nested deeper than 64 levels"):
        decode_line(forged_fields(over))
    brackets_in_text = NoteAdded(text="[" * 500)
    assert decode_line(written(brackets_in_text))[0].event == brackets_in_text


def test_fields_of_a_newer_version_are_ignored() -> None:
    record, _, _ = decode_line(forged_fields('"kind":"note.added","text":"x","later":{"a":[1,2]}'))
    assert record.event == NoteAdded(text="x")


def test_a_kind_of_a_newer_version_is_named_and_its_place_in_the_chain_is_known() -> None:
    with pytest.raises(UnknownKindError, match=r"host\.danced") as caught:
        decode_line(forged_fields('"kind":"host.danced","host":"db1"'))
    assert caught.value.kind == "host.danced"
    assert caught.value.link is not None
    assert caught.value.link.seq == 1


def test_a_newer_format_is_told_from_damage() -> None:
    with pytest.raises(UnknownKindError, match="format 99"):
        decode_line(forged('{"v":99,"seq":1,"whatever":true}'))


@given(st.binary(max_size=300))
def test_any_bytes_give_a_record_or_a_clear_refusal(data: bytes) -> None:
    with pytest.raises(FormatError):
        decode_line(data)
    body = b"{" + data + b"}"
    with pytest.raises(FormatError):
        decode_line(body[:-1] + b',"h":"' + hashlib.sha256(body).hexdigest().encode() + b'"}\n')


def test_a_line_carries_the_version_of_its_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    assert written(NoteAdded(text="x")).startswith(b'{"v":1,')
    monkeypatch.setitem(VERSIONS, NoteAdded, 2)
    line = written(NoteAdded(text="x"))
    assert line.startswith(b'{"v":2,')
    assert decode_line(line)[0].event == NoteAdded(text="x")


def test_an_older_line_of_a_kind_whose_meaning_changed_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    line = written(NoteAdded(text="x"))
    monkeypatch.setitem(VERSIONS, NoteAdded, 2)
    with pytest.raises(OtherVersionError, match=r"note\.added of version 1: its meaning changed") as caught:
        decode_line(line)
    assert caught.value.older
    assert caught.value.link is not None
    assert caught.value.link.seq == 1


def test_a_newer_line_of_a_kind_is_refused_by_name_whatever_its_fields() -> None:
    for fields in ('"kind":"note.added","text":"x"', '"kind":"note.added","said":"x"'):
        with pytest.raises(
            OtherVersionError, match=r"note\.added of version 9: this version reads .* version 1"
        ) as caught:
            decode_line(forged_fields(fields, v=9))
        assert not caught.value.older


def test_the_hash_can_be_checked_with_ordinary_tools(tmp_path: Path) -> None:
    require("sed", "tail", "tr", "sha256sum")
    lines = lines_of(some_events(3))
    (tmp_path / "log.jsonl").write_bytes(b"".join(lines))
    document = (Path(__file__).parents[2] / "docs" / "log-format.md").read_text()
    command = next(line.strip() for line in document.splitlines() if line.startswith("    tail -n 1"))
    run = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert run.stdout.split()[0] == json.loads(lines[-1])["h"]
