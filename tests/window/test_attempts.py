"""Several attempts, lost links, takeovers: what ``shown``, ``current``, ``touched`` and ``no_return`` say then."""

from __future__ import annotations

from tests.window.small import MINUTE, Log
from upgrade_tui.window import clock
from upgrade_tui.window import commands as cmd
from upgrade_tui.window import events as ev


def _copying() -> Log:
    return Log().prepared().does("tom", cmd.Start(step="copy"))


def _dropping() -> Log:
    log = Log().copied().does("mei", cmd.Skip(step="go", reason="x")).does("mei", cmd.Skip(step="soak", reason="x"))
    return log.does("mei", cmd.Start(step="drop", confirm="drop"))


def _unreachable(log: Log, step: str, *hosts: str) -> Log:
    attempt = log.step(step).attempt
    return log.happens(*(ev.TaskUnreachable(step=step, host=h, attempt=attempt, reason="no route") for h in hosts))


def test_a_new_attempt_keeps_what_is_done_and_remembers_what_was_touched() -> None:
    log = _copying().batch("copy", 0).ends("copy", "a").batch("copy", 1).ends("copy", "b").ends("copy", "c", 1)
    log.finishes("copy", "failed").does("tom", cmd.Start(step="copy"))
    assert {h: t.state for h, t in log.step("copy").tasks.items()} == {
        "a": "done", "b": "done", "c": "pending", "d": "pending",
    }  # fmt: skip
    assert log.step("copy").touched() == 2, "the failed attempt on c may have changed something"
    assert log.step("copy").tasks["a"].attempt == 1


def test_an_attempt_that_did_not_come_to_a_host_forgets_nothing_of_the_one_before() -> None:
    log = _copying().batch("copy", 0).ends("copy", "a", 1).finishes("copy", "failed")
    log.does("tom", cmd.Start(step="copy")).finishes("copy", "failed", "stopped").does("tom", cmd.Start(step="copy"))
    log.happens(ev.TaskChecked(step="copy", host="a", attempt=log.step("copy").attempt, exit=0, before=True))
    assert log.step("copy").tasks["a"].changed, "it was begun there, and nobody undid it"
    assert log.step("copy").touched() == 1


def test_an_attempt_that_reached_nobody_touched_nothing() -> None:
    log = _copying()
    _unreachable(log, "copy", "a").finishes("copy", "failed")
    assert (log.step("copy").touched(), clock.rollback_cost(log.state)) == (0, 5 * MINUTE)
    log.does("tom", cmd.Start(step="copy")).batch("copy", 0)
    assert log.step("copy").touched() == 1


def test_a_host_that_was_lost_before_anything_was_sent_was_not_touched() -> None:
    """``task.started`` is durable before the command is sent; if it then cannot be sent, nothing was done."""
    log = _copying().batch("copy", 0)
    assert log.step("copy").touched() == 1, "while it runs it may have been sent"
    assert _unreachable(log, "copy", "a").step("copy").touched() == 0


def test_a_second_attempt_that_reached_nobody_does_not_undo_the_first() -> None:
    log = (
        _copying().batch("copy", 0).ends("copy", "a", 1).finishes("copy", "failed").does("tom", cmd.Start(step="copy"))
    )
    _unreachable(log.batch("copy", 0), "copy", "a").finishes("copy", "failed")
    assert log.step("copy").touched() == 1


def test_what_was_done_by_hand_on_an_unreachable_host_has_to_be_undone_too() -> None:
    log = _unreachable(_copying(), "copy", "a").finishes("copy", "failed")
    log.does("tom", cmd.Settle(step="copy", host="a", outcome="done", reason="did it on the console"))
    assert log.step("copy").touched() == 1


def test_what_was_settled_as_skipped_on_an_unreachable_host_has_not() -> None:
    log = _unreachable(_copying(), "copy", "a").finishes("copy", "failed")
    log.does("tom", cmd.Settle(step="copy", host="a", outcome="skipped", reason="dead"))
    assert log.step("copy").touched() == 0


