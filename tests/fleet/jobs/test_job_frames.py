"""What a follower prints, read in any pieces."""

from __future__ import annotations

import pytest

from tests.fleet.jobs.ran import Heard
from upgrade_tui.fleet.jobs.frames import Frames, Garbled, JobResult

MARK = b"upgrade-tui:ab"


def frames(heard: Heard) -> Frames:
    return Frames(MARK, heard.on_output, heard.on_gap, heard.on_found)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_frames_are_the_same_in_any_pieces(size: int) -> None:
    heard = Heard()
    reader = frames(heard)
    said = b"hello\nM new 12 34 /var/tmp/x y\nM O 5\na\nX 0M O 3\n\x00\xff\nM K\nM G 8 20\nM O 1\nz"
    said += b"M X 3 timeout KILL 10.50 12.75 21\nafter the end"
    said = said.replace(b"M ", MARK + b" ")
    for start in range(0, len(said), size):
        reader.feed(said[start : start + size])
    assert bytes(heard.output) == b"a\nX 0\x00\xff\nz"
    assert heard.gaps == [(8, 20)]
    assert (reader.offset, reader.pid, reader.born, reader.made) == (21, 12, 34, True)
    assert reader.directory == "/var/tmp/x y"
    assert reader.result == JobResult(3, "timeout", "KILL", 2.25, 21)
    assert heard.found == 2, "as it is made, and at each word that it runs"


@pytest.mark.parametrize("line", [b"what?", b"O x", b"O -1", b"G 1", b"X 1 2", b"X a exit - 1 2 3", b"y" * 10_000])
def test_anything_else_is_said_to_be_so(line: bytes) -> None:
    reader = frames(Heard())
    with pytest.raises(Garbled):
        reader.feed(MARK + b" there 1 2 /d\n" + MARK + b" " + line + b"\n")


def test_a_frame_without_the_mark_of_its_job_is_not_taken() -> None:
    reader = frames(Heard())
    with pytest.raises(Garbled):
        reader.feed(MARK + b" there 1 2 /d\nX 0 exit - 1 2 0\n")
    assert reader.result is None


def test_what_a_host_says_about_itself_is_made_harmless() -> None:
    reader = frames(Heard())
    reader.feed(MARK + b" there 1 2 -\n" + MARK + b" U gone \x1b]52;c;x\x07\xff\n")
    assert reader.over
    assert "\x1b" not in reader.unknown
    assert "\x07" not in reader.unknown


def test_without_its_mark_nothing_counts() -> None:
    heard = Heard()
    reader = frames(heard)
    reader.feed(b"X 0 exit - 1 2 3\n" * 10_000)
    assert not reader.over
    assert not reader.found
    assert not heard.output
