"""The one kind of widget the dashboard is made of: lines of spans, of which only those on the screen are drawn.

Text goes to the terminal as plain segments: nothing from a host, a plan or a colleague is ever parsed as markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.app import App
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from upgrade_tui.foreign import one_line
from upgrade_tui.tui.glyphs import TONES, ScreenTone
from upgrade_tui.tui.theme import FALLBACKS
from upgrade_tui.tui.widgets.spans import BLANK, Line

RowKey = tuple[str, int]
"""The key of an item, empty where the cursor does not go, and which of its lines it is."""

_BOLD = {"bad", "unknown", "tight", "strong", "title", "key"}
_tones: dict[str, dict[str, Style]] = {}  # by the name of the theme


def tones_of(app: App[object]) -> dict[str, Style]:
    """The style of every tone, and of the cursor, in the app's theme.

    Straight from the theme: as component classes they would be some hundred style nodes for the stylesheet to work
    out before the first frame, and again at every change of focus.
    """
    found = _tones.get(app.theme)
    if found is None:
        colours = FALLBACKS | app.current_theme.variables
        found = {tone: Style(color=colours[f"tone-{tone}"], bold=tone in _BOLD or None) for tone in TONES}
        found["cursor"] = Style(bgcolor=colours["tone-cursor"])
        _tones[app.theme] = found
    return found


def strip_of(widget: Widget, line: Line, width: int, base: Style, *, over: Style | None = None) -> Strip:
    """A line of spans as a strip of ``width`` cells on the widget's background; ``over`` lies on top (the cursor)."""
    segments = []
    tones = tones_of(widget.app)
    for text, tone in line:
        style = base + tones[tone]
        segments.append(Segment(one_line(text), style + over if over is not None else style))
    filler = base + over if over is not None else base
    return Strip(segments).adjust_cell_length(width, filler)


class Bar(Widget):
    """A few lines without focus: title, banner, tabs, heads, keys."""

    DEFAULT_CSS = "Bar { height: 1; }"

    def __init__(self, *lines: Line, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.lines = lines

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self.lines)

    def set_lines(self, lines: Iterable[Line]) -> None:
        """Shows these; repaints only where something changed."""
        new = tuple(lines)
        if new != self.lines:
            self.lines = new
            self.refresh()

    def render_line(self, y: int) -> Strip:
        inner = self.content_size.width
        return strip_of(self, self.lines[y] if y < len(self.lines) else BLANK, inner, self.rich_style)


