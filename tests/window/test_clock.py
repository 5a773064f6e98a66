"""The rollback clock, against numbers worked out by hand. Undoing prep takes 5 min, a batch of copy 3."""

from __future__ import annotations

import pytest

from tests.window.small import END, MINUTE, START, Log, plan_of
from upgrade_tui.window import clock, hold
from upgrade_tui.window import commands as cmd
from upgrade_tui.window import events as ev
from upgrade_tui.window.pace import pace

WHOLE = (10 + 34 + 5 + 10 + 2 + 1) * MINUTE  # prep, copy with its bakes, go, soak, drop, tell


def _copying() -> Log:
    return Log().prepared().does("tom", cmd.Start(step="copy"))


def _left(log: Log) -> float:
    return round(log.reading().left / MINUTE, 3)


def _measured(log: Log) -> tuple[int, float | None]:
    return pace(log.step("copy")).measured, pace(log.step("copy")).each


# -- R, D, slack --------------------------------------------------------------------------------------------------


def test_before_anything_is_done_the_clock_reads_the_end_less_the_margin() -> None:
    reading = Log().reading()
    assert (reading.cost, reading.by, reading.slack) == (0, END - 10 * MINUTE, (240 - 10) * MINUTE)
    assert (reading.level, reading.words) == ("good", "on time: can still go back")


def test_r_grows_with_every_batch_that_is_begun() -> None:
    log = Log()
    costs = [clock.rollback_cost(log.prepared().state)]
    log.does("tom", cmd.Start(step="copy"))
    costs.append(clock.rollback_cost(log.state))
    for number, hosts in enumerate(("a", "bc", "d")):
        costs.append(clock.rollback_cost(log.batch("copy", number).state))
        log.ends("copy", hosts)
    assert [c / MINUTE for c in costs] == [5, 5, 8, 11, 14]
    reading = log.reading()
    assert reading.by == END - (10 + 14) * MINUTE
    assert reading.slack == reading.by - log.now


def test_a_manual_step_counts_from_its_start_until_it_is_taken_back() -> None:
    log = Log().does("tom", cmd.Start(step="prep"))
    assert clock.rollback_cost(log.state) == 5 * MINUTE
    log.does("tom", cmd.Tick(step="prep")).does("tom", cmd.Untick(step="prep", reason="x"))
    assert clock.rollback_cost(log.state) == 0


def test_past_the_point_of_no_return_there_is_no_rollback_by() -> None:
    log = Log().copied().does("mei", cmd.Skip(step="go", reason="x")).does("mei", cmd.Skip(step="soak", reason="x"))
    log.does("mei", cmd.Start(step="drop", confirm="drop")).batch("drop", 0)
    reading = log.reading()
    assert (reading.by, reading.slack, reading.level) == (None, None, "good")
    assert reading.words == "point of no return passed at drop: forward only"


@pytest.mark.parametrize(
    ("slack", "level", "words"),
    [
        (31, "good", "on time: can still go back"),
        (30, "watch", "start any rollback within 30 m"),
        (10, "tight", "start any rollback within 10 m"),
        (4.5, "critical", "start any rollback within 4 m 30 s"),
        (0, "over", "too late to go back inside the window by 0 s"),
        (-3, "over", "too late to go back inside the window by 3 m"),
    ],
)
def test_slack_has_levels_and_words(slack: float, level: str, words: str) -> None:
    log = Log(
        plan_of('[[steps]]\nid = "one"\ntitle = "o"\nestimate = "1s"\nrollback = { manual = "x", estimate = "1h" }\n')
    )
    log.does("tom", cmd.Tick(step="one"))
    log.now = END - (10 + 60 + slack) * MINUTE
    reading = log.reading()
    assert (reading.slack, reading.slack_level, reading.words) == (slack * MINUTE, level, words)


# -- the forecast -------------------------------------------------------------------------------------------------


def test_the_forecast_starts_from_the_plans_start_even_if_the_window_was_opened_before() -> None:
    log = Log()
    log.now = START - 20 * MINUTE
    assert log.reading().forecast == START + WHOLE
    log.now = START + 20 * MINUTE
    assert log.reading().forecast == START + 20 * MINUTE + WHOLE


def test_what_is_done_or_skipped_is_not_forecast() -> None:
    log = Log().prepared().does("mei", cmd.Skip(step="copy", reason="x"))
    assert _left(log) == 5 + 10 + 2 + 1


def test_a_running_step_counts_down_and_never_below_nothing() -> None:
    log = Log().does("tom", cmd.Start(step="prep"))
    assert [_left(log), _left(log.wait(4)), _left(log.wait(100))] == [62, 58, 52]


