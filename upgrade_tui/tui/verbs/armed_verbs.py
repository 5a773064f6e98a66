"""Verbs of the dead-man rollback. They are about the step that is looked at, or else about the first that is armed."""

from __future__ import annotations

from typing import Any, ClassVar

from msgspec.structs import replace
from textual.app import App

from upgrade_tui.tui.dialogs import ask_choice, ask_text, ask_typed
from upgrade_tui.tui.sending import refused
from upgrade_tui.tui.verbs.verb import SAID, Look, Target, Verb
from upgrade_tui.units import Duration, countdown_text
from upgrade_tui.window import commands as cmd
from upgrade_tui.window.commands import AnyCommand
from upgrade_tui.window.going_back import armed_steps, unguarded
from upgrade_tui.window.state import Armed

MORE_TIME = "10m"


class _ArmedVerb(Verb):
    states: ClassVar[tuple[str, ...]] = ("armed",)
    place: ClassVar[int]

    def rank(self, look: Look) -> int | None:
        """As soon as something is armed, before anything else."""
        return self.place if armed_steps(look.scene) else None

    def meant(self, at: Target, states: tuple[str, ...] = ("armed",)) -> Target:
        """The step that is looked at if it armed hosts, else the first that did."""
        steps = at.session.state.steps
        armed = [s.id for s in steps.values() if any(a.state in states for a in s.armed.values())]
        return at if at.step in armed or not armed else replace(at, step=armed[0])

    def refusal(self, at: Target) -> str | None:
        """About the step that is meant."""
        return super().refusal(self.meant(at))

    def armed(self, at: Target) -> dict[str, Armed]:
        return {h: a for h, a in at.state.armed.items() if a.state in self.states}

    async def which(self, app: App[Any], at: Target, title: str, said: str) -> str | None:
        """All armed hosts (``""``) or one; None if the operator gave up."""
        armed, now = self.armed(at), at.session.now()
        if not armed:
            refused(app, f'nothing is armed by "{at.step}" any more')
            return None
        gone = "nothing will undo it there"
        when = {h: f"undoes it in {countdown_text(a.until - now)}" if a.state == "armed" else gone
                for h, a in armed.items()}  # fmt: skip
        if len(armed) == 1:
            host = next(iter(armed))
            return host if await ask_choice(
                app, title, said, [(host, f"Yes, on {host}\n{when[host]}"), ("", "No")]
            ) else None  # fmt: skip
        choices = [("", f"On all {len(armed)} armed hosts"), *((h, f"Only {h}\n{text}") for h, text in when.items())]
        return await ask_choice(app, title, said, choices)


class ConfirmVerb(_ArmedVerb):
    """It stays: the hosts are told not to undo it."""

    name, key, label = "confirm", "K", "keep"
    help = "Armed hosts: the step stays, they will not undo it by themselves"
    states, place = ("armed", "gone"), 10

    def rank(self, look: Look) -> int | None:
        """Also where the dead-man is gone."""
        return self.place if armed_steps(look.scene) or unguarded(look.scene) else None

    def command(self, at: Target, host: str = "") -> cmd.Confirm:
        return cmd.Confirm(step=at.step, host=host)

    async def ask(self, app: App[Any], at: Target) -> AnyCommand | None:
        at = self.meant(at, self.states)
        said = f"{at.step} stays as it is now: the host will not undo it by itself any more."
        host = await self.which(app, at, f"Keep {at.step}?", said)
        return None if host is None else self.command(at, host)


class ExtendVerb(_ArmedVerb):
    """More time before the hosts undo it."""

    name, key, label = "extend", "x", "more time"
    help = "Armed hosts: they wait longer before they undo the step"
    place = 11

    def command(self, at: Target, host: str = "", seconds: float = 600.0) -> cmd.Extend:
        return cmd.Extend(step=at.step, host=host, seconds=seconds)

    async def ask(self, app: App[Any], at: Target) -> AnyCommand | None:
        at = self.meant(at)
        title = f"More time for {at.step}"
        host = await self.which(app, at, f"{title}?", "Where?") if len(self.armed(at)) > 1 else ""
        prompt = f"How long from NOW on until {host or 'the host'} undoes it, unless somebody confirms?"
        said = await ask_text(app, title, prompt, initial=MORE_TIME) if host is not None else None
        try:
            return self.command(at, host or "", float(Duration.parse(said))) if said else None
        except ValueError as error:
            refused(app, str(error))
            return None


class RevertVerb(_ArmedVerb):
    """The hosts undo it now."""

    name, key, label = "revert", "V", "undo now"
    help = "Armed hosts: they undo the step now instead of waiting"
    place = 12

    def command(self, at: Target, host: str = "", reason: str = SAID) -> cmd.Revert:
        return cmd.Revert(step=at.step, host=host, reason=reason)

    async def ask(self, app: App[Any], at: Target) -> AnyCommand | None:
        at = self.meant(at)
        title = f"Undo {at.step} now"
        host = await self.which(app, at, f"{title}?", "The host runs the rollback itself, at once.")
        reason = await ask_text(app, title, "Why?") if host is not None else None
        sure = reason and await ask_typed(app, title, f"On {host or 'all armed hosts'}: {reason}", at.step)
        return self.command(at, host or "", reason) if reason and sure else None
