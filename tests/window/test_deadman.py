"""The dead-man rollback: a host undoes a step by itself unless somebody confirms in time."""

from __future__ import annotations

import pytest

from tests.window.small import MINUTE, Log, plan_of
from upgrade_tui.window import clock
from upgrade_tui.window import commands as cmd
from upgrade_tui.window import events as ev

STEP = """
[[steps]]
id = "net"
title = "New routes"
on = ["a", "b"]
run = "up"
confirm_within = "10m"
timeout = "5m"
estimate = "2m"
rollback = { run = "down", estimate = "4m" }
"""


def _armed(*, finished: bool = True) -> Log:
    """net ran on a and b, both are armed; two minutes of their ten are over."""
    log = Log(plan_of(STEP)).does("tom", cmd.Start(step="net"))
    log.happens(*(ev.DeadmanArmed(step="net", host=h, attempt=1, seconds=600) for h in "ab"))
    log.batch("net", 0).wait(2).ends("net", "ab")
    return log.finishes("net", "armed") if finished else log


def _fires(log: Log, host: str, exit_code: int | None = 0, reason: str = "") -> Log:
    return log.happens(ev.DeadmanFired(step="net", host=host, exit=exit_code, reason=reason))


def _armed_states(log: Log) -> dict[str, str]:
    return {host: armed.state for host, armed in log.step("net").armed.items()}


def test_an_armed_host_says_until_when() -> None:
    armed = _armed().step("net").armed["a"]
    assert (armed.state, armed.until, armed.seconds) == ("armed", Log().now + 10 * MINUTE, 600)


def test_a_confirmation_is_asked_for_all_armed_hosts_or_one_and_then_carried_out() -> None:
    log = _armed().does("tom", cmd.Confirm(step="net", host="a"))
    assert [log.step("net").armed[h].asked for h in "ab"] == ["confirm", ""]
    assert _armed_states(log) == {"a": "armed", "b": "armed"}, "the host was not told yet"
    log.happens(ev.DeadmanConfirmed(step="net", host="a"))
    assert (_armed_states(log), log.step("net").armed["a"].asked) == ({"a": "confirmed", "b": "armed"}, "")
    assert "a keeps it: confirmed, b is armed" in log.refuses("tom", cmd.Confirm(step="net", host="a"))
    log.does("tom", cmd.Confirm(step="net")).happens(ev.DeadmanConfirmed(step="net", host="b"))
    assert log.step("net").state == "done"


def test_waiting_longer_counts_from_when_the_host_was_told() -> None:
    log = _armed()
    for seconds in (0, 9, 86401, float("nan")):
        assert "10 seconds to a day" in log.refuses("tom", cmd.Extend(step="net", seconds=seconds))
    log.does("tom", cmd.Extend(step="net", seconds=1200, host="b")).wait(1)
    log.happens(ev.DeadmanExtended(step="net", host="b", seconds=1200))
    assert log.step("net").armed["b"].until == log.now + 1200
    assert (log.step("net").armed["b"].state, log.step("net").armed["b"].asked) == ("armed", "")


def test_undoing_it_now_needs_a_reason() -> None:
    log = _armed()
    assert "needs a reason" in log.refuses("tom", cmd.Revert(step="net", reason=" "))
    log.does("tom", cmd.Revert(step="net", reason="routes flap"))
    assert {a.asked for a in log.step("net").armed.values()} == {"cancel"}


@pytest.mark.parametrize("command", [
    cmd.Confirm(step="net"), cmd.Extend(step="net", seconds=60), cmd.Revert(step="net", reason="x"),
])  # fmt: skip
def test_where_nothing_is_armed_nothing_is_confirmed(command: cmd.AnyCommand) -> None:
    assert 'nothing is armed by "net"' in Log(plan_of(STEP)).refuses("tom", command)
    assert "observer" in _armed().refuses("eve", command)


def test_a_host_that_undid_it_takes_the_step_back_from_done() -> None:
    log = _armed()
    assert clock.rollback_cost(log.state) == 4 * MINUTE
    _fires(log, "a")
    step = log.step("net")
    assert (step.tasks["a"].state, step.tasks["b"].state, step.state) == ("rolled back", "done", "failed")
    assert step.reason == "a: nobody confirmed in time: the host undid it by itself; 1 of 2 rolled back, 0 allowed"
    assert clock.rollback_cost(log.state) == 4 * MINUTE, "b is still to be undone"
    _fires(log, "b")
    assert (log.step("net").state, clock.rollback_cost(log.state)) == ("rolled back", 0)
    log.does("tom", cmd.Start(step="net"))


@pytest.mark.parametrize(("exit_code", "state"), [(None, "unknown"), (1, "failed")])
def test_a_host_that_is_still_at_it_or_could_not_is_not_back(exit_code: int | None, state: str) -> None:
    log = _fires(_armed(), "a", exit_code)
    assert (log.step("net").tasks["a"].state, log.step("net").state) == (state, state)
    assert clock.rollback_cost(log.state) == 4 * MINUTE
    if state == "unknown":
        assert "unknown on a" in log.refuses("tom", cmd.Start(step="net"))
        _fires(log, "a")
        assert (log.step("net").tasks["a"].state, log.step("net").state) == ("rolled back", "failed")


