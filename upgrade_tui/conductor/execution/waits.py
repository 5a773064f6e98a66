"""Waiting: until the window goes on, until canaries were healthy for long enough, until a gate is decided."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable

from upgrade_tui.conductor.execution.context import ExecutionContext, runs
from upgrade_tui.plan.model import Step
from upgrade_tui.units import duration_text
from upgrade_tui.window import events as ev
from upgrade_tui.window.gates import evidence
from upgrade_tui.window.state import WindowState

SETTLE_LIMIT = 60.0  # seconds over the bake that degraded canaries get to become healthy


class Stop(Exception):
    """A step ends before it is through, and why; empty where its tasks, or whoever ended it, said why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def not_rolling_back(context: ExecutionContext) -> None:
    """Raises Stop while a rollback is under way: nothing more begins, and what waits for people or canaries ends."""
    asked = context.state().rollback
    if asked is not None and asked.active:
        raise Stop(f"stopped for the rollback of {asked.scope}")


def stands(context: ExecutionContext, spec: Step) -> None:
    """Raises Stop where what the step needs is no longer so: it was undone, by whomever, while the step runs."""
    for need in context.state().missing(spec.id):
        raise Stop(f"{need}, which it needs, is {context.state().shown(need)}")


async def going_on(context: ExecutionContext, spec: Step, attempt: int) -> None:
    """Until the window is not paused. Raises Stop where it was aborted, rolls back, or somebody ended the step."""
    not_rolling_back(context)
    while context.state().phase == "paused" and context.under_way(spec.id, attempt):
        await context.changed()
        not_rolling_back(context)
    if context.state().phase in ("aborted", "closed"):
        raise Stop(f"the window was {context.state().phase}: {context.state().reason}")
    stands(context, spec)
    if not context.under_way(spec.id, attempt):
        raise Stop("")  # whoever ended it said why


async def healthy_for(context: ExecutionContext, spec: Step, attempt: int, seconds: float) -> None:
    """Until the step's canaries were healthy for ``seconds`` on end. Failing stops; no data never promotes."""
    begun = since = context.mono()
    waited = False  # a verdict that was not healthy at the last look: the count begins when it is, not when we looked
    while context.under_way(spec.id, attempt):
        if context.state().phase in ("aborted", "closed"):
            raise Stop(f"the window was {context.state().phase}")
        not_rolling_back(context)
        stands(context, spec)
        verdicts = {name: context.state().canaries[name].verdict for name in spec.canaries}
        failing = [name for name, verdict in verdicts.items() if verdict == "failing"]
        if failing:
            detail = context.state().canaries[failing[0]].detail
            raise Stop(f"canary {failing[0]} is failing: {detail}".rstrip(": "))
        unsure = [f"{name} ({verdict})" for name, verdict in verdicts.items() if verdict != "healthy"]
        if unsure or waited:
            waited, since = bool(unsure), context.mono()
        if unsure:
            if since - begun > 2 * seconds + SETTLE_LIMIT:
                raise Stop(f"inconclusive, never healthy for {duration_text(seconds)}: {', '.join(unsure)}")
        elif context.mono() - since >= seconds:
            return
        limit = begun + 2 * seconds + SETTLE_LIMIT + 0.01 if unsure else since + seconds
        await context.change_within(max(0.05, limit - context.mono()))


async def all_confirmed(context: ExecutionContext, spec: Step, attempt: int) -> None:
    """Until no host of the step is armed any more: each was confirmed, or undid it. Raises Stop as ``going_on``."""
    while context.under_way(spec.id, attempt) and any(a.waits for a in context.step(spec.id).armed.values()):
        if context.state().phase in ("aborted", "closed"):
            raise Stop(f"the window was {context.state().phase}")
        not_rolling_back(context)
        stands(context, spec)
        await context.changed()


async def bake(context: ExecutionContext, spec: Step) -> ev.BakeEnded:
    attempt = context.step(spec.id).attempt
    try:
        await healthy_for(context, spec, attempt, float(spec.bake if spec.bake is not None else spec.estimate))
    except Stop as stop:
        return ev.BakeEnded(step=spec.id, attempt=attempt, passed=False, reason=stop.reason)
    reason = "canaries stayed healthy" if spec.canaries else ""
    return ev.BakeEnded(step=spec.id, attempt=attempt, passed=True, reason=reason)


async def gate(context: ExecutionContext, spec: Step) -> ev.GateDecided:
    """Votes end a gate; here is only its time limit: a gate that times out is a no.

    The limit is counted on the monotonic clock from the gate's opening, or from where a new conductor took over: a jump
    of the wall clock takes nothing of the time that people have.
    """
    attempt = context.step(spec.id).attempt

    def opened(state: WindowState) -> list[ev.Event]:
        """A conductor may have died between the start and its evidence: without that nobody could vote."""
        there = not runs(state, spec.id, attempt) or state.steps[spec.id].gate is not None
        return [] if there else [evidence(state, spec.id, attempt, context.now())]

    await context.transact(opened)
    try:
        reason = await _decided(context, spec, attempt)
    except Stop as stop:
        reason = stop.reason
    return ev.GateDecided(step=spec.id, attempt=attempt, go=False, reason=reason)


async def _decided(context: ExecutionContext, spec: Step, attempt: int) -> str:
    """Until the time is over, and so says; or until somebody else ended the gate: who runs it sees that."""
    counted, limit = "", math.inf
    while context.under_way(spec.id, attempt):
        not_rolling_back(context)
        stands(context, spec)
        opened = context.step(spec.id).gate
        if opened is not None and opened.until is not None and opened.digest != counted:
            counted, limit = opened.digest, context.mono() + opened.until - context.now()
        left = limit - context.mono()
        if left <= 0:
            return f"nobody decided in {duration_text(spec.timeout or 0)}: a no"
        await context.change_within(max(left, 0.01))
    return ""


RUNNERS: dict[str, Callable[[ExecutionContext, Step], Awaitable[ev.Event]]] = {"bake": bake, "gate": gate}
"""What carries out a step of a kind that needs no hosts; the event that it gives is the attempt's end."""
