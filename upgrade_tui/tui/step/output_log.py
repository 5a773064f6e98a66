"""The widget that shows a task's output: its end is followed, it is searched, long lines go on to the right."""

from __future__ import annotations

from bisect import bisect_left
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.strip import Strip

from upgrade_tui.tui.step.output_buffer import OutputBuffer
from upgrade_tui.tui.widgets.line_view import LineView


class OutputLog(LineView):
    """``feed`` it bytes. Moving up ends following, moving to the end resumes it."""

    DEFAULT_CSS = """
    OutputLog {
        scrollbar-size-horizontal: 0;
        overflow-x: auto;
        overflow-y: auto;
        & > .outputlog--match { background: $tone-watch; color: $background; }
        & > .outputlog--here { background: $tone-tight; color: $background; text-style: bold; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"outputlog--match", "outputlog--here"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "sideways(-8)", "Left", show=False),
        Binding("right", "sideways(8)", "Right", show=False),
    ]
    cursor = False

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.buffer = OutputBuffer()
        self.following = True
        self.needle = ""
        self.matches: list[int] = []  # line numbers as in the output: they stay right when old lines go
        self.match = -1  # index of the chosen one in ``matches``
        self._widest = 0

    @property
    def count(self) -> int:
        return len(self.buffer.lines)

    @property
    def wide(self) -> int:
        return self._widest

    # -- what is shown --------------------------------------------------------------------------------------------

    def clear(self) -> None:
        """Another task's output begins."""
        self.buffer.clear()
        self.matches, self.match, self._widest, self.following = [], -1, 0, True
        self.scroll_to(0, 0, animate=False, force=True)
        self.lay()

    def feed(self, data: bytes, *, final: bool = False) -> None:
        """``final``: nothing more will come."""
        first = self.buffer.feed(data, final=final)
        new = (len(line) if line.isascii() else cell_len(line) for line in self.buffer.lines[first:])
        self._widest = max(self._widest, max(new, default=0))
        self._search_from(first)
        gone = self.buffer.trim()
        if gone and not self.following:  # what is being read stays where it is
            self._to(self.scroll_offset.y - gone)
        self.lay()

    def _repaint(self) -> None:
        self.refresh()

    def _to(self, row: int) -> None:
        self.scroll_to(y=max(0, row), animate=False, force=True, immediate=True)

    def set_follow(self, follow: bool) -> None:
        """Keep the end in view, or stay here."""
        if follow != self.following:
            self.following = follow
            self.post_message(self.Moved(self))
        if follow:
            self.lay()

    # -- search ---------------------------------------------------------------------------------------------------

    def search(self, needle: str) -> None:
        """Mark every line that contains ``needle`` (upper and lower case alike) and go to the last one; "" ends it."""
        self.needle, self.matches, self.match = needle.lower(), [], -1
        self._search_from(0)
        if self.matches:
            top = self.buffer.dropped + self.first()
            self.match = min(bisect_left(self.matches, top), len(self.matches) - 1)
            self._go_to_match()
        self.post_message(self.Moved(self))
        self.refresh()

    def step(self, way: int) -> None:
        """To the next (1) or the previous (-1) match, around the ends."""
        if self.matches:
            self.match = (self.match + way) % len(self.matches)
            self._go_to_match()
            self.post_message(self.Moved(self))

    def _go_to_match(self) -> None:
        self.set_follow(False)
        self._to(self.matches[self.match] - self.buffer.dropped - self.size.height // 2)
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

    def row_strip(self, index: int, base: Style) -> Strip:
        """As it came, on one long line, with what is searched for marked."""
        width, left = self.scrollable_content_region.width, self.scroll_offset.x
        if index >= self.count:
            return Strip.blank(width, base)
        line = self.buffer.lines[index]
        strip = Strip(self._segments(line, index, base) if self.needle else [Segment(line, base)])
        return strip.crop_extend(left, left + width, base)

    def _segments(self, line: str, row: int, base: Style) -> list[Segment]:
        """The chosen match is marked in its own way."""
        here = self.match >= 0 and self.matches[self.match] == row + self.buffer.dropped
        style = self.get_component_rich_style("outputlog--here" if here else "outputlog--match")
        low, needle = line.lower(), self.needle
        if len(low) != len(line):  # some letters are longer in lower case: positions would not fit
            return [Segment(line, style if needle in low else base)]
        out, at = [], 0
        while (found := low.find(needle, at)) >= 0:
            out += [Segment(line[at:found], base), Segment(line[found : found + len(needle)], style)]
            at = found + len(needle)
        return [*out, Segment(line[at:], base)]

    # -- keys -----------------------------------------------------------------------------------------------------

    def action_move(self, step: int) -> None:
        """Going up stops following, reaching the end resumes it."""
        self._to(self.first() + step)
        self._moved(step)

    def _moved(self, way: int) -> None:
        if way < 0:
            self.set_follow(False)
        elif self.scroll_offset.y >= self.max_scroll_y:
            self.set_follow(True)

    def action_sideways(self, cells: int) -> None:
        self.scroll_to(x=self.scroll_offset.x + cells, animate=False, force=True, immediate=True)

    def _on_mouse_scroll_up(self, event: object) -> None:
        super()._on_mouse_scroll_up(event)  # type: ignore[arg-type]
        self._moved(-1)

    def _on_mouse_scroll_down(self, event: object) -> None:
        super()._on_mouse_scroll_down(event)  # type: ignore[arg-type]
        self._moved(1)
