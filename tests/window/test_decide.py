"""The rules of ``decide``, one by one: who may do what, when, and what it takes."""

from __future__ import annotations

import pytest

from tests.window.small import END, MINUTE, Log, plan_of, small_plan
from upgrade_tui.window import commands as cmd
from upgrade_tui.window import events as ev
from upgrade_tui.window.commands import Actor, Refusal
from upgrade_tui.window.decide import decide
from upgrade_tui.window.state import initial

LEAD = Actor("mei", "lead")


# -- the window and the people ------------------------------------------------------------------------------------


def test_nothing_is_done_before_the_window_is_open() -> None:
    decision = decide(initial(small_plan()), cmd.Tick(step="prep"), LEAD, 0.0)
    assert isinstance(decision, Refusal)
    assert "not open yet" in decision.reason


def test_a_closed_window_takes_nothing_more_not_even_a_note() -> None:
    log = Log().does("mei", cmd.Close(confirm="small", outcome="abandoned", reason="storm"))
    assert "closed (abandoned)" in log.refuses("mei", cmd.Note(text="one more thing"))


def test_observers_look_and_note_and_nothing_else() -> None:
    log = Log()
    for command in (cmd.Tick(step="prep"), cmd.Claim(step="prep"), cmd.Pause(), cmd.Vote(step="go", go=True)):
        assert "eve is an observer here" in log.refuses("eve", command)
    log.does("eve", cmd.Note(text=" saw it \n", mark="lucky"))
    assert log.state.notes == (ev.NoteAdded(text="saw it", mark="lucky"),)


@pytest.mark.parametrize("step", ["no such step", ""])
def test_unknown_steps_are_refused_with_the_known_ones(step: str) -> None:
    log = Log()
    for command in (cmd.Start(step=step), cmd.Skip(step=step, reason="x"), cmd.Vote(step=step, go=True)):
        assert "steps: prep, copy, go, soak, drop, tell" in log.refuses("mei", command)


def test_an_engineer_leaves_another_ones_step_alone_until_it_is_claimed() -> None:
    log = Log()
    assert '"prep" is tom\'s step; claim it first' in log.refuses("ana", cmd.Tick(step="prep"))
    log.does("ana", cmd.Claim(step="prep"))
    assert "ana's step" in log.refuses("tom", cmd.Tick(step="prep"))
    log.does("ana", cmd.Claim(step="prep", release=True)).does("tom", cmd.Tick(step="prep"))
    assert log.step("prep").by == "tom"


def test_the_lead_acts_on_every_step() -> None:
    assert Log().does("ana", cmd.Claim(step="prep")).does("mei", cmd.Tick(step="prep")).step("prep").by == "mei"


def test_claims_cannot_be_doubled_or_given_back_by_others() -> None:
    log = Log()
    assert "claimed by nobody" in log.refuses("mei", cmd.Claim(step="copy", release=True))
    log.does("ana", cmd.Claim(step="copy"))
    assert "claimed by ana already" in log.refuses("ana", cmd.Claim(step="copy"))
    assert "not claimed by tom" in log.refuses("tom", cmd.Claim(step="copy", release=True))
    assert log.does("mei", cmd.Claim(step="copy", release=True)).step("copy").claimed_by == ""


# -- order, start, tick -------------------------------------------------------------------------------------------


def test_a_step_waits_for_what_it_needs_and_says_for_what() -> None:
    assert '"copy" is not ready; it waits for prep (ready)' in Log().refuses("mei", cmd.Start(step="copy"))


def test_a_skipped_step_lets_the_next_one_go() -> None:
    log = Log().does("tom", cmd.Skip(step="prep", reason="done yesterday"))
    assert log.state.shown("copy") == "ready"
    log.does("ana", cmd.Start(step="copy"))


def test_starting_fixes_the_batches_and_counts_attempts() -> None:
    log = Log().prepared().does("ana", cmd.Start(step="copy"))
    step = log.step("copy")
    assert (step.state, step.attempt, step.batches) == ("running", 1, (("a",), ("b", "c"), ("d",)))
    assert "already running; started by ana" in log.refuses("mei", cmd.Start(step="copy"))


