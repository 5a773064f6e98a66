"""The state of a window: immutable, made by ``fold`` alone. Times are epoch seconds, durations seconds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Literal

from msgspec import Struct

from upgrade_tui.plan.batches import split
from upgrade_tui.plan.model import Plan, Role, Step, StepKind
from upgrade_tui.units import few_text
from upgrade_tui.window import step_state
from upgrade_tui.window.events import GateOpened, GateVoted, HostFacts, LimitCrossed, NoteAdded, StepHeld
from upgrade_tui.window.measurements import Link, Verdict
from upgrade_tui.window.step_state import OPEN, Stage, StepName
from upgrade_tui.window.task import UNSETTLED, Armed, Task, TaskName, WithheldOutput

__all__ = [
    "OVER", "UNSETTLED", "Armed", "CanaryState", "HostState", "Operator", "RollbackState", "StepState", "Task", "Undo",
    "WindowState", "WithheldOutput", "fresh_step", "fresh_tasks", "initial", "role_of",
]  # fmt: skip

OVER: frozenset[str] = frozenset({"done", "skipped"})  # states that let the next step go on


class StepState(Struct, frozen=True, kw_only=True, dict=True):
    """A step as the log tells it. Its state is worked out; ``ready`` needs the other steps: ``WindowState.shown``.

    What is worked out of it is kept beside it (``dict=True``): a step never changes, a changed one is another.
    """

    id: str
    kind: StepKind = "manual"
    stage: Stage = "not begun"
    result: StepName = "done"  # how a manual step, a gate or a bake ended: of a command its tasks tell
    cause: str = ""  # what was said at the stage's beginning: why it ended early, is skipped or undone, was a no-go
    void: str = ""  # a command: why what it ran on is no longer so
    allowed: int = 0  # hosts that may be bad
    attempt: int = 0
    batches: tuple[tuple[str, ...], ...] = ()
    batch: int = -1  # the batch under way or last started
    only: tuple[str, ...] = ()  # this attempt is a retry of these hosts alone
    tasks: Mapping[str, Task] = {}
    started: float | None = None
    finished: float | None = None
    worked_until: float | None = None  # the last end of work of its latest attempt; no rollback moves it
    by: str = ""  # who started, ticked or skipped it
    claimed_by: str = ""
    override: str = ""
    held: StepHeld | None = None  # it runs, and waits: kept beside its state
    released: int = -1  # the batch that the lead let go although the clock would have held it
    released_rest: bool = False  # ... and all that come after it in this attempt
    votes: Mapping[str, GateVoted] = {}  # login -> the vote of this attempt
    gate: GateOpened | None = None  # the evidence of this attempt
    evidence: str = ""  # what the person who ticked it saw
    rollback_seconds: float | None = None  # measured, a batch
    undo: int = 0  # rollbacks so far
    undone_for: str = ""  # why the last of them was asked for
    undo_started: float | None = None
    undo_batches: tuple[tuple[str, ...], ...] = ()
    armed: Mapping[str, Armed] = {}  # host -> its dead-man rollback
    notes: int = 0

    @cached_property
    def begun(self) -> bool:
        """A command was sent to some host, or its work is done there without one. Kept: the clock asks every second."""
        return any(t.changed or t.state == "done" for t in self.tasks.values())

    def too_late(self, host: str, attempt: int, now: float) -> bool:
        """To begin there: armed for this attempt, the host undoes it already, or was told to, or nothing will."""
        armed = self.armed.get(host)
        if armed is None or armed.attempt != attempt:
            return False
        due = armed.state == "armed" and (armed.asked == "cancel" or now >= armed.until)
        return due or armed.state in ("fired", "gone")

    @cached_property
    def verdict(self) -> step_state.StepVerdict:
        """State and reason. Kept: a step that changes is another object."""
        if self.stage != "ended":
            return step_state.StepVerdict(OPEN[self.stage], self.cause)
        if self.kind != "command":
            return step_state.StepVerdict(self.result, self.cause)
        said = step_state.ended_state(self.tasks, self.armed, self.allowed, self.cause, self.void)
        if said.state == "rolled back" and not said.reason:
            return step_state.StepVerdict("rolled back", self.undone_for)
        return said

    @property
    def state(self) -> StepName:
        """How it stands."""
        return self.verdict.state

    @property
    def reason(self) -> str:
        """Why it stands so, where the state does not say it all."""
        return self.verdict.reason

    def host_state(self, host: str) -> TaskName:
        """How a task stands: done, but its host would undo it by itself, is armed; unprotected if nothing will."""
        task, armed = self.tasks[host], self.armed.get(host)
        if task.state != "done" or armed is None or not armed.waits_for(task):
            return task.state
        return "unprotected" if armed.state == "gone" else "armed"

    @property
    def took(self) -> float | None:
        """Seconds its latest attempt took, to the end of its last task: what people settle, confirm or undo behind that
        is no part of it. None: not over, or never measured, like a tick without a start.
        """
        if self.stage in ("not begun", "under way") or self.started is None or self.worked_until is None:
            return None
        if self.kind == "manual" and self.started == self.worked_until:
            return None
        return max(0.0, self.worked_until - self.started)

    def touched(self) -> int:
        """How many batches something was done in, or may have been: what a rollback would have to undo."""
        return len({t.batch for t in self.tasks.values() if t.changed})


class HostState(Struct, frozen=True, kw_only=True):
    """A host as the log tells it (what changes every second is in the telemetry frame)."""

    name: str
    link: Link = "connecting"
    detail: str = ""
    since: float | None = None
    facts: HostFacts | None = None
    reboots: int = 0
    alerts: Mapping[str, LimitCrossed] = {}  # "metric" or "disk /mount" -> the limit that stands crossed
    units: Mapping[str, str] = {}
    notes: int = 0


class CanaryState(Struct, frozen=True, kw_only=True):
    """A canary's verdict as the log tells it."""

    name: str
    verdict: Verdict = "no data"
    since: float | None = None
    detail: str = ""
    troubles: int = 0  # times it became failing


