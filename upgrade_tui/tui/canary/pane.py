"""Pane 4: canaries, worst verdict first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from upgrade_tui.tui.canary import rows as canary_rows
from upgrade_tui.tui.recent import RecentFrames
from upgrade_tui.tui.scene import Scene
from upgrade_tui.tui.widgets.line_pane import LinePane
from upgrade_tui.tui.widgets.spans import Line


class CanariesPane(LinePane):
    """``every`` is set before ``show``: the header needs the rows too."""

    NAME: ClassVar[str] = "canaries"
    NUMBER: ClassVar[int] = 4

    def __init__(self, history: RecentFrames) -> None:
        super().__init__()
        self.history = history
        self.every: list[canary_rows.CanaryRow] = []
        self._rows: dict[str, canary_rows.CanaryRow] = {}
        self._names = 10
        self._two = False

    def title(self) -> str:
        """How many are healthy."""
        healthy = sum(1 for row in self.every if row.verdict == "healthy")
        were = "were " if self.every and all(row.stale for row in self.every) else ""
        return f"canaries · {healthy} of {len(self.every)} {were}healthy"

    def rows_of(self, scene: Scene, width: int) -> Sequence[tuple[str, int]]:
        """Worst first."""
        rows = canary_rows.worst_order(self.every)
        if self.needle:
            needle = self.needle.lower()
            rows = [r for r in rows if needle in f"{r.name} {r.verdict} {r.detail}".lower()]
        self._rows = {row.name: row for row in rows}
        self._names = canary_rows.name_width(rows, width)
        self.pinned = (canary_rows.canary_heading(self._names, width),)
        self._two = 2 * len(rows) + 1 <= self.scrollable_content_region.height
        return [(row.name, part) for row in rows for part in ((0, 1) if self._two else (0,))]

    def draw(self, key: str, part: int, width: int) -> Line:
        """A canary; what it found on a line of its own where there is room."""
        if part:
            return canary_rows.canary_second_line(self._rows[key], width)
        series = self.history.canaries.get(key)
        return canary_rows.canary_row_line(self._rows[key], self._names, width, series, two_lines=self._two)
