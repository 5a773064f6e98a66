"""One probe of a canary, whatever its kind: asks within the timeout, measures the latency."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Set

from msgspec.structs import replace

from upgrade_tui.canary.error_text import DETAIL
from upgrade_tui.canary.judge import too_slow
from upgrade_tui.canary.name_lookup import Names, Resolve, system_resolver
from upgrade_tui.canary.probe_base import Execute, Means, Probe, probe_of
from upgrade_tui.canary.result import ProbeResult, unknown_result
from upgrade_tui.foreign import one_line
from upgrade_tui.plan.model import Canary
from upgrade_tui.units import latency_text


class Prober:
    """Asks canaries. ``execute`` runs commands on hosts; ``wall`` gives epoch seconds, ``mono`` monotonic seconds."""

    def __init__(
        self,
        execute: Execute,
        *,
        wall: Callable[[], float] = time.time,
        mono: Callable[[], float] = time.monotonic,
        resolve: Resolve = system_resolver,
    ) -> None:
        self._mono = mono
        self._means = Means(execute, Names(resolve), wall)
        self._probes: dict[str, Probe] = {}

    async def prepare(self, kinds: Set[str]) -> None:
        """Load what these probes need, in a thread: it takes a fraction of a second, which the first answer would
        seem to have taken.
        """
        await asyncio.to_thread(self._load, kinds)

    def _load(self, kinds: Set[str]) -> None:
        for kind in kinds & set(Canary.one_of):
            self._of(kind).load()

    async def probe(self, canary: Canary) -> ProbeResult:
        """Ask once. The answer, a failure or "nothing known" is the result; only a mistake in here raises."""
        began = self._mono()
        result = await self._ask(canary)
        if result.no_data:
            return result
        latency = self._mono() - began
        if not result.ok:
            return replace(result, latency=latency)
        result = replace(result, latency=latency, detail=f"{result.detail} in {latency_text(latency)}")
        if canary.max_latency is not None and too_slow(canary, result):
            return replace(result, detail=f"{result.detail}, wanted at most {latency_text(canary.max_latency)}")
        return result

    async def close(self) -> None:
        """Let go of what the probes hold open."""
        for probe in self._probes.values():
            await probe.close()

    def _of(self, kind: str) -> Probe:
        if kind not in self._probes:
            self._probes[kind] = probe_of(kind, self._means)
        return self._probes[kind]

    async def _ask(self, canary: Canary) -> ProbeResult:
        if canary.probe not in Canary.one_of:
            return unknown_result(f"the plan gives it nothing to ask: one of {', '.join(Canary.one_of)}")
        try:
            return await self._of(canary.probe).ask(canary)
        except ValueError as error:
            return unknown_result(one_line(str(error), DETAIL))
