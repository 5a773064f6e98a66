"""A step's state is worked out from its tasks: nobody can write another one behind what happened."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.window.small import Log, plan_of
from tests.window.test_deadman import STEP, _armed, _fires
from upgrade_tui.window import commands as cmd
from upgrade_tui.window import events as ev
from upgrade_tui.window.state import Armed, StepState, Task
from upgrade_tui.window.step_state import ended_state
from upgrade_tui.window.task import TaskName


def test_what_a_host_undid_while_the_attempt_ended_is_not_done() -> None:
    before, behind = _armed(finished=False), _armed()
    _fires(before, "a").finishes("net", "failed")
    _fires(behind, "a")
    assert before.step("net").tasks["a"].state == "rolled back"
    assert before.step("net").state == behind.step("net").state == "failed"


def test_a_retry_that_succeeds_leaves_nothing_failed_but_something_to_start() -> None:
    log = Log().prepared().does("tom", cmd.Start(step="copy")).batch("copy", 0).ends("copy", "a")
    log.batch("copy", 1).ends("copy", "b").ends("copy", "c", 1).finishes("copy", "failed")
    log.does("tom", cmd.Start(step="copy", hosts=("c",))).batch("copy", 1).ends("copy", "c")
    log.finishes("copy", "pending")
    assert (log.step("copy").state, log.state.shown("copy")) == ("pending", "ready")
    assert log.step("copy").reason == "1 of 4 not begun: start the step to go on"
    assert log.state.current == "copy"


@pytest.mark.parametrize("state", ["failed", "unreachable"])
def test_a_host_that_cannot_undo_it_fails_the_step_whatever_max_fail_says(state: TaskName) -> None:
    tasks = {h: Task(host=h, batch=0, state="done", touched=True) for h in "abc"}
    tasks["d"] = Task(host="d", batch=0, state=state, undo=1, touched=True)
    assert ended_state(tasks, {}, 4, "", "").state == "failed"


def test_a_host_that_is_unknown_is_not_borne_by_max_fail() -> None:
    """Nobody knows what it would be: the plan allows failures, not guesses."""
    tasks = {h: Task(host=h, batch=0, state="done", touched=True) for h in "abc"}
    tasks["d"] = Task(host="d", batch=0, state="unknown", touched=True)
    assert ended_state(tasks, {}, 1, "", "").state == "unknown"
    assert ended_state(tasks, {}, 4, "", "").state == "unknown"


def test_a_host_that_was_given_up_in_a_rollback_counts_against_max_fail() -> None:
    tasks = {h: Task(host=h, batch=0, state="done", touched=True) for h in "abc"}
    tasks["d"] = Task(host="d", batch=0, state="skipped", undo=1, touched=True)
    assert ended_state(tasks, {}, 1, "", "").state == "done"
    verdict = ended_state(tasks, {}, 0, "", "")
    assert verdict.state == "failed"
    assert "1 of 4 given up, 0 allowed" in verdict.reason


def test_a_step_whose_every_host_takes_no_part_any_more_is_not_waved_through() -> None:
    log = Log(plan_of(STEP)).does("tom", cmd.Start(step="net")).happens(
        *(ev.TaskUnreachable(step="net", host=h, attempt=1, reason="no route") for h in "ab")
    ).finishes("net", "failed")  # fmt: skip
    for host in "ab":
        log.does("mei", cmd.Exclude(host=host, reason="broken"))
    assert (log.step("net").state, log.step("net").reason) == ("failed", "no host of it is left: skip the step")


def test_a_step_of_which_people_skipped_what_was_left_is_skipped() -> None:
    tasks = {h: Task(host=h, batch=0, state="skipped", excluded=h == "a") for h in "ab"}
    assert ended_state(tasks, {}, 0, "", "").state == "skipped"


# -- properties -------------------------------------------------------------------------------------------------------

TASKS = st.builds(
    Task, host=st.just(""), batch=st.just(0), undo=st.integers(0, 1), touched=st.booleans(), excluded=st.booleans(),
    state=st.sampled_from([
        "pending", "running", "done", "failed", "unknown", "unreachable", "skipped", "rolling back", "rolled back",
    ]),
)  # fmt: skip
GUARDS = st.sampled_from(["armed", "confirmed", "fired", "gone"]).map(lambda s: Armed(until=0.0, seconds=60.0, state=s))


@given(
    st.dictionaries(st.sampled_from("abcdef"), TASKS, min_size=1), st.dictionaries(st.sampled_from("abcdef"), GUARDS),
    st.integers(0, 6),
)  # fmt: skip
def test_nothing_is_done_over_what_is_unknown_unconfirmed_or_more_than_the_plan_allows(
    tasks: dict[str, Task], armed: dict[str, Armed], allowed: int
) -> None:
    state = ended_state(tasks, armed, allowed, "", "").state
    other_order = ended_state(dict(reversed(tasks.items())), dict(reversed(armed.items())), allowed, "", "").state
    assert state == other_order
    states = [t.state for t in tasks.values()]
    if {"unknown", "running", "rolling back"} & {*states}:
        assert state == "unknown"
    if state in ("done", "armed", "unprotected"):
        assert sum(s in ("failed", "unreachable", "rolled back") for s in states) <= allowed
        assert not {"unknown", "running", "rolling back", "pending"} & {*states}
        assert {*states} != {"skipped"}
        counts = {a.state for h, a in armed.items() if h in tasks and (a.state != "gone" or tasks[h].changed)}
        expected = "unprotected" if "gone" in counts else "armed" if "armed" in counts else "done"
        assert state == expected
    if state == "rolled back":
        assert not any(t.changed for t in tasks.values())


def _story(host: str) -> st.SearchStrategy[list[ev.Event]]:
    """What can happen on an armed host, in its order."""
    step, attempt = "net", 1
    begun = [
        ev.DeadmanArmed(step=step, host=host, attempt=attempt, seconds=600),
        ev.TaskStarted(step=step, host=host, attempt=attempt),
    ]
    lost = ev.TaskUnknown(step=step, host=host, attempt=attempt, reason="cut", following=True)
    ends: list[list[ev.Event]] = [
        [ev.TaskFinished(step=step, host=host, attempt=attempt, exit=code, seconds=1.0)] for code in (0, 0, 1)
    ]
    after: list[list[ev.Event]] = [
        [], [ev.DeadmanConfirmed(step=step, host=host)], [ev.DeadmanFired(step=step, host=host, exit=0)],
        [ev.DeadmanFired(step=step, host=host), ev.DeadmanFired(step=step, host=host, exit=1)],
        [ev.TaskSettled(step=step, host=host, outcome="done", reason="looked")],
    ]  # fmt: skip
    return st.builds(
        lambda cut, end, then: [*begun, *([lost] if cut else []), *end, *then],
        st.booleans(), st.sampled_from(ends), st.sampled_from(after),
    )  # fmt: skip


@given(st.data())
def test_equal_tasks_and_armed_hosts_give_equal_states_in_any_order_of_events(data: st.DataObject) -> None:
    stories = {host: data.draw(_story(host)) for host in "abc"}
    one, two = (_told(data, {h: list(s) for h, s in stories.items()}) for _ in "12")
    if one.tasks == two.tasks and one.armed == two.armed:
        assert (one.state, one.reason) == (two.state, two.reason)


def _told(data: st.DataObject, stories: dict[str, list[ev.Event]]) -> StepState:
    """The hosts' stories woven into each other; the attempt's end comes anywhere after all was begun."""
    log = Log(plan_of(STEP.replace('["a", "b"]', '["a", "b", "c"]') + 'max_fail = "34%"\n'))
    log.does("tom", cmd.Start(step="net"))
    finished, begun = False, 0
    while any(stories.values()) or not finished:
        ready = [h for h, story in stories.items() if story]
        turns = [*ready, *([""] if begun == 6 and not finished else [])]
        turn = data.draw(st.sampled_from(turns))
        if turn:
            event = stories[turn].pop(0)
            begun += isinstance(event, ev.DeadmanArmed | ev.TaskStarted)
            log.happens(event)
        else:
            log.happens(ev.StepFinished(step="net", attempt=1))
            finished = True
    return log.step("net")


# -- what runs on what is armed ---------------------------------------------------------------------------------------

LOOK = """
[[steps]]
id = "look"
title = "Does it work?"
on = "a"
run = "ping"
changes = false
on_armed = true

