"""What clients ask: commands, output, history, top processes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from upgrade_tui.attach import protocol as p
from upgrade_tui.canary.watch import Canaries
from upgrade_tui.conductor.window_store import WindowStore
from upgrade_tui.directory.paths import OUTPUT, output_file
from upgrade_tui.fleet.fleet import Fleet
from upgrade_tui.plan.model import Plan
from upgrade_tui.telemetry.reader import TelemetryUnreadable
from upgrade_tui.telemetry.writer import TelemetryWriter
from upgrade_tui.window import armed
from upgrade_tui.window.commands import Actor, Refusal
from upgrade_tui.window.measurements import Frame

MOST_BYTES = 1024 * 1024  # of output in one answer


class Sources(Struct, frozen=True):
    """Where answers come from."""

    directory: Path
    plan: Plan
    store: WindowStore
    telemetry: TelemetryWriter
    fleet: Fleet
    canaries: Canaries
    now: Callable[[], float]
    frame: Callable[[], Frame]


class RequestHandler:
    """Answers requests on behalf of a conductor. Never raises for what a client got wrong: that is a ``Failed``."""

    def __init__(self, sources: Sources) -> None:
        self._c = sources

    async def answer(self, request: p.FromClient, welcome: p.Welcome) -> p.AnyAnswer:
        if isinstance(request, p.Do):
            return await self._do(request, welcome)
        if isinstance(request, p.GetOutput):
            return await self._output(request)
        if isinstance(request, p.GetHistory):
            return await self._history(request)
        if isinstance(request, p.GetTop):
            return await self._top(request)
        if isinstance(request, p.Reconnect):
            return await self._reconnect(request)
        if isinstance(request, p.ProbeNow):
            return await self._probe(request)
        if isinstance(request, p.GetState):
            return await self._state(request)
        return p.Failed(error="say hello once")

    async def _state(self, request: p.GetState) -> p.AnyAnswer:
        store = self._c.store
        if request.over and request.over not in store.state.steps:
            return p.Failed(id=request.id, error=f'there is no step "{request.over}"')
        while (request.over and not armed.waits_for_nothing_else(store.state, request.over)) or (
            request.back and store.state.rolling_back
        ):
            await store.changed()
        return p.State(id=request.id, state=p.packed(store.state), frame=self._c.frame(), now=self._c.now())

    async def _do(self, request: p.Do, welcome: p.Welcome) -> p.AnyAnswer:
        result = await self._c.store.command(request.command, Actor(welcome.login, welcome.role))
        if isinstance(result, Refusal):
            return p.Refused(id=request.id, refusal=result)
        return p.Done(id=request.id, seqs=tuple(record.seq for record in result), kept=self._c.store.kept)

    async def _output(self, request: p.GetOutput) -> p.AnyAnswer:
        step = self._c.store.state.steps.get(request.step)
        if step is None or request.host not in step.tasks:
            return p.Failed(id=request.id, error=f'"{request.step}" does not run on "{request.host}"')
        task = step.tasks[request.host]
        latest = task.undo if request.undo else task.attempt
        attempt = request.attempt or latest
        under_way = "rolling back" if request.undo else "running"
        running = attempt == latest and (task.state == under_way or task.following)
        name = output_file(request.step, request.host, attempt, "undo" if request.undo else "out")
        path = self._c.directory / OUTPUT / name
        limit = max(0, min(request.limit, MOST_BYTES))
        try:
            data, size = await asyncio.to_thread(_piece, path, max(0, request.offset), limit)
        except FileNotFoundError:
            data, size = b"", 0
        except OSError as error:
            return p.Failed(id=request.id, error=f"{path.name} cannot be read: {error.strerror}")
        return p.Output(id=request.id, data=data, offset=request.offset, size=size, running=running)

    async def _history(self, request: p.GetHistory) -> p.AnyAnswer:
        since = self._c.now() - max(1.0, request.seconds)
        points = max(2, min(request.points, 2000))
        try:
            if request.host in self._c.plan.hosts:
                series = await self._c.telemetry.history_host(request.host, since, points)
            elif self._c.plan.canary(request.canary) is not None:
                series = await self._c.telemetry.history_canary(request.canary, since, points)
            else:
                return p.Failed(id=request.id, error=f'there is no host or canary "{request.host or request.canary}"')
        except TelemetryUnreadable as error:
            return p.Failed(id=request.id, error=f"the telemetry cannot be read: {error}")
        return p.HistoryReply(id=request.id, series=series)

    async def _top(self, request: p.GetTop) -> p.AnyAnswer:
        if request.host not in self._c.plan.hosts:
            return p.Failed(id=request.id, error=f'there is no host "{request.host}"')
        found = await self._c.fleet.top(request.host)
        if not found:
            return p.Failed(id=request.id, error=f"{request.host} cannot be asked now, or has no /proc")
        return p.Top(
            id=request.id, processes=tuple(p.ProcessInfo(x.pid, x.user, x.cpu, x.memory, x.command) for x in found)
        )

    async def _reconnect(self, request: p.Reconnect) -> p.AnyAnswer:
        if request.host not in self._c.plan.hosts:
            return p.Failed(id=request.id, error=f'there is no host "{request.host}"')
        await self._c.fleet.kick(request.host)
        return p.Ok(id=request.id, text=f"connecting to {request.host}")

    async def _probe(self, request: p.ProbeNow) -> p.AnyAnswer:
        if self._c.plan.canary(request.canary) is None:
            return p.Failed(id=request.id, error=f'there is no canary "{request.canary}"')
        result = await self._c.canaries.probe_now(request.canary)
        return p.Ok(id=request.id, text=result.detail)


def _piece(path: Path, offset: int, limit: int) -> tuple[bytes, int]:
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(offset)
        return file.read(limit), size