def test_only_manual_steps_are_ticked() -> None:
    log = Log()
    for step, hint in (("copy", "start it"), ("go", "vote"), ("soak", "ends by itself")):
        assert hint in log.refuses("mei", cmd.Tick(step=step))


def test_a_manual_step_may_be_started_first_and_ticked_by_somebody_else() -> None:
    log = Log().does("tom", cmd.Start(step="prep")).wait(5).does("mei", cmd.Tick(step="prep"))
    step = log.step("prep")
    assert (step.state, step.by, (step.finished or 0) - (step.started or 0)) == ("done", "mei", 5 * MINUTE)
    assert "by mei; untick it" in log.refuses("tom", cmd.Tick(step="prep"))


def test_a_pause_stops_starts_and_go_votes_but_not_the_truth() -> None:
    log = Log().does("tom", cmd.Pause(reason="canary"))
    assert "the window is paused: canary" in log.refuses("mei", cmd.Start(step="prep"))
    assert "paused already, by tom" in log.refuses("mei", cmd.Pause())
    log.does("tom", cmd.Tick(step="prep"))
    log.does("mei", cmd.Resume())
    assert "not paused" in log.refuses("mei", cmd.Resume())


def test_an_irreversible_step_is_confirmed_by_typing_its_id() -> None:
    log = _at_drop()
    assert "irreversible" in log.refuses("mei", cmd.Start(step="drop"))
    assert "--confirm drop" in log.refuses("mei", cmd.Start(step="drop", confirm="yes"))
    log.does("mei", cmd.Start(step="drop", confirm="drop"))


def test_an_irreversible_manual_step_is_confirmed_once() -> None:
    plan = plan_of('[[steps]]\nid = "cut"\ntitle = "Cut over"\nirreversible = true\n')
    assert "irreversible" in Log(plan).refuses("mei", cmd.Tick(step="cut"))
    assert Log(plan).does("mei", cmd.Tick(step="cut", confirm="cut")).state.no_return == "cut"
    log = Log(plan).does("mei", cmd.Start(step="cut", confirm="cut"))
    assert log.does("mei", cmd.Tick(step="cut")).step("cut").state == "done"


# -- no time to undo ----------------------------------------------------------------------------------------------


def _late() -> Log:
    """copy takes 34 min and its undoing 9; prep's 5: by 01:50 this does not fit from 01:10 on."""
    log = Log().prepared()
    log.now = END - 50 * MINUTE
    return log


def test_no_time_to_undo_takes_the_leads_override_with_a_reason() -> None:
    log = _late()
    assert 'no time to undo "copy": slack after this step: -8 m' in log.refuses("mei", cmd.Start(step="copy"))
    assert "no time to undo" in log.refuses("mei", cmd.Start(step="copy", override="  "))
    assert "only the lead can override" in log.refuses("tom", cmd.Start(step="copy", override="we must"))
    log.does("mei", cmd.Start(step="copy", override=" forward is safer "))
    assert log.step("copy").override == "forward is safer"


def test_the_last_moment_that_still_fits_needs_no_override() -> None:
    log = Log().prepared()
    log.now = END - (10 + 14 + 34) * MINUTE
    assert log.does("tom", cmd.Start(step="copy")).step("copy").state == "running"


def test_an_override_that_was_not_needed_is_not_recorded_as_one() -> None:
    log = Log().does("tom", cmd.Tick(step="prep", override="just in case"))
    log.does("tom", cmd.Start(step="copy", override="just in case"))
    assert [log.step(s).override for s in ("prep", "copy")] == ["", ""]


def test_a_tick_of_a_late_manual_step_is_asked_about_too_unless_it_was_at_its_start() -> None:
    log = Log()
    log.now = END - 20 * MINUTE
    assert "no time to undo" in log.refuses("tom", cmd.Tick(step="prep"))
    log.does("mei", cmd.Start(step="prep", override="it must be")).wait(3).does("tom", cmd.Tick(step="prep"))
    assert (log.step("prep").state, log.step("prep").override) == ("done", "it must be")


