"""The line that filters a pane while it is typed."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Input

from upgrade_tui.tui.widgets.line_pane import LinePane


class FilterLine(Input):
    """Enter keeps the filter, escape takes it away; both give the focus back."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "no filter", show=False)]

    def __init__(self, pane: LinePane) -> None:
        super().__init__(
            pane.needle, placeholder=f"filter the {pane.NAME}: words, all of them; enter keeps, esc clears"
        )
        self.pane = pane

    def on_mount(self) -> None:
        self.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._filter(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._done()

    def action_cancel(self) -> None:
        self._filter("")
        self._done()

    def _filter(self, text: str) -> None:
        self.pane.needle = text.strip()
        self.pane.lay()

    def _done(self) -> None:
        self.pane.focus()
        self.remove()
