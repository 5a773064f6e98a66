"""``fold(state, record) -> state``: what an event means. Total: never refuses, never raises, whatever the event.

An event about a step, host or canary that the plan does not have changes nothing but ``seq`` and ``ts``. What each kind
does stands in its row of ``event_table``.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from upgrade_tui.plan.model import Plan
from upgrade_tui.window import events as ev
from upgrade_tui.window.event_table import ROWS
from upgrade_tui.window.state import WindowState, initial


def fold(state: WindowState, record: ev.Record) -> WindowState:
    """The state after ``record``."""
    row = ROWS.get(type(record.event))
    if row is not None and row.fold is not None:
        state = row.fold(state, record, record.event)
    return replace(state, seq=record.seq, ts=record.ts)


def fold_all(plan: Plan, records: Iterable[ev.Record], state: WindowState | None = None) -> WindowState:
    """The state after all of ``records``, from ``state`` or from the beginning."""
    state = initial(plan) if state is None else state
    for record in records:
        state = fold(state, record)
    return state
