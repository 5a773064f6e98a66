"""What happens to steps, to their tasks on hosts, and to gates."""

from __future__ import annotations

from typing import Literal

from msgspec import field

from upgrade_tui.window.events.event_base import Base


class StepClaimed(Base, frozen=True, kw_only=True, tag="step.claimed"):
    """An operator said: I do this one. An empty ``by`` gives it back."""

    step: str
    by: str


class StepIntent(Base, frozen=True, kw_only=True, tag="step.intent"):
    """A step starts (any kind). Durable before anything is done on a host. ``batches`` are resolved hosts."""

    step: str
    attempt: int
    batches: tuple[tuple[str, ...], ...] = ()
    override: str = ""  # the lead's reason, where the clock would have held it: for its first batch, or for this retry
    rest: bool = False  # ... for all of its batches
    hosts: tuple[str, ...] = ()  # a retry of these alone


class StepHeld(Base, frozen=True, kw_only=True, tag="step.held"):
    """A step that runs waits before a batch, or before hosts of the one under way: nothing that changes a host begins.

    It goes on by itself as soon as the reason is gone, or when the lead lets it (``step.released``).
    """

    step: str
    attempt: int
    batch: int
    why: Literal["clock"] = "clock"
    reason: str  # "before the window's start", "past the window's end", "no time to undo it"
    slack: float | None = None  # after that batch, in seconds, as it was expected then


class StepReleased(Base, frozen=True, kw_only=True, tag="step.released"):
    """It is held no longer: the ``reason`` of the hold is gone, or the lead said ``override``, for that batch.

    ``rest``: for all batches of the step that are left in this attempt.
    """

    step: str
    attempt: int
    batch: int
    reason: str = ""
    override: str = ""
    rest: bool = False


class BatchStarted(Base, frozen=True, kw_only=True, tag="batch.started"):
    """A batch of a step starts. ``batch`` counts from 0."""

    step: str
    attempt: int
    batch: int


class TaskStarted(Base, frozen=True, kw_only=True, tag="task.started"):
    """The command is about to be sent to the host; from here on it may have run.

    ``undo``, here and in the other task events: it is the step's rollback, and ``attempt`` counts rollbacks.
    """

    step: str
    host: str
    attempt: int
    batch: int = 0
    undo: bool = False
    place: str = ""  # where it runs, if that is not the host itself
    secrets: dict[str, str] = field(default_factory=dict)  # name -> what tells its value from another one, not which


class TaskBegun(Base, frozen=True, kw_only=True, tag="task.begun"):
    """The host acknowledged that the job was made there: if it is not found later, how it ended is not known."""

    step: str
    host: str
    attempt: int
    undo: bool = False


class TaskFinished(Base, frozen=True, kw_only=True, tag="task.finished"):
    """The command's end is proven. ``exit`` is None if a signal ended it. ``output`` is whole up to its cap."""

    step: str
    host: str
    attempt: int
    exit: int | None
    seconds: float
    signal: str = ""
    timed_out: bool = False
    ended: bool = False  # on request: by an abort
    output: str = ""  # file under output/
    bytes: int = 0  # produced, also beyond the cap
    sha256: str = ""  # of the file
    last_line: str = ""
    undo: bool = False
    early: str = ""  # why it did not come to its own end, and what that took: a timeout, a request, a shutdown
    withheld: str = ""  # why nothing of the output was kept: it may hold a secret that no conductor knew any more


class OutputWithheld(Base, frozen=True, kw_only=True, tag="output.withheld"):
    """As ``withheld`` of ``task.finished``, of a job whose end is not proven, or that a person settled."""

    step: str
    host: str
    attempt: int
    bytes: int  # seen so far
    why: str
    undo: bool = False


class OutputKept(Base, frozen=True, kw_only=True, tag="output.kept"):
    """Output that had been withheld was fetched from the host, now that its secrets are known and masked."""

    step: str
    host: str
    attempt: int
    output: str  # file under output/
    bytes: int  # produced, also beyond the cap
    sha256: str  # of the file
    last_line: str = ""
    undo: bool = False


