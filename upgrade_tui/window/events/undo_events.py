"""Rollbacks, and the dead-man rollback."""

from __future__ import annotations

from typing import Literal

from upgrade_tui.window.events.event_base import Base, Outcome

# -- rollback ---------------------------------------------------------------------------------------------------------


class RollbackRequested(Base, frozen=True, kw_only=True, tag="rollback.requested"):
    """A rollback was asked for: these steps, in this order. Forward steps are locked until it ended.

    By a lead, or, where the plan says so, by a failing canary (``canary``) or a step with too many failed hosts
    (``failed``); then it begins once what runs in its way (``waits``) has ended. On which hosts, and in which batches,
    follows from what was done there by then.
    """

    scope: str  # in words: "everything", "phase Rollout", "step upgrade on web1"
    undo: tuple[str, ...]
    hosts: tuple[str, ...] = ()  # only on these; none: wherever it was done
    reason: str
    estimate: float = 0.0  # seconds
    canary: str = ""  # its failing asked for it
    failed: str = ""  # the step whose failed hosts asked for it
    waits: tuple[str, ...] = ()  # what still ran when it was asked for: "upgrade on web1"


class RollbackStarted(Base, frozen=True, kw_only=True, tag="rollback.started"):
    """Undoing a step starts."""

    step: str
    reason: str
    attempt: int = 1  # rollback number of this step
    batches: tuple[tuple[str, ...], ...] = ()  # in the order in which they are undone


class RollbackFinished(Base, frozen=True, kw_only=True, tag="rollback.finished"):
    """Undoing a step ended after ``seconds``."""

    step: str
    outcome: Outcome
    seconds: float
    reason: str = ""
    batches: int = 0  # how many were undone in that time


class RollbackEnded(Base, frozen=True, kw_only=True, tag="rollback.ended"):
    """The whole rollback ended: done, or stopped at what failed or is unknown."""

    outcome: Outcome
    seconds: float
    reason: str = ""


# -- the dead-man rollback: the host undoes a step by itself unless somebody confirms in time -------------------------


class DeadmanArmed(Base, frozen=True, kw_only=True, tag="deadman.armed"):
    """Before the step changes anything there, the host was told to undo it in ``seconds``."""

    step: str
    host: str
    attempt: int
    seconds: float
    risk: str = ""  # what could kill it before its deadline, where something could


class DeadmanAsked(Base, frozen=True, kw_only=True, tag="deadman.asked"):
    """An operator (or the plan's ``confirm = "auto"``) decided about armed hosts; it is carried out next."""

    step: str
    hosts: tuple[str, ...]
    what: Literal["confirm", "extend", "cancel"]
    seconds: float = 0.0  # extend: from now on
    reason: str = ""


class DeadmanConfirmed(Base, frozen=True, kw_only=True, tag="deadman.confirmed"):
    """The host will not undo the step."""

    step: str
    host: str


class DeadmanExtended(Base, frozen=True, kw_only=True, tag="deadman.extended"):
    """The host waits ``seconds`` from now on."""

    step: str
    host: str
    seconds: float


class DeadmanGone(Base, frozen=True, kw_only=True, tag="deadman.gone"):
    """What was to undo the step on the host is not there any more: nothing will undo it by itself.

    What the step changed stands until a person confirms it or rolls it back.
    """

    step: str
    host: str
    reason: str
    maybe_fired: bool = False  # its directory is gone as well: whether it had undone the step before is not known


class DeadmanFired(Base, frozen=True, kw_only=True, tag="deadman.fired"):
    """The host undid the step by itself, or was told to. ``exit`` None: it began to, and no result is known.

    ``left``: what a timeout could not end of it; that is ended before anything else is done there.
    """

    step: str
    host: str
    exit: int | None = None
    last_line: str = ""
    reason: str = ""
    left: str = ""


UndoEvent = (
    RollbackRequested | RollbackStarted | RollbackFinished | RollbackEnded | DeadmanArmed | DeadmanAsked
    | DeadmanConfirmed | DeadmanExtended | DeadmanGone | DeadmanFired
)  # fmt: skip
