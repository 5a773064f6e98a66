"""The event log as lines: when, who, what. Pure."""

from __future__ import annotations

from upgrade_tui.tui.view.scene import Scene
from upgrade_tui.tui.view.spans import Line, cut, fit
from upgrade_tui.tui.words import Tone, link_word, verdict_word
from upgrade_tui.window import events as ev
from upgrade_tui.window.sentences import sentence

_TONES: dict[type, Tone] = {
    ev.LogFenced: "bad",
    ev.TaskUnknown: "unknown",
    ev.TaskUnreachable: "bad",
    ev.LimitCrossed: "tight",
    ev.LimitCleared: "good",
    ev.HostRebooted: "tight",
    ev.ClockJumped: "tight",
    ev.WindowPaused: "tight",
    ev.WindowAborted: "bad",
    ev.HostExcluded: "tight",
    ev.TaskFound: "good",
    ev.GateOpened: "run",
    ev.RollbackRequested: "tight",
    ev.DeadmanArmed: "watch",
    ev.DeadmanAsked: "run",
    ev.DeadmanConfirmed: "good",
    ev.DeadmanExtended: "watch",
    ev.DeadmanFired: "bad",
    ev.WindowResumed: "good",
    ev.RollbackStarted: "tight",
    ev.ConductorStarted: "watch",
    ev.LogRecovered: "watch",
    ev.NoteAdded: "strong",
    ev.WindowOpened: "strong",
    ev.WindowClosed: "strong",
    ev.StepTicked: "good",
    ev.StepIntent: "run",
    ev.TaskStarted: "muted",
    ev.TaskBegun: "muted",
    ev.BatchStarted: "muted",
    ev.OperatorAttached: "muted",
    ev.OperatorDetached: "muted",
    ev.HostFacts: "muted",
}

_MARKS: dict[Tone, str] = {
    "bad": "✗",
    "unknown": "?",
    "tight": "▲",
    "watch": "▲",
    "good": "✓",
    "run": "►",
    "strong": "●",
}


def tone(event: ev.Event) -> Tone:
    """How much an event matters."""
    if isinstance(event, ev.HostLink):
        return "muted" if event.link in ("up", "connecting") else link_word(event.link).tone
    if isinstance(event, ev.CanaryVerdict):
        return verdict_word(event.verdict).tone
    if isinstance(event, ev.TaskFinished):
        return "plain" if event.exit == 0 and not event.timed_out else "bad"
    if isinstance(event, ev.TaskChecked):
        return "muted" if event.exit == 0 or event.before else "bad"
    if isinstance(event, ev.StepFinished | ev.RollbackFinished | ev.RollbackEnded):
        return {"done": "good", "failed": "bad"}.get(event.outcome, "unknown")  # type: ignore[return-value]
    if isinstance(event, ev.GateVoted):
        return "good" if event.go else "bad"
    if isinstance(event, ev.ClockCrossed):
        return {"T-30": "watch", "T-10": "tight", "point of no return": "watch"}.get(event.what, "bad")  # type: ignore[return-value]
    return _TONES.get(type(event), "plain")


def line(scene: Scene, record: ev.Record, width: int) -> Line:
    """One record on one line."""
    shade = tone(record.event)
    actor = fit("" if record.actor == ev.SYSTEM else record.actor, 7)
    return cut(
        (
            (scene.time(record.ts) + " ", "muted"),
            (_MARKS.get(shade, " ") + " ", shade),
            (actor + " ", "title"),
            (sentence(record.event), "plain" if shade == "run" else shade),
        ),
        width,
    )


def matches(record: ev.Record, needle: str) -> bool:
    """Whether a filter shows this record: in its sentence or its actor."""
    text = f"{record.actor} {sentence(record.event)}".lower()
    return all(part in text for part in needle.lower().split())
