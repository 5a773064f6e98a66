"""Verbs on a host."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from textual.app import App

from upgrade_tui.attach import protocol
from upgrade_tui.tui.dialogs import ask_text, ask_typed
from upgrade_tui.tui.sending import refused
from upgrade_tui.tui.verbs.verb import SAID, Look, Target, Verb
from upgrade_tui.window import commands as cmd
from upgrade_tui.window.commands import AnyCommand


class ReconnectVerb(Verb):
    """Ask the conductor to try a host again: no event, so ``decide`` has no say in it."""

    name, key, label = "reconnect", "r", "reconnect"
    help = "Try the connection to the host again, at once"
    scope: ClassVar[Literal["step", "task", "host", "window"]] = "host"
    on = ("main", "host")

    def rank(self, look: Look) -> int | None:
        return 20 if look.host else None

    def decided(self, at: Target) -> str | None:
        return None

    async def perform(self, app: App[Any], at: Target) -> bool:
        answer = await at.session.ask(protocol.Reconnect(id=0, host=at.host), protocol.Ok)
        if isinstance(answer, str):
            refused(app, answer, title=f"Reconnect {at.host}")
        else:
            app.notify(answer.text or f"trying {at.host} again", title="Reconnect", markup=False)
        return not isinstance(answer, str)


class ExcludeVerb(Verb):
    """The host takes no part any more, and why."""

    name, key, label = "exclude", "E", "exclude"
    help = "Take the host out of the rest of the window, with a reason"
    scope: ClassVar[Literal["step", "task", "host", "window"]] = "host"
    on = ("main", "host", "matrix")

    def rank(self, look: Look) -> int | None:
        """On a host that is looked at for itself."""
        return 32 if look.host and look.alone else None

    def command(self, at: Target, reason: str = SAID) -> cmd.Exclude:
        return cmd.Exclude(host=at.host, reason=reason)

    async def ask(self, app: App[Any], at: Target) -> AnyCommand | None:
        title, host = f"Exclude {at.host}", at.host
        reason = await ask_text(app, title, "It takes no part in the rest of the window. Why?")
        body = f"Nothing is begun on {host} any more: {reason}\nWhat was done there stays, and can be rolled back."
        return self.command(at, reason) if reason and await ask_typed(app, title, body, host) else None
