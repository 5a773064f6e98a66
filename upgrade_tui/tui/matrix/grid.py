"""The grid of the matrix: host names and step names stay, the rest scrolls both ways. Draws what is visible only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.strip import Strip

from upgrade_tui.tui.widgets.line_view import LineView, RowKey, tones_of
from upgrade_tui.tui.widgets.spans import BLANK, Line, Span, fit, widest

NARROWEST, WIDEST = 4, 14  # cells of a column
NAMES = 22  # cells of the names, at most

Draw = Callable[[str, int, int], Span]
"""Host, column, width -> what stands there."""


class Grid(LineView):
    """``load`` it with names; ``draw`` is asked for the cells that are on the screen. The cursor stays on its host."""

    DEFAULT_CSS = "Grid { background: $background; overflow-x: auto; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "side(-1)", "Left", show=False),
        Binding("right,l", "side(1)", "Right", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.hosts: Mapping[str, Span] = {}
        self.columns: tuple[str, ...] = ()
        self.column = 0
        self.pinned = (BLANK,)  # drawn anew each time: it goes sideways with the cells
        self._cell: Draw = lambda host, column, width: ("", "plain")
        self._names, self._each = 8, NARROWEST

    def load(self, hosts: Mapping[str, Span], columns: tuple[str, ...], cell: Draw) -> None:
        """How hosts are called in their order, the names of the columns, and who draws the cells."""
        self.hosts, self.columns, self._cell = hosts, columns, cell
        self.column = max(0, min(self.column, len(columns) - 1))
        self.lay()

    def make_rows(self) -> Sequence[RowKey]:
        self._names = min(NAMES, widest((name for name, _ in self.hosts.values()), 6)) + 3
        room = max(1, self.scrollable_content_region.width - self._names)
        self._each = max(NARROWEST, min(WIDEST, room // max(1, len(self.columns))))
        return [(host, 0) for host in self.hosts]

    @property
    def wide(self) -> int:
        return self._names + self._each * len(self.columns)

    def _repaint(self) -> None:
        self.refresh()

    # -- drawing --------------------------------------------------------------------------------------------------

    @property
    def left(self) -> int:
        """The first column on the screen."""
        return -(-self.scroll_offset.x // self._each)

    def _visible(self) -> range:
        room = (self.scrollable_content_region.width - self._names) // self._each
        return range(self.left, min(len(self.columns), self.left + max(1, room)))

    def plain_strip(self, line: Line, base: Style) -> Strip:
        """The names of the columns; their numbers where there is no room for names."""
        tones = tones_of(self.app)
        out = [Segment(fit("◂ host" if self.left else "  host", self._names), base + tones["muted"])]
        for i in self._visible():
            name = self.columns[i] if self._each >= 8 else str(i + 1)
            out.append(
                Segment(fit(" " + name, self._each - 1) + " ", base + tones["strong" if i == self.column else "muted"])
            )
        if self._visible().stop < len(self.columns):
            out[-1] = Segment(out[-1].text[:-1] + "▸", out[-1].style)
        return Strip(out).adjust_cell_length(self.scrollable_content_region.width, base)

    def row_strip(self, index: int, base: Style) -> Strip:
        """A host: the cell under the cursor stands out, its row and its column a little."""
        width = self.scrollable_content_region.width
        if index >= len(self.rows):
            return Strip.blank(width, base)
        host, tones = self.rows[index][0], tones_of(self.app)
        here = host == self.selected
        name, tone = self.hosts[host]
        out = [
            Segment("▌" if here else " ", base + tones["key"]),
            Segment(fit(name, self._names - 2) + " ", base + tones[tone]),
        ]
        for column in self._visible():
            text, shade = self._cell(host, column, self._each)
            style = base + tones[shade]
            if here and column == self.column:
                style += Style(reverse=True) if self.has_focus else tones["cursor"]
            elif here or column == self.column:
                style += tones["cursor"]
            out.append(Segment(text, style))
        return Strip(out).adjust_cell_length(width, base)

    # -- the cursor -----------------------------------------------------------------------------------------------

    def reveal(self) -> None:
        """Also sideways, just so far that the cursor is on the screen."""
        super().reveal()
        shown = max(1, (self.scrollable_content_region.width - self._names) // self._each)
        if self.column < self.left:
            self.scroll_to(x=self.column * self._each, animate=False, force=True)
        elif self.column >= self.left + shown:
            self.scroll_to(x=(self.column - shown + 1) * self._each, animate=False, force=True)

    def action_side(self, columns: int) -> None:
        """To a neighbour in the same row."""
        self.column = max(0, min(self.column + columns, len(self.columns) - 1))
        self.reveal()
        self.refresh()
        self.post_message(self.Moved(self))

    def on_click(self, event: events.Click) -> None:
        """On the column, too; what is left of it is the host's."""
        offset = event.get_content_offset(self)
        column = self.left + (offset.x - self._names) // self._each if offset is not None else -1
        if offset is None or offset.x < self._names or column >= len(self.columns):
            event.prevent_default()
        elif column != self.column:
            self.action_side(column - self.column)
