"""Charts: exact sizes, gaps that stay gaps, titles that say the numbers, limits that stand out."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from upgrade_tui.telemetry.model import Point
from upgrade_tui.tui.widgets import charts
from upgrade_tui.tui.widgets.charts import Chart, binned, drawn, grid, nice, series_of
from upgrade_tui.tui.widgets.spans import Line, length
from upgrade_tui.units import fine_percent_text, rate_text

CPU = Chart(title="cpu", names=("cpu",), text=fine_percent_text, ceiling=100.0, limit=90.0)


def points(*values: float | None, start: float = 0.0, step: float = 1.0) -> tuple[Point, ...]:
    return tuple(Point(start + i * step, v, v, v) for i, v in enumerate(values))


def text(lines: list[Line]) -> list[str]:
    return ["".join(part for part, _ in line) for line in lines]


def test_the_title_says_newest_peak_and_limit() -> None:
    lines = drawn(CPU, {"cpu": points(10, 95, 20)}, 0.0, 3.0, 60, 6)
    assert text(lines)[0] == "cpu  20 %  peak 95 % 2 s ago  limit 90 %"


def test_a_title_drops_whole_parts_where_there_is_little_room() -> None:
    assert text(drawn(CPU, {"cpu": points(10, 95, 20)}, 0.0, 3.0, 20, 6))[0] == "cpu  20 %  peak 95 %"


def test_a_full_value_fills_its_column_and_half_fills_half() -> None:
    rows = text(drawn(CPU, {"cpu": points(100, 100, 50, 50)}, 0.0, 4.0, 6 + 4, 6))[1:5]
    assert [row[-4:] for row in rows] == ["██──", "██  ", "████", "████"]


def test_where_nothing_was_measured_there_is_a_dot_and_no_bar() -> None:
    bottom = text(drawn(CPU, {"cpu": points(100, None, None, 100)}, 0.0, 4.0, 6 + 4, 6))[4]
    assert bottom[-4:] == "█··█"


def test_without_any_sample_the_chart_says_so() -> None:
    lines = drawn(CPU, {}, 0.0, 60.0, 40, 6)
    assert len(lines) == 6
    assert "no samples in this time" in "\n".join(text(lines))


def test_what_is_over_the_limit_has_another_tone() -> None:
    lines = drawn(CPU, {"cpu": points(95, 10)}, 0.0, 2.0, 6 + 4, 4)
    tones = {tone for line in lines[1:3] for block, tone in line if "█" in block}
    assert "bad" in tones


def test_the_time_axis_runs_to_now() -> None:
    axis = text(drawn(CPU, {"cpu": points(1)}, 0.0, 1800.0, 60, 6))[-1]
    assert "-30 m" in axis
    assert "-15 m" in axis
    assert axis.endswith("now")


def test_rates_are_added_over_mounts_and_said_one_by_one() -> None:
    chart = Chart(
        title="disk",
        names=("read", "written"),
        text=rate_text,
        binary=True,
        says=(("read", "read"), ("write", "written")),
    )
    series = {"read /": points(1024), "read /var": points(1024), "written /": points(2048)}
    assert [p.mean for p in series_of(series, "read")] == [2048]
    assert text(drawn(chart, series, 0.0, 1.0, 60, 6))[0].startswith("disk  read 2.0K/s  write 2.0K/s  peak 4.0K/s")


def test_fewer_points_than_cells_make_no_false_gaps() -> None:
    cols = binned(points(*[50.0] * 10, step=6.0), 0.0, 60.0, 40)
    assert all(c.mean == 50.0 for c in cols)


def test_rare_probes_stand_side_by_side_but_one_that_failed_to_come_is_a_gap() -> None:
    values = [None if i % 4 or i == 32 else 0.1 for i in range(60)]  # a probe every 4 s, the ninth never came
    cols = binned(points(*values), 0.0, 60.0, 30)
    assert [i for i, c in enumerate(cols) if c.mean is None] == [15, 16, 17]


@pytest.mark.parametrize(
    ("value", "top"), [(0.0, 1.0), (0.7, 1.0), (1.0, 1.0), (1.1, 2.0), (3.0, 5.0), (51.0, 100.0), (100.0, 100.0)]
)
def test_ceilings_are_round(value: float, top: float) -> None:
    assert nice(value) == pytest.approx(top)


@example([-1.2e308], 1, 4)
@example([1.7e308, 1.7e308, -1.7e308], 30, 8)
@given(
    st.lists(st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True)), max_size=60),
    st.integers(1, 200),
    st.integers(3, 20),
)
def test_any_values_give_lines_of_the_size_asked_for(values: list[float | None], width: int, height: int) -> None:
    chart = Chart(title="x", names=("x",), text=lambda v: f"{v:.3g}"[:8], limit=5.0)
    lines = drawn(chart, {"x": points(*values)}, 0.0, 60.0, width, height)
    assert len(lines) == height
    assert all(length(line) <= max(width, 26) for line in lines)


def test_charts_stand_side_by_side_in_straight_columns() -> None:
    def one(width: int, height: int) -> list[Line]:
        return drawn(CPU, {"cpu": points(50, 60)}, 0.0, 2.0, width, height)

    lines = text(grid([one, one, one, one], 80, 24))
    assert len(lines) == 24
    assert lines[0].index("cpu", 5) == 41
    assert all(line[39:41] == "  " for line in lines)


def test_a_meter_is_as_wide_as_asked_whatever_the_value() -> None:
    for value in (-5.0, 0.0, 33.3, 100.0, 250.0):
        assert sum(len(part) for part, _ in charts.meter(value, 10)) == 10


def test_percent_keeps_a_decimal_only_where_it_matters() -> None:
    assert [fine_percent_text(v) for v in (0.0, 0.4, 9.94, 9.96, 55.5)] == ["0 %", "0.4 %", "9.9 %", "10 %", "56 %"]
    assert math.isfinite(nice(math.inf))
