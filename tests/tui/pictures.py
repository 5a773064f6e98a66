"""Pictures of screens as text: the cells, and below them their tones. ``pytest --snapshot-update`` takes them anew.

A theme's colours are in no picture, only what they mean: another hue changes none of them, another tone does.
"""

from __future__ import annotations

from typing import Any

from rich.cells import get_character_cell_size
from rich.segment import Segment
from rich.style import Style
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from textual._context import visible_screen_stack
from textual.app import App
from textual.geometry import Region

LETTERS = {
    "tone-plain": "p", "tone-bad": "b", "tone-unknown": "u", "tone-tight": "t", "tone-watch": "w", "tone-key": "r",
    "tone-run": "r", "tone-strong": "s", "tone-good": "g", "tone-muted": "m", "tone-title": "h", "border": "+",
    "border-blurred": "+", "scrollbar": "+",
}  # fmt: skip
"""What stands for a tone; in capitals where it is marked: by the cursor, or as an alarm."""
OTHER = "x"  # a colour of Textual's own, or one behind a dialog
Cell = tuple[str, str]  # what it shows, and its letter; of a wide character, the second cell shows nothing


class Picture(SingleFileSnapshotExtension):
    """One text file a picture."""

    _write_mode = WriteMode.TEXT
    _file_extension = "txt"


def painted(app: App[Any]) -> list[list[Segment]]:
    """The screen as it goes to the terminal: rows of text with styles."""
    visible_screen_stack.set(app._background_screens)  # what shows through a dialog
    rows = [list(strip) for strip in app.screen._compositor.render_strips()]
    for each in app.get_line_filters():
        rows = [each.apply(row, app.screen.styles.background) for row in rows]
    return rows


def cells(app: App[Any]) -> list[list[Cell]]:
    """The screen as rows of cells."""
    variables = app.get_css_variables()
    letters = {variables[name].lower(): letter for name, letter in LETTERS.items() if name in variables}
    quiet = {variables[name].lower() for name in ("background", "surface", "panel")}
    return [[cell for segment in row for cell in _cells(segment, letters, quiet)] for row in painted(app)]


def _cells(segment: Segment, letters: dict[str, str], quiet: set[str]) -> list[Cell]:
    style = segment.style or Style.null()
    letter = letters.get(_hex(style.color), OTHER)
    if style.reverse or (style.bgcolor is not None and _hex(style.bgcolor) not in quiet):
        letter = letter.upper()
    found: list[Cell] = []
    for char in segment.text:
        size = get_character_cell_size(char)
        found += [(char, " " if char == " " and letter.islower() else letter)] if size else [(char, "")]
        found += [("", letter)] * (size - 1)
    return found


def _hex(colour: Any) -> str:
    return "" if colour is None or colour.triplet is None else str(colour.triplet.hex)


def as_text(rows: list[list[Cell]], region: Region | None = None) -> str:
    """The cells, and their tones; of a part of the screen, where there is one."""
    if region is not None:
        rows = [row[region.x : region.right] for row in rows[region.y : region.bottom]]
    shown = ["".join(char for char, _ in row).rstrip() for row in rows]
    toned = ["".join(letter for _, letter in row).rstrip() for row in rows]
    return "\n".join([*shown, "-- tones --", *toned, ""])


def picture(app: App[Any], region: Region | None = None) -> str:
    """The screen as text, or a part of it."""
    return as_text(cells(app), region)
