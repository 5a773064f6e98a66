"""The help screen."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from upgrade_tui.tui.help import page as help_page
from upgrade_tui.tui.widgets.line_view import Bar, LineList
from upgrade_tui.tui.widgets.spans import Line

KEYS: Line = (("↑↓", "key"), (" scroll  ", "muted"), ("esc", "key"), (" back", "muted"))


class HelpScreen(Screen[None]):
    """Keys, words, glyphs: one page that scrolls."""

    CSS_PATH = "../detail_screen.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter", "back", "back"),
    ]

    def __init__(self, keys: list[help_page.Key]) -> None:
        super().__init__()
        self.keys_there = keys

    @classmethod
    def of(cls, app: App[Any]) -> HelpScreen:
        """About the screen that is on top now, with the keys that do something there."""
        keys = []
        for active in app.screen.active_bindings.values():
            binding = active.binding
            if binding.system and binding.action != "app.command_palette":
                continue
            text = active.tooltip or binding.tooltip or binding.description
            keys.append(help_page.Key(app.get_key_display(binding), binding.action, text, active.enabled))
        return cls(keys)

    def compose(self) -> ComposeResult:
        yield Bar((("Help", "strong"),), id="head")
        yield LineList(id="page")
        yield Bar(KEYS, id="keys")

    def on_mount(self) -> None:
        """The arrows scroll it."""
        self.query_one("#page").focus()

    def on_line_list_fitted(self) -> None:
        """Lines are made for their width."""
        page = self.query_one("#page", LineList)
        page.show(help_page.help_page(self.keys_there, max(20, page.inner)))

    def action_back(self) -> None:
        self.dismiss()
