"""What a failing canary, or too many failed hosts, undo by themselves; and when they rather pause."""

from __future__ import annotations

from tests.window.small import Log, plan_of
from upgrade_tui.window import commands as cmd
from upgrade_tui.window import events as ev
from upgrade_tui.window.measurements import Link
from upgrade_tui.window.on_fail import canary_answer, in_the_way, step_answer

CANARIES = """
[[canaries]]
name = "errors"
run = "errors"
on = "a"
on_fail = "rollback"
{undo}
[[canaries]]
name = "front"
http = "http://10.0.0.9/"
on_fail = "pause"
"""

STEPS = """
[[steps]]
phase = "Prepare"
id = "prep"
title = "Prepare"
on = ["a", "b"]
run = "prep"
rollback = { run = "unprep", estimate = "1m" }

[[steps]]
phase = "Rollout"
id = "agent"
title = "The agent"
on = ["c"]
run = "agent"
needs = ["prep"]
canaries = ["errors"]
rollback = { run = "unagent", estimate = "1m" }

[[steps]]
phase = "Rollout"
id = "roll"
title = "Roll out"
on = ["a", "b"]
run = "roll"
batches = [1]
needs = ["prep"]
canaries = ["errors", "front"]
rollback = { run = "unroll", estimate = "1m" }

[[steps]]
phase = "Rollout"
id = "soak"
kind = "bake"
title = "Soak"
bake = "10m"
canaries = ["errors"]
needs = ["agent", "roll"]

[[steps]]
phase = "After"
id = "other"
title = "Something else"
on = ["d"]
run = "other"
needs = []
rollback = { run = "unother", estimate = "1m" }
"""

FAILING = ev.CanaryVerdict(canary="errors", verdict="failing", before="healthy", detail="7 above 1", failures=3)


def window(undo: str = "", steps: str = STEPS) -> Log:
    """A window with ``prep`` done and all of its hosts up."""
    log = Log(plan_of(CANARIES.format(undo=undo) + steps))
    log.happens(*(ev.HostLink(host=h, link="up") for h in "abcd"))
    return done(log, "prep")


def begun(log: Log, step: str) -> Log:
    return log.wait(1).does("mei", cmd.Start(step=step)).batch(step, 0)


def done(log: Log, step: str) -> Log:
    begun(log, step).ends(step, log.step(step).batches[0])
    for number, hosts in list(enumerate(log.step(step).batches))[1:]:
        log.batch(step, number).ends(step, hosts)
    return log.finishes(step)


def lost(log: Log, *hosts: str, link: Link = "lost") -> Log:
    return log.happens(*(ev.HostLink(host=h, link=link) for h in hosts))


def asked(log: Log) -> ev.RollbackRequested:
    """The rollback that the failing canary asks for."""
    (event,) = canary_answer(log.state, FAILING)
    assert isinstance(event, ev.RollbackRequested), event
    return event


def paused(log: Log) -> str:
    """Why nothing is undone by itself."""
    (event,) = canary_answer(log.state, FAILING)
    assert isinstance(event, ev.WindowPaused), event
    return event.reason


def test_every_step_under_way_that_lists_the_canary_is_undone_the_latest_first() -> None:
    log = begun(begun(window(), "agent"), "roll")
    event = asked(log)
    assert event.undo == ("roll", "agent")
    assert (event.canary, event.reason) == ("errors", "canary errors is failing: 7 above 1")
    assert event.scope == "steps roll, agent"
    assert event.estimate == 120


def test_a_step_that_lists_another_canary_only_is_left_alone() -> None:
    log = begun(begun(window(), "other"), "roll")
    assert asked(log).undo == ("roll",)


def test_with_none_under_way_it_is_the_last_one_done_that_lists_it() -> None:
    log = done(done(window(), "agent"), "roll")
    assert asked(log).undo == ("roll",)
    log.happens(ev.StepIntent(step="soak", attempt=1))
    assert log.state.shown("soak") == "running"
    assert asked(log).undo == ("roll",), "a bake waits: there is nothing in it to undo"


def test_a_step_that_failed_on_some_hosts_counts_as_the_last_one_done() -> None:
    log = begun(done(window(), "agent"), "roll").ends("roll", ["a"], exit_code=1).finishes("roll", "failed")
    assert asked(log).undo == ("roll",)


