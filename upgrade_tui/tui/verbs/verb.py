"""What a verb is: its key, what it acts on, what it asks, the command that it sends.

Whether a verb is possible is asked of ``decide`` itself, with everything said that could be asked for: what it refuses
even then is greyed out, with its reason. The conductor decides again when the verb is sent.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from msgspec import Struct
from textual.app import App

from upgrade_tui.attach.session import Session
from upgrade_tui.plan.model import Step
from upgrade_tui.tui.scene import Scene
from upgrade_tui.tui.sending import send
from upgrade_tui.window import going_back
from upgrade_tui.window.commands import Actor, AnyCommand, Refusal
from upgrade_tui.window.decide import decide
from upgrade_tui.window.state import StepState

SAID = "-"
"""In place of a reason, where a verb is only tried."""


class Target(Struct, frozen=True, kw_only=True):
    """What a verb acts on: what is under the cursor, or marked. ``seen``: the operator sees that it is."""

    session: Session
    step: str = ""
    host: str = ""
    cells: tuple[tuple[str, str], ...] = ()  # (step, host) that are marked
    digest: str = ""  # of the evidence that was read
    seen: bool = True

    @property
    def spec(self) -> Step:
        """The step as the plan has it. Only where there is one."""
        spec = self.session.plan.step(self.step)
        assert spec is not None, "verbs on a step are barred where there is none"
        return spec

    @property
    def state(self) -> StepState:
        """The step as it stands. Only where there is one."""
        return self.session.state.steps[self.step]


class Look(Struct, frozen=True, kw_only=True):
    """What a footer is about: a scene, and the step or host in it that is looked at."""

    scene: Scene
    spec: Step | None = None
    step: StepState | None = None
    host: bool = False
    alone: bool = False  # it has a screen of its own, with room for more

    @property
    def undoing(self) -> bool:
        """A rollback is under way, or stopped and waits for somebody: nothing goes forward."""
        return self.scene.state.rolling_back or going_back.stopped(self.scene)

    @property
    def ahead(self) -> str:
        """The kind of a step that can still go forward; empty where nothing can."""
        return "" if self.spec is None or self.step is None or self.undoing else self.spec.kind


class Verb:
    """A verb as keys, palette, footers and help name it. To add one: a subclass, and its place in ``verb_table``."""

    name: ClassVar[str]
    key: ClassVar[str]  # as Textual and the screen name it
    label: ClassVar[str]
    help: ClassVar[str]
    scope: ClassVar[Literal["step", "task", "host", "window"]] = "step"  # task: a step on a host, where one is shown
    on: ClassVar[tuple[str, ...]] = ("main", "step")  # screens that have its key
    loose: ClassVar[bool] = False  # about what is looked at or, where that is neither step nor host, about the window

    def rank(self, look: Look) -> int | None:
        """Its place in a footer, the most useful first; None: it does not belong to what is looked at."""
        return None

    def says(self, look: Look) -> str:
        """What the footer calls it now."""
        return self.label

    def command(self, at: Target) -> AnyCommand:
        """What it sends, with everything said that ``decide`` could ask for."""
        raise NotImplementedError

    async def ask(self, app: App[Any], at: Target) -> AnyCommand | None:
        """The command with what the operator says; None if they gave up."""
        return self.command(at)

    async def perform(self, app: App[Any], at: Target) -> bool:
        """Asks, and sends; True once it was carried out. From a worker: it may ask first."""
        command = await self.ask(app, at)
        return command is not None and await send(app, at.session, command)

    def barred(self, at: Target) -> str | None:
        """Why there is nothing to ask ``decide`` about."""
        if self.scope in ("step", "task") and at.step not in at.session.state.steps:
            return "no step is selected"
        if self.scope == "host" and at.host not in at.session.state.hosts:
            return "no host is selected"
        return None

    def refusal(self, at: Target) -> str | None:
        """Why it is not possible now, or None."""
        if at.session.trouble is not None:
            return f"the conductor does not answer: {at.session.trouble}"
        return self.barred(at) or self.decided(at)

    def decided(self, at: Target) -> str | None:
        """What ``decide`` has against it."""
        return refused_by_decide(at.session, self.command(at))


def refused_by_decide(session: Session, command: AnyCommand) -> str | None:
    """Why a command would be refused now, or None."""
    said = decide(session.state, command, Actor(session.login, session.role), session.now())
    return str(said) if isinstance(said, Refusal) else None
