"""The rollback clock: until when can we still go back, and will we finish in time?

    rollback cost R  = sum of rollback durations of what was done so far, a batch at a time
    rollback by  D   = window end - margin - R
    slack            = D - now
    forecast finish  = now + critical path of what remains

Pure: ``now`` is an argument. Moments are epoch seconds, durations seconds.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from msgspec import Struct

from upgrade_tui.plan.estimate import remaining_seconds, step_seconds, window_end, window_start
from upgrade_tui.plan.model import Step
from upgrade_tui.units import duration_text
from upgrade_tui.window.events import ClockCrossed, Crossing
from upgrade_tui.window.pace import THROUGH, pace
from upgrade_tui.window.state import OVER, StepState, Task, WindowState

Level = Literal["good", "watch", "tight", "critical", "over"]
CLOCK_LEVELS: tuple[Level, ...] = ("good", "watch", "tight", "critical", "over")

MINUTE = 60.0
_LIMITS: tuple[tuple[float, Level], ...] = (
    (0, "over"),
    (5 * MINUTE, "critical"),
    (10 * MINUTE, "tight"),
    (30 * MINUTE, "watch"),
)


class Reading(Struct, frozen=True, kw_only=True):
    """What the clock shows at ``now``. ``by`` and ``slack`` are None past the point of no return, and of a window that
    is not open yet or closed.
    """

    now: float
    start: float
    end: float
    margin: float
    cost: float  # R
    by: float | None  # D
    slack: float | None
    left: float  # critical path of what remains
    forecast: float  # when that will be over
    no_return: str  # id of the irreversible step that was begun
    slack_level: Level
    forecast_level: Level
    words: str  # the worst of the two in words

    @property
    def level(self) -> Level:
        """The worse of slack's and forecast's level."""
        return max(self.slack_level, self.forecast_level, key=CLOCK_LEVELS.index)


def read(state: WindowState, now: float) -> Reading:
    """The clock at ``now``."""
    if state.closed is not None:
        return _after_the_end(state, state.closed)
    if state.opened is None:
        return _before_it_is_open(state, now)
    cost, left = rollback_cost(state), remaining(state, now)
    no_return = state.no_return
    margin = float(state.plan.window.margin)
    by = None if no_return else state.end - margin - cost
    slack = None if by is None else by - now
    forecast = max(now, state.start) + left
    slack_level, forecast_level = _slack_level(slack), _forecast_level(forecast, state.end, margin, now)
    return Reading(
        now=now, start=state.start, end=state.end, margin=margin, cost=cost, by=by, slack=slack, left=left,
        forecast=forecast, no_return=no_return, slack_level=slack_level, forecast_level=forecast_level,
        words=_words(slack, forecast, state.end, margin, slack_level, forecast_level, no_return),
    )  # fmt: skip


def _after_the_end(state: WindowState, closed: float) -> Reading:
    """The clock of a closed window stands still at its end: nothing is left, nothing is urgent, no way leads back."""
    return Reading(
        now=closed, start=state.start, end=state.end, margin=float(state.plan.window.margin), cost=rollback_cost(state),
        by=None, slack=None, left=0.0, forecast=closed, no_return=state.no_return,
        slack_level="good", forecast_level="good", words=f"the window is closed: {state.outcome}",
    )  # fmt: skip


def _before_it_is_open(state: WindowState, now: float) -> Reading:
    """The clock before the first event: what the plan says, and nothing to go back from."""
    start, left = window_start(state.plan, now), remaining(state, now)
    return Reading(
        now=now, start=start, end=window_end(state.plan, now), margin=float(state.plan.window.margin), cost=0.0,
        by=None, slack=None, left=left, forecast=max(now, start) + left, no_return="",
        slack_level="good", forecast_level="good", words="the window is not open yet",
    )  # fmt: skip


def rollback_cost(state: WindowState) -> float:
    """R: seconds to undo what was done so far, every touched batch of every step."""
    return sum(step_rollback_cost(spec, state.steps[spec.id]) for spec in state.plan.steps)


def step_rollback_cost(spec: Step, step: StepState) -> float:
    """What undoing a step as far as it was done takes: by measured batches, else estimated ones."""
    if spec.rollback is None or step.state == "rolled back":
        return 0.0
    if spec.kind == "command":
        batches = pace(step).touched
    else:
        batches = 0 if step.state in ("pending", "skipped") else 1
    return batches * batch_rollback_seconds(spec, step)


def batch_rollback_seconds(spec: Step, step: StepState) -> float:
    """Undoing one batch of a step: as measured in this window, else as estimated; 0 without a rollback."""
    if spec.rollback is None:
        return 0.0
    return float(spec.rollback.estimate) if step.rollback_seconds is None else step.rollback_seconds


def remaining(state: WindowState, now: float) -> float:
    """Critical path of what is left, by the estimates and by how this window's own batches went."""
    left = {
        spec.id: step_remaining(state, spec, now)
        for spec in state.plan.steps
        if state.steps[spec.id].state not in OVER and state.steps[spec.id].state != "rolled back"
    }
    return remaining_seconds(state.plan, left)


def step_remaining(state: WindowState, spec: Step, now: float) -> float:
    """Seconds a step that is not over still needs. A batch takes what this step's finished batches took on average."""
    step = state.steps[spec.id]
    if spec.kind != "command":
        total = step_seconds(state.plan, spec)
        running = step.state == "running" and step.started is not None
        return max(0.0, total - (now - step.started)) if running and step.started is not None else total
    left = pace(step).left
    if not left:
        return 0.0
    bake = float(spec.bake or 0.0)
    begun = batch_remaining(spec, step, now)
    return _bake_left(step, bake, now) + begun + (batch_expected(spec, step) + bake) * (left - 1)


