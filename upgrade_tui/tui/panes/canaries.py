"""Pane 4: canaries, worst verdict first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from upgrade_tui.tui.lines import LinePane
from upgrade_tui.tui.view import canaries as view
from upgrade_tui.tui.view.history import History
from upgrade_tui.tui.view.scene import Scene
from upgrade_tui.tui.view.spans import Line


class CanariesPane(LinePane):
    """``every`` is set before ``show``: the header needs the rows too."""

    NAME: ClassVar[str] = "canaries"
    NUMBER: ClassVar[int] = 4

    def __init__(self, history: History) -> None:
        super().__init__()
        self.history = history
        self.every: list[view.CanaryRow] = []
        self._rows: dict[str, view.CanaryRow] = {}
        self._names = 10
        self._two = False

    def title(self) -> str:
        """How many are healthy."""
        healthy = sum(1 for row in self.every if row.verdict == "healthy")
        were = "were " if self.every and all(row.stale for row in self.every) else ""
        return f"canaries · {healthy} of {len(self.every)} {were}healthy"

    def rows_of(self, scene: Scene, width: int) -> Sequence[tuple[str, int]]:
        """Worst first."""
        rows = view.worst_order(self.every)
        if self.needle:
            needle = self.needle.lower()
            rows = [r for r in rows if needle in f"{r.name} {r.verdict} {r.detail}".lower()]
        self._rows = {row.name: row for row in rows}
        self._names = view.name_width(rows, width)
        self.pinned = (view.header(self._names, width),)
        self._two = 2 * len(rows) + 1 <= self.scrollable_content_region.height
        return [(row.name, part) for row in rows for part in ((0, 1) if self._two else (0,))]

    def draw(self, key: str, part: int, width: int) -> Line:
        """A canary; what it found on a line of its own where there is room."""
        if part:
            return view.second_line(self._rows[key], width)
        series = self.history.canaries.get(key)
        return view.line(self._rows[key], self._names, width, series, two_lines=self._two)
