"""The report as a document: what every renderer draws from and what ``report.json`` holds. Pure data.

Moments are given three ways (``Moment``), durations in seconds, shares from 0 to 100. Fields are only ever added; a
change of meaning raises ``FORMAT``. Every statement carries the ``seq`` numbers of the log's lines that prove it.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

FORMAT = 1

WindowOutcome = Literal["not opened", "running", "paused", "aborted", "completed", "rolled back", "abandoned"]
"""How a window ended; of one that goes on, its phase."""

EntryWeight = Literal["routine", "normal", "good", "warning", "bad", "decision"]
"""What an entry of the timeline is: ``routine`` ones are left out where room is short."""


class Moment(Struct, frozen=True):
    """A point in time: epoch seconds, ISO 8601 in UTC, and in the report's own offset (see ``Report.zone``)."""

    ts: float
    utc: str
    local: str


class Answer(Struct, frozen=True):
    """One of the four answers that the dashboard gave last."""

    question: str
    text: str


class Summary(Struct, frozen=True, kw_only=True):
    """The head of the report."""

    window: str
    plan_id: str
    title: str
    change: str
    goal: str
    services: tuple[str, ...]
    outcome: WindowOutcome
    reason: str  # of the pause or of the end
    window_start: Moment | None
    window_end: Moment | None
    margin: float
    rto: float | None
    opened: Moment | None
    opened_by: str
    closed: Moment | None
    work_started: Moment | None
    work_finished: Moment | None  # None while the window is open
    planned_seconds: float  # of the schedule, first step's start to last step's end
    actual_seconds: float | None  # first step's start to the last end of a step, or so far
    before_end: float | None  # window end - work finished; negative: past the end
    answers: tuple[Answer, ...]  # of an interim report: how it stood
    version: str  # of upgrade-tui that opened the window
    conductor: str  # the machine that held the window


class Numbers(Struct, frozen=True, kw_only=True):
    """The window in numbers. Steps and tasks by the state they ended in."""

    steps: int
    steps_done: int
    steps_skipped: int
    steps_failed: int
    steps_unknown: int
    steps_rolled_back: int
    steps_armed: int
    steps_unprotected: int  # armed, and on some host nothing will undo it any more
    steps_running: int
    steps_not_begun: int
    tasks: int  # step on host, latest attempt
    tasks_done: int
    tasks_failed: int
    tasks_unknown: int  # and unreachable
    attempts: int  # tasks that were sent to a host, all attempts
    retries: int  # attempts of steps after the first
    alerts: int  # limits crossed
    canary_failures: int  # times a canary became failing
    hosts_lost: int  # times a host that was up was lost
    reboots: int
    notes: int
    overrides: int
    pauses: int
    paused_seconds: float
    takeovers: int  # conductors that had to take over
    lowest_slack: float | None  # seconds; None: never measured (not opened, or past the point of no return)
    lowest_slack_at: Moment | None
    lowest_slack_seq: int | None
    no_return: str  # id of the irreversible step that was begun, or empty


class Participant(Struct, frozen=True, kw_only=True):
    """Somebody of the plan or somebody who was there."""

    login: str
    name: str
    role: str
    took_part: bool
    first: Moment | None  # first attached or acted
    acts: int  # events this person caused
    votes: int
    steps: tuple[str, ...]  # started, ticked or skipped


class StepSpan(Struct, frozen=True):
    """A stretch of time in one state, epoch seconds."""

    state: str
    began: float
    ended: float


class StepSummary(Struct, frozen=True, kw_only=True):
    """Planned against actual. Deviations in seconds, positive: later or longer than planned."""

    number: int
    phase: str
    id: str
    title: str
    kind: str
    owner: str
    state: str
    planned_start: Moment | None
    planned_end: Moment | None
    planned_seconds: float
    started: Moment | None
    finished: Moment | None  # None: not over yet
    seconds: float | None  # None: not measured, for instance a tick without a start
    start_deviation: float | None
    deviation: float | None  # of the duration
    attempts: int
    by: str
    claimed_by: str
    hosts: int
    hosts_done: int
    reason: str
    override: str
    irreversible: bool
    rollback_planned: float | None  # the whole step
    rollback_seconds: float | None  # measured
    spans: tuple[StepSpan, ...]  # its attempts and rollbacks, by how they ended
    evidence: tuple[int, ...]  # seq of what started and ended it


class TaskSummary(Struct, frozen=True, kw_only=True):
    """The latest attempt of a step on a host."""

    step: str
    host: str
    batch: int  # from 1
    state: str
    attempt: int  # of the step
    sent: int  # times the command was sent to this host
    earlier: tuple[str, ...]  # how earlier tries ended, or what was so before it was settled
    seconds: float | None
    exit: int | None
    reason: str
    output: str  # file under output/
    last_line: str
    settled_by: str


class TimelineEntry(Struct, frozen=True, kw_only=True):
    """A line of the timeline: one event."""

    seq: int
    at: Moment
    actor: str
    kind: str
    weight: EntryWeight
    text: str


class AlertSummary(Struct, frozen=True, kw_only=True):
    """A limit that stood crossed. ``ended`` None: still crossed when the log ends."""

    host: str
    metric: str  # "cpu", "disk /var"
    limit: float
    worst: float  # of the values in the log
    began: Moment
    ended: Moment | None
    seconds: float
    during: tuple[str, ...]  # steps that were running when it began
    evidence: tuple[int, ...]