def batch_expected(spec: Step, step: StepState) -> float:
    """Seconds a batch of this step takes: as its finished batches did on average, else as estimated."""
    each = pace(step).each
    return float(spec.estimate) if each is None else each


def batch_remaining(spec: Step, step: StepState, now: float) -> float:
    """Seconds the batch under way still needs, or the next one where none is."""
    seen = pace(step)
    spent = 0.0 if seen.since is None else (now if seen.until is None else seen.until) - seen.since
    return max(0.0, batch_expected(spec, step) - max(0.0, spent))


def _bake_left(step: StepState, bake: float, now: float) -> float:
    """Seconds left of the bake between two batches, if the step is in one."""
    ended = pace(step).ended
    return 0.0 if ended is None else max(0.0, bake - max(0.0, now - ended))


class Preview(Struct, frozen=True, kw_only=True):
    """What the clock will read after a step, if it takes what is expected from ``now`` on."""

    cost: float
    by: float | None
    slack: float | None
    irreversible: bool


def after(state: WindowState, spec: Step, now: float, hosts: Collection[str] = ()) -> Preview:
    """The clock after ``spec``, or after a retry of some ``hosts`` of it, before it is started."""
    step = state.steps[spec.id]
    done_now = step_rollback_cost(spec, step)
    to_run = {t.batch for t in step.tasks.values() if still_to_run(t, hosts)}
    to_undo = len(to_run.union(t.batch for t in step.tasks.values() if t.changed)) if spec.kind == "command" else 1
    whole = batch_rollback_seconds(spec, step) * max(1, to_undo)
    cost = rollback_cost(state) - done_now + max(whole, done_now)
    if spec.irreversible or state.no_return:
        return Preview(cost=cost, by=None, slack=None, irreversible=True)
    by = state.end - float(state.plan.window.margin) - cost
    if hosts:
        bake = float(spec.bake or 0.0)
        seconds = len(to_run) * (batch_expected(spec, step) + bake) - (bake if to_run else 0.0)
    else:
        seconds = step_remaining(state, spec, now)
    return Preview(cost=cost, by=by, slack=by - (max(now, state.start) + seconds), irreversible=False)


def still_to_run(task: Task, hosts: Collection[str] = ()) -> bool:
    """Whether starting its step, or trying these hosts again, runs a task."""
    return task.state not in THROUGH and (not hosts or task.host in hosts)


def after_batch(state: WindowState, spec: Step, batch: int, now: float) -> float | None:
    """Slack after a batch of a step that runs, in seconds; None past the point of no return.

    A batch that is under way was counted with all that it takes when it began: of that, slack is what is left now.
    """
    if spec.irreversible or state.no_return:
        return None
    step = state.steps[spec.id]
    hosts = step.batches[batch] if 0 <= batch < len(step.batches) else ()
    touched = any(step.tasks[h].changed for h in hosts if h in step.tasks)
    cost = rollback_cost(state) + (0.0 if touched else batch_rollback_seconds(spec, step))
    takes = 0.0 if step.batch == batch else batch_expected(spec, step)
    return state.end - float(state.plan.window.margin) - cost - (max(now, state.start) + takes)


_MARKS: tuple[tuple[float, Crossing], ...] = (
    (0, "T-0"),
    (5 * MINUTE, "T-5"),
    (10 * MINUTE, "T-10"),
    (30 * MINUTE, "T-30"),
)


def crossings(state: WindowState, reading: Reading) -> tuple[ClockCrossed, ...]:
    """Deadlines that ``reading`` has crossed and the log does not say yet. A tight one stands for the looser ones."""
    if state.phase in ("new", "closed"):
        return ()
    out = []
    if reading.no_return and "point of no return" not in state.crossed:
        out.append(ClockCrossed(what="point of no return", step=reading.no_return))
    if reading.slack is not None:
        mark = next((name for limit, name in _MARKS if reading.slack <= limit), None)
        if mark is not None and mark not in state.crossed:
            out.append(ClockCrossed(what=mark, slack=round(reading.slack, 1)))
    if reading.now >= state.end and "window end" not in state.crossed:
        out.append(ClockCrossed(what="window end", slack=None))
    return tuple(out)


def _slack_level(slack: float | None) -> Level:
    if slack is None:
        return "good"
    return next((level for limit, level in _LIMITS if slack <= limit), "good")


def _forecast_level(forecast: float, end: float, margin: float, now: float) -> Level:
    if now >= end:
        return "over"
    if forecast > end:
        return "critical"
    return "tight" if forecast > end - margin else "good"


def _words(
    slack: float | None,
    forecast: float,
    end: float,
    margin: float,
    slack_level: Level,
    forecast_level: Level,
    no_return: str,
) -> str:
    """One line: the worst thing the clock has to say."""
    if forecast_level == "over":
        return "the window is over"
    if CLOCK_LEVELS.index(forecast_level) > CLOCK_LEVELS.index(slack_level):
        if forecast > end:
            return f"forecast runs {duration_text(forecast - end)} past the window"
        return f"forecast runs {duration_text(forecast - end + margin)} into the margin"
    if no_return:
        return f"point of no return passed at {no_return}: forward only"
    if slack is None or slack_level == "good":
        return "on time: can still go back"
    if slack_level == "over":
        return f"too late to go back inside the window by {duration_text(-slack)}"
    return f"start any rollback within {duration_text(slack)}"
