"""Every event kind has a sentence: one harmless line that says what happened."""

import unicodedata
from typing import Any, get_args, get_origin

import msgspec
import pytest

from tests.golden import golden
from upgrade_tui.window import events as ev
from upgrade_tui.window.sentences import about, sentence

KINDS: tuple[type, ...] = get_args(ev.Event)
VALUES: dict[Any, Any] = {str: "x", int: 3, float: 2.5, bool: True}


def example(kind: Any) -> Any:
    """A value that a field of this type takes."""
    if kind in VALUES:
        return VALUES[kind]
    if get_origin(kind) is tuple:
        return ()
    first = get_args(kind)[0]
    return VALUES.get(first, first)


def made(kind: type) -> Any:
    """An event of a kind with every required field filled in, as a log could hold it."""
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        if field.required:
            values[field.encode_name] = example(field.type)
    return msgspec.convert(values, kind)


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.__name__)
def test_every_kind_of_event_has_its_own_sentence(kind: type) -> None:
    text = sentence(made(kind))
    assert text
    assert "does not know" not in text
    assert text.isprintable()
    assert not text.endswith(".")


def test_foreign_text_in_an_event_stays_on_one_harmless_line() -> None:
    text = sentence(ev.NoteAdded(text="first\nsecond\x1b[2J\u202e"))
    assert "\x1b" not in text
    assert "\n" not in text
    assert "\u202e" not in text


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (ev.TaskFinished(step="api", host="api3", attempt=1, exit=2, seconds=72.0, last_line="no space"),
         "api on api3 failed with exit 2 after 1 m 12 s: no space"),
        (ev.TaskFinished(step="api", host="api3", attempt=1, exit=None, seconds=3.0, signal="KILL"),
         "api on api3 was ended by signal KILL after 3 s"),
        (ev.TaskFinished(step="api", host="api3", attempt=1, exit=0, seconds=3.0, timed_out=True),
         "api on api3 timed out after 3 s"),
        (ev.TaskFinished(step="api", host="api3", attempt=1, exit=137, seconds=3.0, timed_out=True, last_line="hm",
                         early="timed out after 3 s; it did not end when asked to and was killed"),
         "api on api3 ended early after 3 s: timed out after 3 s; it did not end when asked to and was killed: hm"),
        (ev.TaskUnknown(step="api", host="api3", attempt=1, reason="the link broke"),
         "api on api3 is UNKNOWN: the link broke"),
        (ev.ClockCrossed(what="T-10", slack=600.0), "T-10 min: any rollback must start within 10 m"),
        (ev.ClockCrossed(what="point of no return", step="drop"), "point of no return passed at drop: forward only"),
        (ev.ClockCrossed(what="window end"), "the end of the window is reached"),
        (ev.ClockCrossed(what="T-0"), "rollback by is NOW: from here on a rollback runs past the window"),
        (ev.CanaryVerdict(canary="web", verdict="failing", before="degraded", failures=2),
         'canary "web" is failing after 2 failures in a row, was degraded'),
        (ev.CanaryVerdict(canary="web", verdict="failing", before="degraded", failures=1),
         'canary "web" is failing, was degraded'),
        (ev.ClockJumped(seconds=-61.0),
         "the wall clock jumped back by 1 m 1 s; deadlines were worked out again"),
        (ev.LimitCrossed(host="db1", metric="disk", what="/var", value=91.6, limit=85.0),
         "db1: disk /var at 92 % is over its limit of 85 %"),
        (ev.StepClaimed(step="api", by=""), "gave api back"),
        (ev.StepIntent(step="api", attempt=2, batches=(("a",), ("b", "c"))),
         "started api again (attempt 2) on 3 hosts in 2 batches"),
        (ev.GateVoted(step="go", go=False, reason="lag"), "votes NO-GO on go: lag"),
        (ev.WindowAborted(reason="fire"), "ABORTED the window: fire; running tasks are ended, nothing more starts"),
        (ev.HostExcluded(host="web1", reason="disk"), "took web1 out of the rest of the window: disk"),
        (ev.StepIntent(step="api", attempt=2, batches=(("a",), ("b", "c")), hosts=("b",)),
         "started api again (attempt 2) on b alone"),
        (ev.TaskStarted(step="api", host="web1", attempt=1, place="deploy1"), "api runs on web1, from deploy1"),
        (ev.TaskStarted(step="api", host="web1", attempt=2, undo=True), "rollback of api on web1 runs (attempt 2)"),
        (ev.TaskFinished(step="api", host="web1", attempt=1, exit=2, seconds=72.0, undo=True),
         "rollback of api on web1 failed with exit 2 after 1 m 12 s"),
        (ev.TaskChecked(step="api", host="web1", attempt=1, exit=0, before=True, undo=True),
         "rollback of api on web1: check passed, nothing left to undo"),
        (ev.TaskUnknown(step="api", host="web1", attempt=1, reason="the link broke", following=True),
         "api on web1 is UNKNOWN: the link broke; its job is looked for as soon as the host is back"),
        (ev.TaskFound(step="api", host="web1", attempt=1), "api on web1 was found again: it still runs"),
        (ev.TaskSettled(step="api", host="web1", outcome="done", reason="looked", undo=True),
         "settled the rollback of api on web1 as rolled back: looked"),
        (ev.TaskSettled(step="api", host="web1", outcome="failed", reason="looked"),
         "settled api on web1 as failed: looked"),
        (ev.StepTicked(step="look", evidence="all green"), "ticked look: all green"),
        (ev.GateOpened(step="go", attempt=1, digest="d", next=("api",), canaries={"health": "healthy"}, slack=3600.0,
                       slack_after=1200.0),
         "go or no-go on go? next api; slack 1 h, after it 20 m; canaries healthy"),
        (ev.GateOpened(step="go", attempt=1, digest="d", canaries={"health": "failing"}, alerts=("db1 cpu 95 %",)),
         "go or no-go on go? canaries: health failing; over limits: db1 cpu 95 %"),
        (ev.RollbackRequested(scope="everything", reason="canary failing", estimate=840.0,
                              undo=("c", "b", "a")),
         "asked to roll back everything: 3 steps, about 14 m: canary failing"),
        (ev.RollbackRequested(scope="step a", reason="canary x is failing", estimate=240.0, undo=("a",), canary="x",
                              waits=("a on web1",)),
         ("rolls back step a by itself, as the plan says: 1 step, about 4 m: canary x is failing; "
          "it begins when this has ended: a on web1")),
        (ev.RollbackStarted(step="api", reason="slow", attempt=2, batches=(("c",), ("a", "b"))),
         "started to roll back api again (rollback 2) on 3 hosts in 2 batches: slow"),
        (ev.RollbackFinished(step="api", outcome="done", seconds=0.0, reason="settled by hand"),
         "rollback of api done: settled by hand"),
        (ev.RollbackEnded(outcome="done", seconds=600.0), "the rollback is over: done after 10 m"),
        (ev.RollbackEnded(outcome="unknown", seconds=60.0, reason="web1"),
         "the rollback STOPPED: UNKNOWN after 1 m: web1"),
        (ev.DeadmanArmed(step="upgrade", host="web1", attempt=1, seconds=600.0),
         "web1 will undo upgrade by itself in 10 m unless somebody confirms"),
        (ev.DeadmanAsked(step="upgrade", hosts=("web1", "web2"), what="confirm"),
         "confirms upgrade: it is to stay on web1, web2"),
        (ev.DeadmanAsked(step="upgrade", hosts=("a", "b", "c", "d"), what="extend", seconds=600.0),
         "gives upgrade 10 m from now to be confirmed on 4 hosts"),
        (ev.DeadmanAsked(step="upgrade", hosts=("web1",), what="cancel", reason="flaps"),
         "wants upgrade undone now on web1: flaps"),
        (ev.DeadmanConfirmed(step="upgrade", host="web1"),
         "upgrade stays on web1: it will not be undone by itself any more"),
        (ev.DeadmanExtended(step="upgrade", host="web1", seconds=600.0),
         "web1 waits: it will undo upgrade in 10 m from now unless somebody confirms"),
        (ev.DeadmanFired(step="upgrade", host="web1", exit=0),
         "web1 undid upgrade by itself: nobody confirmed in time"),
        (ev.DeadmanFired(step="upgrade", host="web1"),
         "web1 began to undo upgrade by itself, and no result is known: nobody confirmed in time"),
        (ev.DeadmanGone(step="upgrade", host="web1", reason="killed"),
         "NOTHING will undo upgrade on web1: killed; what it changed stands: confirm it or roll it back"),
        (ev.DeadmanArmed(step="upgrade", host="web1", attempt=1, seconds=600.0, risk="a reboot is scheduled"),
         "web1 will undo upgrade by itself in 10 m unless somebody confirms; AT RISK: a reboot is scheduled"),
        (ev.DeadmanFired(step="upgrade", host="web1", exit=3, last_line="no space", reason="told to"),
         "web1 FAILED to undo upgrade by itself (exit 3: no space): told to"),
    ],
)  # fmt: skip
def test_what_happened_is_said_in_words(event: ev.Event, said: str) -> None:
    assert sentence(event) == said


def test_an_event_leads_to_the_thing_it_is_about() -> None:
    assert about(ev.TaskUnknown(step="api", host="api3", attempt=1, reason="")) == ("step", "api")
    assert about(ev.HostLink(host="db1", link="lost")) == ("host", "db1")
    assert about(ev.CanaryVerdict(canary="c", verdict="failing", before="healthy")) == ("canary", "c")
    assert about(ev.WindowPaused(reason="x")) == ("", "")
    assert about(ev.ConductorStarted(pid=1, host="bastion", version="1")) == ("", "")


def test_every_record_of_a_whole_window_can_be_said() -> None:
    for record in golden("closed", hostile=True).records:
        text = sentence(record.event)
        assert text
        assert not any(unicodedata.category(character) == "Cc" for character in text)
