"""The two themes and the ASCII filter.

Hues after the palette of Okabe and Ito, which people with colour blindness can tell apart. Red and green never carry
a meaning alone: every state also has a glyph and a word (``window/state_words.py``).
"""

from __future__ import annotations

from typing import Any

from rich.segment import Segment
from textual.app import App
from textual.color import Color
from textual.filter import LineFilter
from textual.theme import Theme

from upgrade_tui.tui.glyphs import ascii_only

_DARK_TONES = {
    "tone-bad": "#ff7a45",
    "tone-unknown": "#e08fbd",
    "tone-tight": "#f0a830",
    "tone-watch": "#f0e442",
    "tone-run": "#6cc0f5",
    "tone-plain": "#c8d0da",
    "tone-strong": "#ffffff",
    "tone-good": "#35c49a",
    "tone-muted": "#8490a0",
    "tone-title": "#9fb4cc",
    "tone-key": "#6cc0f5",
    "tone-cursor": "#24405e",
    "tone-alarm": "#5c1f00",
}

_LIGHT_TONES = {
    "tone-bad": "#b23c00",
    "tone-unknown": "#96356f",
    "tone-tight": "#945a00",
    "tone-watch": "#6b6000",
    "tone-run": "#00609c",
    "tone-plain": "#28323e",
    "tone-strong": "#000000",
    "tone-good": "#00694a",
    "tone-muted": "#5d6875",
    "tone-title": "#34506e",
    "tone-key": "#00609c",
    "tone-cursor": "#cfe3f5",
    "tone-alarm": "#ffd9c7",
}

DARK = Theme(
    name="upgrade-dark", primary="#56b4e9", secondary="#cc79a7", accent="#6cc0f5", warning="#e69f00", error="#ff7a45",
    success="#35c49a", foreground="#c8d0da", background="#10151c", surface="#161d26", panel="#1f2833", dark=True,
    variables=_DARK_TONES | {"border": "#3c4a5a", "border-blurred": "#2b3643", "scrollbar": "#3c4a5a"},
)  # fmt: skip

LIGHT = Theme(
    name="upgrade-light", primary="#0072b2", secondary="#96356f", accent="#00609c", warning="#945a00", error="#b23c00",
    success="#00694a", foreground="#28323e", background="#fbfcfd", surface="#f1f4f7", panel="#e3e9ef", dark=False,
    variables=_LIGHT_TONES | {"border": "#9aa8b6", "border-blurred": "#c3ccd5", "scrollbar": "#b5c0cb"},
)  # fmt: skip

THEMES = (DARK, LIGHT)
FALLBACKS = _DARK_TONES
"""What our CSS variables are under a theme that is not ours."""


class AsciiOnly(LineFilter):
    """Everything that is painted, in ASCII: for terminals and fonts without the glyphs (``--ascii``)."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same segments, as wide as they were."""
        return [Segment(ascii_only(text), style, control) for text, style, control in segments]


def is_ascii(app: App[Any]) -> bool:
    """Whether an app's terminal is to get ASCII alone: then some things are drawn in another way, not translated."""
    return any(isinstance(each, AsciiOnly) for each in app.get_line_filters())
