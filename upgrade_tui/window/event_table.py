"""The table of event kinds: a row each, and whatever follows from it. Nothing else keeps a list of event kinds.

What a kind means (its fold), how it is said, how much it weighs, whether it moves the rollback clock and since which
version all that is so: the dashboard's tones and bells, the report's weights and slack curve, the colours of ``log``
and the ``v`` of the log's lines are read from here.
"""

from __future__ import annotations

from upgrade_tui.window import events as ev
from upgrade_tui.window.event_row import Notice, Row
from upgrade_tui.window.rows import host_rows, step_rows, undo_rows, window_rows

ROWS: dict[type, Row] = {
    row.event: row for row in (*window_rows.ROWS, *host_rows.ROWS, *step_rows.ROWS, *undo_rows.ROWS)
}
"""By the event's class, in the order of the subjects."""

ROW_OF: dict[str, Row] = {row.kind: row for row in ROWS.values()}
"""By the name of the kind in the log."""

VERSIONS: dict[type, int] = {row.event: row.v for row in ROWS.values()}
"""The version in which each kind's present meaning began: the ``v`` of its lines."""


def notice(event: ev.Event) -> Notice:
    """How loudly an event is told, and what it means for the window."""
    found = ROWS[type(event)].notice
    return found if isinstance(found, Notice) else found(event)


def moves_the_clock(event: ev.Event) -> bool:
    """Whether the rollback clock can read otherwise after this event."""
    return ROWS[type(event)].moves_the_clock
