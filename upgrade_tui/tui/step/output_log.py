"""The widget that shows a task's output: virtual lines, follow, search. Only what is on the screen is drawn."""

from __future__ import annotations

from bisect import bisect_left
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from upgrade_tui.tui.step.output_buffer import OutputBuffer


class OutputLog(ScrollView, can_focus=True):
    """``feed`` it bytes. While it follows, the end stays in view; moving up ends that, moving to the end resumes it."""

    DEFAULT_CSS = """
    OutputLog {
        background: transparent;
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 0;
        overflow-x: auto;
        overflow-y: auto;
        scrollbar-gutter: stable;
        & > .outputlog--match { background: $tone-watch; color: $background; }
        & > .outputlog--here { background: $tone-tight; color: $background; text-style: bold; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"outputlog--match", "outputlog--here"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "by(-1)", "Up", show=False),
        Binding("down,j", "by(1)", "Down", show=False),
        Binding("pageup", "pages(-1)", "Page up", show=False),
        Binding("pagedown", "pages(1)", "Page down", show=False),
        Binding("home", "first", "First line", show=False),
        Binding("end", "last", "Last line", show=False),
        Binding("left", "sideways(-8)", "Left", show=False),
        Binding("right", "sideways(8)", "Right", show=False),
    ]

    class Changed(Message):
        """Follow mode or the search changed."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.buffer = OutputBuffer()
        self.follow = True
        self.needle = ""
        self.matches: list[int] = []  # line numbers as in the output: they stay right when old lines go
        self.match = -1  # index of the chosen one in ``matches``
        self._widest = 0

    # -- what is shown --------------------------------------------------------------------------------------------

    def clear(self) -> None:
        """Another task's output begins."""
        self.buffer.clear()
        self.matches, self.match, self._widest, self.follow = [], -1, 0, True
        self.virtual_size = Size(0, 0)
        self.scroll_to(0, 0, animate=False, force=True)
        self.refresh()

    def feed(self, data: bytes, *, final: bool = False) -> None:
        first = self.buffer.feed(data, final=final)
        lines = self.buffer.lines
        new = (len(line) if line.isascii() else cell_len(line) for line in lines[first:])
        self._widest = max(self._widest, max(new, default=0))
        self._search_from(first)
        gone = self.buffer.trim()
        if gone and not self.follow:  # what is being read stays where it is
            self.scroll_to(y=max(0, self.scroll_offset.y - gone), animate=False, force=True, immediate=True)
        self.virtual_size = Size(self._widest, len(lines))
        if self.follow:
            self._to_end()
        self.refresh()

    def _to_end(self) -> None:
        self.scroll_to(y=self.max_scroll_y, animate=False, force=True, immediate=True)

    def on_resize(self) -> None:
        """The end stays the end."""
        if self.follow:
            self.call_after_refresh(self._to_end)

    def set_follow(self, follow: bool) -> None:
        """Keep the end in view, or stay here."""
        if follow != self.follow:
            self.follow = follow
            self.post_message(self.Changed())
        if follow:
            self._to_end()

    # -- search ---------------------------------------------------------------------------------------------------

    def search(self, needle: str) -> None:
        """Mark every line that contains ``needle`` (upper and lower case alike) and go to the last one; "" ends it."""
        self.needle, self.matches, self.match = needle.lower(), [], -1
        self._search_from(0)
        if self.matches:
            top = self.buffer.dropped + self.scroll_offset.y
            self.match = min(bisect_left(self.matches, top), len(self.matches) - 1)
            self._go_to_match()
        self.post_message(self.Changed())
        self.refresh()

    def step(self, way: int) -> None:
        """To the next (1) or the previous (-1) match, around the ends."""
        if self.matches:
            self.match = (self.match + way) % len(self.matches)
            self._go_to_match()
            self.post_message(self.Changed())

    def _go_to_match(self) -> None:
        self.set_follow(False)
        row = self.matches[self.match] - self.buffer.dropped
        self.scroll_to(y=max(0, row - self.size.height // 2), animate=False, force=True, immediate=True)
        self.refresh()

    def _search_from(self, first: int) -> None:
        """The lines from index ``first`` on are new; those before the first line that is kept are gone."""
        if not self.needle:
            return
        dropped = self.buffer.dropped
        del self.matches[bisect_left(self.matches, dropped + first) :]
        found = enumerate(self.buffer.lines[first:], dropped + first)
        self.matches += [number for number, line in found if self.needle in line.lower()]
        old = bisect_left(self.matches, dropped)
        if old:
            del self.matches[:old]
            self.match = max(0, self.match - old)
        self.match = min(self.match, len(self.matches) - 1)

    # -- drawing --------------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        width, base = self.scrollable_content_region.width, self.rich_style
        left, row = self.scroll_offset.x, self.scroll_offset.y + y
        if row >= len(self.buffer.lines):
            return Strip.blank(width, base)
        line = self.buffer.lines[row]
        strip = Strip(self._segments(line, row) if self.needle else [Segment(line, base)])
        return strip.crop_extend(left, left + width, base)

    def _segments(self, line: str, row: int) -> list[Segment]:
        """The line with what is searched for marked; the chosen match in its own way."""
        here = self.match >= 0 and self.matches[self.match] == row + self.buffer.dropped
        style = self.get_component_rich_style("outputlog--here" if here else "outputlog--match")
        base, low, needle = self.rich_style, line.lower(), self.needle
        if len(low) != len(line):  # some letters are longer in lower case: positions would not fit
            return [Segment(line, style if needle in low else base)]
        out, at = [], 0
        while (found := low.find(needle, at)) >= 0:
            out += [Segment(line[at:found], base), Segment(line[found : found + len(needle)], style)]
            at = found + len(needle)
        return [*out, Segment(line[at:], base)]

    # -- keys -----------------------------------------------------------------------------------------------------

    def _moved(self, way: int) -> None:
        """Going up stops following, reaching the end resumes it."""
        if way < 0:
            self.set_follow(False)
        elif self.scroll_offset.y >= self.max_scroll_y:
            self.set_follow(True)

    def action_by(self, lines: int) -> None:
        self.scroll_to(y=self.scroll_offset.y + lines, animate=False, force=True, immediate=True)
        self._moved(lines)

    def action_pages(self, pages: int) -> None:
        self.action_by(pages * max(1, self.size.height - 1))

    def action_first(self) -> None:
        """To the oldest line there is."""
        self.action_by(-len(self.buffer.lines))

    def action_last(self) -> None:
        """To the end, and follow it."""
        self.action_by(len(self.buffer.lines))

    def action_sideways(self, cells: int) -> None:
        """Long lines go on to the right."""
        self.scroll_to(x=self.scroll_offset.x + cells, animate=False, force=True, immediate=True)

    def _on_mouse_scroll_up(self, event: object) -> None:
        super()._on_mouse_scroll_up(event)  # type: ignore[arg-type]
        self._moved(-1)

    def _on_mouse_scroll_down(self, event: object) -> None:
        super()._on_mouse_scroll_down(event)  # type: ignore[arg-type]
        self._moved(1)
