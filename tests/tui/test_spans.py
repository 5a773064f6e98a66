"""Columns fit in cells whatever foreign text is in them."""

from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from upgrade_tui.tui.clock import big_text
from upgrade_tui.tui.widgets.spans import bar, cut, fit, fitting, joined, length, spark, wrapped

texts = st.text(max_size=60)


@given(texts, st.integers(0, 40))
def test_a_column_is_exactly_as_wide_as_asked(text: str, width: int) -> None:
    assert cell_len(fit(text, width)) == width
    assert cell_len(fit(text, width, right=True)) == width


@given(st.lists(texts, max_size=5), st.integers(2, 60))
def test_a_line_is_cut_to_its_width(pieces: list[str], width: int) -> None:
    line = tuple((fit(p, len(p)), "plain") for p in pieces)
    assert length(cut(line, width)) <= width  # type: ignore[arg-type]


@example("000 \xa0", 4)  # a blank that does not break a line is no blank to leave out
@given(texts, st.integers(4, 30))
def test_wrapped_lines_fit_and_lose_no_word(text: str, width: int) -> None:
    clean = fit(text, cell_len(text)) if text else ""
    lines = wrapped(((clean, "plain"),), width)
    assert all(length(line) <= width for line in lines)
    assert "".join(t for line in lines for t, _ in line).replace(" ", "") == clean.replace(" ", "")


def test_cut_text_ends_in_an_ellipsis() -> None:
    assert fit("replication lag", 8) == "replica…"
    assert cut((("one ", "plain"), ("two", "bad")), 6) == (("one ", "plain"), ("t…", "bad"))


def test_control_characters_never_reach_a_column() -> None:
    assert "\x1b" not in fit("a\x1b[2Jb\nc", 20)


def test_parts_that_do_not_fit_are_left_out_whole() -> None:
    parts = [("yes, until 01:08", "good"), ("undo takes 37 m", "plain"), ("no return: drop", "muted")]
    assert "".join(t for t, _ in fitting(parts, 36)) == "yes, until 01:08 · undo takes 37 m"  # type: ignore[arg-type]


def test_empty_parts_leave_no_joint_behind() -> None:
    assert joined([("closed", "strong"), ("", "plain"), None]) == (("closed", "strong"),)


def test_a_sparkline_has_the_newest_value_at_the_right_and_gaps_for_what_was_not_measured() -> None:
    assert spark([0.0, 50.0, None, 100.0], 6, 100.0) == "  ▁▅ █"


def test_cells_of_a_sparkline_keep_their_values_while_they_move_left() -> None:
    values = [float(i % 7) * 10 for i in range(24)]
    before = spark(values, 6, 100.0, per_cell=4, end=24)
    after = spark([*values, 5.0], 7, 100.0, per_cell=4, end=25)
    assert after[:6] == before


def test_a_bar_is_as_full_as_its_share() -> None:
    assert bar(0.5, 8) == ("████", "░░░░")
    assert bar(7.0, 4) == ("████", "")


def test_big_digits_are_three_lines_of_the_same_width() -> None:
    lines = big_text.big("-1:07:30")
    assert len({len(line) for line in lines}) == 1
