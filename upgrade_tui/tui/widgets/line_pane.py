"""A pane of the main screen: one view of the scene, by lines, with a filter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.content import Content

from upgrade_tui.foreign import one_line
from upgrade_tui.tui.scene import Scene
from upgrade_tui.tui.widgets.line_view import LineView, RowKey
from upgrade_tui.tui.widgets.spans import Line


class LinePane(LineView):
    """Subclasses make rows in ``rows_of`` and lines in ``draw``: only visible lines are ever drawn."""

    DEFAULT_CSS = """
    LinePane {
        border: round $border-blurred;
        border-title-color: $tone-title;
        border-subtitle-color: $tone-muted;
        scrollbar-background: $background;
        scrollbar-background-hover: $background;
        scrollbar-background-active: $background;
        scrollbar-color: $border;
        background: $background;
        &:focus { border: heavy $primary; border-title-color: $tone-strong; border-title-style: bold; }
    }
    """
    NAME: ClassVar[str] = ""
    NUMBER: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__(id=self.NAME)
        self.scene: Scene | None = None
        self.needle = ""
        self._title = ""

    def rows_of(self, scene: Scene, width: int) -> Sequence[RowKey]:
        """The rows there are now. Sets ``pinned`` where there are headings."""
        raise NotImplementedError

    def title(self) -> str:
        """What stands in the frame, behind the pane's number."""
        return self.NAME

    def make_rows(self) -> Sequence[RowKey]:
        return self.rows_of(self.scene, self.inner) if self.scene is not None else ()

    def show(self, scene: Scene) -> None:
        """Takes over the scene and repaints the lines that changed."""
        self.scene = scene
        if self.display and self.size.width:
            self.lay()

    def lay(self) -> None:
        super().lay()
        self.set_title()

    def set_title(self) -> None:
        """Only where it changed: every pane does this at every paint."""
        found = f" · filter “{self.needle}”" if self.needle else ""
        text = f"{self.NUMBER} {self.title()}{found}" if self.NUMBER else self.title()
        if self.scene is not None and text != self._title:
            self._title = text
            self.border_title = Content(one_line(text))


class WholePane(LinePane):
    """A pane of a few lines without a cursor: all of them are made at once."""

    cursor = False

    def __init__(self) -> None:
        super().__init__()
        self._whole: list[Line] = []

    def whole(self, scene: Scene, width: int) -> list[Line]:
        """Every line, for ``width`` cells."""
        raise NotImplementedError

    def rows_of(self, scene: Scene, width: int) -> Sequence[RowKey]:
        self._whole = self.whole(scene, width)
        return [("", i) for i in range(len(self._whole))]

    def draw(self, key: str, part: int, width: int) -> Line:
        return self._whole[part]