class LineView(ScrollView, can_focus=True):
    """Lines that scroll below pinned headings, with a cursor on one item or without.

    ``rows`` say which lines there are: the lines of one item share its key. Subclasses arrange rows and draw lines.
    While ``following`` the end is on show, wherever the scrollbar has got to.
    """

    DEFAULT_CSS = """
    LineView {
        background: transparent;
        overflow-x: hidden;
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 1;
        scrollbar-gutter: stable;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "edge(-1)", "First", show=False),
        Binding("end", "edge(1)", "Last", show=False),
    ]
    cursor: bool = True

    class Opened(Message):
        """The operator wants the details of the item under the cursor."""

        def __init__(self, view: LineView, key: str) -> None:
            super().__init__()
            self.view, self.key = view, key

    class Moved(Message):
        """The cursor is on another item, or the view on another place."""

        def __init__(self, view: LineView) -> None:
            super().__init__()
            self.view = view

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.rows: Sequence[RowKey] = ()
        self.pinned: tuple[Line, ...] = ()
        self.selected = ""
        self.following = False
        self._at = 0  # row the cursor was on, for when its item is gone
        self._lines: dict[int, Line] = {}
        self._laid = Size(0, 0)
        self._base: Style | None = None

    # -- for subclasses -------------------------------------------------------------------------------------------

    def make_rows(self) -> Sequence[RowKey]:
        """The rows there are now, for ``inner`` cells. Sets ``pinned`` where there are headings."""
        return self.rows

    def draw(self, key: str, part: int, width: int) -> Line:
        """One line, at most ``width`` cells."""
        raise NotImplementedError

    # -- showing --------------------------------------------------------------------------------------------------

    @property
    def inner(self) -> int:
        """Cells for a line: without scrollbar and cursor mark."""
        return max(1, self.scrollable_content_region.width - self.cursor)

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(self.rows)

    @property
    def wide(self) -> int:
        """Cells there are to scroll through sideways."""
        return self.inner

    @property
    def room(self) -> int:
        """Rows on the screen below the headings."""
        return self.scrollable_content_region.height - len(self.pinned)

    def first(self) -> int:
        """The row under the headings."""
        return max(0, self.count - self.room) if self.following else self.scroll_offset.y

    def lay(self) -> None:
        """Arranges and repaints what changed."""
        pinned = self.pinned
        self._arrange()
        size = Size(self.wide, self.count + len(self.pinned))
        if self.virtual_size != size:
            self.virtual_size = size
        if pinned != self.pinned:
            self.refresh()
        self._repaint()
        if self.following and self.scroll_offset.y != self.first():
            self.call_after_refresh(self._to_end)

    def _arrange(self) -> None:
        self._laid = self.scrollable_content_region.size
        self.rows = self.make_rows()
        self._keep_cursor()

    def _to_end(self) -> None:
        if self.following:
            self.scroll_to(y=self.max_scroll_y, animate=False)

    def watch_show_vertical_scrollbar(self) -> None:
        """Textual moves nothing that has no scrollbar yet: a pane that was only coming up is moved when it has one."""
        self.call_after_refresh(self._to_end)

    def notify_style_update(self) -> None:
        """Another theme, another class: another background."""
        self._base = None
        super().notify_style_update()

    def _repaint(self) -> None:
        before, self._lines = self._lines, {}
        top = self.first()
        for y in range(self.room):
            if before.get(top + y) != self._line(top + y):
                self.refresh(Region(0, y + len(self.pinned), self.size.width, 1))

    def _line(self, index: int) -> Line:
        found = self._lines.get(index)
        if found is None:
            found = self.draw(*self.rows[index], self.inner) if index < len(self.rows) else BLANK
            self._lines[index] = found
        return found

    def render_line(self, y: int) -> Strip:
        """Line API: pinned headings, then rows from the scroll offset on."""
        if self._laid != self.scrollable_content_region.size:
            self._arrange()  # the first frame is painted before anybody hears of a size
        if self._base is None:
            self._base = self.rich_style  # worked out over all ancestors: too dear for every line
        if y < len(self.pinned):
            return self.plain_strip(self.pinned[y], self._base)
        return self.row_strip(self.first() + y - len(self.pinned), self._base)

    def plain_strip(self, line: Line, base: Style) -> Strip:
        """A line that the cursor is not on."""
        gutter: tuple[tuple[str, ScreenTone], ...] = ((" ", "muted"),) if self.cursor else ()
        return strip_of(self, (*gutter, *line), self._laid.width, base)

    def row_strip(self, index: int, base: Style) -> Strip:
        """A row, marked where the cursor is on it."""
        line = self._line(index)
        if not self.cursor or index >= len(self.rows) or not self.selected or self.rows[index][0] != self.selected:
            return self.plain_strip(line, base)
        over = tones_of(self.app)["cursor"] if self.has_focus else None
        mark: ScreenTone = "key" if self.has_focus else "muted"
        return strip_of(self, (("▌", mark), *line), self._laid.width, base, over=over)

    # -- the cursor -----------------------------------------------------------------------------------------------

    def _keep_cursor(self) -> None:
        """The cursor stays on its item wherever that went; on the nearest one if it is gone."""
        if not self.cursor:
            return
        here = next((i for i, (key, _) in enumerate(self.rows) if key and key == self.selected), None)
        if here is None:
            keys = [i for i, (key, part) in enumerate(self.rows) if key and part == 0]
            if not keys:
                return
            here = min(keys, key=lambda i: abs(i - self._at))
            self.selected = self.rows[here][0]
            self.post_message(self.Moved(self))
        self._at = here

    def select(self, key: str, *, scroll: bool = True) -> None:
        """Puts the cursor on an item, and the item on the screen."""
        if key == self.selected:
            return
        self.selected = key
        self._keep_cursor()
        self.refresh()
        if scroll:
            self.reveal()
        self.post_message(self.Moved(self))

    def reveal(self) -> None:
        """Scrolls so that the cursor's item is visible as a whole."""
        mine = [i for i, (key, _) in enumerate(self.rows) if self.cursor and key == self.selected]
        if not mine or self.room <= 0:
            return
        first, last, top = mine[0], mine[-1], self.scroll_offset.y
        if first > 0 and not self.rows[first - 1][0]:
            first -= 1  # its heading, too
        if first < top:
            self.scroll_to(y=first, animate=False)
        elif last >= top + self.room:
            self.scroll_to(y=last - self.room + 1, animate=False)

    def centre(self) -> None:
        """Scrolls so that the cursor's item has as much before it as behind it."""
        mine = next((i for i, (key, _) in enumerate(self.rows) if key == self.selected), None)
        if mine is not None and self.room > 0:
            self.scroll_to(y=max(0, mine - self.room // 2), animate=False)

    def keys(self) -> list[str]:
        """The items in order."""
        return [key for key, part in self.rows if key and part == 0]

    def action_move(self, step: int) -> None:
        """The next item, or the one before; without a cursor, so many lines."""
        keys = self.keys() if self.cursor else []
        if keys:
            here = keys.index(self.selected) if self.selected in keys else 0
            self.select(keys[max(0, min(len(keys) - 1, here + step))])
        elif not self.cursor:
            self.scroll_relative(y=step, animate=False)

    def action_page(self, way: int) -> None:
        self.action_move(way * max(1, self.room - 1))

    def action_edge(self, way: int) -> None:
        self.action_move(way * (self.count + 1))

    def on_click(self, event: events.Click) -> None:
        """A click puts the cursor there; a second one opens."""
        offset = event.get_content_offset(self)
        index = self.first() + offset.y - len(self.pinned) if offset is not None else -1
        if not self.cursor or not 0 <= index < len(self.rows) or not self.rows[index][0]:
            return
        key = self.rows[index][0]
        if event.chain > 1 and key == self.selected:
            self.post_message(self.Opened(self, key))
        self.select(key)

    def on_resize(self) -> None:
        self._lines = {}
        self.lay()
        self.reveal()


class LineList(LineView):
    """Lines that somebody else makes, for ``inner`` cells, and hears of it when there are more or fewer of those."""

    class Fitted(Message):
        """It has another size now."""

    def __init__(self, *, cursor: bool = False, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.cursor = cursor
        self.lines: tuple[Line, ...] = ()
        self._index: dict[str, int] = {}

    def show(self, lines: Sequence[Line], keys: Sequence[str] = (), heading: Line | None = None) -> None:
        """These lines from now on. ``keys``: of the items that the cursor goes to, one a line."""
        self.lines, self.pinned = tuple(lines), () if heading is None else (heading,)
        self.rows = [(key, 0) for key in keys] if keys else [("", i) for i in range(len(self.lines))]
        self._index = {key: i for i, key in enumerate(keys)}
        self.lay()

    def draw(self, key: str, part: int, width: int) -> Line:
        return self.lines[self._index[key] if key else part]

    def on_resize(self) -> None:
        super().on_resize()
        self.post_message(self.Fitted())
