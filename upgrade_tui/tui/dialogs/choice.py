"""One of a few: arrows and enter, or the number in front."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.content import Content
from textual.widget import Widget
from textual.widgets import OptionList

from upgrade_tui.foreign import harmless
from upgrade_tui.tui.dialogs.dialog import Body, Dialog
from upgrade_tui.tui.widgets.spans import fit, widest


def labels(choices: Sequence[tuple[str, str]]) -> list[Content]:
    """The choices as they read: number, what it is, and beside it what that means (after a newline in the label)."""
    halves = [harmless(label).partition("\n") for _, label in choices]
    room = widest(first for first, _, _ in halves) + 2
    out = []
    for number, (first, _, rest) in enumerate(halves, 1):
        parts: list[str | tuple[str, str]] = [(f"{number}  " if number < 10 else "   ", "bold $tone-key")]
        parts += [fit(first, room), (rest, "$tone-muted")] if rest else [first]
        out.append(Content.assemble(*parts))
    return out


class ChoiceDialog(Dialog[str]):
    """Asks for one of ``choices``: ``(value, label)``."""

    AUTO_FOCUS = "OptionList"
    KEYS: ClassVar[str] = "esc cancel · ↑ ↓ enter, or its number"
    ROWS: ClassVar[int] = 6

    def __init__(self, title: str, body: str, choices: Sequence[tuple[str, str]]) -> None:
        super().__init__(title, body)
        self.choices = tuple(choices)

    def fit(self, height: int) -> None:
        """The list goes before the body where there is little room, up to half the screen."""
        rows = min(len(self.choices), height // 2)
        self.query_one(OptionList).styles.max_height = rows
        for body in self.query(Body):
            body.styles.max_height = max(2, int(height * 0.9) - self.ROWS - rows)

    def question(self) -> list[Widget]:
        return [OptionList(*labels(self.choices), markup=False)]

    def on_key(self, event: events.Key) -> None:
        """A digit chooses at once."""
        if event.character is not None and event.character in "123456789":
            event.stop()
            index = int(event.character) - 1
            if index < len(self.choices):
                self.reply(self.choices[index][0])

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.reply(self.choices[event.option_index][0])
