"""The way from a conductor to a simulated host: a path that faults break, a line over it, sessions on the line.

The *path* is the network's and outlives conductors. The *line* is a conductor's connection. A *session* is one run of a
script: it may be cut before the host saw it, after it, or while the host answers; and what was on its way when the line
broke may still arrive.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import Literal

from upgrade_tui.fleet.jobs.scripts import Call, ManageCall
from upgrade_tui.fleet.jobs.transport import Feed, ScriptRun
from upgrade_tui.rehearsal.simulated_host import SimHost
from upgrade_tui.rehearsal.world import World

Weather = Literal["good", "cut", "stalled"]
KEEPALIVE = (3.0, 4.5)  # seconds until a silent line is given up
REDIAL = (0.2, 4.0)  # seconds until a line is there again, once that is possible
_PATIENCE = (0.5, 6.0)  # seconds that one attempt to reach a host takes
_LATE = 0.4  # share of what was under way when the line broke that arrives all the same


class SimPath:
    """The network between the conductor's machine and a host. ``stalled``: packets wait, and nobody is told."""

    def __init__(self, world: World, host: SimHost, *, always: bool = False) -> None:
        self.world, self.host, self._always = world, host, always
        self.weather: Weather = "good"
        self.line: SimLine | None = None  # of the conductor that lives

    @property
    def open(self) -> bool:
        """Whether a line could be made now."""
        return self.weather == "good" and self.host.up

    def turn(self, weather: Weather) -> None:
        if self._always:
            return
        self.weather = weather
        if self.line is not None:
            self.line.felt()

    def host_went(self) -> None:
        """The host went down, or came up."""
        if self.line is not None:
            self.line.felt()