class Operator(Struct, frozen=True):
    """An attached operator's client."""

    login: str
    role: Role
    since: float
    terminal: str = ""


class Undo(Struct, frozen=True):
    """A step to be undone: its batches, in the order in which they will be undone."""

    step: str
    batches: tuple[tuple[str, ...], ...] = ()


class RollbackState(Struct, frozen=True, kw_only=True):
    """The rollback that was asked for last."""

    scope: str
    undo: tuple[Undo, ...]
    reason: str
    by: str
    started: float
    estimate: float = 0.0  # seconds
    finished: float | None = None
    outcome: str = ""
    seconds: float | None = None
    trouble: str = ""  # why it stopped
    hosts: tuple[str, ...] = ()  # only on these; none: wherever it was done
    canary: str = ""  # asked for by its failing
    failed: str = ""  # asked for by too many failed hosts of this step
    aborted: str = ""  # the lead stopped it: why
    begun: frozenset[str] = frozenset()  # steps that it began to undo; moments do not tell: clocks jump
    gone_on: bool = False  # it has ended, and a step was begun or ticked since

    @property
    def by_itself(self) -> bool:
        """The plan asked for it: it waits for what runs in its way, which nobody saw to before."""
        return self.canary != "" or self.failed != ""

    @property
    def active(self) -> bool:
        """It has not ended yet: forward steps are locked."""
        return self.finished is None


