"""Verbs on the window: pause, abort, close."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from textual.app import App

from upgrade_tui.tui.dialogs import ask_choice, ask_text, ask_typed
from upgrade_tui.tui.verbs.verb import SAID, Look, Target, Verb
from upgrade_tui.units import few_text
from upgrade_tui.window import commands as cmd
from upgrade_tui.window.commands import AnyCommand
from upgrade_tui.window.state import WindowState

_Outcome = Literal["completed", "rolled back", "abandoned"]


class WindowVerb(Verb):
    """A verb on the window, wherever the cursor is."""

    scope: ClassVar[Literal["step", "task", "host", "window"]] = "window"


class PauseVerb(WindowVerb):
    """Pause with a reason, or resume; out of an abort the lead says why."""

    name, key, label = "pause", "p", "pause"
    help = "Pause: running tasks finish, none starts; or resume"
    on = ("main", "step", "matrix")

    def rank(self, look: Look) -> int | None:
        """Not where a host is looked at."""
        return None if look.host else 41

    def says(self, look: Look) -> str:
        """The same key takes it back."""
        return "resume" if look.scene.state.phase in ("paused", "aborted") else self.label

    def command(self, at: Target, reason: str = SAID) -> cmd.Pause | cmd.Resume:
        stopped = at.session.state.phase in ("paused", "aborted")
        return cmd.Resume(reason=reason) if stopped else cmd.Pause(reason=reason)

    async def ask(self, app: App[Any], at: Target) -> AnyCommand | None:
        """Why, where that must or may be said."""
        phase = at.session.state.phase
        reason: str | None = ""
        if phase == "aborted":
            reason = await ask_text(app, "Take the abort back", "The window goes on. Why is that right now?")
        elif phase != "paused":
            prompt = "Running tasks finish, no new one starts. Why?"
            reason = await ask_text(app, "Pause the window", prompt, required=False)
        return None if reason is None else self.command(at, reason)


class AbortVerb(WindowVerb):
    """Asked once, and meant: the window's id, typed out."""

    name, key, label = "abort", "A", "abort"
    help = "End running tasks on the hosts, start nothing more"
    on = ("main", "step", "matrix")

    def rank(self, look: Look) -> int | None:
        """While there is something to go on with."""
        return 43 if look.ahead and look.scene.state.current and not look.alone else None

    def command(self, at: Target) -> cmd.Abort:
        return cmd.Abort(confirm=at.session.plan.window.id)

    async def ask(self, app: App[Any], at: Target) -> AnyCommand | None:
        """After what it ends was named."""
        steps = at.session.state.steps.values()
        running = [f"{s.id} on {t.host}" for s in steps for t in s.tasks.values() if t.state == "running"]
        ends = f"These tasks are ENDED on their hosts: {few_text(running, 6)}" if running else "No task is running now"
        body = f"{ends}.\nNothing more starts; rolling back stays possible (R). Pausing (p) would let tasks finish."
        return self.command(at) if await ask_typed(app, "ABORT the window", body, at.session.plan.window.id) else None


class CloseVerb(WindowVerb):
    """How it ended, why, and the window's id typed out."""

    name, key, label = "close", "C", "close"
    help = "End the window for everybody, by typing its id"
    on = ("main",)
    outcomes: ClassVar[list[tuple[str, str]]] = [
        ("completed", "Completed: every step is over"),
        ("rolled back", "Rolled back"),
        ("abandoned", "Abandoned: it is left as it is"),
    ]

    def rank(self, look: Look) -> int | None:
        """Once nothing is left to go on with."""
        return None if look.host or look.undoing or look.scene.state.current else 40

    def command(self, at: Target, outcome: _Outcome = "abandoned", reason: str = SAID) -> cmd.Close:
        return cmd.Close(confirm=at.session.plan.window.id, outcome=outcome, reason=reason)

    async def ask(self, app: App[Any], at: Target) -> AnyCommand | None:
        """Three questions: it is for everybody, and for good."""
        title = "Close the window"
        outcome: Any = await ask_choice(app, title, "For everybody, for good. How did it end?", self.outcomes)
        if outcome is None:
            return None
        title = f"Close as {outcome}"
        reason = await ask_text(app, title, "Why, in a line?", required=outcome != "completed")
        if reason is None:
            return None
        body = f"This ends the window for everybody.{_stays(at.session.state)}"
        sure = await ask_typed(app, title, body, at.session.plan.window.id)
        return self.command(at, outcome, reason) if sure else None


def _stays(state: WindowState) -> str:
    """What closing leaves on hosts, as a line more; nothing where it leaves nothing that is known now."""
    places = list(dict.fromkeys(output.place for output in state.withheld))
    if not places:
        return ""
    return f"\nWithheld output stays on {few_text(places, 4)} alone,\nand all job directories of the window stay there."