class HostSummary(Struct, frozen=True, kw_only=True):
    """A host through the window. Telemetry figures are None where no telemetry was kept."""

    host: str
    address: str
    link: str  # at the end of the log
    times_lost: int
    lost_seconds: float
    longest_lost: float
    reboots: int
    kernel_before: str
    kernel_after: str
    alerts: int
    open_alerts: tuple[str, ...]
    units: tuple[str, ...]  # "unit state" that are not active at the end
    tasks_failed: int
    cpu_mean: float | None
    cpu_max: float | None
    memory_mean: float | None
    memory_max: float | None
    disk_max: float | None
    evidence: tuple[int, ...]  # links lost, reboots


class CanarySummary(Struct, frozen=True, kw_only=True):
    """A canary through the window, from its first verdict on."""

    name: str
    probe: str
    verdict: str  # at the end of the log
    detail: str
    failures: int  # times it became failing
    degradations: int  # times it became degraded
    healthy_seconds: float
    degraded_seconds: float
    failing_seconds: float
    no_data_seconds: float
    worst_latency: float | None  # seconds
    latency_p95: float | None  # seconds; telemetry only
    answers_good: int  # telemetry only, as the next two
    answers_bad: int
    answers_unknown: int
    spans: tuple[StepSpan, ...]
    evidence: tuple[int, ...]  # verdicts degraded and failing


class DecisionRow(Struct, frozen=True, kw_only=True):
    """Something that was decided, by a person or by the rules of the plan."""

    at: Moment
    who: str
    what: str
    why: str
    evidence: tuple[int, ...]


class NoteRow(Struct, frozen=True, kw_only=True):
    """A remark. ``mark``: good, bad, lucky, action or empty."""

    seq: int
    at: Moment
    who: str
    text: str
    about: str
    mark: str


class RiskRow(Struct, frozen=True, kw_only=True):
    """A row of the risk matrix, and whether the canaries that watch it showed it."""

    title: str
    likelihood: str
    impact: str
    response: str
    owner: str
    watch: tuple[str, ...]
    fired: tuple[str, ...]  # canaries of ``watch`` that were failing
    degraded: tuple[str, ...]  # only degraded
    outcome: Literal["showed", "showed signs", "did not show", "not known", "not watched"]
    evidence: tuple[int, ...]


class Lesson(Struct, frozen=True, kw_only=True):
    """A statement for the retrospective: a person's marked note, or a fact that the log proves."""

    text: str
    source: Literal["note", "log"]
    who: str  # of a note
    evidence: tuple[int, ...]


class Lessons(Struct, frozen=True, kw_only=True):
    """What went well, what did not, where we got lucky, what is to be done."""

    well: tuple[Lesson, ...]
    badly: tuple[Lesson, ...]
    lucky: tuple[Lesson, ...]
    actions: tuple[Lesson, ...]


class Integrity(Struct, frozen=True, kw_only=True):
    """What this report was made from, so that it can be checked against the log (``upgrade-tui verify``)."""

    records: int
    first: int | None
    last: int | None
    head: str  # hash of the last line; empty if the caller did not give it
    gaps: int  # lines between first and last that are not in this report: of a kind this version does not know
    damage: str  # why the log could not be read further, or empty
    withheld: tuple[str, ...]  # output of jobs that nobody fetched, and where on hosts it still is
    elsewhere: str  # that, and where, records are kept that are not in the log yet, or empty
    plan_differs: str  # how the plan beside the log is not the one that was recorded, or empty
    plan_accepted: str  # who went on with a plan that had been changed, and why, or empty
    recovered: int  # torn tails set aside
    fences: int


class ChartSeries(Struct, frozen=True):
    """Points of a chart: ``x`` epoch seconds, ``y`` values with gaps as None."""

    name: str
    x: tuple[float, ...]
    y: tuple[float | None, ...]


class Charts(Struct, frozen=True, kw_only=True):
    """What is drawn as curves: slack in seconds, CPU in percent, latency in seconds."""

    slack: ChartSeries
    cpu: tuple[ChartSeries, ...] = ()
    latency: tuple[ChartSeries, ...] = ()


class Report(Struct, frozen=True, kw_only=True):
    """The whole document."""

    format: int
    interim: bool  # the window was not closed when the log ended
    as_of: Moment | None  # of the last record: nothing here is newer
    zone: str  # the offset of ``Moment.local``
    zone_from: Literal["asked for", "plan", "none"]  # where it comes from; none: UTC
    summary: Summary
    numbers: Numbers
    people: tuple[Participant, ...]
    steps: tuple[StepSummary, ...]
    tasks: tuple[TaskSummary, ...]
    timeline: tuple[TimelineEntry, ...]
    alerts: tuple[AlertSummary, ...]
    hosts: tuple[HostSummary, ...]
    canaries: tuple[CanarySummary, ...]
    pauses: tuple[StepSpan, ...]
    decisions: tuple[DecisionRow, ...]
    notes: tuple[NoteRow, ...]
    risks: tuple[RiskRow, ...]
    lessons: Lessons
    integrity: Integrity
    telemetry: bool  # whether there was any
    telemetry_trouble: str  # why it could not be read, or empty
    charts: Charts
