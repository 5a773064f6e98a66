"""Every state is said by a glyph, a word and a tone, in ASCII too."""

from typing import get_args

from rich.cells import cell_len

from upgrade_tui.tui import glyphs
from upgrade_tui.tui.theme import THEMES
from upgrade_tui.window import state_words
from upgrade_tui.window.clock import CLOCK_LEVELS
from upgrade_tui.window.measurements import Link, Verdict
from upgrade_tui.window.state import StepName, TaskName

TABLES = (
    state_words.TASKS,
    state_words.LINKS,
    state_words.VERDICTS,
    state_words.LEVELS,
    state_words.PHASES,
    state_words.ARMED,
)
ALL = [state_words.EXCLUDED, *(w for t in TABLES for w in t.values())]


def test_no_state_of_the_window_core_is_left_without_a_word() -> None:
    assert set(state_words.STEPS) >= set(get_args(StepName))
    assert set(state_words.TASKS) >= set(get_args(TaskName))
    assert set(state_words.LINKS) == set(get_args(Link))
    assert set(state_words.VERDICTS) == set(get_args(Verdict))
    assert set(state_words.LEVELS) == set(CLOCK_LEVELS)
    assert {state_words.armed_word(state).word for state in ("armed", "confirmed", "fired")} == {
        "armed", "confirmed", "undone by the host",
    }  # fmt: skip


def test_glyphs_are_one_cell_and_have_an_ascii_stand_in() -> None:
    for word in ALL:
        assert cell_len(word.glyph) == 1
        assert len(word.ascii) == 1
        assert word.ascii.isascii()


def test_unknown_is_neither_good_nor_bad() -> None:
    assert state_words.step_word("unknown").tone == "unknown"
    assert state_words.step_word("from a later version").word == "unknown"


def test_no_two_states_that_mean_the_opposite_share_a_glyph() -> None:
    good = {w.glyph for w in ALL if w.tone == "good"}
    bad = {w.glyph for w in ALL if w.tone in ("bad", "unknown", "tight", "watch")}
    assert not good & bad


def test_every_theme_has_every_tone() -> None:
    for theme in THEMES:
        assert {f"tone-{tone}" for tone in glyphs.TONES} <= set(theme.variables)


def test_ascii_text_is_as_wide_as_it_was() -> None:
    text = "▁▃█ ✓ done · “db1” … 数据库 🚀 é"
    assert glyphs.ascii_only(text).isascii()
    assert cell_len(glyphs.ascii_only(text)) == cell_len(text)


def test_worst_first_sorts_bad_before_unknown_before_good() -> None:
    assert sorted(["good", "unknown", "bad", "muted", "watch"], key=state_words.worst_first) == [  # type: ignore[arg-type]
        "bad", "unknown", "watch", "good", "muted",
    ]  # fmt: skip
