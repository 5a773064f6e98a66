"""Pieces that several detail views share: events of one thing, titled sections, rows of name and value. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.cells import cell_len, set_cell_size

from upgrade_tui.foreign import harmless
from upgrade_tui.tui.glyphs import ScreenTone
from upgrade_tui.tui.log import rows as log_rows
from upgrade_tui.tui.scene import Scene
from upgrade_tui.tui.widgets.spans import BLANK, Line, Span, fit, wrapped
from upgrade_tui.units import count_text
from upgrade_tui.window.event_table import notice
from upgrade_tui.window.events import SYSTEM, Record
from upgrade_tui.window.outcomes import outcome_sentence

INDENT = 11  # cells before a sentence: its time and its mark
MOST = 300  # events: more than anybody scrolls through here


def events(scene: Scene, records: Sequence[Record], width: int, most: int = MOST) -> list[Line]:
    """The newest ``most`` records, newest first: as the log pane says them, but long sentences go on below."""
    out: list[Line] = []
    for record in reversed(records[-most:]):
        shade: ScreenTone = notice(record.event).tone
        mark = log_rows.record_line(scene, record, 40)[1]
        words: list[Span] = [(outcome_sentence(record, scene.outcomes), "plain" if shade == "run" else shade)]
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
        out += [*([((title, "title"),)] if title else ()), *body, BLANK]


def value_rows(pairs: Iterable[tuple[str, str]], width: int, names: int = 10) -> list[Line]:
    """Name and value below each other, long values wrapped beside the name; empty values are left out."""
    lines: list[Line] = []
    for name, text in pairs:
        if text:
            first, *rest = wrapped(((text, "plain"),), max(10, width - names))
            lines.append(((fit(name, names), "muted"), *first))
            lines += [((" " * names, "muted"), *more) for more in rest]
    return lines


def exact(out: list[Line], title: str, text: str | None, width: int) -> None:
    """A command as it will run: every blank stays, long lines are folded, and the fold is marked."""
    if not text:
        return
    lines: list[Line] = []
    for each in harmless(text).strip("\n").splitlines():
        first, *rest = folded(each.expandtabs(4), max(8, width - 2))
        lines.append((("│ ", "muted"), (first, "strong")))
        lines += [(("… ", "muted"), (more, "strong")) for more in rest]
    section(out, title, lines)


def folded(text: str, width: int) -> list[str]:
    """``text`` cut into pieces of at most ``width`` cells, behind a blank where there is one; nothing is left out."""
    out = []
    while cell_len(text) > width:
        piece = set_cell_size(text, width).rstrip("\0")
        piece = text[: len(piece)] if text.startswith(piece) else text[: len(piece) - 1]  # not half a wide character
        blank = piece.rfind(" ", len(piece) // 2)
        if blank > 0:
            piece = piece[: blank + 1]
        out.append(piece)
        text = text[len(piece) :]
    return [*out, text]
