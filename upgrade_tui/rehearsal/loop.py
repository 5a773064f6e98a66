"""An event loop whose time is virtual: it passes only when nothing is ready, and then jumps to the next timer.

The order in which callbacks that are ready at the same moment run is drawn from a seed: asyncio promises an order, but
what made them ready (a disk, a link, a thread) does not. What runs in threads elsewhere runs here on the loop, a moment
later. Processes live in the loop: a killed one gets no callback any more, whatever it awaited, and no ``finally`` runs.

Leans on what asyncio's own loops lean on (``_ready``, ``_scheduled``, ``Handle._run``), the same from 3.11 to 3.14.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from random import Random
from typing import Any, TypeVar

T = TypeVar("T")

LONGEST_MOMENT = 20_000  # rounds of callbacks at one and the same time: more is a loop that waits for nothing
_ENDINGS = 8  # tries to close what a killed process left
SHUFFLED = 0.4  # share of rounds whose order is drawn


class Stuck(RuntimeError):
    """Nothing is ready and no timer runs, or time does not pass any more: whoever waits, waits for ever."""


class SimulatedProcess:
    """Tasks that die together. Tasks and callbacks belong to the process in whose context they were made."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True
        self.tasks: list[asyncio.Task[Any]] = []
        self.context = copy_context()
        self.context.run(_PROCESS.set, self)

    def kill(self) -> None:
        """As kill -9 does it."""
        self.alive = False

    def bury(self) -> None:
        """Close what a killed process left, so that nothing of it is told when it is collected."""
        self.alive = False
        for task in self.tasks:
            if not task.done():
                task._log_destroy_pending = False  # type: ignore[attr-defined]
                coroutine = task.get_coro()
                for _ in range(_ENDINGS):  # one that waits in its ``finally`` ends at a later try
                    with contextlib.suppress(BaseException):
                        if coroutine is not None:
                            coroutine.close()
                            break
        self.tasks.clear()


_PROCESS: ContextVar[SimulatedProcess | None] = ContextVar("process", default=None)


def _alive(handle: asyncio.Handle) -> bool:
    process: SimulatedProcess | None = handle._context.get(_PROCESS)  # type: ignore[attr-defined]
    return process is None or process.alive


class VirtualLoop(asyncio.BaseEventLoop):
    """See above. ``lag``: seconds until what was given to a thread is done, at most."""

    _ready: deque[asyncio.Handle]
    _scheduled: list[Any]
    _stopping: bool

    def __init__(self, rng: Random, *, start: float = 1_000.0, lag: float = 0.005) -> None:
        super().__init__()
        self._rng, self._now, self._lag = rng, start, lag
        self._moment = 0
        self.set_task_factory(_make_task)  # type: ignore[arg-type]

    def time(self) -> float:
        """Virtual seconds."""
        return self._now

    def spawn(self, process: SimulatedProcess, coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """The first task of a process."""
        return self.create_task(coroutine, context=process.context)

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """See asyncio."""
        handle = events.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]

    def run_in_executor(  # type: ignore[override]
        self, executor: object, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """Call ``func`` on the loop, a moment later: nothing in here really blocks."""
        future: asyncio.Future[T] = self.create_future()

        def work() -> None:
            try:
                result = func(*args)
            except Exception as error:  # noqa: BLE001 - whoever waits gets it
                if not future.done():
                    future.set_exception(error)
            else:
                if not future.done():
                    future.set_result(result)

        self.call_later(self._rng.random() * self._lag, work)
        return future

    def _run_once(self) -> None:
        """One round: all that is ready now, in a drawn order. Time passes only when nothing is."""
        ready, scheduled = self._ready, self._scheduled
        while scheduled and (scheduled[0]._cancelled or not _alive(scheduled[0])):
            heapq.heappop(scheduled)._scheduled = False
        self._moment += 1
        if not ready and not self._stopping:
            if not scheduled:
                raise Stuck(f"nothing will ever happen again, at {self._now:.3f}")
            if scheduled[0]._when > self._now:
                self._now, self._moment = scheduled[0]._when, 0
        if self._moment > LONGEST_MOMENT:
            raise Stuck(f"time does not pass any more, at {self._now:.3f}")
        while scheduled and scheduled[0]._when <= self._now:
            handle = heapq.heappop(scheduled)
            handle._scheduled = False
            ready.append(handle)
        batch = list(ready)
        ready.clear()
        if len(batch) > 1 and self._rng.random() < SHUFFLED:
            self._rng.shuffle(batch)
        for handle in batch:
            if not handle._cancelled and _alive(handle):
                handle._run()

    def _process_events(self, event_list: object) -> None:
        """There are none: no files, no sockets."""

    def _write_to_self(self) -> None:
        """Nobody sleeps in a selector."""


def _make_task(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, T], **more: Any) -> asyncio.Task[T]:
    task = asyncio.Task(coroutine, loop=loop, **more)
    process = (more.get("context") or copy_context()).get(_PROCESS)
    if process is not None:
        process.tasks.append(task)
    return task
