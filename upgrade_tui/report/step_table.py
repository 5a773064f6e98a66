"""Planned against actual, step by step and task by task. Pure."""

from __future__ import annotations

from datetime import tzinfo

from upgrade_tui.plan.estimate import Slot, rollback_seconds, schedule, step_seconds, window_start
from upgrade_tui.plan.model import Plan, Step
from upgrade_tui.report.history import StepRun, WindowHistory
from upgrade_tui.report.model import StepSpan, StepSummary, TaskSummary
from upgrade_tui.report.times import moment
from upgrade_tui.window.events import Record
from upgrade_tui.window.state import OVER, Task

_NOT_OVER = ("pending", "running", "rolling back")


def planned(plan: Plan, history: WindowHistory) -> tuple[Slot, ...]:
    """The schedule from the window's start on; empty where nobody knows that start yet (a drill that never opened)."""
    if history.state.opened is None and plan.window.start.at is None:
        return ()
    return schedule(plan, history.state.start if history.state.opened is not None else window_start(plan, 0.0))


def step_summaries(plan: Plan, history: WindowHistory, zone: tzinfo) -> tuple[StepSummary, ...]:
    """A row a step, in the plan's order."""
    slots = {slot.step: slot for slot in planned(plan, history)}
    return tuple(_row(plan, history, zone, i, step, slots.get(step.id)) for i, step in enumerate(plan.steps, 1))


def span(runs: list[StepRun]) -> tuple[Record | None, Record | None]:
    """Where the first attempt of a step began and the last one ended."""
    began = next((run.began for run in runs if run.began is not None), None)
    return began, runs[-1].ended if runs else None


def _row(plan: Plan, history: WindowHistory, zone: tzinfo, number: int, spec: Step, slot: Slot | None) -> StepSummary:
    state, runs = history.state.steps[spec.id], history.runs_of(spec.id)
    began, ended = span(runs)
    if state.state in _NOT_OVER:
        ended = None
    seconds = state.took
    over = state.worked_until if seconds is not None else ended.ts if ended is not None else None
    length = step_seconds(plan, spec)
    attempts = sum(1 for run in runs if run.began is not None)
    override = next((run.override for run in reversed(runs) if run.override), "")
    return StepSummary(
        number=number, phase=spec.phase, id=spec.id, title=spec.title, kind=spec.kind, owner=spec.owner,
        state=history.state.shown(spec.id),
        planned_start=moment(slot.start, zone) if slot else None,
        planned_end=moment(slot.end, zone) if slot else None,
        planned_seconds=length,
        started=moment(began.ts, zone) if began else None,
        finished=moment(over, zone) if over is not None else None,
        seconds=seconds,
        start_deviation=round(began.ts - slot.start, 3) if began and slot else None,
        deviation=round(seconds - length, 3) if seconds is not None and attempts < 2 else None,
        attempts=attempts, by=state.by, claimed_by=state.claimed_by,
        hosts=len(state.tasks), hosts_done=sum(1 for t in state.tasks.values() if t.state == "done"),
        reason=state.reason, override=override, irreversible=spec.irreversible,
        rollback_planned=rollback_seconds(plan, spec) if spec.rollback is not None else None,
        rollback_seconds=state.rollback_seconds,
        spans=_spans(history, spec.id),
        evidence=tuple(dict.fromkeys(seq for run in runs for seq in run.evidence)),
    )  # fmt: skip


def _spans(history: WindowHistory, step: str) -> tuple[StepSpan, ...]:
    """Attempts, also those taken back, and rollbacks: what a picture of the step shows. A tick alone has no length."""
    out = []
    for run in history.runs:
        first, last = run.began or run.ended, run.stopped or run.ended
        if run.step == step and first is not None:
            outcome = run.stopped_as or run.outcome or "running"
            out.append(StepSpan(outcome, first.ts, last.ts if last else history.end))
    for run in history.rollbacks:
        if run.step == step and run.began is not None:
            outcome = {"": "rolling back", "done": "rolled back"}.get(run.outcome, run.outcome)
            out.append(StepSpan(outcome, run.began.ts, run.ended.ts if run.ended else history.end))
    return tuple(out)


def task_rows(history: WindowHistory) -> tuple[TaskSummary, ...]:
    """The latest attempt of every task that was begun or settled."""
    return tuple(
        TaskSummary(
            step=step.id, host=task.host, batch=task.batch + 1, state=step.host_state(task.host), attempt=task.attempt,
            sent=history.sent.get((step.id, task.host), 0), earlier=_earlier(history, step.id, task),
            seconds=task.seconds, exit=task.exit, reason=task.reason, output=task.output, last_line=task.said,
            settled_by=task.settled_by,
        )
        for step in history.state.steps.values()
        for task in step.tasks.values()
        if task.state != "pending"
    )  # fmt: skip


def _earlier(history: WindowHistory, step: str, task: Task) -> tuple[str, ...]:
    """The bad ends of a task but the one it stands at now."""
    ends = history.bad_ends.get((step, task.host), [])
    return tuple(ends if task.state in OVER else ends[:-1])