class TaskChecked(Base, frozen=True, kw_only=True, tag="task.checked"):
    """The step's ``check`` was run on the host: exit 0 proves that the step's work is done there.

    ``before``: passed before the command was sent, which was then not needed.
    """

    step: str
    host: str
    attempt: int
    exit: int | None  # None: no answer
    before: bool = False
    last_line: str = ""
    undo: bool = False


class TaskUnknown(Base, frozen=True, kw_only=True, tag="task.unknown"):
    """The link broke or the conductor died after the command was sent: no result is proven.

    ``following``: its job is looked for as soon as the host is back, and then its result is told after all.
    ``left``: what a timeout could not end there; that is ended before anything else is done there.
    """

    step: str
    host: str
    attempt: int
    reason: str
    following: bool = False
    undo: bool = False
    left: str = ""


class TaskFound(Base, frozen=True, kw_only=True, tag="task.found"):
    """An unknown task's job was found again on its host; it runs on."""

    step: str
    host: str
    attempt: int
    undo: bool = False


class TaskUnreachable(Base, frozen=True, kw_only=True, tag="task.unreachable"):
    """The host could not be reached, so nothing was sent."""

    step: str
    host: str
    attempt: int
    reason: str
    undo: bool = False


class TaskSettled(Base, frozen=True, kw_only=True, tag="task.settled"):
    """A person looked and said what is so: settles failed, unknown and unreachable tasks."""

    step: str
    host: str
    outcome: Literal["done", "failed", "skipped"]
    reason: str
    undo: bool = False


class StepFinished(Base, frozen=True, kw_only=True, tag="step.finished"):
    """An attempt of a command step ended, never how: that follows from its tasks (``step_state``).

    ``reason``: why it ended before it was through, where its tasks do not say it (an abort, a failing canary).
    """

    step: str
    attempt: int
    reason: str = ""


class GateDecided(Base, frozen=True, kw_only=True, tag="gate.decided"):
    """A gate was decided: by its last vote, its time limit, or because what it stands on is no longer so."""

    step: str
    attempt: int
    go: bool
    reason: str = ""


class BakeEnded(Base, frozen=True, kw_only=True, tag="bake.ended"):
    """A bake ended: its canaries stayed healthy for as long as the plan asks, or it was stopped."""

    step: str
    attempt: int
    passed: bool
    reason: str = ""


class StepTicked(Base, frozen=True, kw_only=True, tag="step.ticked"):
    """A manual step was done by a person."""

    step: str
    override: str = ""
    evidence: str = ""  # what the person saw, where the plan asks for it


class StepUnticked(Base, frozen=True, kw_only=True, tag="step.unticked"):
    """A tick or a skip was taken back."""

    step: str
    reason: str


class StepSkipped(Base, frozen=True, kw_only=True, tag="step.skipped"):
    """A person decided that the step will not be done."""

    step: str
    reason: str


class GateOpened(Base, frozen=True, kw_only=True, tag="gate.opened"):
    """The evidence a gate is decided on, as it was. ``digest`` binds votes to it: plan, next step, place in the log."""

    step: str
    attempt: int
    digest: str
    next: tuple[str, ...] = ()
    canaries: dict[str, str] = field(default_factory=dict)  # name -> verdict
    alerts: tuple[str, ...] = ()  # "db1 memory 93 % of 90 %"
    slack: float | None = None
    slack_after: float | None = None
    until: float | None = None  # votes count until then


class GateVoted(Base, frozen=True, kw_only=True, tag="gate.voted"):
    """An operator's go or no-go on a gate, on the evidence with that digest. The actor of the record voted."""

    step: str
    go: bool
    reason: str = ""
    digest: str = ""


StepEvent = (
    StepClaimed | StepIntent | StepHeld | StepReleased | BatchStarted | TaskStarted | TaskBegun | TaskFinished
    | OutputWithheld | OutputKept | TaskChecked | TaskUnknown | TaskFound | TaskUnreachable | TaskSettled | StepFinished
    | StepTicked | StepUnticked | StepSkipped | GateOpened | GateVoted
    | GateDecided | BakeEnded
)  # fmt: skip
