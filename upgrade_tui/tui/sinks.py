"""Where a dashboard says what must be heard of. To add one: its class, and its row in ``SINKS``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual.app import App
from textual.notifications import SeverityLevel

from upgrade_tui.window.notifications import Notification, Sink


class Bell:
    """The terminal's bell, and a note on the screen."""

    def __init__(self, app: App[Any]) -> None:
        self._app = app

    def notify(self, told: Notification) -> None:
        self._app.bell()
        severity: SeverityLevel = "error" if told.bad else "warning"
        text = f"{told.text}; K keeps it" if told.confirm else told.text
        self._app.notify(text, title=told.title, severity=severity, timeout=10, markup=False)


SINKS: tuple[Callable[[App[Any]], Sink], ...] = (Bell,)
