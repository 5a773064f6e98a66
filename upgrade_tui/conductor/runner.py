"""Carries out steps: command steps batch by batch, bakes, the time limit of gates. Facts go out as events.

The runner decides nothing that an operator decides: it starts when a ``step.intent`` is durable, and every effect on a
host is preceded by a durable ``task.started``. A result that is not proven ends as ``task.unknown``.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from upgrade_tui.conductor.output import OutputFile
from upgrade_tui.conductor.paths import output_file
from upgrade_tui.fleet.ended import Ended
from upgrade_tui.foreign import one_line
from upgrade_tui.plan.model import Step
from upgrade_tui.units import duration_text
from upgrade_tui.window import events as ev
from upgrade_tui.window.state import OVER, StepState, WindowState
from upgrade_tui.window.telemetry import TaskFrame

SETTLE_LIMIT = 60.0  # seconds over the bake that degraded canaries get to become healthy


class Hosts(Protocol):
    """What the runner needs of the fleet."""

    async def execute(
        self, host: str, command: str, *, timeout: float | None, on_output: Callable[[bytes], None]
    ) -> Ended: ...


class Live(Struct):
    """A running task's output, as far as it came."""

    step: str
    host: str
    attempt: int
    file: OutputFile
    last_byte: float  # monotonic seconds


class Stop(Exception):
    """A step ends before its last batch: the outcome and why."""

    def __init__(self, outcome: ev.Outcome, reason: str) -> None:
        super().__init__(reason)
        self.outcome, self.reason = outcome, reason


