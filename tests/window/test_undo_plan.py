"""What a rollback would do: only what was done, what was done last first, and what cannot be undone is said."""

from __future__ import annotations

from tests.window.small import MINUTE, Log, plan_of
from upgrade_tui.window import clock
from upgrade_tui.window import commands as cmd
from upgrade_tui.window import events as ev
from upgrade_tui.window.state import Undo
from upgrade_tui.window.undo import UndoPlan, undo_plan

TWO = """
[[steps]]
id = "one"
phase = "First"
title = "One"
on = "all"
run = "one"
rollback = { run = "unone", estimate = "2m" }
[[steps]]
id = "two"
phase = "Second"
title = "Two"
on = "all"
run = "two"
NEEDS
rollback = { run = "untwo", estimate = "3m" }
"""


def _two(needs: str = "") -> Log:
    log = Log(plan_of(TWO.replace("NEEDS", needs)))
    for step in ("one", "two"):
        log.does("mei", cmd.Start(step=step)).batch(step, 0).wait(1).ends(step, "abcd").finishes(step)
    return log


def _order(log: Log) -> list[str]:
    return [u.step for u in undo_plan(log.state).steps]


def test_nothing_done_is_nothing_to_undo() -> None:
    assert undo_plan(Log().state) == UndoPlan(scope="everything", steps=(), cannot=(), seconds=0.0)


def test_what_was_done_last_is_undone_first_batch_by_batch() -> None:
    undo = undo_plan(Log().copied().state)
    assert undo.steps == (Undo("copy", (("d",), ("b", "c"), ("a",))), Undo("prep"))
    assert undo.seconds == (3 * 3 + 5) * MINUTE == clock.rollback_cost(Log().copied().state)


def test_the_order_is_that_of_what_was_really_done_not_of_the_plan() -> None:
    log = Log(plan_of(TWO.replace("NEEDS", "needs = []")))
    for step in ("two", "one"):
        log.wait(1).does("mei", cmd.Start(step=step)).batch(step, 0).ends(step, "abcd").finishes(step)
    assert _order(log) == ["one", "two"]
    assert _order(_two("needs = []")) == ["two", "one"]


def test_what_stands_on_a_step_is_undone_before_it_also_where_the_step_was_begun_anew() -> None:
    log = _two().asks_back(step="one", hosts=("a",)).undoes("one").back()
    log.wait(5).does("mei", cmd.Start(step="one")).batch("one", 0).ends("one", "a").finishes("one")
    assert _order(log) == ["two", "one"]


def test_only_hosts_that_were_touched_are_undone() -> None:
    """Done, failed and unknown may have changed something; unreachable, skipped and already so before have not."""
    log = Log().prepared().does("mei", cmd.Start(step="copy"))
    log.happens(ev.TaskChecked(step="copy", host="a", attempt=1, exit=0, before=True))
    log.batch("copy", 1).ends("copy", "b", 1).lost("copy", "c")
    log.happens(ev.TaskUnreachable(step="copy", host="d", attempt=1, reason="no route")).finishes("copy", "unknown")
    assert undo_plan(log.state, step="copy").steps == (Undo("copy", (("b", "c"),)),)


def test_a_step_under_way_counts_as_far_as_it_came() -> None:
    log = Log().does("tom", cmd.Start(step="prep"))
    assert _order(log) == ["prep"]
    log.does("tom", cmd.Tick(step="prep")).does("mei", cmd.Start(step="copy")).batch("copy", 0)
    assert undo_plan(log.state).steps[0] == Undo("copy", (("a",),))


def test_scopes_narrow_it_to_a_phase_a_step_or_hosts() -> None:
    state = _two().state
    whole = ("a", "b", "c", "d")
    assert undo_plan(state, phase="First").steps == (Undo("one", (whole,)),)
    assert undo_plan(state, step="two").steps == (Undo("two", (whole,)),)
    on_two = undo_plan(state, hosts=("c", "a"))
    assert on_two.steps == (Undo("two", (("a", "c"),)), Undo("one", (("a", "c"),)))
    assert undo_plan(state).scope == "everything"
    assert undo_plan(state, phase="First").scope == "phase First"
    assert undo_plan(state, step="two", hosts=("a",)).scope == "step two on a"


