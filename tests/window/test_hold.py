"""What the clock holds: starts, retries and batches that change a host. A batch takes 10 min here, undoing it 3."""

from __future__ import annotations

import pytest

from tests.window.small import END, MINUTE, START, Log, plan_of
from upgrade_tui.window import commands as cmd
from upgrade_tui.window import events as ev
from upgrade_tui.window import hold
from upgrade_tui.window.sentences import sentence

STEPS = """
[[steps]]
id = "look"
title = "Look"
on = "all"
run = "look"
changes = false

[[steps]]
id = "roll"
title = "Roll"
needs = []
on = "all"
run = "roll"
batches = [1]
max_fail = "50%"
estimate = "10m"
rollback = { run = "unroll", estimate = "3m" }

[[steps]]
id = "byhand"
title = "Done by hand"
needs = []
estimate = "10m"
rollback = { manual = "put it back", estimate = "5m" }

[[steps]]
id = "call"
title = "Call them"
needs = []

[[steps]]
id = "go"
kind = "gate"
title = "Go / no-go"
needs = []

[[steps]]
id = "soak"
kind = "bake"
title = "Soak"
needs = []
bake = "10m"

[[steps]]
id = "cut"
title = "No way back"
needs = []
on = ["a"]
run = "cut"
irreversible = true

[[steps]]
id = "clean"
title = "Clean up"
needs = []
on = "all"
run = "clean"
estimate = "1m"
"""
LAST = END - 10 * MINUTE  # the end less the margin: where "rollback by" stands before anything is done


def _log() -> Log:
    return Log(plan_of(STEPS))


def _at(moment: float) -> Log:
    log = _log()
    log.now = moment
    return log


def _rolling(begin: float, batches: int = 0, minutes: float = 10.0) -> Log:
    """roll was started at ``begin`` and went through some batches of its four, each in ``minutes``."""
    log = _at(begin).does("mei", cmd.Start(step="roll", override="so that it begins"))
    for number, host in enumerate("abcd"[:batches]):
        log.batch("roll", number).wait(minutes).ends("roll", host)
    return log


def _next(log: Log, batch: int) -> ev.StepHeld | None:
    spec = log.plan.step("roll")
    assert spec is not None
    return hold.before_batch(log.state, spec, batch, log.now)


def _held(log: Log, batch: int) -> Log:
    held = _next(log, batch)
    assert held is not None
    return log.happens(held)


# -- starts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["roll", "byhand", "cut", "clean"])
def test_nothing_that_changes_a_host_begins_before_the_window(step: str) -> None:
    log = _at(START - 100 * 24 * 60 * MINUTE)
    why = log.refuses("mei", cmd.Start(step=step, confirm=step))
    assert f'"{step}" changes hosts, and the window starts in 100 d' in why
    assert f"upgrade-tui start {step} --override REASON" in why
    assert "only the lead can override" in log.refuses("ana", cmd.Start(step=step, confirm=step, override="now"))
    log.does("mei", cmd.Start(step=step, confirm=step, override="the vendor is here today"))
    assert log.step(step).override == "the vendor is here today"


@pytest.mark.parametrize("step", ["roll", "byhand", "cut", "clean"])
@pytest.mark.parametrize("past_no_return", [False, True])
def test_nothing_that_changes_a_host_begins_past_the_end(step: str, past_no_return: bool) -> None:
    log = _log()
    if past_no_return:
        log.does("mei", cmd.Start(step="cut", confirm="cut")).batch("cut", 0).ends("cut", "a", 1)
        log.finishes("cut", "failed")
    log.now = END
    assert f'"{step}" changes hosts, and the window ended 0 s ago' in log.refuses(
        "mei", cmd.Start(step=step, confirm=step)
    )
    log.does("mei", cmd.Start(step=step, confirm=step, override="nearly through"))


def test_what_people_do_and_nobody_can_undo_is_held_too() -> None:
    log = Log(plan_of('[[steps]]\nid = "pull"\ntitle = "Pull the plug"\nirreversible = true\n'))
    log.now = START - MINUTE
    assert '"pull" changes hosts, and the window starts in 1 m' in log.refuses(
        "mei", cmd.Start(step="pull", confirm="pull")
    )


@pytest.mark.parametrize("moment", [START - MINUTE, END + MINUTE])
@pytest.mark.parametrize("step", ["look", "call", "go", "soak"])
def test_what_only_looks_people_gates_and_bakes_are_never_held(step: str, moment: float) -> None:
    assert _at(moment).does("mei", cmd.Start(step=step)).step(step).override == ""


def test_a_rollback_is_never_held() -> None:
    log = _rolling(START, 1).happens(ev.StepFinished(step="roll", attempt=1, reason="x"))
    log.now = END + 60 * MINUTE
    log.asks_back(step="roll").undoes("roll")
    assert log.step("roll").state == "rolled back"


