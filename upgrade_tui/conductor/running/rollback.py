"""A rollback: the steps that were asked for, in their order, batch by batch, as durable jobs with their own checks.

It stops, loudly, at the first batch in which anything failed or stayed unknown; the lead settles or retries, and asks
again for what is left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from upgrade_tui.conductor.running.deadman import Deadman
from upgrade_tui.conductor.running.desk import Desk, stumbled
from upgrade_tui.conductor.running.tasks import Tasks, Work
from upgrade_tui.plan.model import Step
from upgrade_tui.window import events as ev
from upgrade_tui.window.state import StepState, Task, Undo

NAMED = 10  # hosts that the reason names


class Rollbacks:
    """Carries out the rollback that the state says is active."""

    def __init__(self, desk: Desk, tasks: Tasks, deadman: Deadman) -> None:
        self._desk, self._tasks, self._deadman = desk, tasks, deadman

    async def run(self) -> None:
        """From where it stands to ``rollback.ended``; also after a takeover."""
        asked = self._desk.state().rollback
        if asked is None or not asked.active:
            return
        try:
            outcome, reason = await self._all(asked.undo)
        except Exception as error:  # noqa: BLE001 - the edge: it can be asked for again
            outcome, reason = "failed", stumbled(error)
        await self._end(outcome, reason)

    async def _all(self, steps: Sequence[Undo]) -> tuple[ev.Outcome, str]:
        for undo in steps:
            trouble = await self._step(undo)
            if trouble is not None:
                return trouble
        return "done", ""

    async def _end(self, outcome: ev.Outcome, reason: str) -> None:
        asked = self._desk.state().rollback
        assert asked is not None, "run() saw it"
        seconds = round(max(0.0, self._desk.now() - asked.started), 1)
        await self._desk.record(ev.RollbackEnded(outcome=outcome, seconds=seconds, reason=reason))

    async def _step(self, undo: Undo) -> tuple[ev.Outcome, str] | None:
        """Undo one step; why it stopped, or None."""
        spec, step = self._desk.state().plan.step(undo.step), self._desk.step(undo.step)
        asked = self._desk.state().rollback
        if spec is None or spec.rollback is None or asked is None:
            return None
        over = step.undo_started is not None and step.undo_started >= asked.started and step.state != "rolling back"
        if over:  # an earlier conductor was past it
            return None if step.state != "unknown" and not _stuck(step.tasks.values()) else ("failed", step.reason)
        if step.state != "rolling back":
            started = ev.RollbackStarted(
                step=undo.step, reason=asked.reason, attempt=step.undo + 1, batches=undo.batches
            )
            await self._desk.record(started)
        if spec.rollback.run is None:
            while self._desk.step(undo.step).state == "rolling back":  # a person ticks it, or gives it up
                await self._desk.changed()
            ended = self._desk.step(undo.step)
            return None if ended.state == "rolled back" else ("failed", f"{ended.id}: {ended.reason}")
        return await self._batches(spec, undo)

    async def _batches(self, spec: Step, undo: Undo) -> tuple[ev.Outcome, str] | None:
        begun = self._desk.step(spec.id).undo_started or self._desk.now()
        for hosts in undo.batches:
            async with asyncio.TaskGroup() as group:
                for host in hosts:
                    group.create_task(self._one(spec, host), name=f"undo {spec.id}@{host}")
            stuck = _stuck(self._desk.step(spec.id).tasks[h] for h in hosts)
            if stuck:
                return await self._stopped(spec, stuck, begun)
        seconds = round(max(0.001, self._desk.now() - begun), 3)
        done = ev.RollbackFinished(step=spec.id, outcome="done", seconds=seconds, batches=len(undo.batches))
        await self._desk.record(done)
        return None

    async def _one(self, spec: Step, host: str) -> None:
        step = self._desk.step(spec.id)
        task = step.tasks[host]
        work = Work(spec=spec, host=host, place=spec.run_on or host, attempt=step.undo, batch=task.batch, undo=True)
        if task.undo == step.undo and task.state == "rolled back":
            unchecked = work.check is not None and task.check is None and not task.settled_by
            if unchecked:
                await self._tasks.check_after(work)
        elif task.undo == step.undo and (task.state == "rolling back" or task.following):
            await self._tasks.run(work, resume=True)
        elif task.undo != step.undo or _before(task, step):
            why = await self._deadman.disarm(spec, host)  # else it would be undone twice
            if why is None:
                await self._tasks.run(work)
            elif self._desk.step(spec.id).tasks[host].state != "rolled back":
                await self._tasks.cannot(work, why)

    async def _stopped(self, spec: Step, stuck: list[Task], begun: float) -> tuple[ev.Outcome, str]:
        outcome: ev.Outcome = "unknown" if any(t.state == "unknown" for t in stuck) else "failed"
        what = ", ".join(f"{t.host} {t.state}: {t.reason}" for t in stuck[:NAMED])
        what += f" and {len(stuck) - NAMED} more" if len(stuck) > NAMED else ""  # a line of the log is not endless
        seconds = round(max(0.0, self._desk.now() - begun), 1)
        await self._desk.record(ev.RollbackFinished(step=spec.id, outcome=outcome, seconds=seconds, reason=what))
        return outcome, f"{spec.id}: {what}"


def _before(task: Task, step: StepState) -> bool:
    """Whether the task was undone, and not well, before this rollback: its host tried by itself."""
    began = step.undo_started
    return task.state != "rolled back" and began is not None and task.finished is not None and task.finished < began


def _stuck(tasks: Iterable[Task]) -> list[Task]:
    """Tasks of a rollback that need somebody."""
    return [t for t in tasks if t.undo and t.state in ("failed", "unknown", "unreachable")]
