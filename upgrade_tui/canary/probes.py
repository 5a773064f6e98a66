"""One probe of a canary, whatever its kind: asks within the timeout, measures the latency."""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import Callable, Set

from msgspec.structs import replace

from upgrade_tui.canary.http_probe import HttpProbe
from upgrade_tui.canary.judge import too_slow
from upgrade_tui.canary.names import Names, Resolve, no_answer, system_resolver
from upgrade_tui.canary.result import Result, unknown
from upgrade_tui.canary.run_probe import Execute, probe_run
from upgrade_tui.canary.tcp_probe import probe_tcp
from upgrade_tui.canary.tls_probe import probe_tls, tls_context
from upgrade_tui.canary.words import DETAIL, host_port
from upgrade_tui.foreign import one_line
from upgrade_tui.plan.model import Canary
from upgrade_tui.units import latency_text

_LIBRARIES = {"http": ("aiohttp",), "tcp": ("aiohappyeyeballs",), "tls": ("aiohappyeyeballs", "cryptography.x509")}


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
        self._execute = execute
        self._wall = wall
        self._mono = mono
        self._names = Names(resolve)
        self._http = HttpProbe(self._names)

    async def prepare(self, kinds: Set[str]) -> None:
        """Load what these probes need, in a thread: it takes a fraction of a second, which the first answer would
        seem to have taken.
        """
        if kinds & {"http", "tcp", "tls"}:
            await asyncio.to_thread(_load, kinds)

    async def probe(self, canary: Canary) -> Result:
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
        await self._http.close()

    async def _ask(self, canary: Canary) -> Result:
        try:
            match canary.probe:
                case "http":
                    return await self._http(canary)
                case "tcp":
                    async with asyncio.timeout(canary.timeout):
                        return await probe_tcp(canary, self._names)
                case "tls":
                    async with asyncio.timeout(canary.timeout):
                        return await probe_tls(canary, self._names, self._wall)
                case "run":
                    return await probe_run(canary, self._execute)
        except TimeoutError:
            within = f"within {latency_text(canary.timeout)}"
            detail = no_answer(self._names, *host_port(canary.tcp or canary.tls or ""), within=within)
            return Result(ok=False, latency=None, value=None, detail=detail)
        except ValueError as error:
            return unknown(one_line(str(error), DETAIL))
        return unknown("the plan gives it nothing to ask: one of http, tcp, tls, run")


def _load(kinds: Set[str]) -> None:
    for kind in kinds:
        for library in _LIBRARIES.get(kind, ()):
            importlib.import_module(library)
    if kinds & {"http", "tls"}:
        for verify in (True, False):
            tls_context(verify)
