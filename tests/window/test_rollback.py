"""A rollback: asked for by the lead, locking what goes forward, and what its tasks' ends mean."""

from __future__ import annotations

import pytest

from tests.window.small import MINUTE, Log, plan_of
from upgrade_tui.window import clock
from upgrade_tui.window import commands as cmd
from upgrade_tui.window import events as ev
from upgrade_tui.window.state import Undo


def _states(log: Log, step: str = "copy") -> str:
    return " ".join(t.state.replace(" ", "-") for t in log.step(step).tasks.values())


def _mid() -> Log:
    """copy is undone: d is back, b is back, c is under way."""
    log = Log().copied().asks_back(step="copy").undoing("copy").undo_starts("copy", "d").wait(2).undo_ends("copy", "d")
    return log.undo_starts("copy", "bc").wait(2).undo_ends("copy", "b")


# -- asking -------------------------------------------------------------------------------------------------------


def test_a_rollback_is_the_leads_typed_and_with_a_reason() -> None:
    log = Log()
    assert "nothing that can be undone in everything" in log.refuses(
        "mei", cmd.StartRollback(confirm="small", reason="x")
    )
    log.copied()
    assert "only the lead" in log.refuses("tom", cmd.StartRollback(confirm="small", reason="x"))
    said = log.refuses("mei", cmd.StartRollback(confirm="", reason="x"))
    assert "rolling back everything undoes copy, prep, about 14 m; confirm by typing the window's id: small" in said
    assert "needs a reason" in log.refuses("mei", cmd.StartRollback(confirm="small", reason=" "))
    log.asks_back("canary failing")
    rollback = log.state.rollback
    assert rollback is not None
    assert (rollback.by, rollback.reason, rollback.estimate, rollback.active) == (
        "mei", "canary failing", 14 * MINUTE, True,
    )  # fmt: skip
    assert "a rollback is under way" in log.refuses("mei", cmd.StartRollback(confirm="small", reason="again"))


def test_scopes_that_do_not_exist_are_refused_with_those_that_do() -> None:
    log = Log().copied()
    assert 'no phase "z"' in log.refuses("mei", cmd.StartRollback(confirm="small", reason="x", phase="z"))
    assert "no host z" in log.refuses("mei", cmd.StartRollback(confirm="small", reason="x", hosts=("a", "z")))
    assert "steps: prep" in log.refuses("mei", cmd.StartRollback(confirm="small", reason="x", step="z"))


def test_nothing_is_undone_under_a_command_that_runs() -> None:
    log = Log().prepared().does("tom", cmd.Start(step="copy")).batch("copy", 0)
    assert "still running: copy; wait for it, or abort" in log.refuses(
        "mei", cmd.StartRollback(confirm="small", reason="x")
    )


@pytest.mark.parametrize("paused", [False, True])
def test_a_step_between_two_batches_or_held_by_a_pause_is_ended_by_the_rollback(paused: bool) -> None:
    log = Log().prepared().does("tom", cmd.Start(step="copy")).batch("copy", 0).ends("copy", "a")
    log.happens(ev.TaskChecked(step="copy", host="a", attempt=1, exit=0))
    if paused:
        log.does("mei", cmd.Pause(reason="canary"))
    log.does("mei", cmd.StartRollback(confirm="small", reason="x"))
    assert log.state.rolling_back
    assert (log.step("copy").state, log.step("copy").reason) == ("failed", "stopped for the rollback of everything")
    assert log.state.rollback is not None
    assert log.state.rollback.undo == (Undo("copy", (("a",),)), Undo("prep"))


def test_nothing_is_undone_under_a_check_or_on_a_host_that_is_lost() -> None:
    ask = cmd.StartRollback(confirm="small", reason="x")
    log = Log().prepared().does("tom", cmd.Start(step="copy")).batch("copy", 0).ends("copy", "a")
    assert log.step("copy").tasks["a"].check is None
    assert "still running: copy; wait for it" in log.refuses("mei", ask)
    log = Log().prepared().does("tom", cmd.Start(step="copy")).batch("copy", 0).lost("copy", "a", following=True)
    assert "settle what is lost: copy on a" in log.refuses("mei", ask)


@pytest.mark.parametrize("stop", [cmd.Pause(reason="x"), cmd.Abort(confirm="small", reason="x")])
def test_a_stopped_window_can_be_rolled_back(stop: cmd.AnyCommand) -> None:
    assert Log().copied().does("mei", stop).asks_back().state.rolling_back


