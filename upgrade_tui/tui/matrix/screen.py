"""The screen of steps by hosts: outliers first, every task at one glance, retry and settle many at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from upgrade_tui.attach.session import Session
from upgrade_tui.plan.model import Step
from upgrade_tui.tui.detail_screen import DetailScreen, Pane
from upgrade_tui.tui.glyphs import ScreenTone
from upgrade_tui.tui.host.rows import SteadyOrder
from upgrade_tui.tui.matrix import page
from upgrade_tui.tui.matrix.grid import Grid
from upgrade_tui.tui.open_message import Open
from upgrade_tui.tui.scene import Scene
from upgrade_tui.tui.sending import refused
from upgrade_tui.tui.theme import is_ascii
from upgrade_tui.tui.verbs.verb import Target, Verb
from upgrade_tui.tui.verbs.verb_table import VERBS, bindings
from upgrade_tui.tui.widgets.line_view import Bar
from upgrade_tui.tui.widgets.spans import Line, Span, cut, wrapped_in
from upgrade_tui.window.state import UNSETTLED
from upgrade_tui.window.state_words import EXCLUDED

_Cell = tuple[str, str]  # step, host

_ROW_TONES: dict[int, ScreenTone] = {0: "unknown", 1: "bad", 2: "tight", 3: "tight", 9: "muted"}


class MatrixScreen(DetailScreen):
    """The cursor is on a host by name: rows may move under it."""

    ON = "matrix"
    HEAD = 1
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "output", "output", tooltip="The output of this task"),
        Binding("space", "mark", "mark", tooltip="Mark this task, or take the mark away"),
        Binding("a", "mark_failed", "mark failed", tooltip="Mark all that failed or was not reached; again: none"),
        *bindings("matrix"),
    ]

    def __init__(self, session: Session, step: str = "", host: str = "") -> None:
        super().__init__(session)
        self.marks: set[_Cell] = set()
        self.order = SteadyOrder()
        self.matrix: page.Matrix | None = None
        self.hosts: list[page.HostLine] = []
        self._begin_at = (step, host)

    # -- what is shown --------------------------------------------------------------------------------------------

    def columns(self) -> Iterable[Widget]:
        """The grid, what is under the cursor, what the glyphs are."""
        yield Pane(
            "steps by hosts", Grid(id="grid"), Bar(id="cell"), Bar(id="legend"),
            id="grid-pane",
        )  # fmt: skip

    @property
    def grid(self) -> Grid:
        return self.query_one(Grid)

    @property
    def host(self) -> str:
        """The host of the row that the cursor is in."""
        return self.grid.selected

    def begin(self) -> None:
        """The cursor where it was asked for, else on the worst host."""
        self.grid.focus()

    def head(self, scene: Scene, width: int) -> list[Line]:
        """How many of what."""
        return [cut(page.summary(scene, self.matrix or page.matrix(scene), len(self.marks)), width)]

    def paint(self, scene: Scene) -> None:
        """Rows in order, the cursor on its host."""
        m = self.matrix = page.matrix(scene)
        self.hosts = self.order.sorted(m.hosts, scene.now)
        if not self.hosts:
            return
        self.marks = {(s, h) for s, h in self.marks if h in scene.state.steps[s].tasks}
        self._place(m)
        plain = is_ascii(self.app)

        def draw(host: str, column: int, width: int) -> Span:
            spec = m.steps[column]
            return page.cell(scene, m, spec, host, width, marked=(spec.id, host) in self.marks, plain=plain)

        names = {row.name: self._row_name(row) for row in self.hosts}
        self.grid.load(names, tuple(spec.id for spec in m.steps), draw)
        self._paint_cell(scene, m, plain)

    def _row_name(self, row: page.HostLine) -> Span:
        name = f"{EXCLUDED.glyph} {row.name}" if row.excluded else row.name
        return (name, _ROW_TONES.get(row.rank, "plain"))

    def _place(self, m: page.Matrix) -> None:
        """Once: the cursor where it was asked for; else on the worst host's worst step."""
        if self.host:
            return
        step, host = self._begin_at
        worst = self.hosts[0]
        known = host in {row.name for row in self.hosts}
        self.grid.selected = host if known and worst.rank >= 4 else worst.name
        tasks = {s.id: self.session.state.steps[s.id].tasks.get(self.host) for s in m.steps}
        bad = [i for i, s in enumerate(m.steps) if (t := tasks[s.id]) is not None and t.state in UNSETTLED]
        asked = [i for i, s in enumerate(m.steps) if s.id == step]
        self.grid.column = next(iter([*bad, *asked]), 0)
        self.call_after_refresh(self.grid.reveal)

    def _paint_cell(self, scene: Scene, m: page.Matrix, plain: bool) -> None:
        width = self.size.width - 2
        spec = self.spec
        if spec is not None:
            lines = page.cell_lines(scene, m, spec, self.host, width)
            number = m.steps.index(spec) + 1
            title: Line = ((f"step {number}: {spec.title}", "muted"),)
            self.query_one("#cell", Bar).set_lines([*lines, cut(title, width)])
        lines = wrapped_in(page.legend(m, plain=plain), width, 2)
        self.query_one("#legend", Bar).set_lines(lines)

    @property
    def spec(self) -> Step | None:
        """The step of the column that the cursor is in."""
        steps = self.matrix.steps if self.matrix is not None else ()
        return steps[self.grid.column] if self.grid.column < len(steps) else None

    def keys(self) -> list[tuple[str, str]]:
        """What can be done with the marked tasks, or with this one."""
        what = f" {len(self.marks)} marked" if self.marks else ""
        out = [("enter", "output"), ("space", "mark")]
        for name in ("retry", "settle"):
            verb = VERBS[name]
            out += [(verb.key, f"{verb.label}{what}")] if verb.barred(self.target(verb)) is None else []
        return [*out, ("a", "mark failed"), ("E", "exclude host"), ("R", "roll back"), ("p", "pause")]

    # -- the cursor -----------------------------------------------------------------------------------------------

    def on_line_view_moved(self) -> None:
        """Another cell, another line below."""
        self.repaint()
        self.call_later(self.tick)

    def on_line_view_opened(self) -> None:
        self.action_output()

    def target(self, verb: Verb) -> Target:
        """Of verbs on tasks, the marked ones or else the one under the cursor; others are about its host."""
        step = self.spec.id if self.spec is not None else ""
        here = ((step, self.host),) if step and verb.name in ("retry", "settle") else ()
        return Target(session=self.session, step=step, host=self.host, cells=tuple(sorted(self.marks)) or here)

    # -- actions --------------------------------------------------------------------------------------------------

    def action_output(self) -> None:
        """The step's screen with this host's output."""
        spec = self.spec
        if spec is not None and self.host in self.session.state.steps[spec.id].tasks:
            self.post_message(Open("step", spec.id, self.host))
        elif spec is not None:
            refused(self.app, f"{spec.id} does not run on {self.host}", title="No output")

    def action_mark(self) -> None:
        """Toggle; then on to the next host, so that several are marked in a row."""
        spec = self.spec
        if spec is None or self.host not in self.session.state.steps[spec.id].tasks:
            return
        self.marks ^= {(spec.id, self.host)}
        self.grid.action_move(1)

    def action_mark_failed(self) -> None:
        """All that a retry is for; a second time, none."""
        steps = self.session.state.steps
        failed = {
            (s.id, t.host) for s in steps.values() for t in s.tasks.values() if t.state in ("failed", "unreachable")
        }
        self.marks = set() if self.marks >= failed else self.marks | failed
        self.repaint()
        self.call_later(self.tick)

    async def perform(self, verb: Verb) -> bool:
        """What was done with the marked ones is over: the marks go."""
        done = await super().perform(verb)
        if done and verb.name in ("retry", "settle"):
            self.marks = set()
            self.repaint()
        return done

    def action_back(self) -> None:
        """The marks first, then back."""
        if self.marks:
            self.marks = set()
            self.repaint()
            self.call_later(self.tick)
        else:
            super().action_back()
