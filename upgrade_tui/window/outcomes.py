"""What an attempt came to, told where its end is told. Pure.

``step.finished`` says that an attempt ended, never how: that is worked out by the fold, right behind the event. What
becomes of the step later (a host undoes it, somebody settles it) is told by the events that say so.
"""

from __future__ import annotations

from collections.abc import Mapping

from upgrade_tui.window import events as ev
from upgrade_tui.window.sentences import sentence
from upgrade_tui.window.state import WindowState

NOT_IN_THE_LOG = " [kept elsewhere, not in the log yet]"
"""Behind what is told while the log cannot be written."""


def outcome(after: WindowState, record: ev.Record) -> str:
    """The state that ``record`` brought its step to; empty unless it ended the attempt. ``after``: with it folded."""
    event = record.event
    step = after.steps.get(event.step) if isinstance(event, ev.StepFinished) else None
    if step is None or not isinstance(event, ev.StepFinished):
        return ""
    this_one = step.stage == "ended" and step.finished == record.ts and step.attempt == event.attempt
    return step.state if this_one else ""


def outcome_sentence(record: ev.Record, outcomes: Mapping[int, str]) -> str:
    """The sentence of a record, and what it brought its step to: ``api ended: failed``. ``outcomes``: by ``seq``."""
    event, came = record.event, outcomes.get(record.seq, "")
    if not came or not isinstance(event, ev.StepFinished):
        return sentence(event)
    return f"{sentence(event)}{'; it is ' if event.reason else ': '}{came}"
