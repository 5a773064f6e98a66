"""What must hold in every night. ``Watcher`` looks at each event: at the state before it and what really happened."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tests.simulation.truth import Truth
from upgrade_tui.plan.model import Plan, Step
from upgrade_tui.plan.step_kinds import only_looks
from upgrade_tui.window import clock
from upgrade_tui.window import events as ev
from upgrade_tui.window.fold import fold
from upgrade_tui.window.gates import approvers
from upgrade_tui.window.state import OVER, StepState, Task, WindowState, initial

BAD = ("failed", "unknown", "unreachable", "rolled back")  # count against max_fail
GRACE = 30.0  # seconds: until a jump of the wall clock is seen, and until what was decided is durable


class Watcher:
    """Folds the log by itself and looks at every step of it. ``broken(rule, text)`` is told of what must not be."""

    def __init__(self, plan: Plan, truth: Truth, secret: str, broken: Callable[[str, str], None]) -> None:
        self.plan, self.truth, self.secret, self.broken = plan, truth, secret, broken
        self.state = initial(plan)
        self.records: list[ev.Record] = []
        self._started: set[tuple[str, str, int, bool]] = set()
        self._begun: set[tuple[str, str, int, bool]] = set()  # acknowledged by their hosts
        self._gos: dict[str, set[str]] = {}
        self._opened: dict[str, float] = {}  # gate -> monotonic time it was opened
        self._unpaused_fence = False
        self._anchor = 0.0  # wall clock minus monotonic clock, as the conductor last took it over

    def feed(self, record: ev.Record) -> None:
        """The next event of the log."""
        before, event = self.state, record.event
        if isinstance(event, ev.WindowOpened | ev.ConductorStarted | ev.ClockJumped):
            self._anchor = record.ts - record.mono
        after = fold(before, record)
        if record.seq != before.seq + 1:
            self.broken("the log has no gap", f"{record.seq} follows {before.seq}")
        self.state = after
        self.records.append(record)
        look = _LOOKS.get(type(event))
        if look is not None:
            look(self, before, after, record, event)
        if after.steps is not before.steps:
            for step_id, step in after.steps.items():
                if step is not before.steps[step_id]:
                    self._step(before, after, step_id, record)
        self._fence(before, after, event)
        self._said(event)

    # -- starts -------------------------------------------------------------------------------------------------------

    def _stopped(self, before: WindowState, event: ev.Event, what: str) -> None:
        if before.phase != "open":
            self.broken("nothing starts while stopped", f"{what} while {before.phase}")
        if before.rolling_back:
            self.broken("nothing starts while stopped", f"{what} while rolling back")
        if self._unpaused_fence:
            self.broken("nothing starts while stopped", f"{what} behind a fence, before the pause")

    def _needs(self, before: WindowState, step_id: str, what: str) -> None:
        missing = before.missing(step_id)
        if missing:
            self.broken("not before what it needs", f"{what}: it needs {', '.join(missing)}")
        spec = before.plan.step(step_id)
        if spec is None or getattr(spec, "on_armed", False):
            return
        for need in before.plan.needs(spec):
            armed = [h for h, a in before.steps[need].armed.items() if a.state == "armed"]
            if armed:
                self.broken("armed is not done", f"{what}: {need} is still armed on {', '.join(armed)}")

    def _intent(self, before: WindowState, after: WindowState, record: ev.Record, event: ev.StepIntent) -> None:
        spec = self.plan.step(event.step)
        what = f"{event.step} was begun"
        self._needs(before, event.step, what)
        if spec is not None and spec.kind != "manual":
            self._stopped(before, event, what)

    def _task_started(self, before: WindowState, after: WindowState, record: ev.Record, event: ev.TaskStarted) -> None:
        key = (event.step, event.host, event.attempt, event.undo)
        if key in self._started:
            self.broken("starts once", f"{event.step} attempt {event.attempt} on {event.host} was started twice")
        self._started.add(key)
        step = before.steps.get(event.step)
        if event.undo and step is not None:
            self._not_beside(before, event, step)
        if event.undo or step is None or event.attempt < step.attempt or step.state != "running":
            return  # a start behind the end of its attempt means nothing, and nothing is sent
        what = f"{event.step} was started on {event.host}"
        self._stopped(before, event, what)
        self._needs(before, event.step, what)
        spec = self.plan.step(event.step)
        assert spec is not None
        self._clock(before, record, spec, event.batch)
        if event.host in before.excluded:
            self.broken("nothing starts while stopped", f"{what}, which is excluded")

    def _not_beside(self, before: WindowState, event: ev.TaskStarted, step: StepState) -> None:
        """What is undone runs no more, on none of the hosts that are undone, and nothing of it begins meanwhile."""
        undone = {host for batch in step.undo_batches for host in batch}
        beside = [t.host for t in step.tasks.values() if t.host in undone and t.state == "running"]
        if beside:
            self.broken("nothing is undone beside what runs", f"{step.id} is undone while it runs on {beside[0]}")

    def _rollback_asked(
        self, before: WindowState, after: WindowState, record: ev.Record, event: ev.RollbackRequested
    ) -> None:  # fmt: skip
        """What nobody asked for is what the plan says, once, and not where the conductor may be the one cut off."""
        if not event.canary and not event.failed:
            return
        said = self.records[-2].event if len(self.records) > 1 else None
        if event.canary:
            turned = isinstance(said, ev.CanaryVerdict) and said.canary == event.canary and said.verdict == "failing"
        else:
            turned = isinstance(said, ev.StepFinished) and said.step == event.failed
        lost = [h.name for h in before.hosts.values() if h.link not in ("up", "connecting", "no sampler")]
        lost = [name for name in lost if name not in before.excluded]
        for wrong, text in (
            (not turned, f"{event.reason}, and nothing had turned"),
            (record.actor != ev.SYSTEM, f"asked for by {record.actor}"),
            (before.phase not in ("open", "paused"), f"the window was {before.phase}"),
            (before.rolling_back, "a rollback was under way"),
            (any(s.irreversible for s in self.plan.steps if s.id in event.undo), "it takes an irreversible step"),
            (2 * len(lost) > len(before.hosts) - len(before.excluded), f"{len(lost)} hosts were lost"),
        ):
            if wrong:
                self.broken("undone by itself as the plan says", f"{event.scope}: {text}")

    def _batch(self, before: WindowState, after: WindowState, record: ev.Record, event: ev.BatchStarted) -> None:
        step, spec = before.steps[event.step], self.plan.step(event.step)
        if spec is None or event.attempt < step.attempt or step.state != "running":
            return
        self._stopped(before, event, f"batch {event.batch} of {event.step} was begun")
        self._clock(before, record, spec, event.batch)

    def _clock(self, before: WindowState, record: ev.Record, spec: Step, batch: int) -> None:
        """What changes hosts does not begin against the clock, unless the lead let it go."""
        step = before.steps[spec.id]
        if only_looks(spec) or not spec.changes or step.released_rest or step.released == batch:
            return
        times = (record.ts, record.mono + self._anchor)  # a jump of the wall clock is seen a little later
        late, early = min(times) - before.end, before.start - max(times)
        what = f"batch {batch} of {spec.id}"
        if late > GRACE:
            self.broken("not against the clock", f"{what} began {late:.0f} s past the window's end")
        if early > GRACE:
            self.broken("not against the clock", f"{what} began {early:.0f} s before the window")
        if spec.irreversible or before.no_return or spec.rollback is None:
            return
        slack = clock.read(before, min(times)).slack
        if slack is not None and slack < -GRACE:
            self.broken("not against the clock", f"{what} began {-slack:.0f} s after the rollback had to start")

    # -- what is said of tasks ----------------------------------------------------------------------------------------

    def _key(self, event: Any) -> list[str]:
        """Keys of the jobs that an event can be about."""
        place, end = f".{event.step}.", f".{'undo' if event.undo else ''}{event.attempt}@"
        middle = f".{event.step}.{event.host}.{'undo' if event.undo else ''}{event.attempt}@"
        return [
            k for k in self.truth.starts
            if (middle in k) or (place + end[1:] in k and k.endswith(f"@{event.host}"))
        ]  # fmt: skip

    def _unreachable(
        self, before: WindowState, after: WindowState, record: ev.Record, event: ev.TaskUnreachable
    ) -> None:  # fmt: skip
        began = self._key(event)
        known = (event.step, event.host, event.attempt, event.undo) in self._begun
        if began and not known and self.truth.is_gone(began[0]):
            self.truth.put_back((event.step, event.host))
            return  # it began, nobody had heard of it yet, and nothing of it is left: this cannot be told apart
        if began:
            self.broken("never started is true", f"{event.step} on {event.host}: {event.reason}; but {began[0]} began")

    def _acknowledged(self, before: WindowState, after: WindowState, record: ev.Record, event: ev.TaskBegun) -> None:
        if any(self.truth.is_gone(key) for key in self._key(event)):
            return  # what was made now is the claim that keeps it from starting late
        self._begun.add((event.step, event.host, event.attempt, event.undo))

    def _task_finished(
        self, before: WindowState, after: WindowState, record: ev.Record, event: ev.TaskFinished
    ) -> None:  # fmt: skip
        if event.exit == 0 and not any(self.truth.exits.get(k) == 0 for k in self._key(event)):
            self.broken("done is proven", f"{event.step} on {event.host} is said to have ended with 0")

    def _checked(self, before: WindowState, after: WindowState, record: ev.Record, event: ev.TaskChecked) -> None:
        what = f"{'isnt' if event.undo else 'is'} {event.step}"
        if event.exit is not None and not self.truth.checked[what, event.host, event.exit == 0]:
            said = "passed" if event.exit == 0 else "said no"
            self.broken("what is said of a check is proven", f"no check of {event.step} on {event.host} ever {said}")

    def _settled(self, before: WindowState, after: WindowState, record: ev.Record, event: ev.TaskSettled) -> None:
        spec = self.plan.step(event.step)
        by_hand = event.undo and event.outcome == "done" and spec is not None and spec.rollback is not None
        if by_hand and spec is not None and spec.rollback is not None and spec.rollback.run is None:
            self.truth.put_back((event.step, event.host))

    # -- steps --------------------------------------------------------------------------------------------------------

    def _step(self, before: WindowState, after: WindowState, step_id: str, record: ev.Record) -> None:
        step, spec = after.steps[step_id], self.plan.step(step_id)
        assert spec is not None
        if spec.kind == "command":
            self._agrees(spec, step, record)
            for host, task in step.tasks.items():
                if task is not before.steps[step_id].tasks.get(host):
                    self._task(after, spec, step, task)
        was = before.steps[step_id].state
        if step.state == "done" and was != "done":
            if spec.kind == "gate":
                self._gate_passed(before, spec, record)
            elif spec.kind == "bake":
                self._bake_passed(before, spec)
        ours = "an error in the conductor"
        if ours in step.reason and ours not in before.steps[step_id].reason:
            self.broken("the conductor stands", f"{step_id}: {step.reason}")

    def _agrees(self, spec: Step, step: StepState, record: ev.Record) -> None:
        states = [t.state for t in step.tasks.values()]
        text = f"{step.id} is {step.state}, its tasks are {', '.join(states)}"
        bad = sum(s in BAD for s in states)
        limit = math.floor(len(states) * spec.max_fail / 100)
        if step.state == "done":
            wrong = bad > limit or not {"unknown", "running", "rolling back", "pending"}.isdisjoint(states)
        elif step.state == "rolled back":
            wrong = any(t.changed for t in step.tasks.values())
        else:
            # Skipped tasks alone do not make a step done: none of whose hosts is left proved nothing, and what needs it
            # must not begin. It stays failed until a person skips it (tests/window/test_stop_and_exclude.py).
            nowhere = bool(states) and all(t.state == "skipped" and t.excluded for t in step.tasks.values())
            over = all(s in OVER for s in states) and not nowhere
            wrong = step.state in ("failed", "unknown") and not step.undo and over
            if step.state == "skipped" and step.stage == "ended" and nowhere:
                wrong = True
        if wrong:
            self.broken("a step agrees with its tasks", text)

    def _task(self, after: WindowState, spec: Step, step: StepState, task: Task) -> None:
        where = (step.id, task.host)
        if where in self.truth.dirty and not task.changed and not task.settled_by and task.attempt > 0:
            self.broken("what was changed is to be undone", f"{step.id} on {task.host} is {task.state}: {task.reason}")
        if task.changed and spec.rollback is not None and clock.rollback_cost(after) <= 0:
            self.broken("the clock counts it", f"{step.id} on {task.host} costs nothing")

    # -- gates and bakes ----------------------------------------------------------------------------------------------

    def _gate_opened(self, before: WindowState, after: WindowState, record: ev.Record, event: ev.GateOpened) -> None:
        self._gos[event.step] = set()
        self._opened[event.step] = record.mono

    def _voted(self, before: WindowState, after: WindowState, record: ev.Record, event: ev.GateVoted) -> None:
        gate = before.steps[event.step].gate
        if event.go and gate is not None and gate.digest == event.digest:
            self._gos.setdefault(event.step, set()).add(record.actor)

    def _gate_passed(self, before: WindowState, spec: Step, record: ev.Record) -> None:
        able = approvers(before, spec) | {before.opened_by}
        gos = {login for login in self._gos.get(spec.id, set()) if login in able}
        if len(gos) < spec.approvals:
            self.broken("a gate has its quorum", f"{spec.id} passed with {len(gos)} of {spec.approvals}")

    def _bake_passed(self, before: WindowState, spec: Step) -> None:
        sick = [n for n in spec.canaries if before.canaries[n].verdict != "healthy"]
        if sick:
            self.broken("a bake was healthy", f"{spec.id} passed while {', '.join(sick)} was not healthy")
        self._needs(before, spec.id, f"{spec.id} passed")

    # -- the log itself -----------------------------------------------------------------------------------------------

    def _fence(self, before: WindowState, after: WindowState, event: ev.Event) -> None:
        if isinstance(event, ev.LogFenced) and before.phase == "open":
            self._unpaused_fence = True
        elif after.phase != "open" or isinstance(event, ev.ConductorStarted):
            self._unpaused_fence = False

    def _said(self, event: ev.Event) -> None:
        for text in (getattr(event, "last_line", ""), getattr(event, "reason", "")):
            if text and self.secret in text:
                self.broken("secrets stay secret", f"{type(event).__name__}: {text}")


_LOOKS: dict[type, Callable[..., None]] = {
    ev.StepIntent: Watcher._intent,
    ev.BatchStarted: Watcher._batch,
    ev.TaskStarted: Watcher._task_started,
    ev.TaskBegun: Watcher._acknowledged,
    ev.TaskFinished: Watcher._task_finished,
    ev.TaskChecked: Watcher._checked,
    ev.TaskUnreachable: Watcher._unreachable,
    ev.TaskSettled: Watcher._settled,
    ev.RollbackRequested: Watcher._rollback_asked,
    ev.GateOpened: Watcher._gate_opened,
    ev.GateVoted: Watcher._voted,
}