def test_a_step_runs_down_evenly_through_its_batches_and_bakes() -> None:
    """The forecast stands still while all goes as planned: also in the pause between two batches."""
    log = _copying()
    finish = log.batch("copy", 0).reading().forecast
    seen = [log.wait(4).reading().forecast, log.wait(6).ends("copy", "a").reading().forecast]
    seen += [log.wait(1).reading().forecast, log.wait(1).batch("copy", 1).reading().forecast]
    seen += [log.wait(10).ends("copy", "bc").reading().forecast, log.wait(2).batch("copy", 2).reading().forecast]
    seen += [log.wait(10).ends("copy", "d").reading().forecast, log.finishes("copy").reading().forecast]
    assert seen == [finish] * 8


def test_measured_batches_refine_what_the_next_ones_will_take() -> None:
    log = _copying().batch("copy", 0).wait(20).ends("copy", "a")
    assert _measured(log) == (1, 20 * MINUTE)
    assert _left(log) == 2 + 20 + 2 + 20 + 18


def test_a_batch_that_takes_longer_than_expected_pushes_the_forecast() -> None:
    log = _copying().batch("copy", 0).wait(10)
    on_time = log.reading().forecast
    assert log.wait(5).reading().forecast == on_time + 5 * MINUTE


def test_failures_a_step_may_bear_do_not_stay_in_the_forecast() -> None:
    plan = plan_of(
        '[[steps]]\nid = "roll"\ntitle = "r"\non = "all"\nrun = "x"\nbatches = [2]\nmax_fail = "25%"\n'
        'estimate = "10m"\nrollback = { run = "y", estimate = "1m" }\n'
    )
    log = Log(plan).does("tom", cmd.Start(step="roll")).batch("roll", 0).wait(10).ends("roll", "a").ends("roll", "b", 1)
    assert _left(log.batch("roll", 1)) == 10
    assert _left(log.wait(10).ends("roll", "cd")) == 0


def test_people_who_took_their_time_do_not_make_the_work_look_slow() -> None:
    log = _copying().batch("copy", 0).wait(10).ends("copy", "a").batch("copy", 1).wait(10).ends("copy", "b")
    log.ends("copy", "c", 1).finishes("copy", "failed").wait(45).does("tom", cmd.Start(step="copy"))
    log.batch("copy", 1).wait(8).ends("copy", "c")
    assert _measured(log) == (2, 10 * MINUTE)


def test_what_was_settled_by_hand_measures_nothing() -> None:
    log = _copying().batch("copy", 0).wait(0.1).lost("copy", "a").finishes("copy", "unknown").wait(20)
    log.does("tom", cmd.Settle(step="copy", outcome="done", reason="it was through"))
    assert _measured(log) == (0, None)


def test_what_ended_and_was_settled_by_hand_measures_nothing() -> None:
    """Its command ended, and took so long; but its check said nothing, and what it came to is what a person says."""
    log = _copying().batch("copy", 0).wait(0.1).ends("copy", "a")
    log.happens(ev.TaskChecked(step="copy", host="a", attempt=1, exit=None)).finishes("copy", "unknown")
    log.does("tom", cmd.Settle(step="copy", outcome="done", reason="it was through"))
    assert log.step("copy").tasks["a"].seconds is not None
    assert _measured(log) == (0, None)


def test_what_was_settled_beside_hosts_that_were_tried_again_measures_nothing() -> None:
    step = '[[steps]]\nid = "copy"\ntitle = "Copy"\non = ["a", "b", "c"]\nrun = "copy"\ncheck = "copied"\n'
    log = Log(plan_of(step + 'estimate = "10m"\n')).does("tom", cmd.Start(step="copy")).batch("copy", 0).wait(10)
    log.ends("copy", "a").ends("copy", "b", 1).wait(30).ends("copy", "c")
    log.happens(ev.TaskChecked(step="copy", host="c", attempt=1, exit=None)).finishes("copy", "unknown")
    log.does("tom", cmd.Settle(step="copy", host="c", outcome="done", reason="it was through"))
    log.does("tom", cmd.Start(step="copy")).batch("copy", 0).wait(8).ends("copy", "b").finishes("copy")
    assert _measured(log) == (1, 10 * MINUTE)


def test_steps_that_need_nothing_of_each_other_run_side_by_side() -> None:
    log = Log(plan_of(
        '[[steps]]\nid = "one"\ntitle = "o"\nestimate = "30m"\n'
        '[[steps]]\nid = "two"\ntitle = "t"\nneeds = []\nestimate = "20m"\n'
    ))  # fmt: skip
    assert _left(log) == 30
    assert _left(log.does("tom", cmd.Tick(step="one"))) == 20


@pytest.mark.parametrize(
    ("now", "level", "words"),
    [
        (62 + 11, "good", "on time: can still go back"),
        (62 + 9, "tight", "forecast runs 1 m into the margin"),
        (62 - 7, "critical", "forecast runs 7 m past the window"),
        (0, "over", "the window is over"),
    ],
)
def test_the_forecast_has_levels_and_words(now: float, level: str, words: str) -> None:
    log = Log()
    log.now = END - now * MINUTE
    reading = log.reading()
    assert reading.forecast_level == level
    if level != "good":
        assert (reading.level, reading.words) == (level, words)


