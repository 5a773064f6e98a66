"""Typed confirmation, for what cannot be taken back: the exact text, and at every key how far it matches."""

from __future__ import annotations

from typing import ClassVar

from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from upgrade_tui.foreign import one_line
from upgrade_tui.tui.dialogs.dialog import Dialog
from upgrade_tui.units import count_text


def matching(typed: str, expect: str) -> Content:
    """How what is typed compares with what is expected, in glyph, words and colour. Pure."""
    if typed == expect:
        return Content.assemble(("✓ matches: enter confirms", "$tone-good"))
    if not typed:
        return Content.assemble(("… nothing typed yet", "$tone-muted"))
    if expect.startswith(typed):
        left = len(expect) - len(typed)
        return Content.assemble((f"… right so far, {count_text(left, 'more character')}", "$tone-muted"))
    same = next((i for i, (a, b) in enumerate(zip(typed, expect, strict=False)) if a != b), len(expect))
    if same == len(expect):
        return Content.assemble(("✗ does not match: too long", "$tone-bad"))
    what = f'"{typed[same]}" where "{expect[same]}" is right'
    return Content.assemble((f"✗ does not match at character {same + 1}: {what}", "$tone-bad"))


class TypedDialog(Dialog[bool]):
    """Asks for the exact text ``expect``."""

    AUTO_FOCUS = "Input"
    KEYS: ClassVar[str] = "esc cancel · enter confirm, once it matches"
    ROWS: ClassVar[int] = 11

    def __init__(self, title: str, body: str, expect: str) -> None:
        super().__init__(title, body)
        self.expect = one_line(expect)

    def question(self) -> list[Widget]:
        """What to type, where to type it, how far it matches."""
        ask = Content.assemble("To confirm, type  ", (self.expect, "bold $tone-tight"))
        return [
            Static(ask, id="expect"),
            Input(select_on_focus=False),
            Static(matching("", self.expect), id="verdict"),
        ]

    def on_mount(self) -> None:
        """A box of its own colour: this one is not like the others."""
        self.query_one("#box").add_class("-danger")

    def on_input_changed(self, event: Input.Changed) -> None:
        self.query_one("#verdict", Static).update(matching(one_line(event.value), self.expect))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter: only the exact text confirms."""
        event.stop()
        if one_line(event.value) == self.expect:
            self.reply(True)
        else:
            self.app.bell()
