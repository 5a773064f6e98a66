"""The dead-man rollback, seen from here: arm before a change, carry out what was decided, tell what the host did."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from typing import Protocol

from msgspec.structs import replace

from upgrade_tui.conductor.execution.context import ExecutionContext
from upgrade_tui.conductor.execution.secret import NoSecret, Redactor, secrets_of
from upgrade_tui.conductor.execution.tasks import Work, job_name, job_spec
from upgrade_tui.fleet.jobs import Arming, HostDeadman, JobSpec, NotAnswered
from upgrade_tui.foreign import one_line
from upgrade_tui.plan.model import Step
from upgrade_tui.window import events as ev
from upgrade_tui.window.state import Armed, Task

LOOK = 5.0  # seconds between two looks at an armed host
UNDONE = "the host has just undone it by itself"


class Guards(Protocol):
    """What is needed of the fleet. Errors come as one line."""

    async def arm(
        self, host: str, name: str, command: str, seconds: float, *, spec: JobSpec | None = None
    ) -> Arming: ...

    async def confirm(self, host: str, name: str, *, place: str = "") -> HostDeadman: ...

    async def extend(self, host: str, name: str, seconds: float, *, place: str = "") -> HostDeadman: ...

    async def armed(self, host: str, name: str, *, place: str = "") -> HostDeadman: ...


class DeadmanControl:
    """Arms hosts and keeps the log true about them."""

    def __init__(self, context: ExecutionContext, guards: Guards) -> None:
        self._context, self._guards = context, guards

    async def arm(self, work: Work) -> bool:
        """Before anything is changed: True where nothing is to be armed, or it is. An unarmed change is not begun."""
        within, rollback = work.spec.confirm_within, work.spec.rollback
        if within is None or rollback is None or rollback.run is None:
            return True
        at_it = await self._undone_by_then(work)
        arming = Arming(error=at_it) if at_it else await self._armed_there(work, rollback.run, float(within))
        error = arming.error or await self._only_one(work, float(within))
        if error:
            if not arming.error:
                await self._withdraw(work, float(within))
            reason = one_line(f"its own rollback could not be armed, so nothing was changed: {error}", 300)
            unreachable = ev.TaskUnreachable(step=work.spec.id, host=work.host, attempt=work.attempt, reason=reason)
            await self._context.record(unreachable)
            return False
        armed = ev.DeadmanArmed(
            step=work.spec.id, host=work.host, attempt=work.attempt, seconds=float(within), risk=arming.risk
        )
        await self._context.record(armed)
        return True

    async def _undone_by_then(self, work: Work) -> str:
        """Why nothing is to be begun: the host undoes an earlier attempt by itself. That is waited for first.

        A dead-man that was armed meanwhile would go off beside it, for a change that never began.
        """
        while (earlier := self._earlier(work)) is not None:
            name, at = self._name(work.spec, work.host, earlier.attempt), work.place
            found = await self._guards.armed(at, name, place=self._context.place_of(at))
            if found.state != "fired" or self._event(work.spec.id, work.host, earlier, found) is not None:
                return ""
            await self._context.change_within(LOOK)
            if self._earlier(work) is None:
                return UNDONE
        return ""

    def _earlier(self, work: Work) -> Armed | None:
        """What an earlier attempt armed there."""
        armed = self._context.step(work.spec.id).armed.get(work.host)
        return armed if armed is not None and armed.state == "armed" and armed.attempt < work.attempt else None

    async def _armed_there(self, work: Work, command: str, seconds: float) -> Arming:
        try:
            secrets = await secrets_of(work.spec)
            await self._context.place(work.place)
        except (NoSecret, NotAnswered) as error:
            return Arming(error=str(error))
        name = self._name(work.spec, work.host, work.attempt)
        spec = job_spec(self._context, replace(work, undo=True), secrets)
        spec = replace(
            spec, guards=work.job_name(self._context.state().jobs)
        )  # it undoes nothing beside the change itself
        return await self._guards.arm(work.place, name, command, seconds, spec=spec)

    async def _only_one(self, work: Work, seconds: float) -> str | None:
        """An earlier attempt's dead-man would undo this one: it is disarmed. Why that did not work, or None.

        One that an earlier conductor armed counts from now on.
        """
        earlier = self._context.step(work.spec.id).armed.get(work.host)
        if self._earlier(work) is not None:
            why = await self.disarm(work.spec, work.host, wait=False)
            if why is not None:
                return why
        why = await self._none_unlogged(work.spec, work.host, range(1, work.attempt), earlier)
        if why is not None:
            return why
        if self._context.state().takeovers:
            name = self._name(work.spec, work.host, work.attempt)
            found = await self._guards.extend(work.place, name, seconds, place=self._context.place_of(work.place))
            if found.state != "armed":
                return f"an earlier conductor had armed it, and now it is {found.state}: {found.reason}".rstrip(": ")
        return None

    async def _none_unlogged(
        self, spec: Step, host: str, attempts: Iterable[int], logged: Armed | None, *, wait: bool = False
    ) -> str | None:
        """Disarm what was armed as a conductor died, or a step was stopped, and is not in the log. Why not, or None.

        One that fires right now is waited for (``wait``), or is why not.
        """
        for attempt in attempts:
            while logged is None or logged.attempt != attempt:
                found = await self._confirm_attempt(spec, host, attempt)
                if found.state == "not known":
                    return f"whether attempt {attempt} armed it is not known: {found.reason}"
                if found.state != "fired" or found.exit is not None or found.reason:
                    break
                if not wait:
                    return f"the dead-man rollback of attempt {attempt} runs there right now"
                await self._context.change_within(0.5)
        return None

    async def _withdraw(self, work: Work, seconds: float) -> None:
        """What it was armed for is not begun: disarm it, or wait until its time is over. The log tells none of it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while (await self._confirm_attempt(work.spec, work.host, work.attempt)).state == "not known":
                    await self._context.change_within(LOOK)

    async def disarm(self, spec: Step, host: str, *, wait: bool = True) -> str | None:
        """Before the step is done again or undone on the host. Why that is not to be begun, or None.

        A dead-man that fires right now is waited for, or (``wait``) is why not.
        """
        while self._is_armed(spec, host):
            armed = self._context.step(spec.id).armed[host]
            found = await self._confirm(spec, host, armed)
            if found.state == "not known":
                return f"its dead-man rollback could not be disarmed: {found.reason}"
            event = self._event(spec.id, host, armed, await self._masked(spec, found))
            if event is None and not wait:
                return "the host undoes it by itself right now"
            if event is None:
                await self._context.change_within(0.5)
            elif self._is_armed(spec, host):
                await self._context.record(event)
                if isinstance(event, ev.DeadmanGone):
                    return None
                if isinstance(event, ev.DeadmanFired):
                    return UNDONE
        if wait and spec.confirm_within is not None and self._context.state().takeovers:
            step = self._context.step(spec.id)
            return await self._none_unlogged(spec, host, range(1, step.attempt + 1), step.armed.get(host), wait=True)
        return None

    async def _confirm(self, spec: Step, host: str, armed: Armed) -> HostDeadman:
        return await self._confirm_attempt(spec, host, armed.attempt)

    async def _confirm_attempt(self, spec: Step, host: str, attempt: int) -> HostDeadman:
        name = self._name(spec, host, attempt)
        at = spec.run_on or host
        return await self._guards.confirm(at, name, place=self._context.place_of(at))

    def _name(self, spec: Step, host: str, attempt: int) -> str:
        return job_name(self._context.state().jobs, spec, host, f"deadman{attempt}")

    async def task_begun(self, spec: Step, host: str) -> None:
        """Or not: an abort or an exclusion kept it from beginning, and there is nothing to undo."""
        task = self._context.step(spec.id).tasks[host]
        if task.state in ("pending", "skipped") and not task.changed and self._is_armed(spec, host):
            await self._ask(spec, (host,), "nothing was begun there")

    async def task_ended(self, spec: Step, host: str) -> None:
        """A command that failed by itself and left nothing to undo disarms the host, where the plan says so."""
        if not spec.failure_changes_nothing or not self._is_armed(spec, host):
            return
        task = self._context.step(spec.id).tasks[host]
        by_itself = (
            task.exit not in (None, 0)
            and not task.timed_out
            and not task.ended
            and not task.early
            and not task.settled_by
        )
        if task.state == "failed" and by_itself:
            await self._ask(spec, (host,), "the change failed and left nothing to undo")

    def to_confirm(self, spec: Step) -> tuple[str, ...]:
        """Hosts that the plan confirms by itself once the step's canaries were healthy: where its check passed."""
        if spec.confirm != "auto" or spec.confirm_within is None:
            return ()
        step = self._context.step(spec.id)
        return tuple(h for h, t in step.tasks.items() if self._proven(spec, t) and not step.armed[h].asked)

    async def confirm_by_the_plan(self, spec: Step) -> None:
        """Their bake is over and its canaries are healthy."""
        good = self.to_confirm(spec)
        if good:
            await self._ask(spec, good, "its check passed and its canaries are healthy")

    def _proven(self, spec: Step, task: Task) -> bool:
        """Whether an armed change is there and right."""
        checked = spec.check is None or task.check == 0 or task.settled_by != ""
        return task.state == "done" and checked and self._is_armed(spec, task.host)

    async def _ask(self, spec: Step, hosts: tuple[str, ...], reason: str) -> None:
        await self._context.record(ev.DeadmanAsked(step=spec.id, hosts=hosts, what="confirm", reason=reason))

    def _is_armed(self, spec: Step, host: str) -> bool:
        armed = self._context.step(spec.id).armed.get(host)
        return armed is not None and armed.state == "armed"

    async def watch(self) -> None:
        """Carry out decisions, look at armed hosts, until cancelled. What a lost host did is told when it is back."""
        while True:
            jobs = [
                self._tend(spec, host, armed)
                for spec in self._context.state().plan.steps
                for host, armed in self._context.step(spec.id).armed.items()
                if armed.state == "armed"
            ]
            await asyncio.gather(*jobs)
            armed_now = [
                a for s in self._context.state().steps.values() for a in s.armed.values() if a.state == "armed"
            ]
            if armed_now:
                await self._context.change_within(0.5 if any(a.asked for a in armed_now) else LOOK)
            else:
                await self._context.changed()

    async def _tend(self, spec: Step, host: str, armed: Armed) -> None:
        at, name = spec.run_on or host, self._name(spec, host, armed.attempt)
        place = self._context.place_of(at)
        if armed.asked == "confirm":
            found = await self._confirm(spec, host, armed)
        elif armed.asked == "extend":
            found = await self._guards.extend(at, name, armed.asked_seconds, place=place)
        else:
            found = await self._guards.armed(at, name, place=place)
            if armed.asked == "cancel" and found.state == "armed" and found.remaining > 0:
                # once: a deadline that is moved at every look is never reached
                found = await self._guards.extend(at, name, 0.0, place=place)
        event = self._event(spec.id, host, armed, await self._masked(spec, found))
        now = self._context.step(spec.id).armed[host]
        same = now.state == "armed" and now.attempt == armed.attempt  # else the answer is about an earlier attempt
        if isinstance(event, ev.DeadmanExtended):
            same = same and (now.asked, now.asked_seconds) == (armed.asked, armed.asked_seconds)  # or a later wish
        if event is not None and same:
            await self._context.record(event)

    async def _masked(self, spec: Step, found: HostDeadman) -> HostDeadman:
        """Without secrets; without any output where nobody knows them any more."""
        if not spec.secret_env or not found.output:
            return found
        kept = bytearray()
        try:
            redactor = Redactor(await secrets_of(spec), kept.extend)
        except NoSecret:
            return replace(found, output="")
        redactor.feed(found.output.encode("utf-8", "surrogateescape"))
        redactor.close()
        return replace(found, output=kept.decode("utf-8", "replace"))

    def _event(self, step: str, host: str, armed: Armed, found: HostDeadman) -> ev.Event | None:
        if found.state == "confirmed":
            return ev.DeadmanConfirmed(step=step, host=host)
        if found.state == "fired":
            if found.exit is None and not found.reason:
                return None  # it is at it: its end will be told
            reason = found.reason or ("it was asked to" if armed.asked == "cancel" else "")
            lines = [line for line in found.output.split("\n") if line.strip()]
            last = one_line(lines[-1], 200) if lines else ""
            return ev.DeadmanFired(
                step=step, host=host, exit=found.exit, last_line=last, reason=reason, left=found.left
            )
        if found.state == "gone":
            return ev.DeadmanGone(step=step, host=host, reason=found.reason, maybe_fired=found.maybe_fired)
        if found.state == "armed" and armed.asked == "extend":
            return ev.DeadmanExtended(step=step, host=host, seconds=round(found.remaining or armed.asked_seconds))
        return None  # still armed, or not reachable now
