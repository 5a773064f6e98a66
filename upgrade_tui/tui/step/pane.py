"""Pane 2: steps by phase."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from upgrade_tui.tui.scene import Scene
from upgrade_tui.tui.step import rows as step_rows
from upgrade_tui.tui.widgets.line_pane import LinePane
from upgrade_tui.tui.widgets.spans import BLANK, Line
from upgrade_tui.window.state import OVER

MORE, WARNING, REMARK = 1, 2, 10  # parts of a step under its own line


class StepsPane(LinePane):
    """The cursor follows the current step until the operator puts it elsewhere."""

    NAME: ClassVar[str] = "steps"
    NUMBER: ClassVar[int] = 2

    def __init__(self) -> None:
        super().__init__()
        self._rows: dict[str, step_rows.StepRow] = {}
        self._phases: list[tuple[str, list[step_rows.StepRow]]] = []
        self._columns = step_rows.StepColumns(8, 20, 11, 6, 8)
        self._current = ""
        self._remarks: dict[str, list[Line]] = {}
        self._over = (0, 0)

    def title(self) -> str:
        """How many are over."""
        return f"steps · {self._over[0]} of {self._over[1]} over"

    def rows_of(self, scene: Scene, width: int) -> Sequence[tuple[str, int]]:
        """A heading a phase; a step's line, its remark, its warning."""
        every = step_rows.step_rows(scene)
        self._over = (sum(1 for r in every if r.state in OVER), len(every))
        shown = [r for r in every if not self.needle or step_rows.step_matches(r, self.needle)]
        self._rows = {r.id: r for r in shown}
        self._columns = step_rows.step_columns(shown, width)
        self.pinned = (step_rows.step_heading(self._columns, width),)
        self._phases = list(step_rows.phases(shown))
        self._follow(scene)
        ahead = sum(1 for r in shown if r.irreversible)
        roomy = 2 * len(shown) + len(self._phases) + ahead + 1 <= self.scrollable_content_region.height
        out: list[tuple[str, int]] = []
        for i, (_, rows) in enumerate(self._phases):
            out.append(("", i))
            for row in rows:
                out.append((row.id, 0))
                if row.remark:
                    self._remarks[row.id] = step_rows.remark_lines(row, width)
                    out += [(row.id, REMARK + i) for i in range(len(self._remarks[row.id]))]
                elif roomy:
                    out.append((row.id, MORE))
                out += [(row.id, WARNING)] if row.irreversible and row.state in ("pending", "ready") else []
        return out

    def _follow(self, scene: Scene) -> None:
        current = scene.state.current
        if current != self._current and self.selected in ("", self._current):
            self.selected = current or self.selected
            self.call_after_refresh(self.centre)
        self._current = current

    def on_resize(self) -> None:
        """Another size: the step under the cursor comes to the middle."""
        super().on_resize()
        self.call_after_refresh(self.centre)

    def draw(self, key: str, part: int, width: int) -> Line:
        """A heading, a step, its remark, its warning, or what else there is to say."""
        if not key:
            return step_rows.phase_line(*self._phases[part], width) if part < len(self._phases) else BLANK
        row = self._rows[key]
        if part >= REMARK:
            return self._remarks[key][part - REMARK]
        if part == MORE:
            return step_rows.more_line(row, width)
        return (
            step_rows.warning_line(row, width)
            if part == WARNING
            else step_rows.step_row_line(row, self._columns, width)
        )