def test_a_step_that_is_armed_is_still_under_way() -> None:
    guarded = STEPS.replace(
        'rollback = { run = "unroll"', 'timeout = "1m"\nconfirm_within = "5m"\nrollback = { run = "unroll"'
    )
    log = window(steps=guarded).wait(1).does("mei", cmd.Start(step="roll"))
    for number, host in enumerate("ab"):
        log.happens(ev.DeadmanArmed(step="roll", host=host, attempt=1, seconds=300)).batch("roll", number)
        log.ends("roll", host)
    log.finishes("roll", "armed")
    assert log.state.shown("roll") == "armed"
    done(log, "agent")
    assert asked(log).undo == ("roll",), "agent was done later, and is over"


def test_a_step_under_way_that_has_not_touched_anything_yet_pauses() -> None:
    log = done(window(), "agent").wait(1).does("mei", cmd.Start(step="roll"))
    assert "nothing that can be undone in step roll" in paused(log)


def test_with_none_at_all_it_pauses() -> None:
    log = window()
    assert "nothing that was done lists this canary" in paused(log)


def test_where_nothing_was_done_there_is_nothing_to_hold_back() -> None:
    log = Log(plan_of(CANARIES.format(undo="") + STEPS))
    assert canary_answer(log.state, FAILING) == ()


def test_undo_phase_takes_what_was_done_in_the_phases_of_those_steps() -> None:
    log = begun(done(window('undo = "phase"'), "agent"), "roll")
    event = asked(log)
    assert (event.undo, event.scope) == (("roll", "agent"), "phase Rollout")


def test_undo_all_takes_everything() -> None:
    log = begun(done(window('undo = "all"'), "other"), "roll")
    event = asked(log)
    assert (event.undo, event.scope) == (("roll", "other", "prep"), "everything")


def test_what_a_person_did_by_hand_is_undone_by_hand() -> None:
    plan = """
[[steps]]
id = "dns"
title = "Point DNS to the new place"
canaries = ["errors"]
rollback = { manual = "point it back", estimate = "3m" }
"""
    log = Log(plan_of(CANARIES.format(undo="") + plan))
    assert canary_answer(log.state, FAILING) == ()
    log.does("mei", cmd.Tick(step="dns"))
    assert asked(log).undo == ("dns",)


def test_an_irreversible_step_is_never_undone_it_pauses_and_says_why() -> None:
    plan = STEPS.replace('rollback = { run = "unroll", estimate = "1m" }', "irreversible = true")
    log = window(steps=plan).wait(1).does("mei", cmd.Start(step="roll", confirm="roll")).batch("roll", 0)
    assert "point of no return" in paused(log)
    assert "roll" in paused(log)


def test_a_step_without_a_way_back_pauses() -> None:
    plan = STEPS.replace('rollback = { run = "unroll", estimate = "1m" }', "")
    log = begun(window(steps=plan), "roll")
    assert "roll: the plan has no rollback for it" in paused(log)


def test_where_most_hosts_are_lost_the_conductor_may_be_the_one_cut_off() -> None:
    log = begun(window(), "roll")
    lost(log, "b", "c")
    assert asked(log).undo == ("roll",), "half of them is not more than half"
    lost(log, "d", link="refused")
    assert "3 of 4 hosts are lost" in paused(log)
    assert "this conductor may be the one that is cut off" in paused(log)


def test_where_the_host_of_the_probe_is_lost_nothing_is_undone() -> None:
    log = lost(begun(window(), "roll"), "a")
    assert "a, which is asked, is lost" in paused(log)


def test_an_excluded_host_is_not_counted_as_lost() -> None:
    log = begun(window(), "roll")
    lost(log, "c", "d").happens(ev.HostExcluded(host="c", reason="broken"), ev.HostExcluded(host="d", reason="broken"))
    assert asked(log).undo == ("roll",)


def test_a_paused_window_is_rolled_back_too_and_an_aborted_one_is_not() -> None:
    log = begun(window(), "roll").does("mei", cmd.Pause(reason="let me look"))
    assert asked(log).undo == ("roll",)
    log.does("mei", cmd.Abort(confirm="small", reason="stop"))
    assert canary_answer(log.state, FAILING) == ()


def test_while_a_rollback_is_under_way_what_it_does_not_undo_is_held_and_said() -> None:
    log = begun(window(), "roll")
    log.happens(*canary_answer(log.state, FAILING))
    assert canary_answer(log.state, FAILING) == (), "it is being undone already"
    log = begun(done(window(), "other"), "roll").ends("roll", "a")
    log.finishes("roll", "failed", "stopped").asks_back(step="other")
    assert "a rollback is under way already" in paused(log)


