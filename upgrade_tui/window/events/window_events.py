"""What happens to the window itself, its log, its people and its clock."""

from __future__ import annotations

from typing import Literal

from upgrade_tui.window.events.event_base import Base, Crossing

# -- the window -------------------------------------------------------------------------------------------------------


class WindowOpened(Base, frozen=True, kw_only=True, tag="window.opened"):
    """The first event: the plan is frozen, times are resolved."""

    window: str  # the window's directory name
    plan_id: str
    plan_sha256: str
    start: float
    end: float
    version: str  # of upgrade-tui
    host: str  # where the conductor runs
    pid: int
    origin: str = ""  # folder of the plan: what its relative paths are relative to
    key: str = ""  # random: tells its jobs on hosts from those of a window that was opened elsewhere in the same second


class ConductorStarted(Base, frozen=True, kw_only=True, tag="conductor.started"):
    """A conductor took the window over after an earlier one ended. Running tasks of the earlier one become unknown."""

    pid: int
    host: str
    version: str


class PlanAccepted(Base, frozen=True, kw_only=True, tag="plan.accepted"):
    """The frozen plan was changed while no conductor ran, and a lead goes on with it as it is now."""

    sha256: str
    reason: str


class WindowPaused(Base, frozen=True, kw_only=True, tag="window.paused"):
    """No new task starts until resumed; running tasks finish."""

    reason: str


class WindowAborted(Base, frozen=True, kw_only=True, tag="window.aborted"):
    """Running tasks are ended, no forward step starts any more unless a lead resumes; rolling back is possible."""

    reason: str


class WindowResumed(Base, frozen=True, kw_only=True, tag="window.resumed"):
    """Tasks may start again."""

    reason: str = ""


class WindowClosed(Base, frozen=True, kw_only=True, tag="window.closed"):
    """The last event of a window."""

    outcome: Literal["completed", "rolled back", "abandoned"]
    reason: str = ""


class LogRecovered(Base, frozen=True, kw_only=True, tag="log.recovered"):
    """A torn tail was set aside when the log was opened."""

    bytes: int
    file: str


class LogFenced(Base, frozen=True, kw_only=True, tag="log.fenced"):
    """Writing the log failed; this is the first line of a new segment, chained to the last durable line."""

    error: str
    segment: str  # that was left
    into: str = ""  # the new one, which this is the first line of


class LogJoined(Base, frozen=True, kw_only=True, tag="log.joined"):
    """What was kept elsewhere while the log could not be written stands in the log now, ahead of this.

    Where it could not be joined, ``problem`` says why, and ``file`` (beside the log) holds it.
    """

    events: int
    place: str  # where they were: a directory, or "memory"
    problem: str = ""
    file: str = ""


# -- people -----------------------------------------------------------------------------------------------------------


class OperatorAttached(Base, frozen=True, kw_only=True, tag="operator.attached"):
    """An operator's client connected. ``login`` comes from the socket's peer credentials."""

    login: str
    role: Literal["lead", "engineer", "observer"]
    client: int  # number of the connection
    terminal: str = ""


class OperatorDetached(Base, frozen=True, kw_only=True, tag="operator.detached"):
    """That client went away."""

    login: str
    client: int


class NoteAdded(Base, frozen=True, kw_only=True, tag="note.added"):
    """A remark by an operator, on a step, a host or the window. ``tag``: what it is for in the retrospective."""

    text: str
    step: str = ""
    host: str = ""
    mark: Literal["", "good", "bad", "lucky", "action"] = ""


# -- the clock --------------------------------------------------------------------------------------------------------


class ClockCrossed(Base, frozen=True, kw_only=True, tag="clock.crossed"):
    """A deadline was crossed, once: minutes before "rollback by", the end of the window, the point of no return."""

    what: Crossing
    slack: float | None = None
    step: str = ""


class ClockJumped(Base, frozen=True, kw_only=True, tag="clock.jumped"):
    """The wall clock moved against the monotonic one by ``seconds``."""

    seconds: float


WindowEvent = (
    WindowOpened | PlanAccepted | ConductorStarted | WindowPaused | WindowAborted | WindowResumed | WindowClosed
    | LogRecovered | LogFenced | LogJoined | OperatorAttached | OperatorDetached | NoteAdded
    | ClockCrossed | ClockJumped
)  # fmt: skip
