"""The screen of steps by hosts: outliers first, every task at one glance, retry and settle many at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Static

from upgrade_tui.conductor.session import Session
from upgrade_tui.plan.model import Step
from upgrade_tui.tui import verbs, verbs_undo
from upgrade_tui.tui.detail.base import DetailScreen, Pane
from upgrade_tui.tui.detail.grid import Grid
from upgrade_tui.tui.detail.lines import stacked
from upgrade_tui.tui.sending import refused
from upgrade_tui.tui.verbs import VERBS
from upgrade_tui.tui.view import matrix as view
from upgrade_tui.tui.view.hosts import Order
from upgrade_tui.tui.view.scene import Scene
from upgrade_tui.tui.view.spans import Line, Span, cut, wrapped_in
from upgrade_tui.tui.words import EXCLUDED, Tone
from upgrade_tui.window.state import UNSETTLED

Cell = tuple[str, str]  # step, host

_ROW_TONES: dict[int, Tone] = {0: "unknown", 1: "bad", 2: "tight", 3: "tight", 9: "muted"}
_OTHERS = ("exclude", "note", "pause", "abort", "rollback")


class MatrixScreen(DetailScreen):
    """``host`` is the row of the cursor by name: rows may move under it, it stays on its host."""

    HEAD = 1
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "output", "output", tooltip="The output of this task"),
        Binding("space", "mark", "mark", tooltip="Mark this task, or take the mark away"),
        Binding("a", "mark_failed", "mark failed", tooltip="Mark all that failed or was not reached; again: none"),
        Binding("r", "retry", "retry", tooltip="Try the marked tasks again, or this one"),
        Binding("X", "settle", "settle", tooltip="Say what is so on the marked tasks, or on this one"),
        *(Binding(VERBS[n].key, f"verb('{n}')", VERBS[n].label, tooltip=VERBS[n].help) for n in _OTHERS),
    ]

    def __init__(self, session: Session, step: str = "", host: str = "") -> None:
        super().__init__(session)
        self.marks: set[Cell] = set()
        self.order = Order()
        self.matrix: view.Matrix | None = None
        self.hosts: list[view.HostLine] = []
        self._begin_at = (step, host)
        self.host = ""

    # -- what is shown --------------------------------------------------------------------------------------------

    def columns(self) -> Iterable[Widget]:
        """The grid, what is under the cursor, what the glyphs are."""
        yield Pane(
            "steps by hosts", Grid(id="grid"), Static(id="cell", markup=False), Static(id="legend", markup=False),
            id="grid-pane",
        )  # fmt: skip

    @property
    def grid(self) -> Grid:
        return self.query_one(Grid)

    def begin(self) -> None:
        """The cursor where it was asked for, else on the worst host."""
        self.grid.focus()

    def head(self, scene: Scene, width: int) -> list[Line]:
        """How many of what."""
        return [cut(view.summary(scene, self.matrix or view.matrix(scene), len(self.marks)), width)]

    def paint(self, scene: Scene) -> None:
        """Rows in order, the cursor on its host."""
        m = self.matrix = view.matrix(scene)
        self.hosts = self.order.sorted(m.hosts, scene.now)
        if not self.hosts:
            return
        self.marks = {(s, h) for s, h in self.marks if h in scene.state.steps[s].tasks}
        self._place(m)
        rows = tuple(self._row_name(row) for row in self.hosts)
        names = [row.name for row in self.hosts]
        at = names.index(self.host) if self.host in names else 0
        plain = bool(getattr(self.app, "ascii", False))

        def draw(row: int, column: int, width: int) -> Span:
            spec, host = m.steps[column], self.hosts[row].name
            return view.cell(scene, m, spec, host, width, marked=(spec.id, host) in self.marks, plain=plain)

        self.grid.load(rows, tuple(spec.id for spec in m.steps), at, draw)
        self._paint_cell(scene, m, plain)

    def _row_name(self, row: view.HostLine) -> Span:
        name = f"{EXCLUDED.glyph} {row.name}" if row.excluded else row.name
        return (name, _ROW_TONES.get(row.rank, "plain"))

    def _place(self, m: view.Matrix) -> None:
        """Once: the cursor where it was asked for; else on the worst host's worst step."""
        if self.host:
            return
        step, host = self._begin_at
        worst = self.hosts[0]
        self.host = worst.name if worst.rank < 4 or host not in {row.name for row in self.hosts} else host
        tasks = {s.id: self.session.state.steps[s.id].tasks.get(self.host) for s in m.steps}
        bad = [i for i, s in enumerate(m.steps) if (t := tasks[s.id]) is not None and t.state in UNSETTLED]
        asked = [i for i, s in enumerate(m.steps) if s.id == step]
        self.grid.column = next(iter([*bad, *asked]), 0)
        self.call_after_refresh(self.grid.reveal)

    def _paint_cell(self, scene: Scene, m: view.Matrix, plain: bool) -> None:
        width = self.size.width - 2
        spec = self.spec
        if spec is not None:
            lines = view.cell_lines(scene, m, spec, self.host, width)
            number = m.steps.index(spec) + 1
            title: Line = ((f"step {number}: {spec.title}", "muted"),)
            self.query_one("#cell", Static).update(stacked([*lines, cut(title, width)]), layout=False)
        lines = wrapped_in(view.legend(m, plain=plain), width, 2)
        self.query_one("#legend", Static).update(stacked(lines), layout=False)

    @property
    def spec(self) -> Step | None:
        """The step of the column that the cursor is in."""
        steps = self.matrix.steps if self.matrix is not None else ()
        return steps[self.grid.column] if self.grid.column < len(steps) else None

    def keys(self) -> list[tuple[str, str]]:
        """What can be done with the marked tasks, or with this one."""
        what = f" {len(self.marks)} marked" if self.marks else ""
        out = [("enter", "output"), ("space", "mark")]
        out += [("r", f"retry{what}")] if self._retryable() else []
        out += [("X", f"settle{what}")] if self._unsettled() else []
        return [*out, ("a", "mark failed"), ("E", "exclude host"), ("R", "roll back"), ("p", "pause")]

    # -- the cursor -----------------------------------------------------------------------------------------------

    def on_grid_moved(self) -> None:
        """Another cell, another line below; verbs act on its step and host."""
        if self.hosts and self.grid.row < len(self.hosts):
            self.host = self.hosts[self.grid.row].name
        self.about_host, self.about_step = self.host, self.spec.id if self.spec is not None else ""
        self.repaint()
        self.call_later(self.tick)

    def on_grid_opened(self) -> None:
        self.action_output()

    def _wanted(self) -> list[Cell]:
        """The marked cells, else the one under the cursor."""
        if self.marks:
            return sorted(self.marks)
        return [(self.spec.id, self.host)] if self.spec is not None else []

    def _retryable(self) -> dict[str, tuple[str, ...]]:
        """By step: where a retry is possible, of what is wanted."""
        steps = self.session.state.steps
        out: dict[str, tuple[str, ...]] = {}
        for step, host in self._wanted():
            task = steps[step].tasks.get(host)
            if task is not None and task.state in ("failed", "unreachable") and not task.undo:
                out[step] = (*out.get(step, ()), host)
        return out

    def _unsettled(self) -> dict[str, tuple[str, ...]]:
        steps = self.session.state.steps
        out: dict[str, tuple[str, ...]] = {}
        for step, host in self._wanted():
            task = steps[step].tasks.get(host)
            if task is not None and task.state in UNSETTLED:
                out[step] = (*out.get(step, ()), host)
        return out

    # -- actions --------------------------------------------------------------------------------------------------

    def action_output(self) -> None:
        """The step's screen with this host's output."""
        from upgrade_tui.tui.detail import open_step

        spec = self.spec
        if spec is not None and self.host in self.session.state.steps[spec.id].tasks:
            open_step(self.app, self.session, spec.id, self.host)
        elif spec is not None:
            refused(self.app, f"{spec.id} does not run on {self.host}", title="No output")

    def action_mark(self) -> None:
        """Toggle; then on to the next host, so that several are marked in a row."""
        spec = self.spec
        if spec is None or self.host not in self.session.state.steps[spec.id].tasks:
            return
        self.marks ^= {(spec.id, self.host)}
        self.grid.action_by(1, 0)

    def action_mark_failed(self) -> None:
        """All that a retry is for; a second time, none."""
        steps = self.session.state.steps
        failed = {
            (s.id, t.host) for s in steps.values() for t in s.tasks.values() if t.state in ("failed", "unreachable")
        }
        self.marks = set() if self.marks >= failed else self.marks | failed
        self.repaint()
        self.call_later(self.tick)

    def action_retry(self) -> None:
        """Starts them again, step by step, after a look at what that is."""
        wanted = self._retryable()
        why = "nothing that failed is marked, and this task did not fail" if not wanted else None
        for step, hosts in wanted.items():
            why = why or verbs.refusal(self.session, "retry", step, hosts[0])
        if why is not None:
            refused(self.app, why, title="retry is not possible now")
        else:
            self.run_worker(self._retry(wanted), name="retry", group="verbs")

    async def _retry(self, wanted: dict[str, tuple[str, ...]]) -> None:
        await verbs_undo.retry_all(self.app, self.session, wanted)
        self.marks = set()
        self.repaint()

    def action_settle(self) -> None:
        """What is so, for all of them at once where they are of one step."""
        wanted = self._unsettled()
        why = "nothing here is failed, unknown or unreachable" if not wanted else None
        for step in wanted:
            why = why or verbs.refusal(self.session, "settle", step)
        if why is not None:
            refused(self.app, why, title="settle is not possible now")
        else:
            self.run_worker(self._settle(wanted), name="settle", group="verbs")

    async def _settle(self, wanted: dict[str, tuple[str, ...]]) -> None:
        for step, hosts in wanted.items():
            await verbs.settle(self.app, self.session, step, hosts)
        self.marks = set()
        self.repaint()

    async def _verb(self, name: str) -> None:
        if name == "rollback" and self.marks:
            hosts = tuple(dict.fromkeys(host for _, host in sorted(self.marks)))
            await verbs_undo.roll_back(self.app, self.session, hosts=hosts)
        else:
            await super()._verb(name)

    def action_back(self) -> None:
        """The marks first, then back."""
        if self.marks:
            self.marks = set()
            self.repaint()
            self.call_later(self.tick)
        else:
            super().action_back()
