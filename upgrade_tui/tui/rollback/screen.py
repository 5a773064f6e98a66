"""The screen of a rollback: a preview of exactly what would run; once it was asked for, how it goes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.widget import Widget

from upgrade_tui.attach.session import Session
from upgrade_tui.directory.job_room import without_room
from upgrade_tui.tui.alarms import window_alarms
from upgrade_tui.tui.detail_screen import DetailScreen, Pane
from upgrade_tui.tui.rollback import page
from upgrade_tui.tui.scene import Scene, scene_of
from upgrade_tui.tui.sections import events
from upgrade_tui.tui.sending import refused
from upgrade_tui.tui.verbs.undo_verbs import ask_rollback, ask_scope
from upgrade_tui.tui.verbs.verb import refused_by_decide
from upgrade_tui.tui.verbs.verb_table import bindings
from upgrade_tui.tui.widgets.line_view import LineList
from upgrade_tui.tui.widgets.spans import Line
from upgrade_tui.window import commands as cmd
from upgrade_tui.window import going_back
from upgrade_tui.window.event_table import ROWS
from upgrade_tui.window.events import Record
from upgrade_tui.window.undo import UndoPlan, undo_plan


class RollbackScreen(DetailScreen):
    """``command`` says how much; None: the rollback that was asked for last. Nothing is done without typing for it."""

    ON = "rollback"
    HEAD = 3
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "do", "roll back", tooltip="Ask for the reason and the window's id, then roll back"),
        Binding("R", "again", "how much", tooltip="Another scope; after it stopped: what is left"),
        *bindings("rollback"),
    ]

    def __init__(self, session: Session, command: cmd.StartRollback | None) -> None:
        super().__init__(session)
        self.command = command

    @property
    def plan(self) -> UndoPlan | None:
        """What would run, as things stand now; None: it was asked for already."""
        c = self.command
        if c is None:
            return None
        return undo_plan(self.session.state, phase=c.phase, step=c.step, hosts=c.hosts)

    def refused(self) -> str | None:
        """Why it cannot be done now, or None."""
        c, session = self.command, self.session
        if session.trouble is not None:
            return f"the conductor does not answer: {session.trouble}"
        if c is None:
            return "it was asked for already"
        whole = cmd.StartRollback(
            confirm=session.plan.window.id, reason="-", phase=c.phase, step=c.step, hosts=c.hosts
        )  # fmt: skip
        return refused_by_decide(session, whole)

    def columns(self) -> Iterable[Widget]:
        """What runs over what happened."""
        what = Pane("what runs", LineList(id="undo"), id="undo-pane")
        happened = Pane("events", LineList(id="events"), id="events-pane")
        yield Container(what, happened, classes="column")

    def begin(self) -> None:
        self.query_one("#undo").focus()

    def head(self, scene: Scene, width: int) -> list[Line]:
        """How much, how long, what now."""
        plan, p = self.plan, going_back.progress(scene)
        if plan is not None:
            return page.preview_header(scene, plan, self.refused(), width)
        return page.progress_header(scene, p, width) if p is not None else []

    def alarms(self, scene: Scene) -> list[Line]:
        """All but what this screen itself is about."""
        return window_alarms(scene, rollback=self.command is not None)

    def paint(self, scene: Scene) -> None:
        """The preview; or how it goes."""
        plan, p = self.plan, going_back.progress(scene)
        if plan is not None:
            stuck = without_room(scene.state, plan.steps)
            self.show_lines("undo", lambda width, _: page.undo_preview_lines(scene, plan, width, stuck))
        elif p is not None:
            self.about_step = p.stuck[0][0] if p.stuck else p.step
            self.show_lines("undo", lambda width, _: page.progress_lines(scene, p, width))
        shown = [r for r in scene.records if self._about_it(r)]
        self.show_lines("events", lambda width, _: events(scene, shown, width))

    def _about_it(self, record: Record) -> bool:
        return ROWS[type(record.event)].of_rollback or getattr(record.event, "undo", False) is True

    def keys(self) -> list[tuple[str, str]]:
        if self.command is not None:
            do = [("enter", "ROLL BACK …")] if self.refused() is None else []
            return [*do, ("R", "how much"), ("↑↓", "scroll"), ("z", "zoom")]
        scene = scene_of(self.session)
        p = going_back.progress(scene)
        out = [("X", "settle")] if p is not None and p.stuck and self.refusal("settle") is None else []
        if p is not None and page.by_hand_now(scene, p):
            out.insert(0, ("space", "done by hand"))
        again = [] if self.session.state.rolling_back else [("R", "go on with what is left")]
        return [*out, *again, ("↑↓", "scroll"), ("z", "zoom")]

    # -- actions --------------------------------------------------------------------------------------------------

    def action_do(self) -> None:
        """The reason, the id, then the command."""
        if self.command is None:
            return
        why = self.refused()
        if why is not None:
            refused(self.app, why, title="Rolling back is not possible now")
        else:
            self.run_worker(self._do(self.command), name="rollback", group="verbs", exclusive=True)

    async def _do(self, command: cmd.StartRollback) -> None:
        if await ask_rollback(self.app, self.session, command):
            self.command = None
            self.repaint()

    def action_again(self) -> None:
        """Another scope, or what is left: in this screen's place."""
        if (why := self.refusal("rollback")) is not None:
            refused(self.app, why, title="Nothing to roll back")
        elif not self.session.state.rolling_back:
            self.run_worker(self._again(), name="again", group="verbs", exclusive=True)

    async def _again(self) -> None:
        found = await ask_scope(self.app, self.session)
        if found is not None:
            self.command = found
            self.repaint()
