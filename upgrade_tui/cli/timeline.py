"""The schedule drawn against the window: one bar a step, as wide as the terminal has room for."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from upgrade_tui.foreign import one_line
from upgrade_tui.plan.estimate import Slot, window_end
from upgrade_tui.plan.model import Plan

_LABEL = 20
_GLYPHS = {"bar": "█", "none": "·", "margin": "░", "by": "◆"}
_ASCII = {"bar": "#", "none": ".", "margin": ":", "by": "^"}


class Timeline:
    """Bars for the steps (█), the margin (░), and after each step the last moment to begin its rollback (◆)."""

    def __init__(self, plan: Plan, slots: tuple[Slot, ...], moment: Callable[[float], str]) -> None:
        self._slots = slots
        self._moment = moment
        self._start = min(slot.start for slot in slots)
        self._end = window_end(plan, self._start if plan.window.start.at is None else 0.0)
        self._margin = float(plan.window.margin)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = max(10, options.max_width - _LABEL - 1)
        glyphs = _ASCII if options.ascii_only else _GLYPHS
        yield self._scale(width)
        for slot in self._slots:
            yield self._row(slot, width, glyphs)
        yield Text(
            f"{'':{_LABEL}} {glyphs['bar']} step  {glyphs['by']} rollback must begin by  {glyphs['margin']} margin",
            style="dim",
            overflow="ellipsis",
            no_wrap=True,
        )

    def _scale(self, width: int) -> Text:
        first, last = self._moment(self._start), self._moment(self._end)
        return Text(f"{'':{_LABEL}} {first}{last:>{max(1, width - len(first))}}", style="dim", no_wrap=True)

    def _cell(self, moment: float, width: int) -> int:
        length = max(1.0, self._end - self._start)
        return min(width - 1, max(0, int((moment - self._start) / length * width)))

    def _row(self, slot: Slot, width: int, glyphs: dict[str, str]) -> Text:
        first = self._cell(slot.start, width)
        last = max(first, self._cell(slot.end - 1e-6, width))
        free = self._cell(self._end - self._margin, width)
        row = Text(f"{one_line(slot.step, _LABEL):<{_LABEL}} ", no_wrap=True)
        by = self._cell(slot.rollback_by, width) if not slot.irreversible and slot.rollback else None
        for cell in range(width):
            if first <= cell <= last:
                row.append(glyphs["bar"], "red" if slot.irreversible else "red" if slot.slack < 0 else "cyan")
            elif cell == by:
                row.append(glyphs["by"], "yellow")
            elif cell >= free:
                row.append(glyphs["margin"], "dim")
            else:
                row.append(glyphs["none"], "dim")
        return row