def test_the_clock_of_a_closed_window_stands_still() -> None:
    log = Log().copied().does("mei", cmd.Close(confirm="small", outcome="abandoned", reason="storm"))
    closed = log.now
    log.wait(600)
    reading = log.reading()
    assert (reading.now, reading.forecast, reading.left) == (closed, closed, 0.0)
    assert (reading.level, reading.words) == ("good", "the window is closed: abandoned")
    assert clock.crossings(log.state, reading) == ()


# -- the preview --------------------------------------------------------------------------------------------------


def test_the_preview_tells_the_clock_after_the_whole_step() -> None:
    log = Log().prepared()
    spec = log.plan.step("copy")
    assert spec is not None
    preview = clock.after(log.state, spec, log.now)
    assert preview.cost == (5 + 3 * 3) * MINUTE
    assert preview.by == END - (10 + 14) * MINUTE
    assert preview.slack == preview.by - (log.now + 34 * MINUTE)
    assert hold.before_start(log.state, spec, log.now) is None


def test_a_preview_comes_true_where_all_goes_as_planned() -> None:
    log = Log().prepared()
    spec = log.plan.step("copy")
    assert spec is not None
    preview = clock.after(log.state, spec, log.now)
    log.does("tom", cmd.Start(step="copy"))
    for number, hosts in enumerate(("a", "bc", "d")):
        log.wait(2 if number else 0).batch("copy", number).wait(10).ends("copy", hosts)
    reading = log.finishes("copy").reading()
    assert (reading.cost, reading.by, reading.slack) == (preview.cost, preview.by, preview.slack)


def test_the_preview_of_a_half_done_step_counts_nothing_twice() -> None:
    log = _copying().batch("copy", 0).wait(10).ends("copy", "a").batch("copy", 1).ends("copy", "bc", 1)
    log.finishes("copy", "failed")
    spec = log.plan.step("copy")
    assert spec is not None
    assert clock.after(log.state, spec, log.now).cost == (5 + 9) * MINUTE


def test_the_preview_of_an_irreversible_step_says_forward_only() -> None:
    log = Log()
    spec = log.plan.step("drop")
    assert spec is not None
    preview = clock.after(log.state, spec, log.now)
    assert (preview.irreversible, preview.by, preview.slack) == (True, None, None)
    assert hold.before_start(log.state, spec, log.now) is None


# -- crossings ----------------------------------------------------------------------------------------------------


def _raised(log: Log) -> list[str]:
    events = clock.crossings(log.state, log.reading())
    log.happens(*events)
    return [e.what for e in events]


def test_each_deadline_is_raised_once_on_the_way_to_the_end() -> None:
    log = Log()
    seen: list[tuple[float, str]] = []
    for _ in range(4 * 60 * 2 + 4):
        seen += [((END - log.now) / MINUTE, what) for what in _raised(log)]
        log.wait(0.5)
    assert seen == [(40, "T-30"), (20, "T-10"), (15, "T-5"), (10, "T-0"), (0, "window end")]


def test_a_jump_past_several_deadlines_raises_the_tightest_for_all() -> None:
    log = Log()
    log.now = END - 17 * MINUTE
    assert _raised(log) == ["T-10"]
    assert log.state.crossed == {"T-10", "T-30"}
    log.now = END - 35 * MINUTE
    assert _raised(log) == [], "a looser one is not raised after it"
    log.now = END + 1
    assert _raised(log) == ["T-0", "window end"]
    assert _raised(log) == []


def test_a_deadline_that_was_crossed_is_not_raised_again_after_a_rollback_made_room() -> None:
    log = Log().copied()
    log.now = END - 40 * MINUTE
    assert _raised(log) == ["T-30"]
    log.asks_back(step="copy").undoes("copy", minutes=0).back()
    assert log.reading().slack == 25 * MINUTE
    log.wait(3)
    assert _raised(log) == []


def test_the_point_of_no_return_is_raised_once_and_ends_the_rollback_deadlines() -> None:
    log = Log().copied().does("mei", cmd.Skip(step="go", reason="x")).does("mei", cmd.Skip(step="soak", reason="x"))
    log.does("mei", cmd.Start(step="drop", confirm="drop"))
    assert _raised(log) == []
    log.batch("drop", 0)
    assert _raised(log) == ["point of no return"]
    log.now = END - MINUTE
    assert _raised(log) == []
    log.now = END
    assert _raised(log) == ["window end"]


def test_a_window_that_is_not_open_crosses_nothing() -> None:
    log = Log()
    log.now = END + 1
    log.does("mei", cmd.Close(confirm="small", outcome="abandoned", reason="x"))
    assert _raised(log) == []