class Runner:
    """Runs the steps of one window.

    ``record`` makes an event durable; ``state`` gives the fold so far; ``changed`` waits for the next change of it;
    who holds ``lock`` is alone in deciding.
    """

    def __init__(
        self,
        *,
        state: Callable[[], WindowState],
        record: Callable[[ev.Event], Awaitable[None]],
        changed: Callable[[], Awaitable[None]],
        lock: asyncio.Lock,
        hosts: Hosts,
        output: Path,
        mono: Callable[[], float],
    ) -> None:
        self._state, self._record, self._changed = state, record, changed
        self._lock, self._hosts, self._output, self._mono = lock, hosts, output, mono
        self.live: dict[tuple[str, str], Live] = {}

    def frames(self) -> tuple[TaskFrame, ...]:
        """The running tasks, for the telemetry frame."""
        now = self._mono()
        return tuple(
            TaskFrame(t.step, t.host, t.file.size, now - t.last_byte, t.file.last_line) for t in self.live.values()
        )

    async def run(self, step_id: str) -> None:
        """Carry out a step whose intent is durable, to its ``step.finished``."""
        spec = self._state().plan.step(step_id)
        if spec is None or spec.what == "manual":
            return
        kind = {"command": self._command, "bake": self._bake_step, "gate": self._gate}[spec.what]
        attempt = self._state().steps[step_id].attempt
        try:
            outcome, reason = await kind(spec)
        except Stop as stop:
            outcome, reason = stop.outcome, stop.reason
        async with self._lock:  # an operator's vote or skip may end the step in the same moment
            step = self._state().steps[step_id]
            if step.state == "running" and step.attempt == attempt:
                await self._record(ev.StepFinished(step=step_id, attempt=attempt, outcome=outcome, reason=reason))

    # -- command steps --------------------------------------------------------------------------------------------

    async def _command(self, spec: Step) -> tuple[ev.Outcome, str]:
        step = self._step(spec)
        started_one = False
        for number, hosts in enumerate(step.batches):
            todo = [h for h in hosts if self._step(spec).tasks[h].state not in OVER]
            if not todo:
                continue
            if started_one:
                await self._healthy_for(spec, float(spec.bake or 0.0))
            await self._unpaused()
            await self._record(ev.BatchStarted(step=spec.id, attempt=step.attempt, batch=number))
            started_one = True
            async with asyncio.TaskGroup() as group:
                for host in todo:
                    group.create_task(self._task(spec, host, step.attempt, number), name=f"{spec.id}@{host}")
            self._judge_batch(spec, number)
        return self._verdict(spec)

    def _judge_batch(self, spec: Step, number: int) -> None:
        """Stop at the end of a batch when more hosts failed than the plan allows; unreachable and unknown count."""
        step = self._step(spec)
        bad, allowed = _bad(step), _allowed(spec, step)
        if len(bad) > allowed and number + 1 < len(step.batches):
            raise Stop(_outcome(step), arithmetic(spec, step))

    def _verdict(self, spec: Step) -> tuple[ev.Outcome, str]:
        step = self._step(spec)
        bad = _bad(step)
        if not bad:
            return "done", ""
        if len(bad) <= _allowed(spec, step) and not any(t.state == "unknown" for t in step.tasks.values()):
            return "done", arithmetic(spec, step)
        return _outcome(step), arithmetic(spec, step)

    async def _task(self, spec: Step, host: str, attempt: int, batch: int) -> None:
        name = output_file(spec.id, host, attempt)
        file = await asyncio.to_thread(OutputFile, self._output / name)
        await self._record(ev.TaskStarted(step=spec.id, host=host, attempt=attempt, batch=batch))
        self.live[spec.id, host] = live = Live(spec.id, host, attempt, file, self._mono())

        def took(data: bytes) -> None:
            live.last_byte = self._mono()
            file.write(data)

        try:
            timeout = float(spec.timeout) if spec.timeout is not None else None
            ended = await self._hosts.execute(host, spec.run or "true", timeout=timeout, on_output=took)
        finally:
            digest = await asyncio.to_thread(file.close)
        await self._ended(spec, host, attempt, ended, file, name, digest)
        if ended.proven and ended.exit == 0 and not ended.timed_out and spec.check:
            await self._check(spec, host, attempt)
        self.live.pop((spec.id, host), None)

    async def _ended(
        self, spec: Step, host: str, attempt: int, ended: Ended, file: OutputFile, name: str, digest: str
    ) -> None:
        if not ended.sent:
            reason = one_line(ended.reason, 300)
            await self._record(ev.TaskUnreachable(step=spec.id, host=host, attempt=attempt, reason=reason))
        elif not ended.proven:
            reason = one_line(ended.reason, 300)
            await self._record(ev.TaskUnknown(step=spec.id, host=host, attempt=attempt, reason=reason))
        else:
            await self._record(
                ev.TaskFinished(
                    step=spec.id, host=host, attempt=attempt, exit=ended.exit, signal=ended.signal,
                    seconds=round(ended.seconds, 3), timed_out=ended.timed_out, output=name, bytes=file.size,
                    sha256=digest, last_line=file.error or file.last_line,
                )
            )  # fmt: skip

    async def _check(self, spec: Step, host: str, attempt: int) -> None:
        """The step's own proof that its work is done there."""
        file = await asyncio.to_thread(OutputFile, self._output / output_file(spec.id, host, attempt, "check"))
        try:
            ended = await self._hosts.execute(host, spec.check or "true", timeout=60.0, on_output=file.write)
        finally:
            await asyncio.to_thread(file.close)
        code = ended.exit if ended.proven and not ended.timed_out else None
        if ended.proven and code is None:
            code = 124 if ended.timed_out else 128  # as timeout(1) and shells give them
        last = file.last_line or ("the check took over 60 s" if ended.timed_out else one_line(ended.reason, 200))
        await self._record(ev.TaskChecked(step=spec.id, host=host, attempt=attempt, exit=code, last_line=last))

    # -- waiting --------------------------------------------------------------------------------------------------

    async def _unpaused(self) -> None:
        while self._state().phase == "paused":
            await self._changed()

    async def _gate(self, spec: Step) -> tuple[ev.Outcome, str]:
        """Votes end a gate; here is only its time limit: a gate that times out is a no."""
        attempt, opened = self._step(spec).attempt, self._mono()
        while self._step(spec).state == "running" and self._step(spec).attempt == attempt:
            left = math.inf if spec.timeout is None else opened + spec.timeout - self._mono()
            if left <= 0:
                return "failed", f"nobody decided in {duration_text(spec.timeout or 0)}: a no"
            await self._tick(min(left, 1.0))
        return "failed", ""  # somebody else ended it: run() sees that and says nothing

    async def _bake_step(self, spec: Step) -> tuple[ev.Outcome, str]:
        await self._healthy_for(spec, float(spec.bake if spec.bake is not None else spec.estimate))
        return "done", "canaries stayed healthy" if spec.canaries else ""

    async def _healthy_for(self, spec: Step, seconds: float) -> None:
        """Wait until the step's canaries were healthy for ``seconds`` on end. Failing stops; no data never promotes."""
        begun = since = self._mono()
        while self._step(spec).state == "running":
            verdicts = {name: self._state().canaries[name].verdict for name in spec.canaries}
            failing = [name for name, verdict in verdicts.items() if verdict == "failing"]
            if failing:
                detail = self._state().canaries[failing[0]].detail
                raise Stop("failed", f"canary {failing[0]} is failing: {detail}".rstrip(": "))
            unsure = [f"{name} ({verdict})" for name, verdict in verdicts.items() if verdict != "healthy"]
            if unsure:
                since = self._mono()
                if since - begun > 2 * seconds + SETTLE_LIMIT:
                    raise Stop(
                        "failed", f"inconclusive, never healthy for {duration_text(seconds)}: {', '.join(unsure)}"
                    )
            elif self._mono() - since >= seconds:
                return
            await self._tick(min(1.0, max(0.05, seconds - (self._mono() - since))))

    async def _tick(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._changed()
        except TimeoutError:
            pass

    def _step(self, spec: Step) -> StepState:
        return self._state().steps[spec.id]


def _bad(step: StepState) -> list[str]:
    return [t.host for t in step.tasks.values() if t.state in ("failed", "unknown", "unreachable")]


def _allowed(spec: Step, step: StepState) -> int:
    return math.floor(len(step.tasks) * spec.max_fail / 100)


def _outcome(step: StepState) -> ev.Outcome:
    return "unknown" if any(t.state == "unknown" for t in step.tasks.values()) else "failed"


def arithmetic(spec: Step, step: StepState) -> str:
    """``2 of 8 failed or unreachable, 1 allowed``: why a step stopped or went on."""
    counts = {name: sum(t.state == name for t in step.tasks.values()) for name in ("failed", "unreachable", "unknown")}
    words = " + ".join(f"{count} {name}" for name, count in counts.items() if count)
    return f"{words} of {len(step.tasks)}, {_allowed(spec, step)} allowed"
