"""Durations, percentages and sizes: as people write them, and as they are shown."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from upgrade_tui.units import (
    DURATION_PATTERN,
    SIZE_PATTERN,
    Duration,
    Percent,
    Size,
    bytes_text,
    clock_text,
    count_text,
    duration_text,
    few_text,
    latency_text,
    percent_text,
    short_duration,
)

calmly = settings(max_examples=60, deadline=None)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90), ("10m", 600), ("1h30m", 5400), ("300ms", 0.3), ("2d", 172800), ("1.5h", 5400), (" 5m ", 300),
        ("1d2h3m4s5ms", 93784.005), ("0s", 0), ("1m500ms", 60.5),
    ],
)  # fmt: skip
def test_durations_are_read_as_people_write_them(text: str, seconds: float) -> None:
    assert Duration.parse(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        " ",
        "10",
        "10 m",
        "m",
        "-5m",
        "5x",
        "1m1h",
        "1s1s",
        "1e3s",
        "nan",
        "inf",
        "9" * 400 + "d",
        5,
        1.5,
        True,
        None,
    ],
)
def test_what_is_no_duration_is_refused_with_an_example(wrong: object) -> None:
    with pytest.raises(ValueError, match=r'expected a duration such as "90s", "10m" or "1h30m", got'):
        Duration.parse(wrong)


@calmly
@given(st.integers(0, 99), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_a_written_duration_comes_back_as_its_seconds(d: int, h: int, m: int, s: int, ms: int) -> None:
    text = "".join(f"{n}{u}" for n, u in ((d, "d"), (h, "h"), (m, "m"), (s, "s"), (ms, "ms")) if n) or "0s"
    assert Duration.parse(text) == pytest.approx(d * 86400 + h * 3600 + m * 60 + s + ms / 1000)
    assert re.fullmatch(DURATION_PATTERN, text), "the schema that editors use agrees"


@calmly
@given(st.integers(0, 10**7))
def test_a_shown_duration_read_again_is_the_same(seconds: int) -> None:
    assert Duration.parse(duration_text(seconds, parts=4).replace(" ", "")) <= seconds
    if seconds < 3600:
        assert Duration.parse(duration_text(seconds).replace(" ", "")) == float(seconds)


@calmly
@given(st.one_of(st.text(max_size=20), st.integers(), st.booleans(), st.none(), st.lists(st.text(), max_size=2)))
def test_reading_gives_a_number_or_says_what_would_be_right(value: object) -> None:
    for kind, what in ((Duration, "duration"), (Percent, "percentage")):
        try:
            said = f"{kind.parse(value):+}"
        except ValueError as error:
            said = str(error)
        assert said.startswith(("+", f"expected a {what}"))


@pytest.mark.parametrize(("text", "share"), [("0%", 0), ("85%", 85), ("12.5%", 12.5), ("100%", 100), (" 7% ", 7)])
def test_percentages_are_read(text: str, share: float) -> None:
    assert Percent.parse(text) == share


@pytest.mark.parametrize("wrong", ["", "85", "101%", "-1%", "%", "1e1%", "nan%", 0.85, True, None])
def test_what_is_no_percentage_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match='expected a percentage from "0%" to "100%", got'):
        Percent.parse(wrong)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (5400, "1 h 30 m"), (-180, "-3 m"), (4.2, "4 s"), (0, "0 s"), (-0.4, "0 s"), (0.5, "0 s"), (59.6, "1 m"),
        (3605, "1 h"), (86400 + 60, "1 d"), (90061, "1 d 1 h"), (-5430, "-1 h 30 m"),
    ],
)  # fmt: skip
def test_durations_are_shown_in_at_most_two_units(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_the_number_of_units_is_a_choice() -> None:
    assert [duration_text(90061, parts=n) for n in (1, 2, 3, 4)] == ["1 d", "1 d 1 h", "1 d 1 h 1 m", "1 d 1 h 1 m 1 s"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(4211, "1:10:11"), (-65, "-0:01:05"), (0, "0:00:00"), (-0.5, "0:00:00"), (59.9, "0:00:59"), (360000, "100:00:00")],
)
def test_a_countdown_has_hours_minutes_seconds(seconds: float, text: str) -> None:
    assert clock_text(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"), (999, "999 B"), (1536, "1.5 KiB"), (150 * 1024, "150 KiB"), (-2048, "-2.0 KiB"),
        (5 * 1024**3, "5.0 GiB"), (3 * 1024**5, "3072 TiB"),
    ],
)  # fmt: skip
def test_sizes_are_shown_in_binary_units(count: float, text: str) -> None:
    assert bytes_text(count) == text


@calmly
@given(st.floats(-1e15, 1e15))
def test_sizes_stay_short(count: float) -> None:
    assert re.fullmatch(r"-?\d{1,4}(\.\d)? ([KMGT]i)?B", bytes_text(count)), bytes_text(count)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("5GiB", 5 * 2**30), ("500MiB", 500 * 2**20), ("10GB", 10**10), ("1.5 TiB", 3 * 2**39), ("4 KiB", 4096),
        ("7kB".upper(), 7000), ("12B", 12), (" 1GiB ", 2**30),
    ],
)  # fmt: skip
def test_sizes_are_read_as_people_write_them(text: str, count: int) -> None:
    assert Size.parse(text) == count
    assert re.fullmatch(SIZE_PATTERN, text.strip()), "the schema that editors use agrees"


@pytest.mark.parametrize(
    "wrong", ["", "5", "5G", "5gib", "GiB", "-1GiB", "1e3GiB", "10%", "9" * 30 + "TiB", "2000000TiB", 5, None]
)
def test_what_is_no_size_is_refused_with_an_example(wrong: object) -> None:
    with pytest.raises(ValueError, match=r'expected a size such as "500MiB" or "5GiB", got'):
        Size.parse(wrong)


@pytest.mark.parametrize(
    ("seconds", "reads"),
    [
        (None, "–"), (0, "0 ms"), (0.0123, "12 ms"), (0.9994, "999 ms"), (0.9996, "1 s"), (1.04, "1.04 s"),
        (2.0, "2 s"),
        (12.34, "12.3 s"), (90, "90 s"), (1234.5, "1234 s"),
    ],
)  # fmt: skip
def test_a_latency_reads_with_three_figures_so_that_over_a_limit_differs_from_the_limit(
    seconds: float | None, reads: str
) -> None:
    assert latency_text(seconds) == reads


@pytest.mark.parametrize(("number", "reads"), [(0, "0 hosts"), (1, "1 host"), (2, "2 hosts")])
def test_only_one_of_something_is_singular(number: int, reads: str) -> None:
    assert count_text(number, "host") == reads
    assert count_text(number, "batch", "batches") == reads.replace("hosts", "batches").replace("host", "batch")


def test_of_a_long_list_the_first_are_named_and_the_rest_counted() -> None:
    assert few_text(["a", "b", "c"], 3) == "a, b, c"
    assert few_text(["a", "b", "c"], 2, "; ") == "a; b and 1 more"
    assert few_text([], 2) == ""


@pytest.mark.parametrize("text", [duration_text, short_duration, latency_text, percent_text])
def test_what_was_not_measured_is_a_dash(text: Callable[[float | None], str]) -> None:
    assert text(None) == "–"
