"""Which layout a terminal's size gets, and how high its rows are. Pure."""

from __future__ import annotations

from msgspec import Struct


class Layout(Struct, frozen=True):
    """``solo``: one pane under the clock. ``tabs``: with a line of tabs. ``bare``: without frames."""

    solo: bool
    tabs: bool
    bare: bool
    columns: int
    clock: int  # lines of the clock pane where it is not the one on show
    rows: str  # of the grid, as CSS
    widths: str


CLOCK = 9  # four answers, one of them on two lines, the bar on two, the frame


def layout_for(width: int, height: int, canaries: int, hosts: int, zoomed: bool, guide: bool = False) -> Layout:
    """One pane and tabs below 110 x 32; a details column from 170 x 44 on."""
    small = width < 110 or height < 32
    if small:
        clock = 2 if zoomed else 6 if height >= 22 else 4
        return Layout(True, not zoomed, True, 1, clock, "", "")
    if zoomed:
        return Layout(True, False, False, 1, CLOCK, "", "")
    wide = width >= 170 and height >= 44
    clock = CLOCK - 1 if wide else CLOCK  # nothing wraps there
    free = height - 2 - (1 if guide else 0) - clock
    log = max(7, free // 4)
    middle = free - log
    if wide:
        low = max(4, min(2 * canaries + 3, middle // 3))
        return Layout(False, False, False, 3, clock, f"{clock} 1fr {low} {log}", "11fr 10fr 8fr")
    both = hosts + 3 + 2 * canaries + 3 <= middle  # every host, and two lines a canary
    low = max(4, 2 * canaries + 3 if both else min(canaries + 3, middle // 2))
    return Layout(False, False, False, 2, CLOCK, f"{CLOCK} 1fr {low} {log}", "11fr 10fr")