def test_skipping_a_half_done_step_leaves_its_rollback_on_the_clock() -> None:
    log = (
        _copying().batch("copy", 0).ends("copy", "a").batch("copy", 1).ends("copy", "bc", 1).finishes("copy", "failed")
    )
    log.does("tom", cmd.Skip(step="copy", reason="good enough"))
    assert clock.rollback_cost(log.state) == (5 + 2 * 3) * MINUTE
    log.does("tom", cmd.Untick(step="copy", reason="not good enough"))
    assert (log.state.shown("copy"), clock.rollback_cost(log.state)) == ("failed", 11 * MINUTE)


def test_a_late_answer_of_an_old_attempt_does_not_pass_for_the_new_one() -> None:
    log = _copying().batch("copy", 0).lost("copy", "a").finishes("copy", "unknown")
    log.does("tom", cmd.Settle(step="copy", outcome="failed", reason="nothing there")).does(
        "tom", cmd.Start(step="copy")
    )
    before = log.state
    log.happens(
        ev.TaskFinished(step="copy", host="a", attempt=1, exit=0, seconds=60),
        ev.TaskChecked(step="copy", host="a", attempt=1, exit=0),
        ev.StepFinished(step="copy", attempt=1),
        ev.BatchStarted(step="copy", attempt=1, batch=2),
    )
    assert log.state.steps == before.steps
    assert log.batch("copy", 0).ends("copy", "a").step("copy").tasks["a"].attempt == 2


def test_an_unknown_task_that_is_picked_up_again_gets_its_proven_end() -> None:
    log = _copying().batch("copy", 0).lost("copy", "a").finishes("copy", "unknown").wait(3)
    log.happens(ev.TaskFinished(step="copy", host="a", attempt=1, exit=0, seconds=90.0))
    assert log.step("copy").tasks["a"].state == "done"
    log.does("tom", cmd.Start(step="copy"))
    assert log.step("copy").tasks["a"].state == "done"


def test_a_check_decides_over_the_commands_own_exit() -> None:
    log = _copying().batch("copy", 0).ends("copy", "a")
    log.happens(ev.TaskChecked(step="copy", host="a", attempt=1, exit=3, last_line="nothing copied"))
    assert (log.step("copy").tasks["a"].state, log.step("copy").tasks["a"].reason) == (
        "failed", "check failed (exit 3): nothing copied",
    )  # fmt: skip
    log.happens(ev.TaskChecked(step="copy", host="a", attempt=1, exit=None))
    assert log.step("copy").tasks["a"].state == "unknown"
    log.happens(ev.TaskChecked(step="copy", host="a", attempt=1, exit=0))
    assert log.step("copy").tasks["a"].state == "done"


def test_a_check_before_that_passes_leaves_nothing_to_run_and_nothing_to_undo() -> None:
    log = _copying().happens(ev.TaskChecked(step="copy", host="a", attempt=1, exit=1, before=True))
    assert log.step("copy").tasks["a"].state == "pending"
    log.happens(ev.TaskChecked(step="copy", host="a", attempt=1, exit=0, before=True))
    assert (log.step("copy").tasks["a"].state, log.step("copy").touched()) == ("done", 0)


def test_a_step_that_ends_while_a_task_runs_leaves_it_unknown() -> None:
    log = (
        _copying().batch("copy", 0).ends("copy", "a").batch("copy", 1).ends("copy", "b", 1).finishes("copy", "unknown")
    )
    assert log.step("copy").tasks["c"].state == "unknown"
    assert "unknown on c" in log.refuses("mei", cmd.Start(step="copy"))
    log.happens(ev.TaskFinished(step="copy", host="c", attempt=1, exit=0, seconds=1.0))
    log.does("mei", cmd.Start(step="copy"))


def test_timeouts_and_signals_are_failures_with_their_reason() -> None:
    log = _copying().batch("copy", 0).ends("copy", "a").batch("copy", 1).ends("copy", "b", None)
    log.happens(ev.TaskFinished(step="copy", host="c", attempt=1, exit=0, seconds=9, timed_out=True))
    tasks = log.step("copy").tasks
    assert [(tasks[h].state, tasks[h].reason) for h in "bc"] == [("failed", "signal TERM"), ("failed", "timed out")]