def test_nothing_goes_forward_until_it_ended() -> None:
    log = Log().copied().does("mei", cmd.Skip(step="go", reason="x")).asks_back(step="copy")
    for command in (
        cmd.Start(step="soak"), cmd.Tick(step="tell"),
        cmd.Close(confirm="small", outcome="abandoned", reason="x"),
    ):  # fmt: skip
        assert "a rollback is under way" in log.refuses("mei", command)
    log.undoes("copy")
    assert "a rollback is under way" in log.refuses("mei", cmd.Start(step="copy")), "the whole has not ended"
    log.back().does("mei", cmd.Start(step="copy"))


# -- what the events mean -----------------------------------------------------------------------------------------


def test_host_by_host_a_step_goes_back() -> None:
    log = _mid()
    assert (_states(log), log.state.shown("copy")) == ("done rolled-back rolling-back rolled-back", "rolling back")
    assert log.step("copy").touched() == 2
    log.undo_ends("copy", "c").undo_starts("copy", "a").undo_ends("copy", "a").undone("copy").back()
    assert (_states(log), log.step("copy").state) == (" ".join(["rolled-back"] * 4), "rolled back")
    rollback = log.state.rollback
    assert rollback is not None
    assert (rollback.active, rollback.outcome, rollback.seconds) == (False, "done", 4 * MINUTE)


def test_a_failed_undo_task_still_stands() -> None:
    log = _mid().undo_ends("copy", "c", 3).undone("copy", "failed").back("failed", "c: exit 3")
    task = log.step("copy").tasks["c"]
    assert (task.state, task.reason, task.changed) == ("failed", "rollback: exit 3", True)
    assert (log.step("copy").state, log.state.rollback.trouble) == ("failed", "c: exit 3")  # type: ignore[union-attr]
    assert clock.rollback_cost(log.state) == (5 + 2 * 3) * MINUTE


def test_a_rollbacks_check_decides_over_its_exit() -> None:
    log = _mid().undo_ends("copy", "c")
    log.happens(ev.TaskChecked(step="copy", host="c", attempt=1, exit=1, undo=True, last_line="still 16"))
    assert log.step("copy").tasks["c"].reason == "rollback check failed (exit 1): still 16"
    assert log.step("copy").tasks["c"].changed
    log.happens(ev.TaskChecked(step="copy", host="c", attempt=1, exit=None, undo=True))
    assert log.step("copy").tasks["c"].state == "unknown"
    log.happens(ev.TaskChecked(step="copy", host="c", attempt=1, exit=0, undo=True))
    assert (log.step("copy").tasks["c"].state, log.step("copy").tasks["c"].changed) == ("rolled back", False)


def test_a_rollbacks_check_that_passes_before_leaves_nothing_to_undo() -> None:
    log = _mid().happens(ev.TaskChecked(step="copy", host="a", attempt=1, exit=1, before=True, undo=True))
    assert log.step("copy").tasks["a"].state == "done"
    log.happens(ev.TaskChecked(step="copy", host="a", attempt=1, exit=0, before=True, undo=True))
    assert (log.step("copy").tasks["a"].state, log.step("copy").tasks["a"].changed) == ("rolled back", False)


def test_an_unknown_undo_task_is_shown_found_and_ends_as_it_proves() -> None:
    log = _mid().undo_lost("copy", "c", following=True)
    assert (log.state.shown("copy"), log.step("copy").tasks["c"].changed) == ("unknown", True)
    log.happens(ev.TaskFound(step="copy", host="c", attempt=1, undo=True))
    assert (log.step("copy").tasks["c"].state, log.state.shown("copy")) == ("rolling back", "rolling back")
    log.undo_ends("copy", "c")
    assert (log.step("copy").tasks["c"].state, log.step("copy").tasks["c"].following) == ("rolled back", False)


def test_what_is_not_looked_for_is_not_found() -> None:
    log = _mid().undo_lost("copy", "c").happens(ev.TaskFound(step="copy", host="c", attempt=1, undo=True))
    assert log.step("copy").tasks["c"].state == "unknown"


