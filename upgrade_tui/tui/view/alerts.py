"""What rings the bell: events that somebody must hear of at once, wherever they look. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from upgrade_tui.tui.view.scene import Scene
from upgrade_tui.units import count_text
from upgrade_tui.window import events as ev
from upgrade_tui.window.event_table import notice
from upgrade_tui.window.going_back import armed_steps, armed_text
from upgrade_tui.window.outcomes import told

Severity = Literal["information", "warning", "error"]


class Alert(Struct, frozen=True):
    """A notification, with the bell."""

    title: str
    text: str
    severity: Severity


def alert(record: ev.Record, outcomes: Mapping[int, str]) -> Alert | None:
    """The alert that a new record raises, or None. ``outcomes``: what attempts that ended came to, by ``seq``."""
    said = notice(record.event)
    if said.weight != "rings":
        return None
    severity: Severity = "error" if said.tone in ("bad", "unknown") else "warning"
    return Alert(said.title, told(record, outcomes), severity)


SOON = 60.0  # seconds before a host undoes a step by itself


class Soon:
    """Says once, shortly before, that an armed host is about to undo a step."""

    def __init__(self) -> None:
        self._said: set[tuple[str, float]] = set()

    def due(self, scene: Scene) -> list[Alert]:
        """What has to be heard of now."""
        out = []
        for armed in armed_steps(scene):
            until = armed.hosts[0][1].until
            if armed.seconds(scene.now) <= SOON and (armed.step, until) not in self._said:
                self._said.add((armed.step, until))
                out.append(Alert("About to be undone", f"{armed_text(armed, scene.now)}; K keeps it", "error"))
        return out


def together(alerts: list[Alert]) -> Alert:
    """Many at once as one notification: the worst, and how many more."""
    worst = next((a for a in alerts if a.severity == "error"), alerts[0])
    if len(alerts) == 1:
        return worst
    return Alert(f"{worst.title}, and {count_text(len(alerts) - 1, 'more alert')}", worst.text, worst.severity)
