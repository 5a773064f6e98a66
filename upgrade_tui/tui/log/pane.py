"""Pane 5: the event log, newest at the bottom, following until the operator looks back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from upgrade_tui.tui.log import rows
from upgrade_tui.tui.scene import Scene
from upgrade_tui.tui.widgets.line_pane import LinePane
from upgrade_tui.tui.widgets.spans import Line
from upgrade_tui.window.events import Record


class LogPane(LinePane):
    """Keys are the records' ``seq``. Rows only ever grow: a window's log is filtered once a record."""

    NAME: ClassVar[str] = "log"
    NUMBER: ClassVar[int] = 5

    def __init__(self) -> None:
        super().__init__()
        self.following = True
        self._keys: list[tuple[str, int]] = []
        self._records: dict[str, Record] = {}
        self._taken = 0
        self._filtered_by = ""

    def title(self) -> str:
        """How many events, and whether it follows."""
        count = f"{len(self._keys)} of {self._taken}" if self.needle else str(self._taken)
        return f"log · {count} events · {'following' if self.following else 'looking back, end follows again'}"

    def record(self, key: str) -> Record | None:
        """The record under a key."""
        return self._records.get(key)

    def rows_of(self, scene: Scene, width: int) -> Sequence[tuple[str, int]]:
        """Takes in what is new."""
        if self.needle != self._filtered_by or len(scene.records) < self._taken:
            self._keys, self._records, self._taken, self._filtered_by = [], {}, 0, self.needle
        for record in scene.records[self._taken :]:
            if not self.needle or rows.record_matches(scene, record, self.needle):
                key = str(record.seq)
                self._keys.append((key, 0))
                self._records[key] = record
        self._taken = len(scene.records)
        if self.following and self._keys:
            self.selected = self._keys[-1][0]
        return self._keys

    def _keep_cursor(self) -> None:
        """Rows only grow, and the cursor is mostly at the end: no search through the whole log each time."""
        if self.following and self._keys:
            self._at = len(self._keys) - 1
            return
        super()._keep_cursor()

    def select(self, key: str, *, scroll: bool = True) -> None:
        """Looking back stops following; the newest event starts it again."""
        super().select(key, scroll=scroll)
        self.following = bool(self._keys) and self.selected == self._keys[-1][0]
        self.set_title()

    def draw(self, key: str, part: int, width: int) -> Line:
        assert self.scene is not None
        return rows.record_line(self.scene, self._records[key], width)
