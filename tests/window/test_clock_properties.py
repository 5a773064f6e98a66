"""What holds of the rollback clock in every window that can really be."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.window import plain_clock
from tests.window.small import MINUTE, Log, small_plan
from tests.window.strategies import calmly, play, record_lists, windows
from upgrade_tui.window import clock, hold
from upgrade_tui.window import commands as cmd
from upgrade_tui.window import events as ev
from upgrade_tui.window.fold import fold
from upgrade_tui.window.pace import pace
from upgrade_tui.window.state import WindowState, initial

BACK = (ev.StepUnticked, ev.StepSkipped, ev.TaskUnreachable, ev.TaskSettled, ev.RollbackFinished)
"""Events that may take something off the rollback: what was begun turns out as not done, or is undone."""


def _back(events: list[ev.Event]) -> bool:
    return any(isinstance(e, BACK) or getattr(e, "undo", False) is True for e in events)


@calmly
@given(windows(), st.floats(-60, 300))
def test_the_numbers_on_the_clock_agree_with_each_other(log: Log, minutes: float) -> None:
    log.wait(minutes)
    reading = log.reading()
    assert reading.left >= 0
    assert reading.cost >= 0
    assert reading.forecast >= reading.now
    assert reading.level in (reading.slack_level, reading.forecast_level)
    assert (reading.by is None) == (reading.slack is None) == bool(reading.no_return or log.state.closed)
    if reading.by is not None and reading.slack is not None:
        assert abs(reading.by - (reading.end - reading.margin - reading.cost)) < 1e-6
        assert abs(reading.slack - (reading.by - reading.now)) < 1e-6


@calmly
@given(st.data())
def test_more_done_never_moves_rollback_by_later(data: st.DataObject) -> None:
    log = Log().does("tom", cmd.Tick(step="prep"))
    for _ in range(data.draw(st.integers(5, 50))):
        before, told = log.reading(), len(log.records)
        play(data.draw, log)
        after, new = log.reading(), [r.event for r in log.records[told:]]
        if before.by is None:
            assert after.by is None or _back(new)
        elif after.by is not None and not _back(new):
            assert after.by <= before.by + 1e-6


@calmly
@given(windows(), st.floats(0, 240), st.floats(0, 60))
def test_time_alone_only_takes_slack_and_never_brings_the_finish_nearer(log: Log, first: float, then: float) -> None:
    log.wait(first)
    before = log.reading()
    after = clock.read(log.state, log.now + then * MINUTE)
    assert after.by == before.by
    assert after.forecast >= before.forecast - 1e-6
    if before.slack is not None and after.slack is not None and log.state.closed is None:
        assert abs(before.slack - after.slack - then * MINUTE) < 1e-3


@calmly
@given(windows())
def test_every_deadline_is_raised_at_most_once(log: Log) -> None:
    raised: list[str] = []
    for _ in range(30):
        events = clock.crossings(log.state, log.reading())
        raised += [e.what for e in events]
        log.happens(*events).wait(9)
    assert len(raised) == len(set(raised))
    assert set(raised) <= log.state.crossed


@calmly
@given(windows())
def test_previews_cost_at_least_what_is_on_the_clock(log: Log) -> None:
    now = log.reading().cost
    for spec in log.plan.steps:
        preview = clock.after(log.state, spec, log.now)
        assert preview.cost >= now - 1e-6
        held = hold.before_start(log.state, spec, log.now)
        assert not (preview.irreversible and held is not None and held.reason == hold.NO_TIME)


def _as_defined(state: WindowState, now: float) -> None:
    for spec in state.plan.steps:
        if spec.kind == "command":
            step = state.steps[spec.id]
            assert clock.step_rollback_cost(spec, step) == plain_clock.cost(spec, step)
            assert pace(step).touched == step.touched()
            assert (pace(step).measured, pace(step).each) == _mean(plain_clock.measured(step))
            assert abs(clock.step_remaining(state, spec, now) - plain_clock.remaining(spec, step, now)) < 1e-6


def _mean(took: list[float]) -> tuple[int, float | None]:
    return len(took), sum(took) / len(took) if took else None


@calmly
@given(windows(), st.floats(0, 300))
def test_the_sums_that_are_kept_are_the_plain_definition(log: Log, minutes: float) -> None:
    state = initial(log.plan)
    for record in log.records:
        state = fold(state, record)
        _as_defined(state, state.ts)
    _as_defined(state, state.ts + minutes * MINUTE)
    _as_defined(state, state.ts)  # once more, of what was kept


@calmly
@given(record_lists())
def test_the_sums_that_are_kept_are_the_plain_definition_whatever_a_log_says(records: list[ev.Record]) -> None:
    state = initial(small_plan())
    for record in records:
        state = fold(state, record)
        _as_defined(state, record.ts)