@pytest.mark.parametrize(
    "left", [cmd.Exclude(host="a", reason="x"), cmd.Settle(step="net", outcome="failed", reason="x")]
)
def test_what_may_still_run_where_it_was_given_up_is_not_undone_beside_it(left: cmd.AnyCommand) -> None:
    log = Log(plan_of(STEP)).does("tom", cmd.Start(step="net"))
    log.happens(ev.DeadmanArmed(step="net", host="a", attempt=1, seconds=600)).batch("net", 0)
    log.lost("net", "a", following=True).does("mei", left)
    assert log.step("net").tasks["a"].abandoned == "1", "nobody looks for it any more, and it may run there"
    assert '"net" may still run on a' in log.refuses("tom", cmd.Revert(step="net", host="a", reason="x"))


def test_what_a_timeout_left_is_remembered_also_where_the_host_undid_the_step() -> None:
    log = Log(plan_of(STEP)).does("tom", cmd.Start(step="net"))
    log.happens(ev.DeadmanArmed(step="net", host="a", attempt=1, seconds=600)).batch("net", 0)
    left = ev.TaskUnknown(step="net", host="a", attempt=1, reason="timed out", left="4711 root dpkg")
    log.happens(left, ev.StepFinished(step="net", attempt=1))
    _fires(log, "a")
    assert log.step("net").tasks["a"].state == "rolled back"
    log.does("tom", cmd.Settle(step="net", host="b", outcome="failed", reason="looked"))
    log.does("tom", cmd.Start(step="net"))
    assert log.step("net").tasks["a"].abandoned == "1", "it is ended before the retry"


def test_what_its_own_rollback_left_is_ended_before_another_attempt() -> None:
    log = _armed()
    log.happens(ev.DeadmanFired(step="net", host="a", exit=142, reason="timed out", left="4711 root dpkg"))
    assert (log.step("net").tasks["a"].state, log.step("net").tasks["a"].abandoned) == ("failed", "deadman1")


def test_what_fired_unheard_of_is_settled_by_a_person() -> None:
    log = _fires(_fires(_armed(), "a"), "b", None)
    assert log.step("net").state == "unknown"
    log.does("tom", cmd.Settle(step="net", outcome="done", reason="old routes are there"))
    assert (log.step("net").tasks["b"].state, log.step("net").state) == ("rolled back", "rolled back")


def test_the_commands_late_end_does_not_outlive_its_undoing() -> None:
    """The link broke while it ran; the host undid it; then both are told in any order."""
    for late_first in (True, False):
        log = Log(plan_of(STEP)).does("tom", cmd.Start(step="net"))
        log.happens(ev.DeadmanArmed(step="net", host="a", attempt=1, seconds=600)).batch("net", 0)
        log.lost("net", "a", following=True).wait(11)
        late = ev.TaskFinished(step="net", host="a", attempt=1, exit=0, seconds=5)
        if late_first:
            _fires(log.happens(late), "a")
        else:
            _fires(log, "a").happens(late)
        assert log.step("net").tasks["a"].state == "rolled back"
        assert log.step("net").state == "running", "its end is told by who runs it"


def test_a_window_is_not_closed_while_a_host_would_still_undo_something() -> None:
    log = _armed()
    abandon = cmd.Close(confirm="small", outcome="abandoned", reason="storm")
    for close in (cmd.Close(confirm="small"), abandon):
        assert "armed, and would be undone: net on a, net on b; confirm it" in log.refuses("mei", close)
    log.happens(*(ev.DeadmanConfirmed(step="net", host=h) for h in "ab"))
    assert log.does("mei", cmd.Close(confirm="small")).state.outcome == "completed"


def test_a_host_that_is_never_heard_of_again_does_not_keep_a_window_open_for_ever() -> None:
    log = _armed().wait(10)
    assert "armed" in log.refuses("mei", cmd.Close(confirm="small")), "who knows what is so: not completed"
    log.does("mei", cmd.Close(confirm="small", outcome="abandoned", reason="a and b are gone"))


def test_a_new_attempt_is_armed_anew() -> None:
    log = _fires(_fires(_armed(), "a"), "b").does("tom", cmd.Start(step="net"))
    log.happens(ev.DeadmanArmed(step="net", host="a", attempt=2, seconds=300))
    assert _armed_states(log) == {"a": "armed", "b": "fired"}
    assert log.step("net").armed["a"].until == log.now + 300


def test_events_about_hosts_that_are_not_armed_change_nothing_that_is() -> None:
    log = _armed()
    before = log.state.steps
    log.happens(
        ev.DeadmanConfirmed(step="net", host="c"), ev.DeadmanExtended(step="net", host="c", seconds=5),
        ev.DeadmanAsked(step="net", hosts=("c",), what="cancel"), ev.DeadmanFired(step="net", host="c", exit=0),
    )  # fmt: skip
    assert log.state.steps["net"].armed == before["net"].armed
    assert log.state.steps["net"].tasks == before["net"].tasks