def test_on_some_hosts_what_people_did_for_all_of_them_stays() -> None:
    undo = undo_plan(Log().copied().state, hosts=("a",))
    assert undo.steps == (Undo("copy", (("a",),)),)


def test_what_the_plan_has_no_rollback_for_is_said_not_left_out() -> None:
    log = Log(plan_of('[[steps]]\nid = "one"\ntitle = "o"\non = "all"\nrun = "x"\n'))
    log.does("mei", cmd.Start(step="one")).batch("one", 0).ends("one", "abcd").finishes("one")
    undo = undo_plan(log.state)
    assert (undo.steps, undo.cannot) == ((), (("one", "the plan has no rollback for it"),))
    assert "one: the plan has no rollback for it" in log.refuses("mei", cmd.StartRollback(confirm="small", reason="x"))


def test_a_step_that_only_looked_has_nothing_to_undo() -> None:
    log = Log(plan_of('[[steps]]\nid = "look"\ntitle = "o"\non = "all"\nrun = "x"\nchanges = false\n'))
    log.does("mei", cmd.Start(step="look")).batch("look", 0).ends("look", "abcd").finishes("look")
    assert undo_plan(log.state) == UndoPlan(scope="everything", steps=(), cannot=(), seconds=0.0)


def test_what_lies_before_the_point_of_no_return_cannot_be_undone() -> None:
    log = Log().copied().does("mei", cmd.Skip(step="go", reason="x")).does("mei", cmd.Skip(step="soak", reason="x"))
    log.wait(1).does("mei", cmd.Start(step="drop", confirm="drop"))
    assert _order(log) == ["copy", "prep"], "nothing was sent yet"
    log.batch("drop", 0)
    why = "it is, or lies before, the point of no return"
    assert undo_plan(log.state).steps == ()
    assert undo_plan(log.state).cannot == (("drop", why), ("copy", why), ("prep", why))


def test_what_was_already_dropped_before_the_window_is_no_way_back_either() -> None:
    log = Log().copied().does("mei", cmd.Skip(step="go", reason="x")).does("mei", cmd.Skip(step="soak", reason="x"))
    log.does("mei", cmd.Start(step="drop", confirm="drop"))
    log.happens(ev.TaskChecked(step="drop", host="a", attempt=1, exit=0, before=True))
    assert (log.state.no_return, undo_plan(log.state).steps) == ("drop", ())


def test_a_second_rollback_is_of_what_the_first_left() -> None:
    log = Log().copied().asks_back(step="copy").undoing("copy").undo_starts("copy", "d").undo_ends("copy", "d")
    log.undo_starts("copy", "bc").undo_ends("copy", "b").undo_ends("copy", "c", 1).undone("copy", "failed").back(
        "failed"
    )
    assert undo_plan(log.state).steps == (Undo("copy", (("c",), ("a",))), Undo("prep"))


def test_what_was_done_by_hand_is_undone_too_even_if_its_host_cannot_be_reached() -> None:
    log = Log().prepared().does("mei", cmd.Start(step="copy"))
    log.happens(ev.TaskUnreachable(step="copy", host="a", attempt=1, reason="no route")).finishes("copy", "failed")
    log.does("mei", cmd.Settle(step="copy", host="a", outcome="done", reason="on the console"))
    cost = clock.rollback_cost(log.state)
    for begins in (False, True):
        again = log.asks_back(step="copy").undoing("copy")
        if begins:
            again.undo_starts("copy", "a")
        attempt = log.step("copy").undo
        log.happens(ev.TaskUnreachable(step="copy", host="a", attempt=attempt, reason="no route", undo=True))
        log.undone("copy", "failed").back("failed")
        assert undo_plan(log.state, step="copy").steps == (Undo("copy", (("a",),)),)
        assert clock.rollback_cost(log.state) == cost
