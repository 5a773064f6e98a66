"""A running window: the log, the hosts, the canaries, the steps and the socket, wired together in one process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import AsyncIterator, Collection, Coroutine, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from upgrade_tui import __version__
from upgrade_tui.attach import protocol as p
from upgrade_tui.attach.socket import Peer
from upgrade_tui.canary.watch import Canaries
from upgrade_tui.conductor.execution.context import ExecutionContext
from upgrade_tui.conductor.execution.deadman_control import DeadmanControl
from upgrade_tui.conductor.execution.rollback import Rollbacks
from upgrade_tui.conductor.execution.steps import Steps
from upgrade_tui.conductor.execution.tasks import Tasks
from upgrade_tui.conductor.execution.withheld import Withheld
from upgrade_tui.conductor.machine import Machine
from upgrade_tui.conductor.observations import Observations, write_observations
from upgrade_tui.conductor.requests import RequestHandler, Sources
from upgrade_tui.conductor.server import CHUNK
from upgrade_tui.conductor.window_clock import WindowClock
from upgrade_tui.conductor.window_store import WindowStore
from upgrade_tui.directory.paths import OUTPUT
from upgrade_tui.directory.recorded import PlanDiffers, digest
from upgrade_tui.fleet.sampling.limits import Limits
from upgrade_tui.plan.estimate import window_end, window_start
from upgrade_tui.plan.model import LOCAL
from upgrade_tui.plan.step_kinds import STEP_KINDS
from upgrade_tui.window import clock
from upgrade_tui.window import events as ev
from upgrade_tui.window.gates import beginning
from upgrade_tui.window.measurements import Frame, HostDetail
from upgrade_tui.window.state import WindowState, role_of

FRAME_AT = 0.35  # seconds after the wall second: samplers fire on it, their lines are in by then
CLEAN_LIMIT = 10.0  # seconds for taking job directories off the hosts at the end
GONE_LOOK = 10  # seconds between two looks whether the window's directory is still there
LINGER = 1.0  # seconds for clients to read that the window was closed


class Conductor:
    """Owns one window's directory. ``run()`` serves until the window is closed or the task is cancelled."""

    def __init__(
        self, directory: Path, *, opener: str, origin: Path | None = None, machine: Machine | None = None,
        accept: str = "",
    ) -> None:  # fmt: skip
        """``opener``: who opens a new window, or starts its conductor again. ``origin``: the folder of the plan, for
        relative paths in it. ``accept``: why to go on with a frozen plan that was changed since.

        ``machine``: what is around it; left out, this machine. Raises PlanError and OSError where the frozen plan
        cannot be read.
        """
        self.directory = directory
        self._machine = machine or Machine()
        self.plan_text, self.plan = self._machine.plan(directory)
        self.clock = WindowClock(self._machine.wall, self._machine.mono)
        self.store = WindowStore(self.plan, self.clock.now, self._machine.store(directory))
        self._opener, self.origin, self._accept = opener, origin, accept
        self._queue: asyncio.Queue[ev.Event] = asyncio.Queue()
        self._troubles: dict[str, str] = {}
        self._advance, self._closing = asyncio.Event(), asyncio.Event()
        self._told_details: dict[str, HostDetail] = {}

    # -- life -----------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Open or take over the log. Raises JournalError (another conductor, a damaged log), PlanDiffers, OSError."""
        self._machine.make_room(self.directory)
        await self.store.open()
        taken_over = self.store.state.phase != "new"
        if self.store.state.origin:
            self.origin = Path(self.store.state.origin)
        self._wire()
        self.store.observe(self._committed)
        if not taken_over:
            await self.store.write([self._opening()], self._opener)
        elif self.store.state.phase != "closed":
            await self._same_plan()
            started = ev.ConductorStarted(pid=os.getpid(), host=socket.gethostname(), version=__version__)
            await self._tell(started)

    async def _same_plan(self) -> None:
        """The plan is the one that was frozen, or a lead goes on with it as it is. Raises PlanDiffers."""
        state, found = self.store.state, digest(self.plan_text.encode())
        if found == state.plan_sha256:
            return
        lead = self._opener == state.opened_by or role_of(self.plan, self._opener, state.opened_by) == "lead"
        if not self._accept or not lead:
            await self.store.close()
            refused = f"{self._opener} is no lead of this window" if self._accept else ""
            raise PlanDiffers(state.window, found, state.plan_sha256, refused)
        await self._tell(ev.PlanAccepted(sha256=found, reason=self._accept), self._opener)

    async def _tell(self, event: ev.Event, actor: str = ev.SYSTEM) -> None:
        """Record something before anything else; where nothing can be, as soon as it can: a rollback does not wait."""
        writing = self.store.post([event], actor)
        if not self.store.fenced:
            await writing

    def _opening(self) -> ev.WindowOpened:
        now = self.clock.now()
        return ev.WindowOpened(
            window=self.directory.name, plan_id=self.plan.window.id,
            plan_sha256=digest(self.plan_text.encode()),
            start=window_start(self.plan, now), end=window_end(self.plan, now),
            version=__version__, host=socket.gethostname(), pid=os.getpid(), origin=str(self.origin or ""),
            key=self._machine.key(),
        )  # fmt: skip

    def _wire(self) -> None:
        """Make the parts. What the log says of hosts and canaries is where they go on from."""
        state = self.store.state
        around = self._machine
        self.telemetry = around.telemetry(self.directory, lambda error: self.trouble("telemetry", error))
        limits = Limits(self.plan)
        for name, host in state.hosts.items():
            for alert in host.alerts.values():
                limits.adopt(name, alert.metric, alert.what)
        self.observations = Observations(
            state=lambda: self.store.state, note=self._queue.put_nowait, telemetry=self.telemetry, limits=limits
        )
        self.fleet = around.fleet(self.plan, self.observations, self.origin)
        self.canaries = Canaries(
            self.plan, prober=around.prober(self._probe_command), on_verdict=self.observations.verdict,
            on_result=self.observations.result,
            initial={name: canary.verdict for name, canary in state.canaries.items()},
            mono=around.mono, jitter=around.random,
        )  # fmt: skip
        context = ExecutionContext(
            state=lambda: self.store.state, record=self._record, changed=self.store.changed,
            transact=self.store.transact,
            hosts=self.fleet, output=self.directory / OUTPUT, mono=around.mono, now=self.clock.now,
            output_file=around.output_file,
        )  # fmt: skip
        self.tasks = Tasks(context)
        self.deadman = DeadmanControl(context, self.fleet)
        self.steps, self.rollbacks = (
            Steps(context, self.tasks, self.deadman),
            Rollbacks(context, self.tasks, self.deadman),
        )
        self.withheld = Withheld(context)
        self.server = around.server(self.directory, self, lambda error: print(error, file=sys.stderr, flush=True))  # noqa: T201
        sources = Sources(
            self.directory,
            self.plan,
            self.store,
            self.telemetry,
            self.fleet,
            self.canaries,
            self.clock.now,
            self._frame,
        )
        self.answers = RequestHandler(sources)

    async def run(self, ready: asyncio.Event) -> None:
        """Serve the window. ``ready`` is set once clients can connect. Returns when the window is closed."""
        if self.store.state.phase == "closed":
            self._closing.set()
        await self.telemetry.start()
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                owned = [
                    group.create_task(job, name=name)
                    for name, job in {
                        "server": self.server.run(self._clients_so_far()), "fleet": self.fleet.run(),
                        "canaries": self.canaries.run(), "facts": self._write_facts(), "seconds": self._seconds(),
                        "advance": self._advancer(), "log": self.store.keep_writable(),
                        "dead-man": self.deadman.watch(),
                    }.items()
                ]  # fmt: skip
                self._resume()
                self._advance.set()
                await self.server.listening.wait()
                ready.set()
                await self._closing.wait()
                await asyncio.sleep(LINGER)
                await self._clean()
                for task in owned:
                    task.cancel()
        finally:
            await self.telemetry.close()
            await self.store.close()

    async def _clean(self) -> None:
        """Take the window's job directories off the hosts that can be reached; a host that hangs is left alone."""
        up = [name for name, frame in self.fleet.frames(self._machine.mono()).items() if frame.link == "up"]
        state = self.store.state
        places = places_to_clear(state, (*up, LOCAL))
        jobs = [self.fleet.clean_jobs(host, state.jobs, place=place) for host, place in places.items()]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLEAN_LIMIT):
                await asyncio.gather(*jobs, return_exceptions=True)

    def _clients_so_far(self) -> int:
        """Client numbers are not used twice in a log: a takeover counts on far enough away."""
        return 1_000_000 * (self.store.state.takeovers + (1 if self.store.fenced else 0))

    def _resume(self) -> None:
        """Go on with what an earlier conductor had begun: its jobs go on on their hosts, and are found there."""
        for step in self.store.state.steps.values():
            if step.state == "running":
                self._begin(self.steps.run(step.id, resume=True), f"step {step.id}")
        if self.store.state.rolling_back:
            self._begin(self.rollbacks.run(), "rollback")
        self._begin(self.withheld.fetch(), "withheld")

    def _begin(self, job: Coroutine[Any, Any, None], name: str) -> None:
        try:
            self._group.create_task(job, name=name)
        except RuntimeError:  # this conductor is being ended: what the log says was begun is the next one's
            job.close()

    # -- events ---------------------------------------------------------------------------------------------------

    async def _record(self, event: ev.Event) -> None:
        await self.store.write([event])

    def _committed(self, records: list[ev.Record]) -> None:
        self.server.happened(records)
        for record in records:
            if isinstance(record.event, ev.StepIntent):
                self._begin(self.steps.run(record.event.step), f"step {record.event.step}")
            elif isinstance(record.event, ev.RollbackRequested):
                self._begin(self.rollbacks.run(), "rollback")
            elif isinstance(record.event, ev.StepFinished | ev.RollbackFinished):
                self._begin(self.withheld.fetch(), "withheld")
            elif isinstance(record.event, ev.WindowClosed):
                self._closing.set()
        self._advance.set()

    async def _write_facts(self) -> None:
        """One owner for what is reported from outside: in order, several at once where they came at once."""
        while True:
            events = [await self._queue.get()]
            while not self._queue.empty() and len(events) < 500:
                events.append(self._queue.get_nowait())
            await write_observations(self.store, events)

    async def _advancer(self) -> None:
        """Gates open and bakes begin by themselves as soon as what they need is over."""
        while True:
            await self._advance.wait()
            self._advance.clear()
            await self.store.transact(self._next)

    def _next(self, state: WindowState) -> list[ev.Event]:
        """What begins by itself on ``state``."""
        if state.phase != "open" or state.rolling_back:
            return []
        events: list[ev.Event] = []
        for spec in self.plan.steps:
            if STEP_KINDS[spec.kind].begins and state.shown(spec.id) == "ready":
                events += beginning(state, spec, self.clock.now())
        return events

    async def _seconds(self) -> None:
        """Once a second: correct the clock, look at the deadlines, send a frame."""
        while True:
            tick = self._machine.tick
            await asyncio.sleep(tick - (self._machine.wall() - FRAME_AT) % tick)
            jumped = self.clock.correct()
            if jumped:
                self._queue.put_nowait(ev.ClockJumped(seconds=round(jumped, 3)))
            state, now = self.store.state, self.clock.now()
            crossed = clock.crossings(state, clock.read(state, now))
            if crossed and not self.store.fenced and self._queue.empty():
                await self.store.write(crossed)
            self._send_frame(now)
            if int(now) % GONE_LOOK == 0 and not await asyncio.to_thread(self._machine.is_there, self.directory):
                print(f"{self.directory} is gone: this window ends here", file=sys.stderr, flush=True)  # noqa: T201
                self._closing.set()  # nobody can reach us any more, and nothing can be logged

    # -- frames ---------------------------------------------------------------------------------------------------

    def trouble(self, what: str, error: str) -> None:
        """The conductor's own trouble, shown until it is over (an empty ``error``)."""
        if error:
            self._troubles[what] = error
        else:
            self._troubles.pop(what, None)

    def _send_frame(self, now: float) -> None:
        if not self.server.any_frames:
            return
        details = self.fleet.details()
        changed = {h: d for h, d in details.items() if self._told_details.get(h) is not d}
        self._told_details = details
        self.server.telemetry(_encoded(self._frame(now, changed)))

    def _frame(self, now: float | None = None, details: dict[str, HostDetail] | None = None) -> Frame:
        """What is measured now, with every host's detail if not told otherwise."""
        why = self.store.fenced or self.store.unwritable
        also = "; a rollback goes on, " + self.store.kept if self.store.kept else ""
        self.trouble("log", f"the log cannot be written: {why}{also}" if why else "")
        mono = self._machine.mono()
        return Frame(
            ts=self.clock.now() if now is None else now, hosts=self.fleet.frames(mono),
            canaries=self.canaries.frames(mono), tasks=self.tasks.frames(),
            details=self.fleet.details() if details is None else details, trouble=tuple(self._troubles.values()),
        )  # fmt: skip

    def fresh_frame(self) -> bytes:
        """A frame with every host's detail, for a client that has just come."""
        return _encoded(self._frame())

    # -- what the server asks ---------------------------------------------------------------------------------------

    def welcome(self, who: Peer, client: int) -> p.Welcome:
        state = self.store.state
        return p.Welcome(
            version=__version__, directory=str(self.directory), plan_text=self.plan_text, login=who.login,
            role=role_of(self.plan, who.login, state.opened_by), client=client, seq=state.seq, now=self.clock.now(),
        )  # fmt: skip

    async def backlog(self, since: int, until: int) -> AsyncIterator[tuple[ev.Record, ...]]:
        """The records after ``since`` up to ``until``, read from the log in a thread, some hundred at a time."""
        if since >= until:
            return
        records = self.store.read(since + 1)

        def next_chunk(source: Iterator[ev.Record]) -> tuple[ev.Record, ...]:
            return tuple(r for r in islice(source, CHUNK) if r.seq <= until)

        while chunk := await asyncio.to_thread(next_chunk, records):
            yield chunk
            if chunk[-1].seq >= until:
                return

    async def attached(self, welcome: p.Welcome, terminal: str) -> None:
        """An operator looks on."""
        event = ev.OperatorAttached(login=welcome.login, role=welcome.role, client=welcome.client, terminal=terminal)
        await self.store.write([event], welcome.login)

    async def detached(self, welcome: p.Welcome) -> None:
        """That operator's client went away."""
        if self.store.state.phase != "closed":
            event = ev.OperatorDetached(login=welcome.login, client=welcome.client)
            await self.store.write([event], welcome.login)

    async def answer(self, request: p.FromClient, welcome: p.Welcome) -> p.AnyAnswer:
        return await self.answers.answer(request, welcome)

    # -- probes -----------------------------------------------------------------------------------------------------

    async def _probe_command(self, host: str, command: str, timeout: float) -> tuple[int | None, bytes, bool]:
        """A canary's command on a host: exit code, the end of its output, whether the result is proven."""
        kept = bytearray()

        def took(data: bytes) -> None:
            kept.extend(data)
            del kept[:-4096]

        ended = await self.fleet.execute(host, command, timeout=timeout, on_output=took)
        if not ended.proven:
            return None, ended.reason.encode(), False
        return ended.exit if not ended.timed_out else None, bytes(kept), True


def places_to_clear(state: WindowState, reached: Collection[str]) -> dict[str, str]:
    """Hosts whose job directories of this window can go at its end, and where those are.

    Not where output is still withheld: it is nowhere else, and a conductor that knows the secret may come too late.
    """
    needed = {output.place for output in state.withheld}
    return {host: place for host, place in state.places.items() if host in reached and host not in needed}


def _encoded(frame: Frame) -> bytes:
    return p.encode(p.FrameMessage(frame=frame)) + b"\n"
