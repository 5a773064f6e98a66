"""What an attempt came to is told with its end, from the state right behind it, and is in no event."""

from __future__ import annotations

import click
import pytest

from tests.golden import golden
from tests.support_tui import recorded
from upgrade_tui.cli.log import Outcomes, log_line
from upgrade_tui.plan.reader import parse_plan
from upgrade_tui.report.build import build_report
from upgrade_tui.tui.detail_screen import scene_of
from upgrade_tui.tui.log import rows as log_rows
from upgrade_tui.window import events as ev
from upgrade_tui.window.events import Record
from upgrade_tui.window.fold import fold
from upgrade_tui.window.outcomes import outcome, outcome_sentence
from upgrade_tui.window.state import initial

PLAN = parse_plan(
    """
[window]
id = "w"
title = "t"
start = "now"
duration = "1h"
[hosts.a]
address = "10.0.0.1"
[hosts.b]
address = "10.0.0.2"
[[steps]]
id = "roll"
title = "Roll"
on = ["a", "b"]
run = "true"
confirm_within = "10m"
timeout = "1m"
rollback = { run = "true", estimate = "1m" }
""",
    "plan.toml",
)


def story(*events: ev.Event) -> list[str]:
    """How a log of these tells the last of them."""
    state, outcomes, records = initial(PLAN), {}, []
    for i, event in enumerate(events, 1):
        records.append(Record(seq=i, ts=float(i), mono=float(i), boot="b", actor="mei", event=event))
        state = fold(state, records[-1])
        if came := outcome(state, records[-1]):
            outcomes[i] = came
    return [outcome_sentence(record, outcomes) for record in records]


BEGUN = ev.StepIntent(step="roll", attempt=1, batches=(("a", "b"),))


def ran(host: str, code: int = 0) -> list[ev.Event]:
    return [
        ev.TaskStarted(step="roll", host=host, attempt=1),
        ev.TaskFinished(step="roll", host=host, attempt=1, exit=code, seconds=1.0),
    ]


@pytest.mark.parametrize(("events", "reason", "said"), [
    ([*ran("a"), *ran("b")], "", "roll ended: done"),
    ([*ran("a"), *ran("b", 1)], "", "roll ended: failed"),
    ([*ran("a"), *ran("b")[:1]], "", "roll ended: unknown"),
    ([ev.DeadmanArmed(step="roll", host="a", attempt=1, seconds=60), *ran("a"), *ran("b")], "", "roll ended: armed"),
    ([*ran("a")], "the window was aborted", "roll ended early: the window was aborted; it is failed"),
])  # fmt: skip
def test_the_end_is_told_with_what_it_came_to(events: list[ev.Event], reason: str, said: str) -> None:
    assert story(BEGUN, *events, ev.StepFinished(step="roll", attempt=1, reason=reason))[-1] == said


def test_what_happens_behind_the_end_changes_nothing_of_how_it_is_told() -> None:
    ended = ev.StepFinished(step="roll", attempt=1)
    settled = ev.TaskSettled(step="roll", host="b", outcome="done", reason="looked")
    assert story(BEGUN, *ran("a"), *ran("b", 1), ended, settled)[-2] == "roll ended: failed"


def test_the_late_end_of_an_attempt_that_was_replaced_says_nothing_of_the_step() -> None:
    again = ev.StepIntent(step="roll", attempt=2, batches=(("a", "b"),))
    late = ev.StepFinished(step="roll", attempt=1)
    assert story(BEGUN, *ran("a"), ev.StepFinished(step="roll", attempt=1, reason="x"), again, late)[-1] == "roll ended"
    assert story(late)[-1] == "roll ended"
    assert story(ev.StepFinished(step="no-such-step", attempt=1))[-1] == "no-such-step ended"


def test_no_line_of_the_log_has_it() -> None:
    ends = [r for r in golden("rollout").records if isinstance(r.event, ev.StepFinished)]
    assert ends
    assert {*ends[0].event.__struct_fields__} == {"step", "attempt", "reason"}


def test_log_dashboard_and_report_tell_the_outcome() -> None:
    session = recorded("trouble")
    end = next(r for r in session.records if isinstance(r.event, ev.StepFinished) and r.event.step == "api")
    said = "api ended: unknown"
    outcomes = Outcomes(golden("trouble").plan_text)
    for record in session.records:
        outcomes.take(record)
    assert said in click.unstyle(log_line(end, False, outcomes.found))
    scene = scene_of(session)
    assert said in "".join(t for t, _ in log_rows.record_line(scene, end, 120))
    assert log_rows.record_matches(scene, end, "ended unknown")
    assert said in [entry.text for entry in build_report(session.plan, session.records).timeline]
