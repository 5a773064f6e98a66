"""The event log as lines: when, who, what. Pure."""

from __future__ import annotations

from upgrade_tui.tui.glyphs import ScreenTone
from upgrade_tui.tui.scene import Scene
from upgrade_tui.tui.widgets.spans import Line, cut, fit
from upgrade_tui.window import events as ev
from upgrade_tui.window.event_table import notice
from upgrade_tui.window.outcomes import outcome_sentence

_MARKS: dict[ScreenTone, str] = {
    "bad": "✗",
    "unknown": "?",
    "tight": "▲",
    "watch": "▲",
    "good": "✓",
    "run": "►",
    "strong": "●",
}


def record_line(scene: Scene, record: ev.Record, width: int) -> Line:
    """One record on one line."""
    shade: ScreenTone = notice(record.event).tone
    actor = fit("" if record.actor == ev.SYSTEM else record.actor, 7)
    return cut(
        (
            (scene.time(record.ts) + " ", "muted"),
            (_MARKS.get(shade, " ") + " ", shade),
            (actor + " ", "title"),
            (outcome_sentence(record, scene.outcomes), "plain" if shade == "run" else shade),
        ),
        width,
    )


def record_matches(scene: Scene, record: ev.Record, needle: str) -> bool:
    """Whether a filter shows this record: in its sentence or its actor."""
    text = f"{record.actor} {outcome_sentence(record, scene.outcomes)}".lower()
    return all(part in text for part in needle.lower().split())
