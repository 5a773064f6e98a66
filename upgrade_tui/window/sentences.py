"""Every event as a sentence that people read: the log pane, ``upgrade-tui log`` and the report say the same. Pure.

A sentence goes behind the actor's name: "mei · ticked backup". It is one line without a full stop.
"""

from __future__ import annotations

from upgrade_tui.foreign import one_line
from upgrade_tui.window import events as ev
from upgrade_tui.window.event_table import ROWS


def sentence(event: ev.Event) -> str:
    """What happened, on one line."""
    return one_line(ROWS[type(event)].say(event))


def about(event: ev.Event) -> tuple[str, str]:
    """What an event is about: ("step", id), ("host", name), ("canary", name), or ("", "") for the window itself."""
    for what in ("step", "host", "canary"):
        name = getattr(event, what, "")
        if name and not isinstance(event, ev.WindowOpened | ev.ConductorStarted):
            return what, str(name)
    return "", ""