def test_what_ended_early_is_never_done_and_says_what_it_took() -> None:
    log = _copying().batch("copy", 0).ends("copy", "a").batch("copy", 1)
    early = "the host was shut down while it ran; it was asked to end and did"
    for host, code in (("b", 143), ("c", 0)):  # a command may take a TERM for its cue to end well
        log.happens(ev.TaskFinished(step="copy", host=host, attempt=1, exit=code, seconds=9, early=early))
    tasks = log.step("copy").tasks
    assert [(tasks[h].state, tasks[h].reason, tasks[h].ended) for h in "bc"] == [("failed", early, False)] * 2


def test_where_we_are_is_what_runs_then_what_is_in_trouble_then_what_is_next() -> None:
    log = Log()
    assert log.state.current == "prep"
    log.prepared()
    assert log.state.current == "copy"
    log.does("tom", cmd.Start(step="copy")).batch("copy", 0).lost("copy", "a")
    assert log.state.current == "copy"
    log.finishes("copy", "unknown")
    assert (log.state.current, log.state.shown("go"), log.state.missing("go")) == ("copy", "pending", ("copy",))


def test_a_takeover_in_the_middle_of_a_batch_leaves_its_tasks_to_be_settled() -> None:
    log = _copying().batch("copy", 0).ends("copy", "a").batch("copy", 1).ends("copy", "b")
    log.happens(ev.ConductorStarted(pid=2, host="h", version="1"))
    log.lost("copy", "c").finishes("copy", "unknown")
    assert "unknown on c" in log.refuses("mei", cmd.Start(step="copy"))
    log.does("tom", cmd.Settle(step="copy", outcome="done", reason="it is there"))
    log.does("tom", cmd.Start(step="copy")).batch("copy", 2).ends("copy", "d").finishes("copy")
    assert (log.step("copy").state, log.step("copy").touched(), log.step("copy").attempt) == ("done", 3, 2)


# -- the point of no return ---------------------------------------------------------------------------------------


def test_the_point_of_no_return_is_the_first_host_something_is_sent_to() -> None:
    log = _dropping()
    assert log.state.no_return == ""
    assert log.batch("drop", 0).state.no_return == "drop"


def test_where_no_host_could_be_reached_we_can_still_go_back() -> None:
    log = _unreachable(_dropping(), "drop", "a", "b").finishes("drop", "failed")
    assert (log.state.no_return, log.reading().by is None) == ("", False)


def test_unknown_is_past_the_point_of_no_return_and_stays_so() -> None:
    log = _dropping().batch("drop", 0).lost("drop", "a", "b").finishes("drop", "unknown")
    assert log.state.no_return == "drop"
    log.does("mei", cmd.Settle(step="drop", outcome="failed", reason="half of it is gone"))
    assert log.state.no_return == "drop"
    log.does("mei", cmd.Skip(step="drop", reason="leave it"))
    assert log.state.no_return == "drop", "skipping does not bring back what was dropped"


def test_an_irreversible_step_that_is_skipped_unbegun_is_no_point_of_no_return() -> None:
    log = Log().copied().does("mei", cmd.Skip(step="go", reason="x")).does("mei", cmd.Skip(step="soak", reason="x"))
    assert log.does("mei", cmd.Skip(step="drop", reason="next week")).state.no_return == ""


# -- rollback, as far as the core knows it ------------------------------------------------------------------------


def test_a_rolled_back_step_costs_nothing_any_more_and_lets_nothing_after_it_go() -> None:
    log = Log().copied().asks_back(step="copy").undoing("copy")
    assert (log.state.current, clock.rollback_cost(log.state)) == ("copy", 14 * MINUTE)
    for batch in log.step("copy").undo_batches:
        log.undo_starts("copy", batch).undo_ends("copy", batch)
    log.undone("copy").back()
    assert clock.rollback_cost(log.state) == 5 * MINUTE
    assert (log.state.shown("copy"), log.state.missing("go")) == ("rolled back", ("copy",))


def test_a_rollback_that_failed_at_once_does_not_pass_for_a_quick_one() -> None:
    log = Log().copied().asks_back(step="copy").undoing("copy").undo_starts("copy", "d").wait(0.1)
    log.undo_ends("copy", "d", 1).undone("copy", "failed").back("failed")
    assert (log.step("copy").state, clock.rollback_cost(log.state)) == ("failed", 14 * MINUTE)
