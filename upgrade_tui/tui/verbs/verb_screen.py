"""A screen with verbs on it: a key runs one, a greyed key says why not."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.screen import Screen
from textual.scroll_view import ScrollView

from upgrade_tui.attach.session import Session
from upgrade_tui.tui.open_message import Open
from upgrade_tui.tui.sending import refused
from upgrade_tui.tui.verbs.verb import Target, Verb
from upgrade_tui.tui.verbs.verb_table import VERBS, of_action


class VerbScreen(Screen[None]):
    """``ON``: the screen as verbs name it. Subclasses say what a verb acts on here."""

    ON: ClassVar[str] = ""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session

    def target(self, verb: Verb) -> Target:
        """What a verb acts on here and now."""
        raise NotImplementedError

    def refusal(self, name: str) -> str | None:
        """Why a verb is not possible now, or None."""
        verb = VERBS[name]
        return verb.refusal(self.target(verb))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Greys out what ``decide`` would refuse."""
        return None if action == "verb" and parameters and self.refusal(str(parameters[0])) is not None else True

    def on_key(self, event: events.Key) -> None:
        """A greyed key says why, rather than nothing."""
        found = self.active_bindings.get(event.key)
        verb = of_action(found.binding.action) if found is not None else None
        if verb is not None and isinstance(self.focused, ScrollView):
            why = self.refusal(verb.name)
            if why is not None:
                event.stop()
                refused(self.app, why, title=f"{verb.label} is not possible now")

    def action_verb(self, name: str) -> None:
        """Every verb goes through here: keys, palette, footer. Its dialogs wait in a worker."""
        self.run_worker(self.perform(VERBS[name]), name=f"verb-{name}", group="verbs")

    async def perform(self, verb: Verb) -> bool:
        """The target is taken before any question: the cursor may move on while it is asked."""
        return await verb.perform(self.app, self.target(verb))

    def action_help(self) -> None:
        """Keys and words."""
        self.post_message(Open("help"))
