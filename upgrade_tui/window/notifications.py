"""What somebody must hear of at once, wherever they look, and the sinks that say it: a bell, a title, a webhook. Pure.

To add a sink: a class with ``notify`` and its row where sinks are listed (``tui/sinks.py`` for those of a dashboard).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from upgrade_tui.units import count_text
from upgrade_tui.window import events as ev
from upgrade_tui.window.event_row import Tone
from upgrade_tui.window.event_table import notice
from upgrade_tui.window.glance import Glance
from upgrade_tui.window.going_back import armed_steps, armed_text
from upgrade_tui.window.outcomes import outcome_sentence

SOON = 60.0  # seconds before a host undoes a step by itself


class Notification(Struct, frozen=True):
    """One thing to hear of."""

    title: str
    text: str
    tone: Tone
    confirm: str = ""  # the step that somebody may want to confirm

    @property
    def bad(self) -> bool:
        """Somebody has to act, or nobody knows."""
        return self.tone in ("bad", "unknown")


class Sink(Protocol):
    """Something that says notifications. Must not block, nor raise."""

    def notify(self, told: Notification) -> None: ...


class Notifier:
    """Observes what happens and tells the sinks, many things at once as one."""

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self._sinks = tuple(sinks)
        self._waiting: list[Notification] = []
        self._said: set[tuple[str, float]] = set()

    def happened(self, record: ev.Record, outcomes: Mapping[int, str]) -> None:
        """A new record. ``outcomes``: what attempts that ended came to, by ``seq``."""
        found = notification(record, outcomes)
        self._waiting += [found] if found is not None else []

    def look(self, g: Glance) -> None:
        """Once a second: shortly before an armed host undoes a step, that is said, once."""
        for armed in armed_steps(g):
            until = armed.hosts[0][1].until
            if armed.seconds(g.now) <= SOON and (armed.step, until) not in self._said:
                self._said.add((armed.step, until))
                self._waiting.append(Notification("About to be undone", armed_text(armed, g.now), "bad", armed.step))

    def tell(self) -> None:
        """Tell the sinks what waits."""
        if self._waiting:
            found, self._waiting = together(self._waiting), []
            for sink in self._sinks:
                sink.notify(found)


def notification(record: ev.Record, outcomes: Mapping[int, str]) -> Notification | None:
    """What a new record has to be heard of for, or None."""
    said = notice(record.event)
    return Notification(said.title, outcome_sentence(record, outcomes), said.tone) if said.weight == "rings" else None


def together(several: Sequence[Notification]) -> Notification:
    """Many at once as one: the worst, and how many more."""
    worst = next((each for each in several if each.bad), several[0])
    if len(several) == 1:
        return worst
    return replace(worst, title=f"{worst.title}, and {count_text(len(several) - 1, 'more alert')}")
