"""One command on one host: a step's or its rollback's, from the durable start to the proven end, or to unknown.

The command is a job on the host: it is started at most once, goes on without us, and is found again after a cut.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from upgrade_tui.conductor.execution.begin import begin
from upgrade_tui.conductor.execution.context import ExecutionContext
from upgrade_tui.conductor.execution.secret import Redactor, known_secrets, marks, same_secrets
from upgrade_tui.conductor.execution.waits import Stop
from upgrade_tui.directory.output import CountedOutput, OutputFile
from upgrade_tui.directory.paths import output_file
from upgrade_tui.fleet.commands.command_result import ON_REQUEST, CommandResult
from upgrade_tui.fleet.jobs import JobSpec, NotAnswered
from upgrade_tui.fleet.preflight import command_of
from upgrade_tui.foreign import one_line
from upgrade_tui.plan.model import Step
from upgrade_tui.units import duration_text
from upgrade_tui.window import events as ev
from upgrade_tui.window.measurements import TaskFrame
from upgrade_tui.window.state import Task, WindowState

_Output = OutputFile | CountedOutput

CHECK_LIMIT = 60.0  # seconds for a check
LONGEST_NAME = 120  # of a job
AGAIN = 1.0  # seconds before a job that could not be ended is ended again


class Work(Struct, frozen=True, kw_only=True):
    """What is to be done on a host. ``attempt`` counts rollbacks where ``undo``. ``place``: where it runs."""

    spec: Step
    host: str
    place: str
    attempt: int
    batch: int
    undo: bool = False

    @property
    def command(self) -> str:
        if not self.undo:
            return command_of(self.spec, self.host)
        assert self.spec.rollback is not None, "a rollback that is carried out is in the plan"
        return self.spec.rollback.run or "true"

    @property
    def check(self) -> str | None:
        """What proves that it worked."""
        return (self.spec.rollback.check if self.spec.rollback else None) if self.undo else self.spec.check

    @property
    def timeout(self) -> float | None:
        """Seconds the host gives it."""
        limit = (self.spec.rollback.timeout if self.spec.rollback else None) if self.undo else self.spec.timeout
        return None if limit is None else float(limit)

    def job_name(self, window: str) -> str:
        """The job's name on the host: the same name never starts twice there."""
        return job_name(window, self.spec, self.host, f"{'undo' if self.undo else ''}{self.attempt}")


def job_name(window: str, spec: Step, host: str, what: str) -> str:
    """``<window>.<step>.<what>``, with the host where that is not where it runs; cut with a hash where too long.

    ``window``: what the names of its jobs begin with (``WindowState.jobs``).
    """
    name = ".".join((window, spec.id, *((host,) if spec.run_on else ()), what))
    if len(name) <= LONGEST_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:12]
    return f"{name[: LONGEST_NAME - 14]}..{digest}"


def job_spec(context: ExecutionContext, work: Work, secrets: Mapping[str, str]) -> JobSpec:
    """What the host is given."""
    state = context.state()
    there = state.plan.hosts.get(work.place)
    env = {
        "UPGRADE_WINDOW": state.window, "UPGRADE_STEP": work.spec.id, "UPGRADE_HOST": work.host,
        "UPGRADE_ATTEMPT": str(work.attempt), "UPGRADE_BATCH": str(work.batch), "UPGRADE_NOW": f"{context.now():.3f}",
    }  # fmt: skip
    facts = state.hosts[work.place].facts if work.place in state.hosts else None
    if facts is not None and facts.skew is not None:
        env["UPGRADE_SKEW"] = f"{facts.skew:.1f}"
    if there is not None and there.proc_root != "/proc":
        env["UPGRADE_PROC"] = there.proc_root
    return JobSpec(
        name=work.job_name(state.jobs), command=work.command, timeout=work.timeout, place=context.place_of(work.place),
        env=env, secrets=dict(secrets),
    )  # fmt: skip


class RunningTask(Struct):
    """A running task and its output so far."""

    work: Work
    file: _Output
    last_byte: float  # monotonic seconds


