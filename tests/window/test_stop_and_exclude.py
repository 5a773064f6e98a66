"""Aborting and resuming, retrying some hosts, and taking a host out of the rest of the window."""

from __future__ import annotations

from tests.window.small import Log, plan_of
from upgrade_tui.window import clock
from upgrade_tui.window import commands as cmd
from upgrade_tui.window import events as ev


def _states(log: Log, step: str = "copy") -> str:
    return " ".join(t.state for t in log.step(step).tasks.values())


def _half() -> Log:
    """copy: a done, b failed, c unreachable, d not begun."""
    log = Log().prepared().does("tom", cmd.Start(step="copy")).batch("copy", 0).ends("copy", "a")
    log.batch("copy", 1).ends("copy", "b", 1)
    log.happens(ev.TaskUnreachable(step="copy", host="c", attempt=1, reason="no route"))
    return log.finishes("copy", "failed")


# -- abort --------------------------------------------------------------------------------------------------------


def test_aborting_is_the_leads_and_typed() -> None:
    log = Log()
    assert "only the lead can abort" in log.refuses("tom", cmd.Abort(confirm="small"))
    assert "confirm by typing its id: small" in log.refuses("mei", cmd.Abort(confirm="yes"))
    log.does("mei", cmd.Abort(confirm="small"))
    assert (log.state.phase, log.state.reason, log.state.paused_by) == ("aborted", "no reason given", "mei")
    assert "aborted already" in log.refuses("mei", cmd.Abort(confirm="small"))
    assert "aborted already, by mei" in log.refuses("tom", cmd.Pause())


def test_an_aborted_window_starts_nothing_until_the_lead_resumes_it_with_a_reason() -> None:
    log = Log().prepared().does("mei", cmd.Pause(reason="look")).does("mei", cmd.Abort(confirm="small", reason="fire"))
    assert "the window is aborted: fire" in log.refuses("mei", cmd.Start(step="copy"))
    assert "only the lead" in log.refuses("tom", cmd.Resume(reason="out"))
    assert "with a reason" in log.refuses("mei", cmd.Resume())
    log.does("mei", cmd.Resume(reason="it was a drill")).does("tom", cmd.Start(step="copy"))
    assert log.state.phase == "open"


def test_a_late_pause_does_not_take_an_abort_back() -> None:
    log = Log().does("mei", cmd.Abort(confirm="small", reason="fire")).happens(ev.WindowPaused(reason="canary"))
    assert (log.state.phase, log.state.reason) == ("aborted", "fire")


def test_a_closed_window_is_not_aborted() -> None:
    log = Log().does("mei", cmd.Close(confirm="small", outcome="abandoned", reason="x"))
    assert log.happens(ev.WindowAborted(reason="late")).state.phase == "closed"


# -- retry of some hosts ------------------------------------------------------------------------------------------


def test_a_retry_of_some_hosts_leaves_the_others_as_they_are() -> None:
    log = _half()
    before = log.step("copy").tasks
    log.does("tom", cmd.Start(step="copy", hosts=("b",)))
    step = log.step("copy")
    assert (step.state, step.attempt, _states(log)) == ("running", 2, "done pending unreachable pending")
    assert all(step.tasks[h] == before[h] for h in "acd")
    log.batch("copy", 1)
    assert (step.tasks["c"].attempt, log.step("copy").tasks["b"].attempt) == (1, 2)


def test_only_what_was_tried_and_did_not_work_is_retried() -> None:
    log = _half()
    for host in ("a", "d", "z"):
        assert f'nothing to retry of "copy" on {host}' in log.refuses("mei", cmd.Start(step="copy", hosts=(host,)))
    assert "nothing to retry" in log.refuses("mei", cmd.Start(step="copy", hosts=("b", "a")))
    fresh = Log().prepared()
    assert "nothing to retry" in fresh.refuses("mei", cmd.Start(step="copy", hosts=("d",))), "batches keep their order"


def test_a_retry_that_ended_before_it_came_to_its_host_can_be_asked_for_again() -> None:
    log = _half().does("tom", cmd.Start(step="copy", hosts=("b",))).finishes("copy", "failed")
    log.does("tom", cmd.Start(step="copy", hosts=("b",))).batch("copy", 1)
    assert log.step("copy").tasks["b"].state == "running"


def test_unknown_elsewhere_does_not_keep_other_hosts_from_being_retried() -> None:
    log = _half().happens(ev.TaskUnknown(step="copy", host="c", attempt=1, reason="late"))
    assert "unknown on c" in log.refuses("tom", cmd.Start(step="copy", hosts=("b", "c")))
    log.does("tom", cmd.Start(step="copy", hosts=("b",)))
    assert (_states(log), log.state.shown("copy")) == ("done pending unknown pending", "unknown")


# -- exclude ------------------------------------------------------------------------------------------------------