@pytest.mark.parametrize("late", [0.5, 1, 30, 59, 61, 600])
def test_from_the_first_second_without_time_to_undo_an_override_is_asked_for(late: float) -> None:
    """Its four batches take 40 min and their undoing 12."""
    fits = LAST - 52 * MINUTE
    assert _at(fits).does("ana", cmd.Start(step="roll")).step("roll").state == "running"
    log = _at(fits + late)
    assert 'no time to undo "roll": slack after this step: -' in log.refuses("mei", cmd.Start(step="roll"))
    log.does("mei", cmd.Start(step="roll", override="we must"))


def test_a_step_that_nobody_can_undo_may_not_eat_the_way_back_of_others() -> None:
    log = _rolling(START, 4).finishes("roll")
    log.now = LAST - (12 + 1) * MINUTE
    log.does("ana", cmd.Start(step="clean"))
    log = _rolling(START, 4).finishes("roll")
    log.now = LAST - (12 + 1) * MINUTE + 1
    assert "no time to undo" in log.refuses("ana", cmd.Start(step="clean"))


def _failed_on_three() -> Log:
    """roll is through on a, and failed on the others: more than it may."""
    log = _rolling(START, 1)
    for number, host in enumerate("bcd", 1):
        log.batch("roll", number).ends("roll", host, 1)
    return log.finishes("roll", "failed")


def test_a_retry_is_asked_about_with_what_it_takes_itself() -> None:
    log = _failed_on_three()
    retry = cmd.Start(step="roll", hosts=("c",))
    log.now = LAST - (12 + 10) * MINUTE - 1  # four batches to undo; a batch took 10 m
    assert log.ask("ana", retry) == (
        ev.StepIntent(step="roll", attempt=2, batches=log.step("roll").batches, hosts=("c",)),
    )
    log = _failed_on_three()
    log.now = LAST - (12 + 10) * MINUTE + 1
    assert "upgrade-tui retry roll --host c --override REASON" in log.refuses("mei", retry)
    log.now = END + 1
    assert "the window ended 1 s ago" in log.refuses("mei", retry)
    log.does("mei", cmd.Start(step="roll", hosts=("c",), override="one host left"))
    assert (log.step("roll").released, log.step("roll").released_rest) == (2, True), "the retry, and all of it"


# -- batches ------------------------------------------------------------------------------------------------------


def test_each_batch_must_fit_with_its_undoing() -> None:
    log = _rolling(LAST - (3 * 10 + 10 + 12) * MINUTE, 3)
    assert _next(log, 3) is None, "10 min of work and 12 of undoing are just left"
    held = _next(log.wait(0.01), 3)
    assert held == ev.StepHeld(step="roll", attempt=1, batch=3, reason="no time to undo it", slack=-0.6)
    assert sentence(held) == "held roll before batch 4: no time to undo it (slack after it: -1 s)"


def test_batches_that_took_longer_than_estimated_hold_the_next_one() -> None:
    """Started with 10 min to spare; each batch took 4 min longer than estimated, and so will the next."""
    begin = LAST - (4 * 10 + 12 + 10) * MINUTE
    assert _next(_rolling(begin, 3, minutes=10), 3) is None
    late = _rolling(begin, 3, minutes=14)
    assert LAST - 12 * MINUTE - late.now == 8 * MINUTE
    held = _next(late, 3)
    assert held is not None
    assert held.slack == -6 * 60
    assert _next(_rolling(begin, 3, minutes=12), 3) is None, "12 min of work, and 14 are left"


@pytest.mark.parametrize(("moment", "reason"), [(START - 1, hold.EARLY), (END, hold.LATE)])
def test_outside_the_window_every_batch_is_held(moment: float, reason: str) -> None:
    log = _rolling(START - 60 * MINUTE, 1)
    log.now = moment
    held = _next(log, 1)
    assert held is not None
    assert held.reason == reason


def test_past_the_point_of_no_return_only_the_window_itself_holds() -> None:
    log = _rolling(START).does("mei", cmd.Start(step="cut", confirm="cut")).batch("cut", 0)
    log.now = END - 1
    assert _next(log, 0) is None
    held = _next(log.wait(1), 0)
    assert held is not None
    assert (held.reason, held.slack) == (hold.LATE, None)


def test_hosts_of_a_batch_under_way_begin_until_rollback_by_is_past() -> None:
    """What is one decision is not cut in half because a check took a while; a pause or a long night does end it."""
    log = _rolling(LAST - (10 + 3) * MINUTE - 1).happens(ev.BatchStarted(step="roll", attempt=1, batch=0))
    log.happens(ev.StepReleased(step="roll", attempt=1, batch=3, override="of another batch"))
    assert _next(log.wait(5), 0) is None
    log.now = LAST - 3 * MINUTE
    assert _next(log, 0) is None
    held = _next(log.wait(0.01), 0)
    assert held is not None
    assert held.reason == hold.NO_TIME


