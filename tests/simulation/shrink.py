"""Make a failing night smaller: leave out faults and moments that are not needed for the same rule to break."""

from __future__ import annotations

from collections.abc import Callable

from tests.simulation.evening import play
from tests.simulation.night import Fault, Moment, Night
from tests.simulation.told import Told

TRIES = 400


def shrink(told: Told, again: Callable[[Night], Told] = play, tries: int = TRIES) -> Told:
    """The smallest night found that breaks the same rule. Plays at most ``tries`` nights."""
    rule, best = told.fresh[0].rule, told
    size = 8
    while size >= 1 and tries > 0:
        things: list[Fault | Moment] = [*best.night.faults, *best.night.moments]
        start, better = 0, False
        while start < len(things) and tries > 0:
            gone = set(things[start : start + max(1, len(things) // size)])
            tries -= 1
            tried = again(best.night.without(gone))
            if tried.fresh and tried.fresh[0].rule == rule:
                best, better = tried, True
                things = [*best.night.faults, *best.night.moments]
            else:
                start += max(1, len(things) // size)
        if not better and len(things) // size <= 1:
            break
        size = size * 2 if not better else size
        size = min(size, max(1, len(things)))
    return best