def test_a_running_step_with_an_unknown_task_is_shown_as_unknown_until_it_is_found() -> None:
    log = Log().prepared().does("tom", cmd.Start(step="copy")).batch("copy", 0).lost("copy", "a", following=True)
    assert (log.step("copy").state, log.state.shown("copy")) == ("running", "unknown")
    log.happens(ev.TaskFound(step="copy", host="a", attempt=1))
    assert log.state.shown("copy") == "running"
    log.lost("copy", "a", following=True).ends("copy", "a")
    assert (log.state.shown("copy"), log.step("copy").tasks["a"].state) == ("running", "done")


def test_a_job_that_is_found_after_its_step_ended_is_not_run_a_second_time() -> None:
    log = Log().prepared().does("tom", cmd.Start(step="copy")).batch("copy", 0).lost("copy", "a", following=True)
    log.finishes("copy", "unknown").happens(ev.TaskFound(step="copy", host="a", attempt=1))
    assert '"copy" still runs on a; wait for its result' in log.refuses("mei", cmd.Start(step="copy"))
    close = cmd.Close(confirm="small", outcome="abandoned", reason="x")
    assert "still running: copy" in log.refuses("mei", close)
    log.ends("copy", "a").does("mei", cmd.Start(step="copy"))


def test_a_rollback_that_ends_over_a_task_under_way_leaves_it_unknown() -> None:
    log = _mid().undone("copy", "failed").back("failed")
    assert (log.step("copy").tasks["c"].state, log.step("copy").tasks["c"].changed) == ("unknown", True)


def test_undone_on_some_hosts_only_a_step_is_no_longer_done_but_can_be_tried_there_again() -> None:
    log = Log().copied().asks_back(hosts=("b",)).undoes("copy").back()
    assert (log.step("copy").state, log.step("copy").reason) == ("failed", "1 of 4 rolled back, 0 allowed")
    assert _states(log) == "done rolled-back done done"
    log.does("tom", cmd.Start(step="copy", hosts=("b",)))
    assert _states(log) == "done pending done done"
    log.batch("copy", 1).ends("copy", "b").finishes("copy")
    assert (log.step("copy").state, log.step("copy").touched()) == ("done", 3)


def test_what_was_there_before_the_window_does_not_keep_a_step_from_being_rolled_back() -> None:
    log = Log().prepared().does("tom", cmd.Start(step="copy"))
    log.happens(ev.TaskChecked(step="copy", host="a", attempt=1, exit=0, before=True))
    log.batch("copy", 1).ends("copy", "bc").batch("copy", 2).ends("copy", "d").finishes("copy")
    log.asks_back(step="copy").undoes("copy").back()
    assert (log.step("copy").state, log.step("copy").tasks["a"].state) == ("rolled back", "done")


def test_a_rolled_back_step_can_be_done_anew() -> None:
    log = Log().copied().asks_back().undoes("copy").undoing("prep").wait(4).does("tom", cmd.Tick(step="prep")).back()
    assert [log.step(s).state for s in ("prep", "copy")] == ["rolled back", "rolled back"]
    assert (log.state.current, clock.rollback_cost(log.state)) == ("go", 0)
    assert "is rolled back; to do it again: upgrade-tui start prep" in log.refuses("tom", cmd.Tick(step="prep"))
    assert "not ready" in log.refuses("mei", cmd.Start(step="copy"))
    log.does("tom", cmd.Start(step="prep")).does("tom", cmd.Tick(step="prep")).does("tom", cmd.Start(step="copy"))
    assert (_states(log), log.step("copy").attempt) == ("pending pending pending pending", 2)
    assert log.step("copy").tasks["a"].undo == 0


# -- the clock ----------------------------------------------------------------------------------------------------


def test_measured_batches_count_on_the_clock_from_then_on() -> None:
    log = Log().copied().asks_back(step="copy", hosts=("b", "c", "d")).undoes("copy", minutes=7).back()
    assert log.step("copy").rollback_seconds == 7 * MINUTE, "two batches in fourteen minutes"
    assert clock.rollback_cost(log.state) == (5 + 7) * MINUTE
    spec = log.plan.step("copy")
    assert spec is not None
    assert clock.after(log.state, spec, log.now).cost == (5 + 3 * 7) * MINUTE


def test_a_rollback_undone_by_hand_or_stopped_measures_nothing() -> None:
    log = _mid().undo_lost("copy", "c").undone("copy", "unknown").back("unknown")
    assert log.step("copy").rollback_seconds is None
    log.does("mei", cmd.Settle(step="copy", outcome="done", reason="looked"))
    assert log.step("copy").rollback_seconds is None


