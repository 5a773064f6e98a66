"""The grid of the matrix: host names and step names stay, the rest scrolls both ways. Draws what is visible only."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from upgrade_tui.tui.widgets.line_pane import tones_of
from upgrade_tui.tui.widgets.spans import Span, fit, widest

NARROWEST, WIDEST = 4, 14  # cells of a column
NAMES = 22  # cells of the names, at most

Draw = Callable[[int, int, int], Span]
"""Row, column, width -> what stands there."""


class Grid(ScrollView, can_focus=True):
    """``load`` it with names; ``draw`` is asked for the cells that are on the screen."""

    DEFAULT_CSS = """
    Grid {
        background: $background;
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 1;
        scrollbar-gutter: stable;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "by(-1, 0)", "Up", show=False),
        Binding("down,j", "by(1, 0)", "Down", show=False),
        Binding("left,h", "by(0, -1)", "Left", show=False),
        Binding("right,l", "by(0, 1)", "Right", show=False),
        Binding("pageup", "pages(-1)", "Page up", show=False),
        Binding("pagedown", "pages(1)", "Page down", show=False),
        Binding("home", "edge(0)", "First", show=False),
        Binding("end", "edge(1)", "Last", show=False),
    ]

    class Moved(Message):
        """The cursor stands on another cell."""

    class Opened(Message):
        """A second click on the cell under the cursor."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.rows: tuple[Span, ...] = ()
        self.columns: tuple[str, ...] = ()
        self.row = self.column = 0
        self._draw: Draw = lambda row, column, width: ("", "plain")
        self._names = 8
        self._each = NARROWEST

    def load(self, rows: tuple[Span, ...], columns: tuple[str, ...], row: int, draw: Draw) -> None:
        """Names of rows and columns, the row that the cursor is in now, and who draws the cells."""
        self.rows, self.columns, self._draw = rows, columns, draw
        self.row = max(0, min(row, len(rows) - 1))
        self.column = max(0, min(self.column, len(columns) - 1))
        self._measure()
        self.refresh()

    def _measure(self) -> None:
        width = self.scrollable_content_region.width
        self._names = min(NAMES, widest((name for name, _ in self.rows), 6)) + 3
        room = max(1, width - self._names)
        self._each = max(NARROWEST, min(WIDEST, room // max(1, len(self.columns))))
        size = Size(self._names + self._each * len(self.columns), len(self.rows) + 1)
        if self.virtual_size != size:
            self.virtual_size = size

    def on_resize(self) -> None:
        self._measure()
        self.reveal()
        self.refresh()

    # -- drawing --------------------------------------------------------------------------------------------------

    @property
    def first(self) -> int:
        """The first column on the screen."""
        return -(-self.scroll_offset.x // self._each)

    def _visible(self) -> range:
        room = (self.scrollable_content_region.width - self._names) // self._each
        return range(self.first, min(len(self.columns), self.first + max(1, room)))

    def render_line(self, y: int) -> Strip:
        """Line API: the columns' names, then a host a line."""
        base = self.rich_style
        width = self.scrollable_content_region.width
        line = self._heading(base) if y == 0 else self._row(self.scroll_offset.y + y - 1, base)
        return Strip(line).adjust_cell_length(width, base)

    def _heading(self, base: Style) -> list[Segment]:
        tones = tones_of(self.app)
        lead = "◂ " if self.first else "  "
        out = [Segment(fit(lead + "host", self._names), base + tones["muted"])]
        for i in self._visible():
            name = self.columns[i] if self._each >= 8 else str(i + 1)
            style = base + tones["strong" if i == self.column else "muted"]
            out.append(Segment(fit(" " + name, self._each - 1) + " ", style))
        if self._visible().stop < len(self.columns):
            out[-1] = Segment(out[-1].text[:-1] + "▸", out[-1].style)
        return out

    def _row(self, row: int, base: Style) -> list[Segment]:
        if not 0 <= row < len(self.rows):
            return []
        tones = tones_of(self.app)
        name, tone = self.rows[row]
        here = row == self.row
        mark = "▌" if here else " "
        out = [Segment(mark, base + tones["key"]), Segment(fit(name, self._names - 2) + " ", base + tones[tone])]
        for column in self._visible():
            text, shade = self._draw(row, column, self._each)
            style = base + tones[shade]
            if here and column == self.column:
                style += Style(reverse=True) if self.has_focus else tones["cursor"]
            elif here or column == self.column:
                style += tones["cursor"]
            out.append(Segment(text, style))
        return out

    # -- the cursor -----------------------------------------------------------------------------------------------

    def move(self, row: int, column: int) -> None:
        """To a cell; it is brought onto the screen."""
        self.row = max(0, min(row, len(self.rows) - 1))
        self.column = max(0, min(column, len(self.columns) - 1))
        self.reveal()
        self.refresh()
        self.post_message(self.Moved())

    def reveal(self) -> None:
        """Scroll just so far that the cursor is on the screen."""
        region = self.scrollable_content_region
        top, height = self.scroll_offset.y, max(1, region.height - 1)
        if not top <= self.row < top + height:
            self.scroll_to(y=self.row if self.row < top else self.row - height + 1, animate=False, force=True)
        shown = max(1, (region.width - self._names) // self._each)
        if self.column < self.first:
            self.scroll_to(x=self.column * self._each, animate=False, force=True)
        elif self.column >= self.first + shown:
            self.scroll_to(x=(self.column - shown + 1) * self._each, animate=False, force=True)

    def action_by(self, rows: int, columns: int) -> None:
        self.move(self.row + rows, self.column + columns)

    def action_pages(self, way: int) -> None:
        """A screenful up or down."""
        self.move(self.row + way * max(1, self.scrollable_content_region.height - 2), self.column)

    def action_edge(self, end: int) -> None:
        self.move(len(self.rows) * end, self.column)

    def on_click(self, event: events.Click) -> None:
        """A click puts the cursor there; on the cell under the cursor it opens."""
        offset = event.get_content_offset(self)
        if offset is None or offset.y < 1 or offset.x < self._names:
            return
        row, column = self.scroll_offset.y + offset.y - 1, self.first + (offset.x - self._names) // self._each
        if row >= len(self.rows) or column >= len(self.columns):
            return
        if event.chain > 1 and (row, column) == (self.row, self.column):
            self.post_message(self.Opened())
        self.move(row, column)
