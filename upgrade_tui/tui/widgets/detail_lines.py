"""A pane that shows lines of a view model, with or without a cursor. Draws only what is on the screen (Line API)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.cache import LRUCache
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.visual import Visual

from upgrade_tui.tui.glyphs import TONES, Tone
from upgrade_tui.tui.widgets.spans import Line

_BOLD: tuple[Tone, ...] = ("bad", "unknown", "tight", "strong", "title", "key")
STYLES: dict[Tone, str] = {tone: f"$tone-{tone}" for tone in TONES}
STYLES.update({tone: f"bold $tone-{tone}" for tone in _BOLD})


def content(line: Line) -> Content:
    """A line for Textual's widgets; its text is never read as markup."""
    return Content.assemble(*((text, STYLES[tone]) for text, tone in line))


def stacked(lines: Sequence[Line]) -> Content:
    """Several lines for a Static."""
    return Content("\n").join(content(line) for line in lines)


class DetailLines(ScrollView, can_focus=True):
    """Lines one below the other. With ``cursor`` one of them is chosen with the arrows; else the arrows scroll."""

    DEFAULT_CSS = """
    DetailLines {
        background: transparent;
        scrollbar-size-vertical: 1;
        scrollbar-gutter: stable;
        overflow-x: hidden;
        text-wrap: nowrap;
        text-overflow: ellipsis;
        & > .detaillines--cursor { background: $tone-cursor 60%; }
        &:focus > .detaillines--cursor { background: $tone-cursor; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"detaillines--cursor"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "up", "Up", show=False),
        Binding("down,j", "down", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "edge(0)", "First", show=False),
        Binding("end", "edge(1)", "Last", show=False),
    ]

    cursor: reactive[int] = reactive(0, repaint=False)

    class Chosen(Message):
        """The cursor stands on another line."""

        def __init__(self, pane: DetailLines, index: int) -> None:
            super().__init__()
            self.pane, self.index = pane, index

        @property
        def control(self) -> DetailLines:
            return self.pane

    def __init__(self, *, cursor: bool = False, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.has_cursor = cursor
        self.lines: tuple[Line, ...] = ()
        self._strips: LRUCache[tuple[Line, int, bool], Strip] = LRUCache(512)

    class Fitted(Message):
        """It has another size now: lines are made for their width."""

    def on_resize(self) -> None:
        """Tell whoever makes the lines."""
        self.post_message(self.Fitted())

    def show(self, lines: Sequence[Line]) -> None:
        """These lines from now on. What did not change is not painted again."""
        new = tuple(lines)
        if new == self.lines:
            return
        self.lines = new
        self.virtual_size = Size(self.scrollable_content_region.width, len(new))
        self.cursor = max(0, min(self.cursor, len(new) - 1))
        self.refresh()

    def render_line(self, y: int) -> Strip:
        row, width = self.scroll_offset.y + y, self.scrollable_content_region.width
        if row >= len(self.lines):
            return Strip.blank(width, self.rich_style)
        chosen = self.has_cursor and row == self.cursor
        key = (self.lines[row], width, chosen)
        strip = self._strips.get(key)
        if strip is None:
            style = self.get_visual_style("detaillines--cursor") if chosen else self.visual_style
            strips = Visual.to_strips(self, content(self.lines[row]), width, 1, style, apply_selection=False)
            strip = strips[0] if strips else Strip.blank(width)
            strip = self._strips[key] = strip.adjust_cell_length(width, style.rich_style)
        return strip

    def notify_style_update(self) -> None:
        """The theme or the focus changed."""
        self._strips.clear()
        super().notify_style_update()

    def watch_cursor(self) -> None:
        """Keep it on the screen and tell."""
        if self.has_cursor and self.lines:
            self.scroll_to_region(Region(0, self.cursor, 1, 1), animate=False, force=True)
            self.refresh()
            self.post_message(self.Chosen(self, self.cursor))

    def _move(self, by: int) -> None:
        if self.has_cursor:
            self.cursor = max(0, min(len(self.lines) - 1, self.cursor + by))
        else:
            self.scroll_relative(y=by, animate=False)

    def action_up(self) -> None:
        self._move(-1)

    def action_down(self) -> None:
        self._move(1)

    def action_page(self, way: int) -> None:
        self._move(way * max(1, self.scrollable_content_region.height - 1))

    def action_edge(self, end: int) -> None:
        self._move(len(self.lines) * (1 if end else -1))

    def on_click(self, event: events.Click) -> None:
        if self.has_cursor:
            row = self.scroll_offset.y + event.y - (self.content_region.y - self.region.y)
            if 0 <= row < len(self.lines):
                self.cursor = row
