"""The one kind of widget the dashboard is made of: it draws lines of spans, and only those that changed.

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
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from upgrade_tui.foreign import one_line
from upgrade_tui.tui.glyphs import TONES, Tone
from upgrade_tui.tui.scene import Scene
from upgrade_tui.tui.theme import FALLBACKS
from upgrade_tui.tui.widgets.spans import BLANK, Line

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
    """A few lines without focus: title, banner, tabs, keys. Subclasses say what with ``set_lines``."""

    DEFAULT_CSS = "Bar { height: 1; }"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.lines: tuple[Line, ...] = ()

    def set_lines(self, lines: Iterable[Line]) -> None:
        """Shows these; repaints only what changed."""
        new = tuple(lines)
        if new != self.lines:
            self.lines = new
            self.refresh()

    def render_line(self, y: int) -> Strip:
        return strip_of(self, self.lines[y] if y < len(self.lines) else BLANK, self.size.width, self.rich_style)


class LinePane(ScrollView, can_focus=True):
    """Lines that scroll, one of them under the cursor, headings pinned at the top.

    ``rows`` are (key, part): the lines of one item share its key; an empty key is not for the cursor. Subclasses make
    rows in ``rows_of`` and lines in ``draw``: only visible lines are ever drawn.
    """

    DEFAULT_CSS = """
    LinePane {
        border: round $border-blurred;
        border-title-color: $tone-title;
        border-subtitle-color: $tone-muted;
        overflow-x: hidden;
        scrollbar-size-vertical: 1;
        scrollbar-gutter: stable;
        scrollbar-background: $background;
        scrollbar-background-hover: $background;
        scrollbar-background-active: $background;
        scrollbar-color: $border;
        background: $background;
        &:focus { border: heavy $primary; border-title-color: $tone-strong; border-title-style: bold; }
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
    NAME: ClassVar[str] = ""
    NUMBER: ClassVar[int] = 0
    CURSOR: ClassVar[bool] = True

    class Opened(Message):
        """The operator wants the details of the item under the cursor."""

        def __init__(self, pane: LinePane, key: str) -> None:
            super().__init__()
            self.pane, self.key = pane, key

    class Moved(Message):
        """The cursor is on another item."""

        def __init__(self, pane: LinePane) -> None:
            super().__init__()
            self.pane = pane

    def __init__(self) -> None:
        super().__init__(id=self.NAME)
        self.scene: Scene | None = None
        self.needle = ""
        self.rows: Sequence[tuple[str, int]] = ()
        self.pinned: tuple[Line, ...] = ()
        self.selected = ""
        self._at = 0  # row the cursor was on, for when its item is gone
        self._lines: dict[int, Line] = {}
        self._title = ""
        self._laid = Size(0, 0)
        self.inner = 1  # cells for a line: without scrollbar and cursor mark
        self._base: Style | None = None

    # -- for subclasses -------------------------------------------------------------------------------------------

    def rows_of(self, scene: Scene, width: int) -> Sequence[tuple[str, int]]:
        """The rows there are now. Sets ``pinned`` where there are headings."""
        raise NotImplementedError

    def draw(self, key: str, part: int, width: int) -> Line:
        """One line, at most ``width`` cells."""
        raise NotImplementedError

    def title(self) -> str:
        """What stands in the frame, behind the pane's number."""
        return self.NAME

    def first(self) -> int:
        """The row under the headings."""
        return self.scroll_offset.y

    # -- showing --------------------------------------------------------------------------------------------------

    def show(self, scene: Scene) -> None:
        """Takes over the scene and repaints the lines that changed."""
        self.scene = scene
        if self.display and self.size.width:
            self.lay()

    def lay(self) -> None:
        """Arranges and repaints what changed."""
        if self.scene is None:
            return
        pinned = self.pinned
        self._arrange()
        height = len(self.rows) + len(self.pinned)
        if self.virtual_size.height != height or self.virtual_size.width != self.inner:
            self.virtual_size = Size(self.inner, height)
        self._set_title()
        if pinned != self.pinned:
            self.refresh()
        self._repaint()

    def _arrange(self) -> None:
        """Rows for the size there is now."""
        self._laid = self.scrollable_content_region.size
        self.inner = max(1, self._laid.width - (1 if self.CURSOR else 0))
        if self.scene is not None:
            self.rows = self.rows_of(self.scene, self.inner)
            self._keep_cursor()

    def notify_style_update(self) -> None:
        """Another theme, another class: another background."""
        self._base = None
        super().notify_style_update()

    def _set_title(self) -> None:
        found = f" · filter “{self.needle}”" if self.needle else ""
        text = f"{self.NUMBER} {self.title()}{found}" if self.NUMBER else self.title()
        if text != self._title:
            self._title = text
            self.border_title = Content(one_line(text))

    def _repaint(self) -> None:
        before, self._lines = self._lines, {}
        top = self.first()
        for y in range(len(self.pinned), self.scrollable_content_region.height):
            index = top + y - len(self.pinned)
            if before.get(index) != self._line(index):
                self.refresh(Region(0, y, self.size.width, 1))

    def _line(self, index: int) -> Line:
        found = self._lines.get(index)
        if found is None:
            found = self.draw(*self.rows[index], self.inner) if index < len(self.rows) else BLANK
            self._lines[index] = found
        return found

    def render_line(self, y: int) -> Strip:
        """Line API: pinned headings, then rows from the scroll offset on, the cursor's item marked."""
        if self._laid != self.scrollable_content_region.size:
            self._arrange()  # the first frame is painted before anybody hears of a size
        if self._base is None:
            self._base = self.rich_style  # worked out over all ancestors: too dear for every line
        width, base = self._laid.width, self._base
        gutter: tuple[tuple[str, Tone], ...] = ((" ", "muted"),) if self.CURSOR else ()
        if self.scene is None:
            return Strip.blank(width, base)
        if y < len(self.pinned):
            return strip_of(self, (*gutter, *self.pinned[y]), width, base)
        index = self.first() + y - len(self.pinned)
        line = self._line(index)
        if not self.CURSOR or index >= len(self.rows) or not self.selected or self.rows[index][0] != self.selected:
            return strip_of(self, (*gutter, *line), width, base)
        over = tones_of(self.app)["cursor"] if self.has_focus else None
        return strip_of(self, (("▌", "key" if self.has_focus else "muted"), *line), width, base, over=over)

    # -- the cursor -----------------------------------------------------------------------------------------------

    def _keep_cursor(self) -> None:
        """The cursor stays on its item wherever that went; on the nearest one if it is gone."""
        if not self.CURSOR:
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
        mine = [i for i, (key, _) in enumerate(self.rows) if key == self.selected]
        room = self.scrollable_content_region.height - len(self.pinned)
        if not mine or room <= 0:
            return
        first, last, top = mine[0], mine[-1], self.scroll_offset.y
        if first > 0 and not self.rows[first - 1][0]:
            first -= 1  # its heading, too
        if first < top:
            self.scroll_to(y=first, animate=False)
        elif last >= top + room:
            self.scroll_to(y=last - room + 1, animate=False)

    def centre(self) -> None:
        """Scrolls so that the cursor's item has as much before it as behind it."""
        room = self.scrollable_content_region.height - len(self.pinned)
        mine = next((i for i, (key, _) in enumerate(self.rows) if key == self.selected), None)
        if mine is not None and room > 0:
            self.scroll_to(y=max(0, mine - room // 2), animate=False)

    def keys(self) -> list[str]:
        return [key for key, part in self.rows if key and part == 0]

    def _go(self, step: int) -> None:
        keys = self.keys()
        if not keys:
            return
        here = keys.index(self.selected) if self.selected in keys else 0
        self.select(keys[max(0, min(len(keys) - 1, here + step))])

    def action_move(self, step: int) -> None:
        """The next item, or the one before."""
        if self.CURSOR:
            self._go(step)
        else:
            self.scroll_relative(y=step, animate=False)

    def action_page(self, way: int) -> None:
        room = max(1, self.scrollable_content_region.height - len(self.pinned) - 1)
        self.action_move(way * room)

    def action_edge(self, way: int) -> None:
        self.action_move(way * (len(self.rows) + 1))

    def on_click(self, event: events.Click) -> None:
        """A click puts the cursor there; a second one opens."""
        offset = event.get_content_offset(self)
        if offset is None or not self.CURSOR:
            return
        index = self.first() + offset.y - len(self.pinned)
        if not 0 <= index < len(self.rows) or not self.rows[index][0]:
            return
        key = self.rows[index][0]
        if event.chain > 1 and key == self.selected:
            self.post_message(self.Opened(self, key))
        self.select(key)

    def on_resize(self) -> None:
        self._lines = {}
        self.lay()
        self.reveal()