[[steps]]
id = "go"
kind = "gate"
title = "Go?"
"""


def _looked() -> Log:
    """net is armed on a and b, look ran on it."""
    log = Log(plan_of(STEP + LOOK)).does("tom", cmd.Start(step="net"))
    log.happens(*(ev.DeadmanArmed(step="net", host=h, attempt=1, seconds=600) for h in "ab"))
    log.batch("net", 0).ends("net", "ab").finishes("net", "armed")
    assert log.state.shown("look") == "ready"
    return log.does("tom", cmd.Start(step="look")).batch("look", 0).ends("look", "a").finishes("look")


def test_what_looks_at_what_is_armed_lets_nothing_go_on_until_it_is_confirmed() -> None:
    log = _looked()
    assert log.state.missing("go") == ("net",)
    log.happens(*(ev.DeadmanConfirmed(step="net", host=h) for h in "ab"))
    assert (log.step("net").state, log.state.shown("go")) == ("done", "ready")


def test_what_looked_at_what_a_host_undid_has_failed() -> None:
    log = _looked().happens(ev.DeadmanFired(step="net", host="b", exit=0))
    assert (log.step("look").state, log.step("look").reason) == ("failed", "b undid net, which was armed")
    assert log.state.shown("go") == "pending"


def test_what_looked_at_what_was_rolled_back_unconfirmed_has_failed() -> None:
    log = _looked().asks_back(step="net").undoing("net")
    assert log.step("look").state == "failed"


def test_a_step_that_is_armed_is_neither_started_nor_skipped() -> None:
    log = _looked()
    assert '"net" is armed: not confirmed yet on a, b; keep it' in log.refuses("mei", cmd.Start(step="net"))
    assert "armed on a, b; confirm it" in log.refuses("mei", cmd.Skip(step="net", reason="x"))