class SimLine:
    """A conductor's connection to a host, made again whenever that is possible."""

    def __init__(self, path: SimPath, on_change: Callable[[SimLine], None]) -> None:
        self.path, self.world, self.host = path, path.world, path.host
        self.up = False
        self.why = "not connected yet"
        self._on_change = on_change
        self._change = asyncio.Event()
        self._sessions: set[SimulatedSession] = set()
        self._calls: set[asyncio.Future[str]] = set()  # commands on the line; their result: why it broke
        self._dialling = False
        path.line = self

    def felt(self) -> None:
        """Something changed on the path."""
        if self.path.line is not self:
            return
        if self.up and not self.host.up:
            self._lose("the host closed the connection")
        elif self.up and self.path.weather == "cut":
            self._lose("Connection reset by peer")
        elif self.up and self.path.weather == "stalled":
            self.world.later(self.world.between(*KEEPALIVE), self._silent)
        elif self.up:
            for session in tuple(self._sessions):
                session.flush()
        self.dial()

    def _silent(self) -> None:
        if self.up and self.path.weather == "stalled" and self.path.line is self:
            self._lose("no answer for 3 s")

    def dial(self) -> None:
        """Connect, if that is possible and not under way."""
        if not self.up and not self._dialling and self.path.open:
            self._dialling = True
            self.world.later(self.world.between(*REDIAL), self._dialled)

    def _dialled(self) -> None:
        self._dialling = False
        if self.path.line is self and self.path.open:
            self.up, self.why = True, ""
            self._told()

    def _lose(self, why: str) -> None:
        self.up, self.why = False, why
        for session in tuple(self._sessions):
            session.cut(why)
        for call in self._calls:
            if not call.done():
                call.set_result(why)
        self._calls.clear()
        self._told()

    def _told(self) -> None:
        change, self._change = self._change, asyncio.Event()
        change.set()
        self._on_change(self)

    def drop(self) -> None:
        """The conductor is gone, and its connections with it."""
        self.up = False
        self.path.line = None
        for session in self._sessions:
            session.closed = True
        self._sessions.clear()

    async def changed(self) -> None:
        """Wait for the next change."""
        await self._change.wait()

    # -- the Transport of ``fleet/jobs/transport.py`` -----------------------------------------------------------------

    async def reached(self) -> str:
        if not self.up:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.world.between(*_PATIENCE)):
                    await self.changed()
        return "" if self.up else f"{self.host.name} is not reachable (lost): {self.why}"

    async def opened(self) -> None:
        while not self.up:
            await self.changed()

    async def run(self, call: Call, feed: Feed) -> ScriptRun:
        if not self.up:
            return ScriptRun(sent=False, cut="the link broke before it was sent")
        session = SimulatedSession(self, call, feed)
        self._sessions.add(session)
        try:
            return await session.over
        finally:
            session.closed = True
            self._sessions.discard(session)

    async def dismiss(self, pid: int, born: int) -> None:
        """See Transport. Sessions end with who ran them."""

    async def within(self, seconds: float) -> str:
        """Wait so long, or until the line breaks; why it broke, or nothing."""
        broken: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._calls.add(broken)
        try:
            async with asyncio.timeout(seconds):
                return await broken
        except TimeoutError:
            pass
        finally:
            self._calls.discard(broken)
        while self.up and self.path.weather == "stalled":  # the answer waits with all the rest
            await self.changed_or(0.5)
        return "" if self.up else self.why

    async def changed_or(self, seconds: float) -> None:
        """The next change, or so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.changed()


class SimulatedSession:
    """One run of a script over a line. ``over``: how it went."""

    def __init__(self, line: SimLine, call: Call, feed: Feed) -> None:
        self._line, self._call, self._feed = line, call, feed
        self._world, self._path, self._host = line.world, line.path, line.host
        self.over: asyncio.Future[ScriptRun] = asyncio.get_running_loop().create_future()
        self.closed = False
        self._sent = False
        self._arrived = False
        self._said = False
        self._box: deque[tuple[float, bytes]] = deque()  # on its way back: (when it is there, what)
        self._world.later(self._lag(), self._opened)

    def _lag(self) -> float:
        return self._world.between(0.0005, 0.04)

    def _end(self, run: ScriptRun) -> None:
        self.closed = True
        if not self.over.done():
            self.over.set_result(run)

    def _opened(self) -> None:
        if self.closed:
            return
        if self._path.weather == "stalled":
            self._world.later(0.5, self._opened)
            return
        self._sent = True
        self._world.later(self._lag(), self._arrive)

    def _arrive(self) -> None:
        """The host gets it, if the line still holds; or although it does not."""
        if self._arrived:
            return
        if not self.closed and self._path.weather == "stalled":
            self._world.later(0.5, self._arrive)
            return
        if self._host.up and (not self.closed or not self._line.up):
            self._arrived = True
            self._host.take(self._call, self)

    def cut(self, why: str) -> None:
        if self.closed:
            return
        if self._sent and not self._arrived:
            if self._world.chance(_LATE):
                self._world.later(self._world.between(0.1, 20.0), self._arrive)
            else:
                self._arrived = True
        self._end(ScriptRun(sent=self._sent, cut=why if self._sent else "the link broke as it was sent"))

    # -- what the script prints ---------------------------------------------------------------------------------------

    def say(self, data: bytes) -> None:
        """See ``host.Reply``. In order, some moment later."""
        if self.closed:
            return
        at = self._world.mono() + self._lag()
        if self._box:
            at = max(at, self._box[-1][0])
        self._box.append((at, data))
        self._world.later(at - self._world.mono(), self.flush)

    def flush(self) -> None:
        """Hand over what has come."""
        while (
            self._box and not self.closed and self._path.weather != "stalled" and self._box[0][0] <= self._world.mono()
        ):
            _at, data = self._box.popleft()
            try:
                enough = self._feed(data)
            except Exception as error:  # noqa: BLE001 - what feed raises is the caller's to judge
                self._end(ScriptRun(sent=True, error=error))
            else:
                if enough:
                    self._end(ScriptRun(sent=True))
            self._said = True
        if not self._box and self._answered() and not self.closed:
            self._end(ScriptRun(sent=True, cut="its channel was closed"))

    def _answered(self) -> bool:
        """Whether the script is over: a question has one answer; who follows ends with the last frame, by itself."""
        return isinstance(self._call, ManageCall) and self._said
