"""The command palette: every verb for what is under the cursor, those that are not possible with their reason."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.markup import escape

from upgrade_tui.tui.verbs.verb_screen import VerbScreen
from upgrade_tui.tui.verbs.verb_table import VERBS


class PaletteEntry(NamedTuple):
    """A line of the palette."""

    text: str
    help: str
    action: str


VIEWS = (
    PaletteEntry("Go to the clock  (1)", "Rollback by, slack, forecast; zoomed: how they come about", "pane(1)"),
    PaletteEntry("Go to the steps  (2)", "By phase, with what runs", "pane(2)"),
    PaletteEntry("Go to the hosts  (3)", "Worst first", "pane(3)"),
    PaletteEntry("Go to the canaries  (4)", "Worst first", "pane(4)"),
    PaletteEntry("Go to the log  (5)", "Every event", "pane(5)"),
    PaletteEntry("Matrix  (m)", "Every step on every host, worst hosts first", "matrix"),
    PaletteEntry("Zoom  (z)", "One pane alone, and back", "zoom"),
    PaletteEntry("Filter  (/)", "What the focused pane shows", "filter"),
    PaletteEntry("Copy  (y)", "What is under the cursor, to the clipboard", "copy"),
    PaletteEntry("Export the report  (e)", "Markdown, HTML, JSON and CSV from the log so far", "app.export"),
    PaletteEntry("Light or dark  (t)", "The other theme", "app.theme"),
    PaletteEntry("Help  (?)", "Keys and words", "help"),
    PaletteEntry("Leave  (q)", "The window goes on without you", "app.quit"),
)


class CommandProvider(Provider):
    """Everything ends in ``run_action`` on the main screen, so that ``check_action`` guards it."""

    def entries(self) -> Iterator[PaletteEntry]:
        """Verbs for what is under the cursor first, then the views."""
        screen = cast("VerbScreen", self.screen)
        for verb in (v for v in VERBS.values() if screen.ON in v.on):
            at = screen.target(verb)
            name = {"step": at.step, "host": at.host}.get(verb.scope, "")
            text = f"{verb.label.capitalize()}{f' {name}' if name else ''}  ({verb.key})"
            why = verb.refusal(at)
            yield PaletteEntry(text, verb.help if why is None else f"not now: {why}", f"verb('{verb.name}')")
        yield from VIEWS

    async def discover(self) -> Hits:
        for entry in self.entries():
            yield DiscoveryHit(Content(entry.text), partial(self._run, entry.action), entry.text, escape(entry.help))

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for entry in self.entries():
            score = matcher.match(entry.text)
            if score > 0:
                display = matcher.highlight(entry.text) if "[" not in entry.text else Content(entry.text)
                yield Hit(score, display, partial(self._run, entry.action), entry.text, escape(entry.help))

    async def _run(self, action: str) -> None:
        await self.app.run_action(action, self.screen)
