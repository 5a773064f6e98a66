"""Everything that can happen in a window. One frozen class an event; ``kind`` is its tag in the log.

Version 1. A field may be added with a default; a meaning never changes. Readers ignore fields they do not know.
Times in events are epoch seconds (``ts`` of the record) unless said otherwise; durations are seconds.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from upgrade_tui.window.telemetry import Link, Verdict

VERSION = 1
SYSTEM = "upgrade-tui"  # the actor of what the conductor did by itself

Outcome = Literal["done", "failed", "unknown"]
Crossing = Literal["T-30", "T-10", "T-5", "T-0", "window end", "point of no return"]


class Base(Struct, frozen=True, kw_only=True, tag_field="kind", omit_defaults=True):
    """What all events share: the tag field. Not an event itself."""


# -- the window ---------------------------------------------------------------------------------------------------


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


# -- people -------------------------------------------------------------------------------------------------------


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


# -- the clock ----------------------------------------------------------------------------------------------------


class ClockCrossed(Base, frozen=True, kw_only=True, tag="clock.crossed"):
    """A deadline was crossed, once: minutes before "rollback by", the end of the window, the point of no return."""

    what: Crossing
    slack: float | None = None
    step: str = ""


class ClockJumped(Base, frozen=True, kw_only=True, tag="clock.jumped"):
    """The wall clock moved against the monotonic one by ``seconds``."""

    seconds: float


# -- hosts --------------------------------------------------------------------------------------------------------


class HostLink(Base, frozen=True, kw_only=True, tag="host.link"):
    """The connection to a host changed state."""

    host: str
    link: Link
    detail: str = ""


class HostFacts(Base, frozen=True, kw_only=True, tag="host.facts"):
    """What a host said of itself when it came up."""

    host: str
    kernel: str
    boot_id: str
    cores: int
    memory: int  # bytes
    sampler: str
    skew: float | None = None  # seconds


class HostRebooted(Base, frozen=True, kw_only=True, tag="host.rebooted"):
    """The boot id is another one than before."""

    host: str
    before: str
    after: str


class LimitCrossed(Base, frozen=True, kw_only=True, tag="limit.crossed"):
    """A metric stood above its limit for the plan's ``for``. ``what`` names the mount for disk."""

    host: str
    metric: str
    value: float
    limit: float
    what: str = ""


class LimitCleared(Base, frozen=True, kw_only=True, tag="limit.cleared"):
    """That metric is well below its limit again."""

    host: str
    metric: str
    value: float
    limit: float
    what: str = ""


class HostExcluded(Base, frozen=True, kw_only=True, tag="host.excluded"):
    """A person took a host out of the rest of the window: what it has not begun is skipped there."""

    host: str
    reason: str


class UnitChanged(Base, frozen=True, kw_only=True, tag="unit.changed"):
    """A watched systemd unit changed its state."""

    host: str
    unit: str
    before: str
    after: str


# -- canaries -----------------------------------------------------------------------------------------------------


class CanaryVerdict(Base, frozen=True, kw_only=True, tag="canary.verdict"):
    """The verdict on a canary changed."""

    canary: str
    verdict: Verdict
    before: Verdict
    detail: str = ""
    failures: int = 0  # in a row
    latency: float | None = None


# -- steps and tasks ----------------------------------------------------------------------------------------------


class StepClaimed(Base, frozen=True, kw_only=True, tag="step.claimed"):
    """An operator said: I do this one. An empty ``by`` gives it back."""

    step: str
    by: str


class StepIntent(Base, frozen=True, kw_only=True, tag="step.intent"):
    """A step starts (any kind). Durable before anything is done on a host. ``batches`` are resolved hosts."""

    step: str
    attempt: int
    batches: tuple[tuple[str, ...], ...] = ()
    override: str = ""  # the lead's reason, where the step would leave no time to undo it
    hosts: tuple[str, ...] = ()  # a retry of these alone


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
    """

    step: str
    host: str
    attempt: int
    reason: str
    following: bool = False
    undo: bool = False


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
    """All batches ran or the step stopped. ``reason`` gives the arithmetic or the cause."""

    step: str
    attempt: int
    outcome: Outcome
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
    canaries: dict[str, str] = {}  # name -> verdict
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


# -- rollback -----------------------------------------------------------------------------------------------------


class RollbackRequested(Base, frozen=True, kw_only=True, tag="rollback.requested"):
    """A lead asked for a rollback: these steps, in this order. Forward steps are locked until it ended.

    On which hosts, and in which batches, follows from what was done there when it was asked for.
    """

    scope: str  # in words: "everything", "phase Rollout", "step upgrade on web1"
    undo: tuple[str, ...]
    hosts: tuple[str, ...] = ()  # only on these; none: wherever it was done
    reason: str
    estimate: float = 0.0  # seconds


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


class DeadmanFired(Base, frozen=True, kw_only=True, tag="deadman.fired"):
    """The host undid the step by itself, or was told to. ``exit`` None: it is still at it, or no result is known."""

    step: str
    host: str
    exit: int | None = None
    last_line: str = ""
    reason: str = ""


Event = (
    WindowOpened | PlanAccepted | ConductorStarted | WindowPaused | WindowAborted | WindowResumed | WindowClosed
    | LogRecovered | LogFenced | OperatorAttached | OperatorDetached | NoteAdded
    | ClockCrossed | ClockJumped
    | HostLink | HostFacts | HostRebooted | LimitCrossed | LimitCleared | HostExcluded
    | UnitChanged
    | CanaryVerdict
    | StepClaimed | StepIntent | BatchStarted | TaskStarted | TaskBegun | TaskFinished | TaskChecked | TaskUnknown
    | TaskFound | TaskUnreachable
    | TaskSettled | StepFinished | StepTicked | StepUnticked | StepSkipped | GateOpened | GateVoted
    | RollbackRequested | RollbackStarted | RollbackFinished | RollbackEnded
    | DeadmanArmed | DeadmanAsked | DeadmanConfirmed | DeadmanExtended | DeadmanFired
)  # fmt: skip
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