def test_the_tick_of_a_manual_rollback_measures_it() -> None:
    log = Log().prepared().asks_back().undoing("prep").wait(4)
    assert "a rollback is under way" in log.refuses("mei", cmd.Start(step="copy", confirm="x"))
    assert "is tom's step" in log.refuses("ana", cmd.Tick(step="prep"))
    log.does("tom", cmd.Tick(step="prep"))
    assert (log.step("prep").state, log.step("prep").rollback_seconds) == ("rolled back", 4 * MINUTE)


# -- settling -----------------------------------------------------------------------------------------------------


def test_during_a_rollback_what_is_unknown_is_settled_and_it_goes_on() -> None:
    log = _mid().undo_lost("copy", "c")
    log.does("mei", cmd.Settle(step="copy", outcome="done", reason="it is 15 again"))
    assert (log.step("copy").tasks["c"].state, log.step("copy").state) == ("rolled back", "rolling back")
    log.undo_starts("copy", "a").undo_ends("copy", "a").undone("copy").back()
    assert log.step("copy").state == "rolled back"


def _stopped() -> Log:
    """The rollback stopped: d and b are back, c unknown, a still as it was done."""
    return _mid().undo_lost("copy", "c").undone("copy", "unknown").back("unknown")


def test_after_a_rollback_what_is_unknown_is_settled_as_back_or_not() -> None:
    log = _stopped().does("mei", cmd.Settle(step="copy", outcome="done", reason="it is 15 again"))
    assert (log.step("copy").tasks["c"].state, log.step("copy").state) == ("rolled back", "failed")
    log = _stopped().does("mei", cmd.Settle(step="copy", outcome="failed", reason="half of it"))
    assert (log.step("copy").tasks["c"].state, log.step("copy").state) == ("failed", "failed")
    assert log.step("copy").tasks["c"].changed
    log = _stopped().does("mei", cmd.Settle(step="copy", outcome="skipped", reason="thrown away"))
    assert (log.step("copy").tasks["c"].state, log.step("copy").tasks["c"].changed) == ("skipped", False)


def test_the_last_one_settled_ends_the_rollback_of_the_step() -> None:
    log = Log().copied().asks_back(step="copy").undoing("copy")
    log.undo_starts("copy", "abcd").undo_ends("copy", "ab").undo_ends("copy", "c", 1).undo_lost("copy", "d")
    log.undone("copy", "unknown").back("unknown")
    log.does("mei", cmd.Settle(step="copy", host="d", outcome="done", reason="looked"))
    assert log.step("copy").state == "failed", "c is not back, but nothing is unknown any more"
    log.does("mei", cmd.Settle(step="copy", host="c", outcome="done", reason="by hand"))
    assert (log.step("copy").state, log.step("copy").reason) == ("rolled back", "c: by hand; d: looked")


def test_settling_does_not_end_a_rollback_over_a_job_that_was_found_again() -> None:
    log = Log().copied().asks_back(step="copy").undoing("copy").undo_starts("copy", "abcd").undo_ends("copy", "ab")
    log.undo_lost("copy", "c", "d", following=True).undone("copy", "unknown").back("unknown")
    log.happens(ev.TaskFound(step="copy", host="c", attempt=1, undo=True))
    log.does("mei", cmd.Settle(step="copy", host="d", outcome="done", reason="looked"))
    assert (log.step("copy").tasks["c"].state, log.step("copy").state) == ("rolling back", "unknown")


# -- late answers -------------------------------------------------------------------------------------------------


def test_a_late_answer_of_an_older_rollback_does_not_pass_for_the_newer_ones() -> None:
    log = _stopped().asks_back(step="copy").undoing("copy").undo_starts("copy", "c")
    before = log.state.steps
    log.happens(
        ev.TaskFinished(step="copy", host="c", attempt=1, exit=0, seconds=9, undo=True),
        ev.TaskChecked(step="copy", host="c", attempt=1, exit=0, undo=True),
        ev.TaskUnknown(step="copy", host="c", attempt=1, reason="late", undo=True),
        ev.TaskUnreachable(step="copy", host="c", attempt=1, reason="late", undo=True),
    )
    assert log.state.steps == before
    assert log.undo_ends("copy", "c").step("copy").tasks["c"].state == "rolled back"


