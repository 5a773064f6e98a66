"""Pieces that several detail views share: events of one thing, titled sections, rows of name and value. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from upgrade_tui.tui.view import log
from upgrade_tui.tui.view.scene import Scene
from upgrade_tui.tui.view.spans import BLANK, Line, Span, fit, wrapped
from upgrade_tui.tui.words import Tone
from upgrade_tui.units import count_text
from upgrade_tui.window.event_table import notice
from upgrade_tui.window.events import SYSTEM, Record
from upgrade_tui.window.outcomes import told

INDENT = 11  # cells before a sentence: its time and its mark
MOST = 300  # events: more than anybody scrolls through here


def events(scene: Scene, records: Sequence[Record], width: int, most: int = MOST) -> list[Line]:
    """The newest ``most`` records, newest first: as the log pane says them, but long sentences go on below."""
    out: list[Line] = []
    for record in reversed(records[-most:]):
        shade: Tone = notice(record.event).tone
        mark = log.line(scene, record, 40)[1]
        words: list[Span] = [(told(record, scene.outcomes), "plain" if shade == "run" else shade)]
        if record.actor != SYSTEM:
            words.insert(0, (f"{record.actor} ", "title"))
        first, *rest = wrapped(tuple(words), max(16, width - INDENT))
        out.append(((f"{scene.time(record.ts)} ", "muted"), mark, *first))
        out += [((" " * INDENT, "muted"), *more) for more in rest]
    if len(records) > most:
        out.append(((f"and {count_text(len(records) - most, 'older one')}, in the log pane", "muted"),))
    return out or [(("nothing yet", "muted"),)]


def section(out: list[Line], title: str, lines: Iterable[Line]) -> None:
    """A titled block and a blank line behind it; nothing at all where there are no lines."""
    body = list(lines)
    if body:
        out += [((title, "title"),), *body, BLANK]


def rows(pairs: Iterable[tuple[str, str]], width: int, names: int = 10) -> list[Line]:
    """Name and value below each other, long values wrapped beside the name; empty values are left out."""
    lines: list[Line] = []
    for name, text in pairs:
        if text:
            first, *rest = wrapped(((text, "plain"),), max(10, width - names))
            lines.append(((fit(name, names), "muted"), *first))
            lines += [((" " * names, "muted"), *more) for more in rest]
    return lines
