"""Verbs on a gate."""

from __future__ import annotations

from typing import Any

from textual.app import App

from upgrade_tui.tui.dialogs import ask_choice, ask_text
from upgrade_tui.tui.open_message import Open
from upgrade_tui.tui.verbs.verb import SAID, Look, Target, Verb
from upgrade_tui.window import commands as cmd
from upgrade_tui.window.commands import AnyCommand


def _digest(at: Target) -> str:
    """Of the evidence that was read, else of what is open: a vote is for that, and for no other."""
    return at.digest or (at.state.gate.digest if at.state.gate is not None else "")


def _next(at: Target) -> str:
    """What a gate lets go on, in a line."""
    following = ", ".join(at.state.gate.next) if at.state.gate is not None else ""
    return f"What runs next: {following or 'nothing'}."


class GoVerb(Verb):
    """Elsewhere it opens the gate's card: that is read before anybody votes."""

    name, key, label = "go", "g", "go"
    help = "Gate: its card with all the evidence, and there the vote go"
    on = ("main", "step", "gate")

    def rank(self, look: Look) -> int | None:
        """The vote is on the evidence as it is when the gate is opened."""
        return 25 if look.ahead == "gate" and look.step is not None and look.step.state == "running" else None

    def command(self, at: Target) -> cmd.Vote:
        return cmd.Vote(step=at.step, go=True, digest=_digest(at))

    async def perform(self, app: App[Any], at: Target) -> bool:
        """The card, or the vote on it."""
        if at.digest:
            return await super().perform(app, at)
        app.post_message(Open("gate", at.step))
        return True

    async def ask(self, app: App[Any], at: Target) -> AnyCommand | None:
        body = f"{_next(at)}\nYour go counts for evidence {at.digest} and for no other."
        choices = [("go", "GO: my vote is yes"), ("wait", "Not yet")]
        return self.command(at) if await ask_choice(app, f"Go on {at.step}?", body, choices) == "go" else None


class NoGoVerb(Verb):
    """A no-go stops a gate whatever the evidence."""

    name, key, label = "nogo", "G", "no-go"
    help = "Gate: vote no-go, with a reason"
    on = ("main", "step", "gate")

    def rank(self, look: Look) -> int | None:
        return 26 if look.ahead == "gate" and look.step is not None and look.step.state == "running" else None

    def command(self, at: Target, reason: str = SAID) -> cmd.Vote:
        return cmd.Vote(step=at.step, go=False, reason=reason, digest=_digest(at))

    async def ask(self, app: App[Any], at: Target) -> AnyCommand | None:
        reason = await ask_text(app, f"NO-GO on {at.step}", f"{_next(at)}\nOne no-go stops it. Why not?")
        return self.command(at, reason) if reason else None