def test_past_the_point_of_no_return_time_to_undo_is_no_question_any_more() -> None:
    extra = (
        '[[steps]]\nid = "cut"\ntitle = "c"\nirreversible = true\n[[steps]]\nid = "on"\ntitle = "o"\nestimate = "9m"\n'
    )
    log = Log(plan_of(extra + 'rollback = { manual = "back", estimate = "30m" }\n'))
    log.does("mei", cmd.Tick(step="cut", confirm="cut"))
    log.now = END - MINUTE
    log.does("ana", cmd.Tick(step="on"))


# -- untick, skip -------------------------------------------------------------------------------------------------


def test_a_tick_is_taken_back_with_a_reason() -> None:
    log = Log().prepared()
    assert "needs a reason" in log.refuses("tom", cmd.Untick(step="prep", reason=" "))
    log.does("tom", cmd.Untick(step="prep", reason="wrong host"))
    assert (log.state.shown("prep"), log.step("prep").started, log.step("prep").reason) == ("ready", None, "wrong host")
    assert "no tick or skip" in log.refuses("tom", cmd.Untick(step="prep", reason="again"))


def test_a_tick_stays_while_what_needs_it_has_begun() -> None:
    log = Log().prepared().does("tom", cmd.Start(step="copy"))
    assert '"copy", which needs "prep", is running' in log.refuses("tom", cmd.Untick(step="prep", reason="oops"))


def test_what_a_command_did_is_not_unticked_but_its_skip_is() -> None:
    log = Log().copied()
    assert "not a manual step" in log.refuses("mei", cmd.Untick(step="copy", reason="x"))
    log.does("mei", cmd.Skip(step="go", reason="lead decides")).does("mei", cmd.Untick(step="go", reason="after all"))
    assert log.state.shown("go") == "ready"


def test_skipping_needs_a_reason_and_something_that_is_not_running_on_hosts() -> None:
    log = Log()
    assert "needs a reason" in log.refuses("tom", cmd.Skip(step="prep", reason=""))
    log.prepared().does("tom", cmd.Start(step="copy"))
    assert "is running" in log.refuses("mei", cmd.Skip(step="copy", reason="too slow"))
    log.batch("copy", 0).lost("copy", "a").finishes("copy", "unknown")
    assert "may have run there" in log.refuses("mei", cmd.Skip(step="copy", reason="never mind"))


def test_only_the_lead_skips_a_gate() -> None:
    log = Log().copied()
    assert "only the lead" in log.refuses("tom", cmd.Skip(step="go", reason="hurry"))
    assert log.does("mei", cmd.Skip(step="go", reason="alone tonight")).step("go").state == "skipped"


# -- unknown, settle ----------------------------------------------------------------------------------------------


def _half_done() -> Log:
    """copy: a done, b failed, c unknown, d not begun."""
    log = Log().prepared().does("tom", cmd.Start(step="copy")).batch("copy", 0).wait(9).ends("copy", "a")
    log.batch("copy", 1).wait(5).ends("copy", "b", 2).lost("copy", "c")
    return log.finishes("copy", "unknown")


def test_unknown_is_never_started_again_before_somebody_looked() -> None:
    log = _half_done()
    assert "unknown on c: it may have run there" in log.refuses("mei", cmd.Start(step="copy"))
    log.does("tom", cmd.Settle(step="copy", host="c", outcome="failed", reason="it is down"))
    assert log.step("copy").state == "failed"
    log.does("tom", cmd.Start(step="copy"))
    states = {h: t.state for h, t in log.step("copy").tasks.items()}
    assert states == {"a": "done", "b": "pending", "c": "pending", "d": "pending"}


def test_settling_says_who_looked_and_on_which_hosts() -> None:
    log = _half_done()
    assert "what did you see" in log.refuses("tom", cmd.Settle(step="copy", outcome="done", reason=""))
    assert 'does not run on "z"' in log.refuses("tom", cmd.Settle(step="copy", host="z", outcome="done", reason="x"))
    assert "nothing to settle" in log.refuses("tom", cmd.Settle(step="copy", host="a", outcome="done", reason="x"))
    log.does("tom", cmd.Settle(step="copy", outcome="done", reason="both are up"))
    tasks = log.step("copy").tasks
    assert {h: (t.state, t.settled_by) for h, t in tasks.items() if h in "bc"} == {
        "b": ("done", "tom"),
        "c": ("done", "tom"),
    }
    assert log.state.shown("copy") == "ready", "d has not been done yet"


