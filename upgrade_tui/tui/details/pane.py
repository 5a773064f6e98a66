"""The details column of a wide screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from upgrade_tui.tui.details.page import detail_lines
from upgrade_tui.tui.scene import Scene
from upgrade_tui.tui.widgets.line_pane import LinePane
from upgrade_tui.tui.widgets.spans import Line


class DetailsPane(LinePane):
    """Shows what is under the cursor of the pane that was last looked at: ``about`` is (kind, name)."""

    NAME: ClassVar[str] = "card"
    CURSOR: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__()
        self.about = ("step", "")
        self._card: list[Line] = []

    def title(self) -> str:
        return f"details · {self.about[0]}"

    def rows_of(self, scene: Scene, width: int) -> Sequence[tuple[str, int]]:
        self._card = detail_lines(scene, *self.about, width)
        return [("", i) for i in range(len(self._card))]

    def draw(self, key: str, part: int, width: int) -> Line:
        return self._card[part]

    def look_at(self, kind: str, name: str) -> None:
        """Another item: from its top."""
        if (kind, name) != self.about:
            self.about = (kind, name)
            self.scroll_to(y=0, animate=False)
            if self.display:
                self.lay()
