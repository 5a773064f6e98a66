"""The screen of a gate: its card, its votes. Votes are for the evidence that was read, never for what came after."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.widget import Widget

from upgrade_tui.attach.session import Session
from upgrade_tui.tui.detail_screen import DetailScreen, Pane, RecordFilter
from upgrade_tui.tui.gate import page
from upgrade_tui.tui.scene import Scene
from upgrade_tui.tui.sections import events
from upgrade_tui.tui.sending import refused
from upgrade_tui.tui.step import page as step_page
from upgrade_tui.tui.verbs.verb import Target, Verb
from upgrade_tui.tui.verbs.verb_table import bindings
from upgrade_tui.tui.widgets.line_view import LineList
from upgrade_tui.tui.widgets.spans import Line
from upgrade_tui.window.events import GateOpened
from upgrade_tui.window.gate_card import gate_card


class GateScreen(DetailScreen):
    """A gate in full. ``read`` is the evidence that was on the screen when the operator last looked at it."""

    ON = "gate"
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("gate"),
        Binding("enter", "read", "read", tooltip="The evidence changed: you have read the new one"),
    ]

    def __init__(self, session: Session, step_id: str) -> None:
        super().__init__(session)
        spec = session.plan.step(step_id)
        if spec is None or spec.kind != "gate":
            raise ValueError(f'there is no gate "{step_id}"')
        self.spec = spec
        self.about_step = step_id
        self.read: GateOpened | None = None
        self._warned = ""  # digest of the evidence that the operator was warned about
        self._filter = RecordFilter("step", step_id)

    @property
    def opened(self) -> GateOpened | None:
        """The evidence that votes count for now."""
        step = self.session.state.steps[self.spec.id]
        return step.gate if step.state == "running" else None

    @property
    def changed(self) -> bool:
        """Another evidence is open than the one that was read."""
        return self.opened is not None and self.read is not None and self.read.digest != self.opened.digest

    def columns(self) -> Iterable[Widget]:
        """The card over its events."""
        evidence = Pane("evidence", LineList(id="evidence"), id="evidence-pane")
        happened = Pane("events", LineList(id="events"), id="events-pane")
        yield Container(evidence, happened, classes="column")

    def begin(self) -> None:
        self.query_one("#evidence").focus()

    def head(self, scene: Scene, width: int) -> list[Line]:
        """What is decided, votes, the clock, what is wrong."""
        found = gate_card(scene.state, self.spec.id, scene.now)
        return page.gate_header(scene, self.spec, found, super().refusal("go"), width)

    def alarms(self, scene: Scene) -> list[Line]:
        """That the evidence changed comes before everything else."""
        found = super().alarms(scene)
        opened = self.opened
        if self.read is None or opened is None or not self.changed:
            return found
        at = scene.state.steps[self.spec.id].started or scene.now
        text = page.changed(self.read, opened, scene.time(at))
        return [(("‼ ", "bad"), (text, "strong")), *found]

    def paint(self, scene: Scene) -> None:
        """The card as it is now; for a gate that is not open, what the plan says of it."""
        if self.read is None:
            self.read = self.opened
        self._warn()
        found = gate_card(scene.state, self.spec.id, scene.now)
        if found is not None:
            self.show_lines("evidence", lambda width, _: page.gate_page(scene, found, width))
        else:
            self.show_lines("evidence", lambda width, _: step_page.spec_lines(scene, self.spec, width))
        self.show_lines("events", lambda width, _: events(scene, self._filter.of(scene.records), width))

    def _warn(self) -> None:
        """Once, and aloud, for each change."""
        if self.changed and self.opened is not None and self._warned != self.opened.digest:
            self._warned = self.opened.digest
            self.app.bell()
            refused(self.app, "read the card again, then press enter", title="The evidence changed")

    def keys(self) -> list[tuple[str, str]]:
        """Voting first."""
        if self.changed:
            return [("enter", "I have read the new evidence"), ("G", "no-go")]
        now, later = self.verb_keys()
        return [*now, *later, ("↑↓", "scroll"), ("z", "zoom")]

    def target(self, verb: Verb) -> Target:
        """A vote is for the evidence that is open, and that was read: see ``refusal``."""
        digest = self.opened.digest if self.opened is not None else ""
        return Target(session=self.session, step=self.about_step, digest=digest)

    def refusal(self, name: str) -> str | None:
        """No go for something that was not read."""
        if name == "go" and self.changed:
            return "it is other evidence than what you read: enter says that you read it"
        return super().refusal(name)

    # -- actions --------------------------------------------------------------------------------------------------

    def action_read(self) -> None:
        """The new evidence is known: votes are for it from now on."""
        self.read = self.opened or self.read
        self.repaint()
