"""Pieces that several detail views share: events of one thing, titled sections, rows of name and value. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from upgrade_tui.tui.view import log
from upgrade_tui.tui.view.scene import Scene
from upgrade_tui.tui.view.spans import BLANK, Line, fit, wrapped
from upgrade_tui.window.events import Record


def events(scene: Scene, records: Iterable[Record], width: int) -> list[Line]:
    """Records as the log pane says them, the newest first."""
    lines = [log.line(scene, record, width) for record in records]
    return lines[::-1] or [(("nothing yet", "muted"),)]


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