def test_a_step_is_done_when_the_last_host_is_settled() -> None:
    log = _half_done().does("mei", cmd.Settle(step="copy", outcome="done", reason="by hand"))
    log.does("tom", cmd.Start(step="copy")).batch("copy", 2).ends("copy", "d", 1).finishes("copy", "failed")
    log.does("mei", cmd.Settle(step="copy", outcome="skipped", reason="d goes away"))
    assert (log.step("copy").state, log.state.shown("go")) == ("done", "ready")


def test_of_a_running_step_only_what_is_unknown_is_settled() -> None:
    log = Log().prepared().does("tom", cmd.Start(step="copy")).batch("copy", 0)
    settle = cmd.Settle(step="copy", outcome="done", reason="looked")
    assert "nothing to settle" in log.refuses("mei", settle)
    log.lost("copy", "a").does("tom", settle)
    assert (log.step("copy").tasks["a"].state, log.step("copy").state) == ("done", "running")
    log.batch("copy", 1).ends("copy", "b", 1)
    assert "nothing to settle" in log.refuses("mei", settle), "it may be retried by itself while the step runs"


# -- notes and the end --------------------------------------------------------------------------------------------


def test_notes_have_text_and_stay_with_their_step_and_host() -> None:
    log = Log()
    assert "empty" in log.refuses("tom", cmd.Note(text="\n "))
    assert "no host" in log.refuses("tom", cmd.Note(text="x", host="z"))
    assert "no step" in log.refuses("tom", cmd.Note(text="x", step="z"))
    log.does("tom", cmd.Note(text="x", step="prep", host="a"))
    assert (log.step("prep").notes, log.state.hosts["a"].notes) == (1, 1)


def test_closing_is_the_leads_and_confirmed_by_typing_the_id() -> None:
    log = Log()
    assert "only the lead" in log.refuses("tom", cmd.Close(confirm="small"))
    assert "typing its id: small" in log.refuses("mei", cmd.Close(confirm="y"))
    assert "not completed: prep (ready), copy (pending)" in log.refuses("mei", cmd.Close(confirm="small"))
    assert "needs a reason" in log.refuses("mei", cmd.Close(confirm="small", outcome="rolled back"))


def test_a_window_is_not_closed_over_something_that_runs() -> None:
    log = Log().does("tom", cmd.Start(step="prep"))
    command = cmd.Close(confirm="small", outcome="abandoned", reason="storm")
    assert "still running: prep" in log.refuses("mei", command)
    assert log.does("tom", cmd.Tick(step="prep")).does("mei", command).state.outcome == "abandoned"


def test_a_window_completes_when_all_is_done_or_skipped() -> None:
    log = _at_drop().does("mei", cmd.Start(step="drop", confirm="drop")).batch("drop", 0).ends("drop", "ab")
    log.finishes("drop").does("ana", cmd.Skip(step="tell", reason="all are here"))
    log.does("mei", cmd.Close(confirm="small"))
    assert (log.state.phase, log.state.outcome, log.state.current) == ("closed", "completed", "")


def test_a_deadline_crossed_in_the_windows_last_second_is_told_before_it_closes() -> None:
    plan = plan_of('[[steps]]\nid = "cut"\ntitle = "Cut over"\nirreversible = true\n')
    log = Log(plan).does("mei", cmd.Tick(step="cut", confirm="cut"))
    assert not log.state.crossed, "nobody has looked at the clock since"
    log.does("mei", cmd.Close(confirm=log.state.plan.window.id))
    assert log.state.crossed == {"point of no return"}


def _at_drop() -> Log:
    log = Log().copied().does("mei", cmd.Skip(step="go", reason="rehearsal"))
    return log.does("mei", cmd.Start(step="soak")).wait(10).finishes("soak")
