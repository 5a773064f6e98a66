"""A rollback: the steps that were asked for, in their order, batch by batch, as durable jobs with their own checks.

It stops, loudly, at the first batch in which anything failed or stayed unknown; the lead settles or retries, and asks
again for what is left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from upgrade_tui.conductor.execution.context import ExecutionContext, own_fault
from upgrade_tui.conductor.execution.deadman_control import DeadmanControl
from upgrade_tui.conductor.execution.tasks import Tasks, Work
from upgrade_tui.plan.model import LOCAL, Plan, Step
from upgrade_tui.units import few_text
from upgrade_tui.window import events as ev
from upgrade_tui.window.on_fail import cut_off, in_the_way
from upgrade_tui.window.state import Task, Undo
from upgrade_tui.window.undo import batches_to_undo

_NAMED = 10  # hosts that the reason names
PROVEN = 1.5  # seconds over three keepalives, until a link that looks up is known to be

Trouble = tuple[ev.Outcome, str]


class Rollbacks:
    """Carries out the rollback that the state says is active."""

    def __init__(self, context: ExecutionContext, tasks: Tasks, deadman: DeadmanControl) -> None:
        self._context, self._tasks, self._deadman = context, tasks, deadman

    async def run(self) -> None:
        """From where it stands to ``rollback.ended``; also after a takeover."""
        asked = self._context.state().rollback
        if asked is None or not asked.active:
            return
        try:
            stopped = await self._may_begin() if asked.by_itself else None
            outcome, reason = stopped or await self._all(asked.undo)
        except Exception as error:  # noqa: BLE001 - the edge: it can be asked for again
            outcome, reason = "failed", own_fault(error)
        await self._end(outcome, reason)

    async def _may_begin(self) -> Trouble | None:
        """What nobody asked for waits for what runs in its way, and until it is proven which hosts can be reached."""
        state = self._context.state
        limit = self._context.mono() + _proven(state().plan)
        while True:
            asked = state().rollback
            assert asked is not None, "run() saw it"
            if any(self._context.step(undo.step).state == "rolling back" for undo in asked.undo):
                return None  # an earlier conductor had begun it
            if asked.aborted:
                return self._aborted()
            left = limit - self._context.mono()
            if left <= 0 and not in_the_way(state(), [undo.step for undo in asked.undo]):
                break
            await self._context.change_within(left if left > 0 else None)
        why_not = cut_off(state(), asked.canary)
        if not why_not:
            return None
        reason = f"{asked.reason}; {why_not}"
        await self._context.transact(lambda now: (ev.WindowPaused(reason=reason),) if now.phase == "open" else ())
        return "failed", reason

    def _aborted(self) -> Trouble | None:
        """The lead stops a rollback by aborting the window."""
        asked = self._context.state().rollback
        return ("failed", f"stopped by the lead: {asked.aborted}") if asked is not None and asked.aborted else None

    async def _all(self, steps: Sequence[Undo]) -> Trouble:
        for number, undo in enumerate(steps):
            # after a takeover: what is under way has its end told, also where it was stopped meanwhile
            under_way = any(self._context.step(each.step).state == "rolling back" for each in steps[number:])
            trouble = (None if under_way else self._aborted()) or await self._step(undo)
            if trouble is not None:
                return trouble
        return "done", ""

    async def _end(self, outcome: ev.Outcome, reason: str) -> None:
        asked = self._context.state().rollback
        assert asked is not None, "run() saw it"
        seconds = round(max(0.0, self._context.now() - asked.started), 1)
        await self._context.record(ev.RollbackEnded(outcome=outcome, seconds=seconds, reason=reason))

    async def _step(self, undo: Undo) -> Trouble | None:
        """Undo one step; why it stopped, or None."""
        spec, step = self._context.state().plan.step(undo.step), self._context.step(undo.step)
        asked = self._context.state().rollback
        if spec is None or spec.rollback is None or asked is None:
            return None
        if undo.step in asked.begun and step.state != "rolling back":  # an earlier conductor was past it
            stuck = _stuck(step.tasks[h] for batch in step.undo_batches for h in batch)
            return ("failed", step.reason) if stuck else None
        if step.state != "rolling back":
            batches = batches_to_undo(spec, step, asked.hosts)
            if batches is None:
                return None  # what ran when it was asked for turned out to have changed nothing
            started = ev.RollbackStarted(step=undo.step, reason=asked.reason, attempt=step.undo + 1, batches=batches)
            await self._context.record(started)
        if spec.rollback.run is None:
            while self._context.step(undo.step).state == "rolling back":  # a person ticks it, or gives it up
                stopped = self._aborted()
                if stopped is not None:
                    return await self._left(spec, stopped, self._context.now())
                await self._context.changed()
            ended = self._context.step(undo.step)
            return None if ended.state == "rolled back" else ("failed", f"{ended.id}: {ended.reason}")
        return await self._batches(spec)

    async def _batches(self, spec: Step) -> Trouble | None:
        begun = self._context.step(spec.id).undo_started or self._context.now()
        batches = self._context.step(spec.id).undo_batches
        for hosts in batches:
            async with asyncio.TaskGroup() as group:
                for host in hosts:
                    group.create_task(self._one(spec, host), name=f"undo {spec.id}@{host}")
            stuck = _stuck(self._context.step(spec.id).tasks[h] for h in hosts)
            if stuck:
                return await self._stopped(spec, stuck, begun)
            stopped = self._aborted() if hosts != batches[-1] else None
            if stopped is not None:
                return await self._left(spec, stopped, begun)
        seconds = round(max(0.001, self._context.now() - begun), 3)
        done = ev.RollbackFinished(step=spec.id, outcome="done", seconds=seconds, batches=len(batches))
        await self._context.record(done)
        return None

    async def _one(self, spec: Step, host: str) -> None:
        step = self._context.step(spec.id)
        task = step.tasks[host]
        work = Work(spec=spec, host=host, place=spec.run_on or host, attempt=step.undo, batch=task.batch, undo=True)
        if task.undo == step.undo and task.state == "rolled back":
            unchecked = work.check is not None and task.check is None and not task.settled_by
            if unchecked:
                await self._tasks.check_after(work)
        elif task.undo == step.undo and (task.state == "rolling back" or task.following):
            await self._tasks.run(work, resume=True)
        elif task.undo != step.undo:
            why = await self._deadman.disarm(spec, host)  # else it would be undone twice
            if why is None:
                if await self._tasks.make_way(work):
                    await self._tasks.run(work)
            elif self._context.step(spec.id).tasks[host].state != "rolled back":
                await self._tasks.cannot(work, why)

    async def _stopped(self, spec: Step, stuck: list[Task], begun: float) -> Trouble:
        outcome: ev.Outcome = "unknown" if any(t.state == "unknown" for t in stuck) else "failed"
        what = [f"{t.host} {t.state}: {t.reason}" for t in stuck]
        return await self._left(spec, (outcome, few_text(what, _NAMED)), begun)  # a line of the log is not endless

    async def _left(self, spec: Step, why: Trouble, begun: float) -> Trouble:
        """Undoing the step ended before it was through."""
        outcome, reason = why
        seconds = round(max(0.0, self._context.now() - begun), 1)
        await self._context.record(ev.RollbackFinished(step=spec.id, outcome=outcome, seconds=seconds, reason=reason))
        return outcome, f"{spec.id}: {reason}"


def _proven(plan: Plan) -> float:
    """Seconds after which a link that was cut before now is known to be lost."""
    asked = [float((host.ssh or plan.ssh).keepalive) for host in plan.hosts.values() if host.address != LOCAL]
    return 3 * max(asked) + PROVEN if asked else 0.0


def _stuck(tasks: Iterable[Task]) -> list[Task]:
    """Tasks of a rollback that need somebody."""
    return [t for t in tasks if t.undo and t.state in ("failed", "unknown", "unreachable")]
