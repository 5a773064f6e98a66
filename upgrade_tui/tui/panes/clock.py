"""Pane 1: the four answers, the window as a bar, the big countdown; alone, how the clock comes to its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from upgrade_tui.tui.lines import LinePane
from upgrade_tui.tui.theme import is_ascii
from upgrade_tui.tui.view import clock as view
from upgrade_tui.tui.view.bigtext import CELLS, big
from upgrade_tui.tui.view.scene import Scene
from upgrade_tui.tui.view.spans import BLANK, Line, Span, cut, fit, length
from upgrade_tui.window import clock

WIDE = 110  # cells from which the big countdown has room beside the answers


class ClockPane(LinePane):
    """The header of every layout. ``view`` is set before ``show``."""

    NAME: ClassVar[str] = "clock"
    NUMBER: ClassVar[int] = 1
    CURSOR: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__()
        self.view: view.ClockView | None = None
        self._drawn: list[Line] = []

    def title(self) -> str:
        """The worst thing the clock has to say."""
        if self.view is None or self.scene is None or self.scene.state.phase == "closed":
            return "rollback clock"
        return f"rollback clock · {self.view.reading.words}"

    def rows_of(self, scene: Scene, width: int) -> Sequence[tuple[str, int]]:
        """All lines at once: there are few."""
        if self.view is None:
            return ()
        room = self.scrollable_content_region.height
        self._drawn = compose(self.view, scene, width, room, count=width >= WIDE, plain=is_ascii(self.app))
        return [("", i) for i in range(len(self._drawn))]

    def draw(self, key: str, part: int, width: int) -> Line:
        return self._drawn[part]


class SumsPane(LinePane):
    """Pane 1 where it is looked at alone: every summand behind the clock's numbers."""

    NAME: ClassVar[str] = "sums"
    NUMBER: ClassVar[int] = 1
    CURSOR: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__()
        self._drawn: list[Line] = []

    def title(self) -> str:
        return "rollback clock · how it comes to its numbers"

    def rows_of(self, scene: Scene, width: int) -> Sequence[tuple[str, int]]:
        """All lines at once: one a step."""
        self._drawn = view.arithmetic(scene, clock.read(scene.state, scene.now))
        return [("", i) for i in range(len(self._drawn))]

    def draw(self, key: str, part: int, width: int) -> Line:
        return cut(self._drawn[part], width)


def compose(shown: view.ClockView, scene: Scene, width: int, room: int, *, count: bool, plain: bool) -> list[Line]:
    """The pane's lines for ``width`` cells and ``room`` lines: answers first, then the bar."""
    side = countdown(shown, plain) if count else []
    side_width = max([length(line) for line in side], default=0)
    left = width - (side_width + 3 if side else 0)
    lines = view.answer_lines(shown, left, spare=max(0, room - 4 - 2))
    if room < 4:
        lines = [lines[2], lines[1]][:room]  # zoomed on a small screen: can we go back, is it healthy
    if side:
        lines = _beside(lines, side, left, side_width)
    if room - len(lines) >= 2 or room == 0:
        lines += view.timeline(scene, shown.reading, width)
    elif room - len(lines) == 1:
        lines.append(view.timeline(scene, shown.reading, width)[0])
    return lines


def countdown(shown: view.ClockView, plain: bool) -> list[Line]:
    """The big number and, under it, what it is. ``plain``: where there are no blocks to draw it with."""
    digits = ("", shown.countdown) if plain else big(shown.countdown)
    wide = max(len(digits[0]), CELLS)
    lines: list[Line] = [((row.center(wide), shown.count_tone),) for row in digits]
    lines.append(((fit(shown.caption.center(wide), wide), shown.count_tone),))
    return lines


def _beside(lines: list[Line], side: list[Line], left: int, width: int) -> list[Line]:
    out: list[Line] = []
    for i in range(max(len(lines), len(side))):
        line = lines[i] if i < len(lines) else BLANK
        gap: Span = (" " * (left - length(line)) + "   ", "muted")
        out.append((*line, gap, *(side[i] if i < len(side) else ((" " * width, "muted"),))))
    return out