def test_a_late_answer_of_a_rollback_says_nothing_about_what_was_begun_anew() -> None:
    log = _stopped().does("mei", cmd.Settle(step="copy", outcome="done", reason="looked"))
    log.does("mei", cmd.Start(step="copy")).batch("copy", 1)
    before = log.state.steps
    log.happens(
        ev.TaskFinished(step="copy", host="c", attempt=1, exit=0, seconds=9, undo=True),
        ev.TaskFound(step="copy", host="c", attempt=1, undo=True),
    )
    assert log.state.steps == before


def test_a_late_answer_of_the_command_says_nothing_once_it_is_being_undone() -> None:
    log = Log().prepared().does("tom", cmd.Start(step="copy")).batch("copy", 0).lost("copy", "a", following=True)
    log.finishes("copy", "unknown").asks_back(step="copy").undoing("copy").undo_starts("copy", "a")
    late = ev.TaskFinished(step="copy", host="a", attempt=1, exit=0, seconds=99)
    assert log.happens(late).step("copy").tasks["a"].state == "rolling back"
    log.undo_ends("copy", "a").undone("copy").back()
    assert log.happens(late).step("copy").tasks["a"].state == "rolled back"


def test_a_rollback_that_is_proven_after_it_stopped_is_back_after_all() -> None:
    log = Log().copied().asks_back(step="copy").undoing("copy").undo_starts("copy", "d")
    log.undo_lost("copy", "d", following=True).undone("copy", "unknown").back("unknown")
    log.happens(ev.TaskFinished(step="copy", host="d", attempt=1, exit=0, seconds=9, undo=True))
    assert (log.step("copy").tasks["d"].state, log.step("copy").touched()) == ("rolled back", 2)


def test_a_conductor_that_takes_over_in_a_rollback_finds_it_as_it_was() -> None:
    log = _mid().happens(ev.ConductorStarted(pid=2, host="h", version="1"))
    assert log.state.rolling_back
    assert log.step("copy").undo_batches == (("d",), ("b", "c"), ("a",))
    log.undo_lost("copy", "c", following=True).happens(ev.TaskFound(step="copy", host="c", attempt=1, undo=True))
    log.undo_ends("copy", "c").undo_starts("copy", "a").undo_ends("copy", "a").undone("copy").back()
    assert (log.step("copy").state, log.state.rolling_back) == ("rolled back", False)


def test_a_rolled_back_step_can_be_skipped_and_the_window_be_completed_without_it() -> None:
    plan = plan_of(
        '[[steps]]\nid = "tune"\ntitle = "Tune"\nrollback = { manual = "back", estimate = "1m" }\n'
        '[[steps]]\nid = "tell"\ntitle = "Tell"\nneeds = ["tune"]\n'
    )
    log = Log(plan).does("tom", cmd.Tick(step="tune"))
    log.does("mei", cmd.StartRollback(confirm=plan.window.id, reason="too slow")).happens(
        ev.RollbackStarted(step="tune", reason="too slow"),
        ev.RollbackFinished(step="tune", outcome="done", seconds=5.0),
        ev.RollbackEnded(outcome="done", seconds=5.0),
    )
    assert log.step("tune").state == "rolled back"
    assert "tune (rolled back)" in log.refuses("mei", cmd.Close(confirm=plan.window.id))
    log.does("tom", cmd.Skip(step="tune", reason="not tonight")).does("tom", cmd.Tick(step="tell"))
    assert log.does("mei", cmd.Close(confirm=plan.window.id)).state.outcome == "completed"


def test_a_host_that_failed_to_undo_by_itself_is_undone_in_the_next_rollback_whatever_the_clock_says() -> None:
    log = Log().copied()
    log.happens(ev.DeadmanArmed(step="copy", host="d", attempt=1, seconds=60.0))
    log.happens(ev.DeadmanFired(step="copy", host="d", exit=1))
    log.asks_back(step="copy").wait(-30).undoing("copy")
    assert log.step("copy").tasks["d"].undo != log.step("copy").undo, "still to be undone in this one"
    log.undo_starts("copy", "d").wait(-10).undo_ends("copy", "d", 1)
    assert log.step("copy").tasks["d"].undo == log.step("copy").undo, "not begun a second time"
    assert log.state.rollback is not None
    assert log.state.rollback.begun == {"copy"}