class WindowState(Struct, frozen=True, kw_only=True):
    """All of a window. ``initial(plan)`` then ``fold`` over the log gives it."""

    plan: Plan
    steps: Mapping[str, StepState]
    hosts: Mapping[str, HostState]
    canaries: Mapping[str, CanaryState]
    window: str = ""
    jobs: str = ""  # what the names of its jobs on hosts begin with: no other window's do
    phase: Literal["new", "open", "paused", "aborted", "closed"] = "new"
    start: float = 0.0
    end: float = 0.0
    opened: float | None = None
    opened_by: str = ""
    origin: str = ""  # folder of the plan
    plan_sha256: str = ""
    closed: float | None = None
    outcome: str = ""
    reason: str = ""  # of the pause or of the end
    paused_by: str = ""
    operators: Mapping[int, Operator] = {}  # client number -> who
    crossed: frozenset[str] = frozenset()
    notes: tuple[NoteAdded, ...] = ()
    excluded: Mapping[str, str] = {}  # host -> why it takes no part any more
    places: Mapping[str, str] = {}  # host -> where this window's jobs live there
    withheld: tuple[WithheldOutput, ...] = ()  # of all attempts, and nowhere but on their hosts
    rollback: RollbackState | None = None
    fences: int = 0
    takeovers: int = 0  # conductors that took over after the first
    seq: int = 0
    ts: float = 0.0

    def shown(self, step_id: str) -> StepName:
        """The state of a step with ``ready`` worked out: pending, and everything it needs is over."""
        step = self.steps[step_id]
        if step.state == "pending" and self.missing(step_id) == ():
            return "ready"
        if step.state in ("running", "rolling back") and any(t.state == "unknown" for t in step.tasks.values()):
            return "unknown"
        return step.state

    @property
    def rolling_back(self) -> bool:
        """A rollback was asked for and has not ended."""
        return self.rollback is not None and self.rollback.active

    def missing(self, step_id: str) -> tuple[str, ...]:
        """Ids of the steps that must be over before this one and are not.

        Also beneath those that are done: what stands on a step that was undone since holds nothing up any more. Not
        beneath what a person skipped. Armed is over for a step that runs on what is armed.
        """
        spec = self.plan.step(step_id)
        found: list[str] = []
        ahead = [] if spec is None else [n for n in self.plan.needs(spec) if n in self.steps]
        seen = set(ahead)
        while ahead:
            need = ahead.pop(0)
            state, beneath = self.steps[need].state, self.plan.step(need)
            borne = state in step_state.UNCONFIRMED and spec is not None and spec.on_armed
            if state not in OVER and not borne:
                found.append(need)
            elif state != "skipped" and beneath is not None:
                more = [n for n in self.plan.needs(beneath) if n in self.steps and n not in seen]
                seen.update(more)
                ahead += more
        return tuple(found)

    def waiting_for(self, step_id: str) -> str:
        """``tune, which is rolled back``: what a pending step waits for; empty where nothing is missing."""
        return few_text([f"{need}, which is {self.steps[need].state}" for need in self.missing(step_id)], 1)

    @property
    def current(self) -> str:
        """Where we are: the first step that is neither over nor rolled back; empty if all are."""
        rank = {"running": 0, "rolling back": 0, "unknown": 1, "failed": 1}
        left = [s for s in self.steps.values() if s.state not in OVER and s.state != "rolled back"]
        return min(left, key=lambda s: rank.get(s.state, 2)).id if left else ""

    @property
    def no_return(self) -> str:
        """Id of the irreversible step that was begun, or empty: the point of no return is behind us.

        A command begins with the first host that something was sent to: where none could be reached we can go back.
        """
        return next((spec.id for spec in self.plan.steps if self.no_way_back(spec)), "")

    def no_way_back(self, spec: Step) -> bool:
        """The step is irreversible and was begun."""
        step = self.steps[spec.id]
        if not spec.irreversible:
            return False
        if spec.kind != "command":
            return step.state not in ("pending", "skipped")
        return step.begun


def initial(plan: Plan) -> WindowState:
    """The state before the first event: every step pending with its batches worked out from the plan."""
    return WindowState(
        plan=plan,
        steps={s.id: fresh_step(plan, s) for s in plan.steps},
        hosts={name: HostState(name=name) for name in plan.hosts},
        canaries={c.name: CanaryState(name=c.name) for c in plan.canaries},
    )


def fresh_step(plan: Plan, spec: Step) -> StepState:
    """A step nobody has touched. Command steps have a pending task for every host."""
    if spec.kind != "command":
        return StepState(id=spec.id, kind=spec.kind)
    batches = split(plan.targets(spec), spec.batches)
    tasks = fresh_tasks(batches)
    allowed = math.floor(len(tasks) * spec.max_fail / 100)
    return StepState(id=spec.id, kind="command", batches=batches, tasks=tasks, allowed=allowed)


def fresh_tasks(batches: tuple[tuple[str, ...], ...]) -> dict[str, Task]:
    """A pending task for every host, in batch order."""
    return {host: Task(host=host, batch=i) for i, batch in enumerate(batches) for host in batch}


def role_of(plan: Plan, login: str, opened_by: str) -> Role:
    """The plan's role of a login; unlisted people observe; with no ``[people]`` whoever opened the window leads it."""
    if login in plan.people:
        return plan.people[login].role
    return "lead" if not plan.people and login == opened_by else "observer"
