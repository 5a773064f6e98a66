"""From answers to a verdict. Pure: times come in as seconds of a monotonic clock, nothing is read or slept.

An answer is *good*, or *bad*: wrong, missing or slower than ``max_latency``. What follows from them:

- healthy -> degraded at the first bad answer
- -> failing at ``failure_limit`` bad answers in a row: slow ones count, for users cannot tell slow from down
- degraded or failing -> healthy after ``recovery`` good answers in a row; failing stays failing until then
- -> no data when nothing was proven for three intervals and a timeout. The first answer afterwards takes up what was
  proven before: silence is not evidence, neither for nor against

A canary that flaps must not fill the log. Each return (to healthy, or out of silence) within ``CALM`` of the one before
asks, from the fourth on, for twice as many answers as the last one did, up to ``LONGEST_HOLD`` of them: returns get
rare, so everything else does. That a canary newly fails is never held back.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from upgrade_tui.canary.result import ProbeResult
from upgrade_tui.plan.model import Canary
from upgrade_tui.units import duration_text
from upgrade_tui.window.events import CanaryVerdict
from upgrade_tui.window.measurements import Verdict

CALM = 600.0  # seconds without a return after which a canary is no longer thought to flap
LONGEST_HOLD = 120.0  # seconds of good answers that a flapping canary needs at most
FREE_RETURNS = 3  # returns within CALM that cost nothing extra


class JudgeState(Struct, frozen=True):
    """All that the judge remembers of a canary. Made by ``begin_judging``, moved on by ``judge`` and ``silence``."""

    verdict: Verdict  # as announced
    proven: Verdict  # what the answers alone say; differs from ``verdict`` only during and just after silence
    heard: float  # when the last answer came, or when watching began
    bad: int = 0  # bad answers in a row
    good: int = 0  # good answers in a row
    answers: int = 0  # since the last silence
    returns: int = 0  # to healthy or out of silence, each within CALM of the one before
    returned: float = -math.inf  # when the last of them was


class Judgement(NamedTuple):
    """The state after an answer, and the event to record if the verdict changed."""

    health: JudgeState
    event: CanaryVerdict | None


def begin_judging(at: float, verdict: Verdict = "no data") -> JudgeState:
    """The state before the first answer; with ``verdict``, that of a canary whose window is taken over from the log."""
    return JudgeState(verdict=verdict, proven=verdict, heard=at)


def too_slow(canary: Canary, result: ProbeResult) -> bool:
    """Whether the answer took longer than the plan allows."""
    return canary.max_latency is not None and result.latency is not None and result.latency > canary.max_latency


def silence_limit(canary: Canary) -> float:
    """Seconds without an answer after which nothing is known any more."""
    return 3 * canary.interval + canary.timeout


def judge(canary: Canary, health: JudgeState, result: ProbeResult, at: float) -> Judgement:
    """Take one result in. A result without data is no answer: it only lets the silence grow."""
    if result.no_data:
        return silence(canary, health, at, result.detail)
    is_good = result.ok and not too_slow(canary, result)
    heard = replace(
        health,
        heard=at,
        good=health.good + 1 if is_good else 0,
        bad=0 if is_good else health.bad + 1,
        answers=health.answers + 1,
    )
    proven = _proven(canary, heard, at)
    heard = replace(heard, proven=proven)
    if health.verdict == "no data" and not _heard_enough(canary, health, heard, at):
        return Judgement(heard, None)
    return _announce(canary, heard, proven, at, result)


def silence(canary: Canary, health: JudgeState, at: float, why: str = "") -> Judgement:
    """What the time without an answer means. Cheap; call it about once a second and after a result without data."""
    quiet = at - health.heard
    if quiet < silence_limit(canary) or (health.verdict == "no data" and health.answers == 0):
        return Judgement(health, None)
    fresh = replace(health, answers=0, good=0)
    detail = f"no answer for {duration_text(quiet)}" + (f": {why}" if why else "")
    return _announce(canary, fresh, "no data", at, ProbeResult(ok=False, latency=None, value=None, detail=detail))


def _proven(canary: Canary, heard: JudgeState, at: float) -> Verdict:
    """What the answers so far prove, given what they proved before."""
    if heard.bad >= max(1, canary.failure_limit):
        return "failing"
    if heard.bad:
        return "failing" if heard.proven == "failing" else "degraded"
    if heard.proven in ("healthy", "no data") or heard.good >= goods_needed(canary, heard, at):
        return "healthy"
    return heard.proven


def goods_needed(canary: Canary, health: JudgeState, at: float) -> int:
    """Good answers in a row that make this canary healthy again: ``recovery``, more while it flaps."""
    return _held(canary, health, at, max(1, canary.recovery))


def _held(canary: Canary, health: JudgeState, at: float, base: int) -> int:
    recent = health.returns if at - health.returned <= CALM else 0
    doublings = min(max(0, recent - FREE_RETURNS + 1), 20)
    longest = math.ceil(LONGEST_HOLD / canary.interval) if canary.interval > 0 else base
    return max(base, min(base << doublings, longest))


def _heard_enough(canary: Canary, before: JudgeState, heard: JudgeState, at: float) -> bool:
    """Whether silence is over. News that a canary fails now, which it did not before, waits for nothing."""
    newly_failing = heard.proven == "failing" != before.proven
    return newly_failing or heard.answers >= _held(canary, before, at, 1)


def _announce(canary: Canary, health: JudgeState, verdict: Verdict, at: float, result: ProbeResult) -> Judgement:
    before = health.verdict
    if verdict == before:
        return Judgement(health, None)
    health = replace(health, verdict=verdict)
    detail = result.detail
    if health.good and (before, verdict) != ("no data", "healthy"):
        wanted = "" if verdict == "healthy" else f" of {goods_needed(canary, health, at)}"
        detail += f"; {health.good}{wanted} good in a row"
    if verdict == "healthy" or before == "no data":
        flapping = at - health.returned <= CALM
        health = replace(health, returns=health.returns + 1 if flapping else 1, returned=at)
    event = CanaryVerdict(
        canary=canary.name,
        verdict=verdict,
        before=before,
        detail=detail,
        failures=health.bad,
        latency=result.latency,
    )
    return Judgement(health, event)
