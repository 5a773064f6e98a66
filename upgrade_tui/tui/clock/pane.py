"""Pane 1: the four answers, the window as a bar, the big countdown; alone, how the clock comes to its numbers."""

from __future__ import annotations

from upgrade_tui.tui.clock import page
from upgrade_tui.tui.clock.big_text import CELLS, big
from upgrade_tui.tui.scene import Scene
from upgrade_tui.tui.theme import is_ascii
from upgrade_tui.tui.widgets.line_pane import WholePane
from upgrade_tui.tui.widgets.spans import Line, beside, cut, fit, length
from upgrade_tui.window import clock

WIDE = 110  # cells from which the big countdown has room beside the answers


class ClockPane(WholePane):
    """The header of every layout. ``view`` is set before ``show``."""

    NAME = "clock"
    NUMBER = 1

    def __init__(self) -> None:
        super().__init__()
        self.view: page.ClockView | None = None

    def title(self) -> str:
        """The worst thing the clock has to say."""
        if self.view is None or self.scene is None or self.scene.state.phase == "closed":
            return "rollback clock"
        return f"rollback clock · {self.view.reading.words}"

    def whole(self, scene: Scene, width: int) -> list[Line]:
        if self.view is None:
            return []
        room, plain = self.scrollable_content_region.height, is_ascii(self.app)
        return compose(self.view, scene, width, room, count=width >= WIDE, plain=plain)


class BreakdownPane(WholePane):
    """Pane 1 where it is looked at alone: every summand behind the clock's numbers."""

    NAME = "sums"
    NUMBER = 1

    def title(self) -> str:
        return "rollback clock · how it comes to its numbers"

    def whole(self, scene: Scene, width: int) -> list[Line]:
        return [cut(line, width) for line in page.breakdown_lines(scene, clock.read(scene.state, scene.now))]


def compose(shown: page.ClockView, scene: Scene, width: int, room: int, *, count: bool, plain: bool) -> list[Line]:
    """The pane's lines for ``width`` cells and ``room`` lines: answers first, then the bar."""
    side = big_countdown(shown, plain) if count else []
    side_width = max([length(line) for line in side], default=0)
    left = width - (side_width + 3 if side else 0)
    lines = page.answer_lines(shown, left, spare=max(0, room - 4 - 2))
    if room < 4:
        lines = [lines[2], lines[1]][:room]  # zoomed on a small screen: can we go back, is it healthy
    if side:
        lines = beside(lines, side, left, 3)
    if room - len(lines) >= 2 or room == 0:
        lines += page.timeline(scene, shown.reading, width)
    elif room - len(lines) == 1:
        lines.append(page.timeline(scene, shown.reading, width)[0])
    return lines


def big_countdown(shown: page.ClockView, plain: bool) -> list[Line]:
    """The big number and, under it, what it is. ``plain``: where there are no blocks to draw it with."""
    digits = ("", shown.countdown) if plain else big(shown.countdown)
    wide = max(len(digits[0]), CELLS)
    lines: list[Line] = [((row.center(wide), shown.count_tone),) for row in digits]
    lines.append(((fit(shown.caption.center(wide), wide), shown.count_tone),))
    return lines
