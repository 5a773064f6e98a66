"""Steps going forward: batches in order, failures counted, canaries asked between batches."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from functools import partial

from upgrade_tui.conductor.execution.begin import begin
from upgrade_tui.conductor.execution.context import ExecutionContext, own_fault, runs
from upgrade_tui.conductor.execution.deadman_control import DeadmanControl
from upgrade_tui.conductor.execution.tasks import Tasks, Work
from upgrade_tui.conductor.execution.waits import RUNNERS, Stop, all_confirmed, going_on, healthy_for
from upgrade_tui.plan.model import Step
from upgrade_tui.window import events as ev
from upgrade_tui.window.commands import Refusal
from upgrade_tui.window.decide_undo import stopped_attempt
from upgrade_tui.window.on_fail import step_answer
from upgrade_tui.window.state import StepState, Task, WindowState
from upgrade_tui.window.step_state import bad
from upgrade_tui.window.undo import unchecked


class Steps:
    """Runs steps whose intent is durable, each to its ``step.finished``."""

    def __init__(self, context: ExecutionContext, tasks: Tasks, deadman: DeadmanControl) -> None:
        self._context, self._tasks, self._deadman = context, tasks, deadman

    async def run(self, step_id: str, *, resume: bool = False) -> None:
        """Carry out a step; ``resume``: an earlier conductor began it."""
        spec = self._context.state().plan.step(step_id)
        if spec is None or spec.kind == "manual":
            return
        attempt = self._context.step(step_id).attempt

        def decide(state: WindowState) -> Sequence[ev.Event] | Refusal:
            if not runs(state, step_id, attempt):  # an operator's vote or skip may end the step in the same moment
                return ()
            passed = isinstance(ended, ev.BakeEnded) and ended.passed
            if passed and any(state.canaries[name].verdict != "healthy" for name in spec.canaries):
                return Refusal("a canary stopped being healthy in the same moment")
            return (ended, *step_answer(state, step_id))

        while True:
            try:
                ended = await self._to_its_end(spec, attempt, resume)
            except Exception as error:  # noqa: BLE001 - the edge: without a conductor nothing could be rolled back
                ended = stopped_attempt(self._context.step(step_id), own_fault(error))
            if not isinstance(await self._context.transact(decide), Refusal):
                return

    async def _to_its_end(self, spec: Step, attempt: int, resume: bool) -> ev.Event:
        if spec.kind in RUNNERS:
            return await RUNNERS[spec.kind](self._context, spec)
        reason = ""
        try:
            await self._command(spec, resume)
        except Stop as stop:
            reason = stop.reason
        return ev.StepFinished(step=spec.id, attempt=attempt, reason=reason)

    async def _command(self, spec: Step, resume: bool) -> None:
        step = self._context.step(spec.id)
        last = step.batch if resume else -1  # an earlier conductor had begun this batch
        if resume:
            await self._pick_up(spec, last)
        began = baked = False
        for number, hosts in enumerate(step.batches):
            todo = [h for h in hosts if self._to_do(spec, self._task(spec, h), step)]
            if not todo and number != last:
                continue
            if todo:
                if began and not baked:
                    await healthy_for(self._context, spec, step.attempt, float(spec.bake or 0.0))
                if began:
                    await all_confirmed(self._context, spec, step.attempt)
                    if self._too_many(spec):
                        return
                if number == last:
                    await going_on(self._context, spec, step.attempt)
                else:
                    started = ev.BatchStarted(step=spec.id, attempt=step.attempt, batch=number)
                    again = partial(healthy_for, self._context, spec, step.attempt, 0.0) if began else None
                    await begin(self._context, spec, step.attempt, number, started, again=again)
                await self._batch(spec, number, todo)
            if self._too_many(spec):
                return  # its tasks say why
            began, baked = True, await self._by_the_plan(spec, step.attempt)
        step = self._context.step(spec.id)
        if any(self._to_do(spec, task, step) for task in step.tasks.values()):
            await going_on(self._context, spec, step.attempt)  # what kept the last batch from beginning is told

    async def _by_the_plan(self, spec: Step, attempt: int) -> bool:
        """What the plan confirms by itself, at the end of the batch's bake. Whether it was baked."""
        if not self._deadman.to_confirm(spec):
            return False
        await healthy_for(self._context, spec, attempt, float(spec.bake or 0.0))
        await self._deadman.confirm_by_the_plan(spec)
        return True

    async def _pick_up(self, spec: Step, number: int) -> None:
        """Find what runs on hosts, also in a window that is paused or was aborted: that starts nothing."""
        step = self._context.step(spec.id)
        begun = [t.host for t in step.tasks.values() if t.state != "pending" and self._to_do(spec, t, step)]
        if begun:
            await self._batch(spec, number, begun)

    def _to_do(self, spec: Step, task: Task, step: StepState) -> bool:
        """Whether a task is still to be run or found in this attempt, or lacks only its check."""
        if step.only and task.host not in step.only:
            return False
        of_this = task.attempt == step.attempt
        to_find = task.state == "running" or task.following or unchecked(spec, task)
        return task.state == "pending" or (of_this and to_find)

    async def _batch(self, spec: Step, number: int, todo: list[str]) -> None:
        places = asyncio.Semaphore(spec.parallel or len(todo))
        async with asyncio.TaskGroup() as group:
            for host in todo:
                group.create_task(self._one(spec, host, number, places), name=f"{spec.id}@{host}")

    async def _one(self, spec: Step, host: str, number: int, places: asyncio.Semaphore) -> None:
        step = self._context.step(spec.id)
        work = Work(spec=spec, host=host, place=spec.run_on or host, attempt=step.attempt, batch=number)
        async with places:
            task = self._task(spec, host)
            if task.state == "done":
                await self._tasks.check_after(work)
            elif task.state == "pending":
                await self._fresh(spec, work)
            elif task.state == "running" or task.following:
                await self._tasks.run(work, resume=True)
        await self._deadman.task_ended(spec, host)

    async def _fresh(self, spec: Step, work: Work) -> None:
        if spec.stop == "now" and self._too_many(spec):
            return  # stays pending: nothing more starts
        with contextlib.suppress(Stop):  # aborted, or ended by somebody: it stays pending
            await going_on(self._context, spec, work.attempt)
            if await self._tasks.check_before(work):
                return
            await begin(self._context, spec, work.attempt, work.batch)  # the check may have taken a while
            if self._task(spec, work.host).state != "pending" or not await self._tasks.make_way(work):
                return
            if await self._deadman.arm(work):
                await self._tasks.run(work)
                await self._deadman.task_begun(spec, work.host)

    def _too_many(self, spec: Step) -> bool:
        """More hosts failed than the plan allows; unreachable and unknown count."""
        step = self._context.step(spec.id)
        return len(bad(list(step.tasks.values()))) > step.allowed

    def _task(self, spec: Step, host: str) -> Task:
        return self._context.step(spec.id).tasks[host]
