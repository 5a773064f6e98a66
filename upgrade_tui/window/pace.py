"""How far a step's batches are and what they took: all that the clock asks of a step's tasks, found in one pass.

The clock is read once a second, and for every screen that is drawn, while a step has hundreds of tasks and most steps
have not changed since. So what is found is kept beside the frozen step it was found in: a changed step is another one.
"""

from __future__ import annotations

import math

from msgspec import Struct

from upgrade_tui.window.state import StepState

THROUGH: frozenset[str] = frozenset({"done", "skipped", "armed"})  # no work of the step is left there, nor to be tried


class Pace(Struct, frozen=True, kw_only=True):
    """Moments are epoch seconds, durations seconds.

    A batch counts with its slowest attempt, by hosts whose end was measured: what a person settled by hand says nothing
    about how long the work takes, and neither does the time it took them to try again.
    """

    touched: int  # batches that something was done in, or may have been: what a rollback would undo
    left: int  # batches still to run, the one under way included
    measured: int  # finished batches whose time is known
    each: float | None  # what they took on average, checks included
    since: float | None = None  # the batch under way began, in this attempt; None: none is under way
    until: float | None = None  # its last end so far, where nothing of it runs at the moment
    ended: float | None = None  # the last end of a batch that is over: the bake behind it counts from here


def pace(step: StepState) -> Pace:
    """What the clock needs to know of a step; a second time, of the same state of it, without another look."""
    kept = step.__dict__.get("pace")
    if kept is None:
        kept = step.__dict__["pace"] = _look(step)
    return kept


def _look(step: StepState) -> Pace:
    """One pass over the tasks. Flags and numbers in lists, by batch: where a batch is a host, sets cost twice that."""
    count = len(step.batches)
    touched, not_through, not_ended = bytearray(count), bytearray(count), bytearray(count)
    begun, ended, tries = [math.inf] * count, [-math.inf] * count, [0] * count
    mixed: set[int] = set()
    for task in step.tasks.values():
        state, batch = task.state, task.batch
        if state == "pending":
            not_through[batch] = not_ended[batch] = 1
            if task.touched:
                touched[batch] = 1
            continue
        if task.touched or task.changed:
            touched[batch] = 1
        if state != "done" and state not in THROUGH:
            not_through[batch] = 1
            not_ended[batch] |= state == "running"
        started, finished = task.started, task.finished
        if started is None or finished is None or task.seconds is None or task.settled_by:
            continue
        if tries[batch] != task.attempt and ended[batch] != -math.inf:
            mixed.add(batch)
        tries[batch] = task.attempt
        if started < begun[batch]:
            begun[batch] = started
        if finished > ended[batch]:
            ended[batch] = finished
    known = [number for number in range(count) if not not_through[number] and ended[number] != -math.inf]
    took = [_slowest(step, n) if n in mixed else max(0.0, ended[n] - begun[n]) for n in known]
    return Pace(
        touched=touched.count(1), left=_left(step, not_through, not_ended), measured=len(took),
        each=sum(took) / len(took) if took else None, **_under_way(step, not_ended),
    )  # fmt: skip


def _slowest(step: StepState, batch: int) -> float:
    """What a batch took in which hosts were tried again: the longest of its attempts, not the time in between."""
    good = [
        (task.attempt, task.started, task.finished)
        for task in map(step.tasks.__getitem__, step.batches[batch])
        if task.seconds is not None and not task.settled_by and task.started is not None and task.finished is not None
    ]
    took = 0.0
    for attempt in {a for a, _, _ in good}:
        spans = [(first, last) for a, first, last in good if a == attempt]
        took = max(took, max(last for _, last in spans) - min(first for first, _ in spans))
    return took


def _left(step: StepState, not_through: bytearray, not_ended: bytearray) -> int:
    """Batches still to run. A running step has left behind what is before its batch, failures that it may bear too."""
    if step.state != "running" or step.batch < 0:
        return not_through.count(1)
    return not_through[step.batch + 1 :].count(1) + not_ended[step.batch : step.batch + 1].count(1)


def _under_way(step: StepState, not_ended: bytearray) -> dict[str, float | None]:
    """``since``, ``until`` and ``ended`` of the batch that a running step is in."""
    if step.state != "running" or not 0 <= step.batch < len(step.batches):
        return {}
    tasks = [task for host in step.batches[step.batch] if (task := step.tasks.get(host)) and task.batch == step.batch]
    ends = [task.finished for task in tasks if task.finished is not None]
    if not not_ended[step.batch]:
        return {"ended": max(ends, default=None)}
    since = min((t.started for t in tasks if t.started is not None and t.attempt == step.attempt), default=None)
    if since is None or any(task.state == "running" for task in tasks):
        return {"since": since}
    return {"since": since, "until": max(ends, default=since)}