def test_excluding_says_why_and_waits_for_what_is_under_way_there() -> None:
    log = Log().prepared().does("tom", cmd.Start(step="copy")).batch("copy", 0)
    assert "no host" in log.refuses("mei", cmd.Exclude(host="z", reason="x"))
    assert "needs a reason" in log.refuses("mei", cmd.Exclude(host="d", reason=" "))
    assert "copy is under way on a" in log.refuses("mei", cmd.Exclude(host="a", reason="x"))
    log.does("tom", cmd.Exclude(host="d", reason="disk is dying"))
    assert dict(log.state.excluded) == {"d": "disk is dying"}
    assert "excluded already" in log.refuses("mei", cmd.Exclude(host="d", reason="again"))


def test_an_excluded_host_begins_nothing_more_and_what_was_done_there_counts() -> None:
    log = _half().does("mei", cmd.Exclude(host="a", reason="x")).does("mei", cmd.Exclude(host="b", reason="y"))
    assert _states(log) == "done skipped unreachable pending"
    assert _states(log, "drop") == "skipped skipped"
    assert log.step("copy").tasks["b"].reason == "excluded: y"
    assert log.step("copy").touched() == 2, "the failed attempt on b may have changed something"


def test_the_last_host_in_the_way_excluded_the_step_is_done() -> None:
    log = _half().does("mei", cmd.Exclude(host="c", reason="x")).does("tom", cmd.Start(step="copy", hosts=("b",)))
    log.batch("copy", 1).ends("copy", "b", 1).finishes("copy", "failed")
    log.does("mei", cmd.Exclude(host="d", reason="x")).does("mei", cmd.Exclude(host="b", reason="y"))
    assert (log.step("copy").state, log.step("copy").reason) == ("done", "without b, c, d")
    assert log.state.shown("go") == "ready"


def test_excluding_during_a_retry_of_others_leaves_the_step_to_who_runs_it() -> None:
    log = _half().does("tom", cmd.Start(step="copy", hosts=("b",))).batch("copy", 1)
    log.does("mei", cmd.Exclude(host="c", reason="gone"))
    assert (log.step("copy").state, _states(log)) == ("running", "done running skipped pending")


def test_a_host_where_undoing_failed_is_not_waved_through_by_excluding_it() -> None:
    log = Log().copied().asks_back(step="copy", hosts=("b",)).undoing("copy").undo_starts("copy", "b")
    log.undo_ends("copy", "b", 1).undone("copy", "failed").back("failed")
    log.does("mei", cmd.Exclude(host="b", reason="broken"))
    assert (log.step("copy").state, log.step("copy").tasks["b"].state) == ("failed", "failed")
    log.does("mei", cmd.Settle(step="copy", host="b", outcome="skipped", reason="thrown away"))
    assert log.step("copy").tasks["b"].state == "skipped"


def test_an_excluded_host_takes_no_part_in_what_is_done_anew() -> None:
    log = (
        Log().copied().does("mei", cmd.Exclude(host="b", reason="broken")).asks_back(step="copy").undoes("copy").back()
    )
    assert log.step("copy").tasks["b"].state == "rolled back", "what was done there was undone there"
    assert "b takes no part any more; excluded: broken" in log.refuses("tom", cmd.Start(step="copy", hosts=("b",)))
    log.does("tom", cmd.Start(step="copy"))
    assert _states(log) == "pending skipped pending pending"


def test_an_excluded_hosts_lost_job_is_not_looked_for_any_more() -> None:
    log = Log().prepared().does("tom", cmd.Start(step="copy")).batch("copy", 0).lost("copy", "a", following=True)
    log.does("mei", cmd.Exclude(host="a", reason="gone")).happens(ev.TaskFound(step="copy", host="a", attempt=1))
    assert (log.step("copy").tasks["a"].state, log.state.shown("copy")) == ("skipped", "running")
    assert clock.rollback_cost(log.state) > clock.rollback_cost(Log().prepared().state), "it may have run there"


def test_evidence_is_asked_for_where_the_plan_wants_it() -> None:
    log = Log(plan_of('[[steps]]\nid = "look"\ntitle = "Look"\nevidence = true\n'))
    assert "asks what you saw; say it: --evidence" in log.refuses("tom", cmd.Tick(step="look", evidence=" "))
    assert log.does("tom", cmd.Tick(step="look", evidence="all green")).step("look").evidence == "all green"


def test_a_step_none_of_whose_hosts_is_left_is_not_done_until_a_person_skips_it() -> None:
    """Skipped tasks prove nothing: what needs the step does not begin, and yet the window can be brought to a close."""
    log = Log().prepared().does("tom", cmd.Start(step="copy")).batch("copy", 0).ends("copy", "a", 1)
    log.finishes("copy", "failed")
    for host in "abcd":
        log.does("mei", cmd.Exclude(host=host, reason="its rack is dark"))
    assert _states(log) == "skipped skipped skipped skipped"
    assert (log.step("copy").state, log.step("copy").reason) == ("failed", "no host of it is left: skip the step")
    assert log.state.missing("go") == ("copy",)
    log.does("mei", cmd.Skip(step="copy", reason="no host is left"))
    assert (log.step("copy").state, log.state.shown("go")) == ("skipped", "ready")
    log.does("mei", cmd.Close(confirm="small", outcome="abandoned", reason="enough"))
    assert log.state.phase == "closed"
