"""All canaries of a plan, each asked on its interval."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Set
from typing import Protocol

from upgrade_tui.canary.judge import Judgement, JudgeState, begin_judging, goods_needed, judge, silence, silence_limit
from upgrade_tui.canary.probe_base import Execute
from upgrade_tui.canary.probes import Prober
from upgrade_tui.canary.result import ProbeResult, unknown_result
from upgrade_tui.foreign import one_line
from upgrade_tui.plan.model import Canary, Plan
from upgrade_tui.units import count_text
from upgrade_tui.window.events import CanaryVerdict
from upgrade_tui.window.measurements import CanaryFrame, Verdict

_SPREAD = 2.0  # seconds over which the first questions are spread at most
_SILENCE_CHECK = 1.0  # seconds


class Asks(Protocol):
    """What asks a canary: a ``Prober``, or what stands in for it."""

    async def prepare(self, kinds: Set[str]) -> None: ...

    async def probe(self, canary: Canary) -> ProbeResult: ...

    async def close(self) -> None: ...


class _Lane:
    """One canary: what is known of it, and the lock that keeps its probes from overlapping."""

    def __init__(self, canary: Canary, health: JudgeState) -> None:
        self.canary = canary
        self.health = health
        self.last = unknown_result("not asked yet")
        self.asked: float | None = None  # monotonic, when ``last`` came
        self.busy = asyncio.Lock()


class Canaries:
    """Watches the canaries of ``plan`` until ``run`` is cancelled.

    ``on_result`` gets every result, after it was judged; ``on_verdict`` the event whenever a verdict changes. Both are
    called in the loop, must not block, and must not raise: what they raise ends ``run``. ``initial`` are the verdicts
    of a log that is taken over, so that going on makes no transition of its own.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        execute: Execute | None = None,
        prober: Asks | None = None,
        on_verdict: Callable[[CanaryVerdict], None],
        on_result: Callable[[str, ProbeResult], None] = lambda _name, _result: None,
        initial: Mapping[str, Verdict] | None = None,
        wall: Callable[[], float] = time.time,
        mono: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._on_verdict = on_verdict
        self._on_result = on_result
        self._mono = mono
        self._sleep = sleep
        self._jitter = jitter
        if prober is None:
            assert execute is not None, "something must ask"
            prober = Prober(execute, wall=wall, mono=mono)
        self._prober = prober
        initial = initial or {}
        self._lanes = {c.name: _Lane(c, begin_judging(mono(), initial.get(c.name, "no data"))) for c in plan.canaries}

    async def run(self) -> None:
        """Ask until cancelled. Raises only what the callbacks raise."""
        await self._prober.prepare({lane.canary.probe for lane in self._lanes.values()})
        for lane in self._lanes.values():  # time before the first question is not silence
            lane.health = begin_judging(self._mono(), lane.health.verdict) if lane.asked is None else lane.health
        try:
            async with asyncio.TaskGroup() as tasks:
                for name, lane in self._lanes.items():
                    tasks.create_task(self._keep_asking(lane), name=f"canary {name}")
                tasks.create_task(self._listen_for_silence(), name="canaries: silence")
        finally:
            await self._prober.close()

    async def probe_now(self, name: str) -> ProbeResult:
        """Ask this canary now, or wait for the question under way. Raises KeyError for an unknown name."""
        lane = self._lanes[name]
        if lane.busy.locked():
            async with lane.busy:
                return lane.last
        return await self._probe(lane)

    def verdict(self, name: str) -> Verdict:
        """The verdict as it stands. Raises KeyError for an unknown name."""
        return self._lanes[name].health.verdict

    def frames(self, now: float) -> dict[str, CanaryFrame]:
        """What to show of each canary at the monotonic time ``now``."""
        return {name: _frame(lane, now) for name, lane in self._lanes.items()}

    async def _keep_asking(self, lane: _Lane) -> None:
        interval = lane.canary.interval
        await self._sleep(self._jitter() * min(interval, _SPREAD))
        due = self._mono()
        while True:
            await self._probe(lane)
            due = max(due + interval, self._mono())  # late: no catching up
            await self._sleep(due - self._mono())

    async def _probe(self, lane: _Lane) -> ProbeResult:
        async with lane.busy:
            try:
                result = await self._prober.probe(lane.canary)
            except Exception as error:  # noqa: BLE001 - a broken probe must not end the other canaries
                result = unknown_result(one_line(f"the probe itself broke: {type(error).__name__}: {error}", 200))
            lane.last, lane.asked = result, self._mono()
        self._settle(lane, judge(lane.canary, lane.health, result, lane.asked))
        self._on_result(lane.canary.name, result)
        return result

    async def _listen_for_silence(self) -> None:
        while True:
            now = self._mono()
            soonest = min((_silent_at(lane, now) for lane in self._lanes.values()), default=math.inf)
            await self._sleep(max(_SILENCE_CHECK, soonest - now))
            for lane in self._lanes.values():
                why = lane.last.detail if lane.last.no_data else ""
                self._settle(lane, silence(lane.canary, lane.health, self._mono(), why))

    def _settle(self, lane: _Lane, judgement: Judgement) -> None:
        lane.health = judgement.health
        if judgement.event is not None:
            self._on_verdict(judgement.event)


def _silent_at(lane: _Lane, now: float) -> float:
    """When this canary falls silent if no answer comes; one that is silent can do so again only after an answer."""
    is_silent = lane.health.verdict == "no data" and lane.health.answers == 0
    return (now if is_silent else lane.health.heard) + silence_limit(lane.canary)


def _frame(lane: _Lane, now: float) -> CanaryFrame:
    last = lane.last
    return CanaryFrame(
        verdict=lane.health.verdict,
        ok=None if lane.asked is None or last.no_data else last.ok,
        latency=last.latency,
        value=last.value,
        detail=_found(lane, now),
        age=None if lane.asked is None else max(0.0, now - lane.asked),
    )


def _found(lane: _Lane, now: float) -> str:
    """What the last question found; a good answer that does not make it healthy yet says how many are wanted."""
    health, found = lane.health, lane.last.detail
    if health.verdict not in ("degraded", "failing") or health.good == 0 or lane.last.no_data:
        return found
    wanted = goods_needed(lane.canary, health, now)
    return f"{count_text(health.good, 'good answer')} of {wanted}; {found}"
