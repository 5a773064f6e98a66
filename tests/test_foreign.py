"""No character from outside acts on a terminal or hides what is shown."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from upgrade_tui.foreign import decoded, harmless, one_line

calmly = settings(max_examples=100, deadline=None)

CONTROLS = [*range(0x20), *range(0x7F, 0xA0)]
BIDI = [0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
SEPARATORS = [0x2028, 0x2029]
HIDDEN = [0x00AD, 0x180E, 0x200B, *range(0x2060, 0x2066), 0xFEFF, 0xFFF9, 0xFFFA, 0xFFFB, *range(0xE0000, 0xE0080)]
SURROGATES = range(0xD800, 0xE000)

ANYTHING = st.text(st.characters(), max_size=60) | st.text(
    st.sampled_from([*map(chr, [*CONTROLS, *BIDI, *SEPARATORS, *HIDDEN, 0xD800, 0xDFFF]), "a", "数", "🚀"]), max_size=30
)


def _acts(character: str) -> bool:
    code = ord(character)
    return code in CONTROLS or code in BIDI or code in SEPARATORS or code in HIDDEN or code in SURROGATES


@pytest.mark.parametrize(
    "codes",
    [CONTROLS, BIDI, SEPARATORS, HIDDEN, SURROGATES],
    ids=["control", "bidi", "separator", "hidden", "surrogate"],
)
def test_every_character_that_acts_or_hides_is_replaced_by_one_that_is_seen(codes: list[int]) -> None:
    for code in codes:
        for text in (chr(code), f"a{chr(code)}b", f"数{chr(code)}"):
            assert not any(_acts(c) for c in one_line(text)), hex(code)
            assert len(one_line(text)) == len(text)
            if code not in (0x09, 0x0A):
                assert chr(code) not in harmless(text), hex(code)


def test_the_whole_of_unicode_holds_no_other_control_or_surrogate() -> None:
    for code in range(0x110000):
        character = chr(code)
        if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or unicodedata.bidirectional(character) in (
            "LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI",
        ):  # fmt: skip
            assert character not in one_line(character), hex(code)


def test_newlines_and_tabs_stay_in_text_and_go_from_a_line() -> None:
    assert harmless("a\tb\nc") == "a\tb\nc"
    assert one_line("a\tb\nc") == "a b␊c"


@pytest.mark.parametrize("text", ["plain", "数据库升级", "🚀 👩‍🚒 🇩🇪", "می‌خواهم", "שלום", "é é", "[/b][bold]", ""])
def test_what_people_really_write_stays_as_it_is(text: str) -> None:
    assert harmless(text) == text
    assert one_line(text) == text


def test_an_escape_sequence_becomes_text_that_can_be_read() -> None:
    assert harmless("\x1b]52;c;aGk=\x07") == "␛]52;c;aGk=␇"
    assert harmless("\x9b2J") == "\ufffd2J"
    assert harmless("\x7f\r") == "␡␍"


@calmly
@given(ANYTHING)
def test_nothing_acts_and_a_second_pass_changes_nothing(text: str) -> None:
    clean, line = harmless(text), one_line(text)
    assert not any(_acts(c) and c not in "\t\n" for c in clean)
    assert not any(_acts(c) for c in line)
    assert (harmless(clean), one_line(line)) == (clean, line)
    clean.encode("utf-8")


@calmly
@given(ANYTHING, st.integers(1, 40))
def test_a_line_is_cut_to_its_limit_and_says_so(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert len(line) <= limit
    if len(text) > limit:
        assert line.endswith("…")


@calmly
@given(st.binary(max_size=80))
def test_any_bytes_decode_to_harmless_text(data: bytes) -> None:
    text = decoded(data)
    assert not any(_acts(c) and c not in "\t\n" for c in text)


def test_bytes_decode_as_utf8_with_what_is_not_made_visible() -> None:
    assert decoded("数据\r\nok\rtail".encode()) == "数据\nok␍tail"
    assert decoded(b"caf\xe9 \xff") == "caf\ufffd \ufffd"
    assert decoded(b"\xed\xa0\x80") == "\ufffd\ufffd\ufffd"