class Tasks:
    """Carries out tasks."""

    def __init__(self, context: ExecutionContext) -> None:
        self._context = context
        self.live: dict[tuple[str, str], RunningTask] = {}

    def frames(self) -> tuple[TaskFrame, ...]:
        """The running tasks, for the telemetry frame."""
        now = self._context.mono()
        return tuple(
            TaskFrame(step, host, t.file.size, now - t.last_byte, t.file.last_line)
            for (step, host), t in self.live.items()
        )

    async def check_before(self, work: Work) -> bool:
        """Whether the check says that the work is done already; then there is nothing to run."""
        if work.undo or work.check is None or not work.spec.check_first:
            return False
        ended, last = await self._checked(work, *await known_secrets(work.spec))
        if not (ended.proven and ended.exit == 0 and not ended.timed_out):
            return False
        await self._context.record(
            ev.TaskChecked(step=work.spec.id, host=work.host, attempt=work.attempt, exit=0, before=True, last_line=last)
        )
        return True

    async def run(self, work: Work, *, resume: bool = False) -> None:
        """The whole task. ``resume``: its start is in the log already; find its job."""
        step, host = work.spec.id, work.host
        secrets, unknown = await same_secrets(work.spec, self._task(work).secrets if resume else {})
        if secrets is None and not resume:
            await self.cannot(work, unknown)
            return
        if not resume:
            try:
                await self._context.place(work.place)
            except NotAnswered as error:
                await self.cannot(work, str(error))
                return
        name = output_file(step, host, work.attempt, "undo" if work.undo else "out")
        file = await self._output(name) if secrets is not None else CountedOutput()
        if not resume and not await self._begin(work, await marks(secrets or {})):
            await asyncio.to_thread(file.close)
            return
        self.live[step, host] = live = RunningTask(work, file, self._context.mono())
        try:
            ended = await self._follow(live, secrets or {}, resume)
        finally:
            digest = await asyncio.to_thread(file.close)
            self.live.pop((step, host), None)
        if ended is not None:
            await self._tell(work, ended, file, name, digest, unknown)
        # Where a person settled it, its host was lost, and may have more of it than we saw.
        if secrets is None and (ended is None or (ended.sent and not ended.proven and file.size)):
            left = ev.OutputWithheld(
                step=step, host=host, attempt=work.attempt, bytes=file.size, why=unknown, undo=work.undo
            )  # fmt: skip
            await self._context.record(left)
        if ended is None:
            return
        if ended.ok:
            await self.check_after(work)

    async def _begin(self, work: Work, secrets: dict[str, str]) -> bool:
        """Make the start durable, unless the window was stopped, or the step ended, or the host excluded meanwhile."""
        step, host = work.spec.id, work.host
        started = ev.TaskStarted(
            step=step, host=host, attempt=work.attempt, batch=work.batch, undo=work.undo,
            place=work.place if work.place != host else "", secrets=secrets,
        )  # fmt: skip
        if work.undo:
            return bool(await self._context.transact(lambda state: [started] if state.rolling_back else []))

        def still(state: WindowState) -> bool:
            now = state.steps[step]
            return now.tasks[host].state == "pending" and not now.too_late(host, work.attempt, self._context.now())

        with contextlib.suppress(Stop):
            return await begin(self._context, work.spec, work.attempt, work.batch, started, still=still)
        return False

    async def _follow(self, live: RunningTask, secrets: Mapping[str, str], resume: bool) -> CommandResult | None:
        """The job to its end, telling when its host is lost and found. None where a person settled it meanwhile."""
        work = live.work
        told: asyncio.Queue[ev.Event | None] = asyncio.Queue()

        def took(data: bytes) -> None:
            live.last_byte = self._context.mono()
            live.file.write(data)

        def lost(reason: str) -> None:
            told.put_nowait(
                ev.TaskUnknown(
                    step=work.spec.id, host=work.host, attempt=work.attempt, reason=one_line(reason, 300),
                    following=True, undo=work.undo,
                )
            )  # fmt: skip

        def found() -> None:
            event = ev.TaskFound(step=work.spec.id, host=work.host, attempt=work.attempt, undo=work.undo)
            told.put_nowait(event)

        def begun() -> None:
            if not self._task(work).begun:
                event = ev.TaskBegun(step=work.spec.id, host=work.host, attempt=work.attempt, undo=work.undo)
                told.put_nowait(event)

        redactor = Redactor(secrets, took)
        spec = job_spec(self._context, work, secrets)
        job = asyncio.ensure_future(
            self._context.hosts.job(
                work.place, spec, on_output=redactor.feed, on_lost=lost, on_found=found, on_begun=begun, resume=resume,
                begun=resume and self._task(work).begun,
            )
        )  # fmt: skip
        # One queue for all that is told: lost, found and the end reach the log in the order in which they happened.
        job.add_done_callback(lambda _: told.put_nowait(None))
        settled = asyncio.ensure_future(self._settled(work))
        settled.add_done_callback(lambda _: job.cancel())
        aborted = asyncio.ensure_future(self._end_if_aborted(work))
        try:
            while (event := await told.get()) is not None:
                await self._context.record(event)
        finally:
            for each in (settled, aborted, job):
                each.cancel()
            await asyncio.gather(settled, aborted, job, return_exceptions=True)
        redactor.close()
        return None if job.cancelled() else job.result()

    async def _settled(self, work: Work) -> None:
        """Until a person said what is so with this task while its host was lost."""
        while not self._task(work).settled_by:
            await self._context.changed()

    async def _end_if_aborted(self, work: Work) -> None:
        """An abort ends the job on its host, also one that is only just being sent or whose host is lost until then.

        A rollback may be begun in a window that was aborted: only one that was under way then is meant.
        """
        while not _aborted(self._context.state(), work):
            await self._context.changed()
        name, place = work.job_name(self._context.state().jobs), self._context.place_of(work.place)
        while await self._context.hosts.end_job(work.place, name, place=place):  # noqa: ASYNC110 - ask again
            await asyncio.sleep(AGAIN)

    async def make_way(self, work: Work) -> bool:
        """Before another attempt or an undo: end what may be left of an earlier one. False, and told, where it stays.

        That one was settled by a person while its host was lost, or its time was up and it could not be ended.
        """
        for earlier in self._task(work).abandoned.split():
            name = job_name(self._context.state().jobs, work.spec, work.host, earlier)
            stays = await self._context.hosts.end_job(work.place, name, place=self._context.place_of(work.place))
            if stays:
                which = "attempt " + earlier if earlier.isdigit() else earlier.replace("undo", "rollback ")
                which = which.replace("deadman", "the dead-man rollback of attempt ")
                await self.cannot(work, f"{which} may still run there, and could not be ended: {stays}")
                return False
        return True

    async def _output(self, name: str) -> _Output:
        """Where output is kept; nowhere, and saying so, where it cannot be: a rollback goes on with a full disk."""
        try:
            return await asyncio.to_thread(self._context.output_file, self._context.output / name)
        except OSError as error:
            file = await asyncio.to_thread(self._context.output_file, Path(os.devnull))
            file.error = f"output could not be kept: {error.strerror}"
            return file

    async def _tell(
        self, work: Work, ended: CommandResult, file: _Output, name: str, digest: str, withheld: str
    ) -> None:
        if not ended.sent:
            await self.cannot(work, ended.reason)
        elif not ended.proven:
            await self._context.record(
                ev.TaskUnknown(
                    step=work.spec.id, host=work.host, attempt=work.attempt, reason=one_line(ended.reason, 300),
                    undo=work.undo, left=one_line(ended.left, 300),
                )
            )  # fmt: skip
        else:
            await self._context.record(
                ev.TaskFinished(
                    step=work.spec.id, host=work.host, attempt=work.attempt, exit=ended.exit, signal=ended.signal,
                    seconds=round(ended.seconds, 3), timed_out=ended.timed_out, ended=ended.ended,
                    early=_by_whom(ended.early, self._context.state(), work),
                    output=name if file.kept_at_all else "",
                    bytes=file.size,
                    sha256=digest, last_line=file.error or file.last_line, undo=work.undo, withheld=withheld,
                )
            )  # fmt: skip

    async def cannot(self, work: Work, reason: str) -> None:
        """Nothing was sent to the host, because of ``reason``."""
        await self._context.record(
            ev.TaskUnreachable(
                step=work.spec.id, host=work.host, attempt=work.attempt, reason=one_line(reason, 300), undo=work.undo
            )
        )

    async def check_after(self, work: Work) -> None:
        """The work's own proof that it is done there."""
        if work.check is None:
            return
        ended, last = await self._checked(work, *await known_secrets(work.spec))
        code = ended.exit if ended.proven and not ended.timed_out else None
        if ended.proven and code is None and not ended.timed_out:  # one whose time was up has said nothing
            code = 128  # as shells give a command that a signal ended
        last = last or (
            f"the check took over {duration_text(CHECK_LIMIT)}" if ended.timed_out else one_line(ended.reason, 200)
        )
        await self._context.record(
            ev.TaskChecked(
                step=work.spec.id, host=work.host, attempt=work.attempt, exit=code, last_line=last, undo=work.undo
            )
        )

    async def _checked(self, work: Work, secrets: Mapping[str, str] | None, unknown: str) -> tuple[CommandResult, str]:
        """Run the check; how it ended, and its last line, without secrets; where they are ``unknown``, without it."""
        what = "undo-check" if work.undo else "check"
        name = output_file(work.spec.id, work.host, work.attempt, what)
        file = await self._output(name) if secrets is not None else CountedOutput()
        redactor = Redactor(secrets or {}, file.write)
        command = f"UPGRADE_HOST={work.host}; export UPGRADE_HOST\n{work.check}"
        try:
            ended = await self._context.hosts.execute(work.place, command, timeout=CHECK_LIMIT, on_output=redactor.feed)
        finally:
            redactor.close()
            await asyncio.to_thread(file.close)
        withheld = f"{file.size:,} bytes of output are withheld: {unknown}" if unknown and file.size else ""
        return ended, withheld or file.last_line

    def _task(self, work: Work) -> Task:
        return self._context.step(work.spec.id).tasks[work.host]


def _by_whom(early: str, state: WindowState, work: Work) -> str:
    """Why it did not come to its own end; where we asked for that, because of whom."""
    if not early.startswith(ON_REQUEST) or not _aborted(state, work):
        return early
    who = "the lead stopped the rollback" if work.undo else f"{state.paused_by or 'somebody'} aborted the window"
    return early.replace(ON_REQUEST, f"it was ended as {who}", 1)


def _aborted(state: WindowState, work: Work) -> bool:
    if work.undo:
        return state.rollback is not None and state.rollback.aborted != ""
    return state.phase == "aborted"
