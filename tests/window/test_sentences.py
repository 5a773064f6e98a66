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
        (ev.TaskUnknown(step="api", host="api3", attempt=1, reason="the link broke"),
         "api on api3 is UNKNOWN: the link broke"),
        (ev.ClockCrossed(what="T-10", slack=600.0), "T-10 min: any rollback must start within 10 m"),
        (ev.ClockCrossed(what="point of no return", step="drop"), "point of no return passed at drop: forward only"),
        (ev.ClockJumped(seconds=-61.0),
         "the wall clock jumped back by 1 m 1 s; deadlines were worked out again"),
        (ev.LimitCrossed(host="db1", metric="disk", what="/var", value=91.6, limit=85.0),
         "db1: disk /var at 92 % is over its limit of 85 %"),
        (ev.StepClaimed(step="api", by=""), "gave api back"),
        (ev.StepIntent(step="api", attempt=2, batches=(("a",), ("b", "c"))),
         "started api again (attempt 2) on 3 hosts in 2 batches"),
        (ev.GateVoted(step="go", go=False, reason="lag"), "votes NO-GO on go: lag"),
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
