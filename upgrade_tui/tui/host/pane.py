"""Pane 3: hosts, worst first; up to 500 of them, of which only the visible ones are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from upgrade_tui.tui.host import rows
from upgrade_tui.tui.recent import RecentFrames
from upgrade_tui.tui.scene import Scene
from upgrade_tui.tui.widgets.line_pane import LinePane
from upgrade_tui.tui.widgets.spans import Line
from upgrade_tui.units import plural


class HostsPane(LinePane):
    """``set`` gives it the rows, which the header needs too."""

    NAME: ClassVar[str] = "hosts"
    NUMBER: ClassVar[int] = 3

    def __init__(self, history: RecentFrames) -> None:
        super().__init__()
        self.history = history
        self.every: list[rows.HostRow] = []
        self._rows: dict[str, rows.HostRow] = {}
        self._order = rows.SteadyOrder()
        self._columns = rows.HostColumns(8, 11, 0, 0, 0)
        self._need = 0
        self._unknown = False

    def title(self) -> str:
        """How many there are, and how many need a look."""
        count = f"{len(self._rows)} of {len(self.every)}" if self.needle else str(len(self.every))
        if self._need:
            return f"hosts · {count} · {self._need} {plural(self._need, 'needs', 'need')} a look"
        known = "not known now" if self._unknown else "all fine"
        return f"hosts · {count}" + (f" · {known}" if self.every else "")

    def mark_stale(self, scene: Scene) -> None:
        """Whether anything is known now."""
        self._unknown = scene.stale and scene.state.phase != "closed"

    def rows_of(self, scene: Scene, width: int) -> Sequence[tuple[str, int]]:
        """Worst first, without jumping."""
        ordered = self._order.sorted(self.every, scene.now)
        self._need = sum(1 for row in ordered if row.rank < 9)
        self.mark_stale(scene)
        if self.needle:
            hosts = scene.plan.hosts
            ordered = [r for r in ordered if rows.host_matches(r, hosts[r.name].groups, self.needle)]
        self._rows = {row.name: row for row in ordered}
        self._columns = rows.host_columns(width, self._rows)
        self.pinned = (rows.host_heading(self._columns),)
        if 2 * len(ordered) + 1 <= self.scrollable_content_region.height:
            return [(row.name, part) for row in ordered for part in (0, 1)]
        return [(row.name, 0) for row in ordered]

    def draw(self, key: str, part: int, width: int) -> Line:
        """A host; its second line where there is room for all of them."""
        if part and self.scene is not None:
            return rows.host_second_line(self._rows[key], self.scene, width)
        return rows.host_row_line(self._rows[key], self._columns, width, self.history.hosts.get(key))
