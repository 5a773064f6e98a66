"""Output as it comes from hosts: any bytes in any pieces become harmless lines, in bounded memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upgrade_tui.tui.step.output_buffer import LINE_LIMIT, OutputBuffer


def lines_of(data: bytes, *, final: bool = True) -> list[str]:
    buffer = OutputBuffer()
    buffer.feed(data, final=final)
    return buffer.lines


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", []),
        (b"one\ntwo\n", ["one", "two"]),
        (b"one\ntw", ["one", "tw"]),
        (b"\n\n", ["", ""]),
        (b"a\r\nb\r\n", ["a", "b"]),
        (b"10%\r20%\r30%", ["30%"]),
        (b"10%\r20%\r", ["20%"]),
        (b"10%\rdone\n", ["done"]),
        (b"10%\r\r\ndone\n", ["10%", "done"]),
        ("größer 延迟\n".encode(), ["größer 延迟"]),
        (b"\xff\xfe\n", ["��"]),
        (b"\x1b[31mred\x1b[0m \x1b[1;38:5:12mblue\x1b[K\n", ["red blue"]),
        (b"\x1b]52;c;aGk=\x07\n", ["␛]52;c;aGk=␇"]),
        (b"\x1b[2J\x1b[H\n", ["␛[2J␛[H"]),
        ("\u202eevil\n".encode(), ["�evil"]),
        (b"a\tb\n", ["a       b"]),
        (b"[b]not markup[/b]\n", ["[b]not markup[/b]"]),
    ],
)
def test_bytes_become_harmless_lines(data: bytes, lines: list[str]) -> None:
    assert lines_of(data) == lines


def test_a_character_split_over_two_pieces_is_whole() -> None:
    data = "a延b\n".encode()
    for cut in range(len(data)):
        buffer = OutputBuffer()
        buffer.feed(data[:cut])
        buffer.feed(data[cut:])
        assert buffer.lines == ["a延b"]


def test_half_a_character_at_the_end_shows_only_when_nothing_more_comes() -> None:
    buffer = OutputBuffer()
    buffer.feed("ok 延".encode()[:-1])
    assert buffer.lines == ["ok "]
    buffer.feed(b"", final=True)
    assert buffer.lines == ["ok �"]


def test_an_unfinished_line_grows_in_place() -> None:
    buffer = OutputBuffer()
    buffer.feed(b"first\nsec")
    assert buffer.lines == ["first", "sec"]
    assert buffer.feed(b"ond\nthird") == 1
    assert buffer.lines == ["first", "second", "third"]


PIECES = st.lists(
    st.sampled_from([b"abc", b"\r", b"\n", b"\r\n", "延".encode(), b"\xe5", b"\x1b[32m", b"\x1b", b"[0m", b"\t"]),
    max_size=30,
)


@given(PIECES, st.lists(st.integers(0, 400), max_size=6))
def test_the_pieces_bytes_come_in_make_no_difference(pieces: list[bytes], cuts: list[int]) -> None:
    data = b"".join(pieces)
    buffer = OutputBuffer()
    at = 0
    for cut in [*sorted(min(c, len(data)) for c in cuts), len(data)]:
        buffer.feed(data[at:cut])
        at = cut
    buffer.feed(b"", final=True)
    assert buffer.lines == lines_of(data)


@given(st.binary(max_size=2000))
def test_no_byte_acts_on_the_terminal(data: bytes) -> None:
    for line in lines_of(data):
        assert not any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 or 0x202A <= ord(c) <= 0x202E for c in line)


def test_a_line_of_a_megabyte_is_kept_in_part_and_says_so() -> None:
    buffer = OutputBuffer()
    for _ in range(16):
        buffer.feed(b"x" * 65536)
    assert len(buffer.lines) == 1
    assert buffer.lines[0].startswith("x" * LINE_LIMIT + " … and 1,040,384 characters more")
    buffer.feed(b"\nnext\n")
    assert buffer.lines[1] == "next"


def test_a_progress_bar_of_megabytes_is_one_short_line() -> None:
    buffer = OutputBuffer()
    for start in range(0, 100_000, 5_000):
        buffer.feed(b"".join(b"\rdone %d" % n for n in range(start, start + 5_000)))
    assert buffer.lines == ["done 99999"]


def test_old_lines_go_where_there_are_too_many() -> None:
    buffer = OutputBuffer(max_lines=100, max_characters=10_000)
    for start in range(0, 1000, 10):
        buffer.feed(b"".join(b"line %d\n" % n for n in range(start, start + 10)))
        buffer.trim()
        assert len(buffer.lines) <= 116
        assert buffer.lines[0] == f"line {buffer.dropped}"
    assert buffer.lines[-1] == "line 999"


def test_old_lines_go_where_they_are_too_long() -> None:
    buffer = OutputBuffer(max_lines=1000, max_characters=1000)
    for n in range(50):
        buffer.feed(b"%03d " % n + b"x" * 96 + b"\n")
        buffer.trim()
    assert sum(map(len, buffer.lines)) <= 1100
    assert buffer.lines[-1].startswith("049 ")
    assert buffer.lines[0].startswith(f"{buffer.dropped:03} ")