def test_while_something_else_is_rolled_back_a_canary_that_nothing_lists_pauses_all_the_same() -> None:
    log = done(window(), "other").asks_back(step="other")
    assert "nothing that was done lists this canary" in paused(log)


def test_a_bake_that_stands_on_what_is_undone_is_waited_for() -> None:
    log = done(done(window(), "agent"), "roll").happens(ev.StepIntent(step="soak", attempt=1))
    assert in_the_way(log.state, ("roll",)) == ("soak",)


def test_a_canary_that_pauses_or_warns_does_as_before() -> None:
    log = begun(window(), "roll")
    front = ev.CanaryVerdict(canary="front", verdict="failing", before="healthy", detail="no answer")
    assert canary_answer(log.state, front) == (ev.WindowPaused(reason="canary front is failing: no answer"),)
    assert canary_answer(log.does("mei", cmd.Pause()).state, front) == ()
    better = ev.CanaryVerdict(canary="errors", verdict="healthy", before="failing")
    assert canary_answer(log.state, better) == ()


def test_what_runs_on_hosts_is_named_and_waited_for() -> None:
    log = begun(begun(begun(window(), "other"), "agent"), "roll")
    assert asked(log).waits == ("agent on c", "roll on a"), "what other changes elsewhere does not meet its undoing"
    log.happens(*canary_answer(log.state, FAILING)).ends("agent", "c").finishes("agent")
    assert in_the_way(log.state, ("roll", "agent")) == ("roll on a",)
    log.ends("roll", "a")
    assert in_the_way(log.state, ("roll", "agent")) == ("roll",), "its attempt has not ended"
    log.finishes("roll", "failed", "stopped")
    assert in_the_way(log.state, ("roll", "agent")) == ()


# -- on_fail of a step ----------------------------------------------------------------------------------------------

OWN = STEPS.replace('run = "roll"\nbatches = [1]', 'run = "roll"\non_fail = "rollback"\nmax_fail = "50%"')


def failed(log: Log, **how: str) -> tuple[ev.Event, ...]:
    """``roll`` ends on a and b: "done", "failed" or "unknown"; what that asks for."""
    begun(log, "roll")
    for host, what in how.items():
        if what == "unknown":
            log.lost("roll", host)
        else:
            log.ends("roll", [host], 0 if what == "done" else 1)
    return step_answer(log.state, "roll")


def test_more_failed_hosts_than_allowed_undo_all_of_the_step() -> None:
    (event,) = failed(window(steps=OWN), a="failed", b="failed")
    assert isinstance(event, ev.RollbackRequested)
    assert (event.undo, event.scope, event.failed) == (("roll",), "step roll", "roll")
    assert event.reason == "roll failed on 2 of 2 hosts, 1 may"


def test_as_many_as_are_allowed_undo_nothing() -> None:
    assert failed(window(steps=OWN), a="failed", b="done") == ()


def test_unknown_is_not_failed_it_pauses() -> None:
    (event,) = failed(window(steps=OWN), a="failed", b="unknown")
    assert isinstance(event, ev.WindowPaused)
    assert event.reason == "roll failed on 1 of 2 hosts, 1 may; 1 more unknown: that is not failed, so nothing is undone by itself"  # fmt: skip # noqa: E501


def test_a_step_that_does_not_say_so_undoes_nothing() -> None:
    assert failed(window(), a="failed") == ()


def test_where_most_hosts_are_lost_a_failed_step_pauses() -> None:
    (event,) = failed(lost(window(steps=OWN), "b", "c", "d"), a="failed", b="failed")
    assert isinstance(event, ev.WindowPaused)
    assert "3 of 4 hosts are lost" in event.reason


def test_a_step_that_fails_in_a_paused_window_is_undone_once() -> None:
    log = begun(window(steps=OWN), "roll").does("mei", cmd.Pause(reason="let me look")).ends("roll", "ab", 1)
    answer = step_answer(log.state, "roll")
    assert [type(event) for event in answer] == [ev.RollbackRequested]
    assert step_answer(log.happens(*answer).state, "roll") == (), "it is being undone already"


def test_an_attempt_that_the_lead_aborted_undoes_nothing() -> None:
    log = begun(window(steps=OWN), "roll").does("mei", cmd.Abort(confirm="small", reason="stop"))
    log.ends("roll", ["a", "b"], 1)
    assert step_answer(log.state, "roll") == ()
