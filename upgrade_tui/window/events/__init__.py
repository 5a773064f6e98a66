"""Everything that can happen in a window. One frozen class an event; ``kind`` is its tag in the log.

A field may be added with a default. Whoever changes what a kind *means* raises ``v`` in its row of
``window.event_table`` and says there what changed: older lines of that kind are then refused by name, never misread.
Readers ignore fields they do not know. Times in events are epoch seconds (``ts`` of the record) unless said otherwise;
durations are seconds.

To add an event: its class and its place in the union in the file of its subject here, and its row in the file of the
same name in ``window.rows``.
"""

from __future__ import annotations

from msgspec import Struct

from upgrade_tui.window.events.event_base import SYSTEM as SYSTEM
from upgrade_tui.window.events.event_base import Crossing as Crossing
from upgrade_tui.window.events.event_base import Outcome as Outcome
from upgrade_tui.window.events.host_events import *  # noqa: F403
from upgrade_tui.window.events.host_events import HostEvent
from upgrade_tui.window.events.step_events import *  # noqa: F403
from upgrade_tui.window.events.step_events import StepEvent
from upgrade_tui.window.events.undo_events import *  # noqa: F403
from upgrade_tui.window.events.undo_events import UndoEvent
from upgrade_tui.window.events.window_events import *  # noqa: F403
from upgrade_tui.window.events.window_events import WindowEvent

Event = WindowEvent | HostEvent | StepEvent | UndoEvent
"""The tagged union of all events."""


class Record(Struct, frozen=True, kw_only=True):
    """An event with its place in the log: who, when, in which order.

    ``ts`` epoch seconds (wall clock), ``mono`` seconds (monotonic clock of boot ``boot``), ``seq`` counts from 1.
    """

    seq: int
    ts: float
    mono: float
    boot: str
    actor: str
    event: Event