def test_a_hold_ends_by_itself_where_its_reason_is_gone() -> None:
    log = _held(_rolling(START - 60 * MINUTE, 1), 1)
    assert log.step("roll").held is not None
    assert hold.until(log.state, log.step("roll").held) == START  # type: ignore[arg-type]
    log.now = START
    assert _next(log, 1) is None
    gone = hold.over(log.step("roll").held)  # type: ignore[arg-type]
    assert sentence(gone) == "roll goes on with batch 2: the window has started"
    assert log.happens(gone).step("roll").held is None


def test_a_hold_for_another_reason_is_told_anew_and_less_slack_is_not() -> None:
    held = ev.StepHeld(step="roll", attempt=1, batch=1, reason=hold.NO_TIME, slack=-1.0)
    assert hold.same(held, ev.StepHeld(step="roll", attempt=1, batch=1, reason=hold.NO_TIME, slack=-2.0))
    assert not hold.same(held, ev.StepHeld(step="roll", attempt=1, batch=1, reason=hold.LATE, slack=-1.0))


def test_slack_comes_back_where_other_steps_are_undone() -> None:
    log = _log().does("mei", cmd.Tick(step="byhand")).does("mei", cmd.Start(step="roll"))
    for number, host in enumerate("abc"):
        log.batch("roll", number).wait(10).ends("roll", host)
    log.now = LAST - (10 + 12 + 5) * MINUTE + 1
    assert _next(log, 3) is not None
    log.happens(ev.StepUnticked(step="byhand", reason="it was not done"))
    assert _next(log, 3) is None


# -- letting go ---------------------------------------------------------------------------------------------------


def _held_at_3() -> Log:
    return _held(_rolling(LAST - (3 * 10 + 12) * MINUTE, 2).wait(11), 2)


def test_an_override_at_the_start_is_for_the_first_batch_alone() -> None:
    log = _at(END + 1).does("mei", cmd.Start(step="roll", override="nearly through"))
    assert _next(log, 0) is None
    assert _next(log.batch("roll", 0).ends("roll", "a"), 1) is not None


def test_an_override_at_the_start_with_rest_is_for_all_batches() -> None:
    log = _at(END + 1).does("mei", cmd.Start(step="roll", override="nearly through", rest=True))
    assert log.records[-1].event.rest  # type: ignore[union-attr]
    assert [_next(log, n) for n in range(4)] == [None] * 4


def test_rest_without_an_override_that_was_needed_means_nothing() -> None:
    log = _log().does("mei", cmd.Start(step="roll", override="just in case", rest=True))
    assert not log.records[-1].event.rest  # type: ignore[union-attr]
    log.now = END
    assert _next(log, 0) is not None


def test_a_held_step_runs_and_says_what_it_is_held_by() -> None:
    step = _held_at_3().step("roll")
    assert step.state == "running"
    assert step.held is not None
    assert (step.held.why, step.held.batch, step.held.reason) == ("clock", 2, "no time to undo it")


def test_the_lead_lets_one_batch_go_with_a_reason() -> None:
    log = _held_at_3()
    why = log.refuses("mei", cmd.Start(step="roll"))
    assert '"roll" is held before batch 3 of 4: no time to undo it (slack after it when held: -8 m)' in why
    assert "upgrade-tui start roll --override REASON (with --rest for all batches that are left)" in why
    assert "ask the lead: upgrade-tui start roll --override" in log.refuses(
        "ana", cmd.Start(step="roll", override="go")
    )
    assert "held before batch 3" in log.refuses("mei", cmd.Start(step="roll", override="  "))
    log.does("mei", cmd.Start(step="roll", override=" half is worse "))
    assert log.records[-1].event == ev.StepReleased(step="roll", attempt=1, batch=2, override="half is worse")
    assert sentence(log.records[-1].event) == "let batch 3 of roll go; override: half is worse"
    assert (log.step("roll").held, _next(log, 2)) == (None, None)
    assert _next(log, 3) is not None, "the next batch is asked about again"


def test_rest_takes_the_remaining_batches_and_the_event_says_so() -> None:
    log = _held_at_3().does("mei", cmd.Start(step="roll", override="all of it", rest=True))
    assert sentence(log.records[-1].event) == "let batch 3 of roll go and all after it; override: all of it"
    assert [_next(log, n) for n in (2, 3)] == [None, None]


def test_what_was_let_go_is_asked_about_again_in_another_attempt() -> None:
    log = (
        _held_at_3()
        .does("mei", cmd.Start(step="roll", override="all of it", rest=True))
        .finishes("roll", "failed", "stopped")
    )
    log.now = END + 1
    log.does("mei", cmd.Start(step="roll", override="again"))
    assert _next(log, 3) is not None


def test_a_paused_window_lets_nothing_go() -> None:
    log = _held_at_3().does("tom", cmd.Pause(reason="canary"))
    assert "resume it first" in log.refuses("mei", cmd.Start(step="roll", override="go"))


def test_a_step_that_ended_is_not_held() -> None:
    log = _held_at_3()
    held = log.step("roll").held
    assert held is not None
    assert log.finishes("roll", "failed", "stopped").step("roll").held is None
    assert log.happens(held).step("roll").held is None, "told behind its end"
