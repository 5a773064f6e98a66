"""The run probe: an exit code or a printed number, from a command on a host of the plan or on this machine."""

from __future__ import annotations

import asyncio
import math

from upgrade_tui.canary.probe_base import Probe
from upgrade_tui.canary.result import ProbeResult, unknown_result
from upgrade_tui.foreign import decoded, one_line
from upgrade_tui.plan.model import LOCAL, Canary
from upgrade_tui.units import latency_text

_KEPT = 4096  # bytes of output that are looked at: its end
_SHOWN = 100  # characters of foreign output in a detail
BEYOND = 2.0  # seconds beyond the timeout in which the means of running must say what became of the command


class RunProbe(Probe):
    """Runs the command and judges its exit code and, with ``min`` or ``max``, the number on its last line."""

    async def ask(self, canary: Canary) -> ProbeResult:
        host = canary.on or LOCAL
        try:
            async with asyncio.timeout(canary.timeout + BEYOND):
                code, output, proven = await self.means.execute(host, canary.run or "", canary.timeout)
        except TimeoutError:
            return unknown_result(
                f"{host} did not say what became of the command within {latency_text(canary.timeout + BEYOND)}"
            )
        last = _last_line(output)
        if not proven:
            return unknown_result(last or f"{host} cannot be reached")
        number = _number(last)
        wrong = _wrong(canary, code, number, last)
        said = wrong or (f"{last} from {host}" if last else f"exit {code} from {host}")
        return ProbeResult(ok=not wrong, latency=None, value=number, detail=said)


PROBE = RunProbe


def _wrong(canary: Canary, code: int | None, number: float | None, last: str) -> str:
    """What differs from the expected; empty if nothing does."""
    expect = canary.expect
    wanted = expect.exit or 0
    shown = f": {last}" if last else ""
    if code is None:
        return f"no exit code: a signal ended it, or {latency_text(canary.timeout)} were not enough{shown}"
    if code != wanted:
        return f"exit {code}, wanted {wanted}{shown}"
    if expect.min is None and expect.max is None:
        return ""
    if number is None:
        return f"printed no number on its last line{shown}"
    if expect.min is not None and number < expect.min:
        return f"{number:g}, wanted at least {expect.min:g}"
    if expect.max is not None and number > expect.max:
        return f"{number:g}, wanted at most {expect.max:g}"
    return ""


def _last_line(output: bytes) -> str:
    lines = decoded(output[-_KEPT:]).split("\n")
    return one_line(next((line.strip() for line in reversed(lines) if line.strip()), ""), _SHOWN)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
