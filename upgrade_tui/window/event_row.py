"""What is known of an event kind: one ``Row``. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from msgspec import Struct

from upgrade_tui.window.state import WindowState

Weight = Literal["quiet", "told", "warns", "rings"]
"""How loudly an event is told. Quiet is routine that may be left out; what rings is heard wherever somebody looks."""

Tone = Literal["bad", "unknown", "tight", "watch", "run", "plain", "strong", "good", "muted"]
"""What an event means for the window, from worst to best: the screen and ``log`` give it a colour."""


class Notice(Struct, frozen=True, kw_only=True):
    """How one event is told. ``title`` heads the notification where it rings; ``decision``: a person decided this."""

    weight: Weight
    tone: Tone
    title: str = ""
    decision: bool = False


def quiet(tone: Tone = "muted") -> Notice:
    """Routine."""
    return Notice(weight="quiet", tone=tone)


def told(tone: Tone = "plain", *, decision: bool = False) -> Notice:
    """Part of the story."""
    return Notice(weight="told", tone=tone, decision=decision)


def warns(tone: Tone = "tight", *, decision: bool = False) -> Notice:
    """Stands out from the story."""
    return Notice(weight="warns", tone=tone, decision=decision)


def rings(title: str, tone: Tone = "bad", *, decision: bool = False) -> Notice:
    """Rings the bell, under ``title``."""
    return Notice(weight="rings", tone=tone, title=title, decision=decision)


class Row(Struct, frozen=True, kw_only=True):
    """All of an event kind.

    ``notice`` may depend on the event's values. ``v``: the version in which the kind's present meaning began; it stands
    in every line of the log, and ``changed`` says what it changed. ``moves_the_clock``: it can change what a rollback
    costs, until when one must begin, or whether there is a way back. ``of_rollback``: it tells how
    a rollback goes as a whole.
    """

    event: type
    say: Callable[[Any], str]
    notice: Notice | Callable[[Any], Notice]
    fold: Callable[[WindowState, Any, Any], WindowState] | None = None  # None: history, not state
    moves_the_clock: bool = False
    of_rollback: bool = False
    v: int = 1
    changed: str = ""

    @property
    def kind(self) -> str:
        """Its name in the log."""
        return str(self.event.__struct_config__.tag)  # type: ignore[attr-defined]
