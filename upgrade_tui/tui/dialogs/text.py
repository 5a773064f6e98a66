"""A line of text: reasons, notes, names."""

from __future__ import annotations

from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from upgrade_tui.foreign import one_line
from upgrade_tui.tui.dialogs.dialog import Dialog


class TextDialog(Dialog[str]):
    """Asks for a line of text."""

    AUTO_FOCUS = "Input"

    def __init__(self, title: str, prompt: str, *, initial: str, required: bool) -> None:
        super().__init__(title, prompt)
        self.initial, self.required = one_line(initial), required

    def question(self) -> list[Widget]:
        """The input, and a line for what is wrong with it."""
        return [Input(self.initial, select_on_focus=False), Static("", id="verdict")]

    def on_input_changed(self, event: Input.Changed) -> None:
        """What was wrong is being mended."""
        self.query_one("#verdict", Static).update("")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter: accept, unless nothing stands there that should."""
        event.stop()
        text = one_line(event.value).strip()
        if self.required and not text:
            wrong = Content.assemble(("✗ ", "$tone-bad"), ("write something, or leave with esc", "$tone-bad"))
            self.query_one("#verdict", Static).update(wrong)
        else:
            self.reply(text)
