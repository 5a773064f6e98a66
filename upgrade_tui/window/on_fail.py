"""What is undone without anybody asking: a canary or a step with ``on_fail = "rollback"``. Pure.

A state and what has just happened in it give events: a rollback, or a pause that says why nothing is undone by itself.
Each transition is answered once, by whoever writes it into the log.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from upgrade_tui.plan.model import Canary, Step
from upgrade_tui.plan.step_kinds import may_change
from upgrade_tui.units import plural
from upgrade_tui.window import events as ev
from upgrade_tui.window.state import WindowState
from upgrade_tui.window.step_state import UNCONFIRMED
from upgrade_tui.window.undo import at_work, in_order_done, undo_plan, was_begun

REACHED = frozenset({"up", "connecting", "no sampler"})  # connecting: nothing was heard of it yet, good or bad
UNDER_WAY = frozenset({"running", *UNCONFIRMED})
AS_MANY = 10  # hosts that are named


def canary_answer(state: WindowState, verdict: ev.CanaryVerdict) -> tuple[ev.Event, ...]:
    """What a new verdict brings about. ``state``: as it is when the verdict is written."""
    canary = state.plan.canary(verdict.canary)
    if verdict.verdict != "failing" or canary is None or canary.on_fail == "warn":
        return ()
    targets = _targets(state, canary)
    done = any(step.touched() for step in state.steps.values()) or any(_was_begun(state, s) for s in targets)
    if state.phase not in ("open", "paused") or not done:
        return ()  # nothing was done yet that could have caused it, and there is nothing to hold back
    reason = f"canary {canary.name} is failing: {verdict.detail}".removesuffix(": ")
    if canary.on_fail == "pause":
        return (ev.WindowPaused(reason=reason),) if state.phase == "open" else ()
    if state.rolling_back and targets and _undone_already(state, targets):
        return ()
    why_not = cut_off(state, canary.name) or _not_these(state, targets)
    if why_not:
        return (ev.WindowPaused(reason=f"{reason}; {why_not}"),)
    scope, steps = _widened(state, canary, targets)
    return _rollback(state, scope, steps, ev.RollbackRequested(scope=scope, undo=(), reason=reason, canary=canary.name))


def step_answer(state: WindowState, step_id: str) -> tuple[ev.Event, ...]:
    """What the end of an attempt of a command step brings about: more hosts failed than its ``max_fail`` allows."""
    spec = state.plan.step(step_id)
    if spec is None or spec.on_fail != "rollback" or state.phase not in ("open", "paused"):
        return ()
    if state.rolling_back and _undone_already(state, [step_id]):
        return ()
    states = [task.state for task in state.steps[step_id].tasks.values()]
    allowed = state.steps[step_id].allowed
    failed = states.count("failed")
    others = [s for s in ("unknown", "unreachable", "rolled back") if s in states]
    if failed + sum(states.count(s) for s in others) <= allowed:
        return ()
    reason = f"{step_id} failed on {failed} of {len(states)} hosts, {allowed} may"
    if failed <= allowed:
        more = ", ".join(f"{states.count(s)} more {s}" for s in others)
        return (ev.WindowPaused(reason=f"{reason}; {more}: that is not failed, so nothing is undone by itself"),)
    why_not = cut_off(state) or _not_these(state, [step_id])
    if why_not:
        return (ev.WindowPaused(reason=f"{reason}; {why_not}"),)
    scope = f"step {step_id}"
    return _rollback(state, scope, [step_id], ev.RollbackRequested(scope=scope, undo=(), reason=reason, failed=step_id))


def _rollback(
    state: WindowState, scope: str, steps: Collection[str] | None, asked: ev.RollbackRequested
) -> tuple[ev.Event, ...]:
    """The rollback of ``steps`` (None: all), or a pause where something of it cannot be undone."""
    plan = undo_plan(state, only=steps)
    final = [f"{step}: {why}" for step, why in plan.cannot if _no_way_back(state, step, steps)]
    if final or not plan.steps:
        what = "; ".join(final) or f"there is nothing that can be undone in {scope}"
        return (ev.WindowPaused(reason=f"{asked.reason}; nothing is undone by itself: {what}"),)
    undo = tuple(each.step for each in plan.steps)
    return (
        ev.RollbackRequested(
            scope=scope, undo=undo, reason=asked.reason, estimate=plan.seconds, canary=asked.canary,
            failed=asked.failed, waits=in_the_way(state, undo),
        ),
    )  # fmt: skip


def _no_way_back(state: WindowState, step: str, steps: Collection[str] | None) -> bool:
    """Whether that this step stays keeps all of it from being undone by itself.

    A lead may decide to undo half of something; the plan promised all of it. Of everything, what never had a rollback
    is left as it is.
    """
    spec = state.plan.step(step)
    return steps is not None or spec is None or spec.rollback is not None or spec.irreversible


# -- which steps ----------------------------------------------------------------------------------------------------


def _was_begun(state: WindowState, step_id: str) -> bool:
    spec = state.plan.step(step_id)
    return spec is not None and spec.rollback is not None and was_begun(spec, state.steps[step_id])


def _targets(state: WindowState, canary: Canary) -> list[str]:
    """The steps under way that list the canary, else the last one that was done; in the order in which they began."""
    listing = [s for s in in_order_done(state) if canary.name in s.canaries and _does_something(s)]
    under_way = [s.id for s in listing if state.steps[s.id].state in UNDER_WAY]
    return under_way or [s.id for s in listing if was_begun(s, state.steps[s.id])][-1:]


def _does_something(spec: Step) -> bool:
    """A gate or a bake that lists a canary has nothing in it to undo, nor has a step that only looks."""
    return may_change(spec)


def _widened(state: WindowState, canary: Canary, targets: Sequence[str]) -> tuple[str, list[str] | None]:
    """The scope in words, and its steps (None: all), as the canary's ``undo`` says."""
    if canary.undo == "all":
        return "everything", None
    if canary.undo == "phase":
        phases = dict.fromkeys(s.phase for s in state.plan.steps if s.id in targets)
        steps = [s.id for s in state.plan.steps if s.phase in phases]
        named = ", ".join(phase for phase in phases if phase)
        return (f"{plural(len(phases), 'phase')} {named}" if named else "the steps without a phase"), steps
    latest_first = ", ".join(reversed(targets))
    return f"{plural(len(targets), 'step')} {latest_first}", list(targets)


# -- why not --------------------------------------------------------------------------------------------------------


def cut_off(state: WindowState, canary: str = "") -> str:
    """Why what the canary says may be about us and not about what it watches; empty where nothing speaks for that."""
    hosts = [host for name, host in state.hosts.items() if name not in state.excluded]
    lost = [host for host in hosts if host.link not in REACHED]
    if 2 * len(lost) > len(hosts):
        lost_of = f"{len(lost)} of {len(hosts)} hosts are lost"
        return f"{lost_of}: this conductor may be the one that is cut off, so nothing is undone by itself"
    spec = state.plan.canary(canary)
    asked = state.hosts.get(spec.on) if spec is not None and spec.on is not None else None
    if asked is not None and asked.link not in REACHED:
        return (
            f"{asked.name}, which is asked, is lost ({asked.link}): this conductor may be the one that is cut off, "
            "so nothing is undone by itself"
        )
    return ""


def _not_these(state: WindowState, targets: Sequence[str]) -> str:
    if not targets:
        return "nothing that was done lists this canary, so nothing is undone by itself"
    if state.rolling_back:
        return "a rollback is under way already, so nothing more is undone by itself"
    return ""


def _undone_already(state: WindowState, steps: Sequence[str]) -> bool:
    return state.rollback is not None and set(steps) <= {undo.step for undo in state.rollback.undo}


# -- what it waits for ----------------------------------------------------------------------------------------------


def waits_for(state: WindowState) -> tuple[str, ...]:
    """What a rollback that the plan asked for still waits for, as ``in_the_way`` says it; empty once it began."""
    asked = state.rollback
    if asked is None or not asked.active or not asked.by_itself:
        return ()
    undo = [each.step for each in asked.undo]
    begun = [s for s in undo if (state.steps[s].undo_started or 0.0) >= asked.started]
    return () if begun else in_the_way(state, undo)


def in_the_way(state: WindowState, undo: Collection[str]) -> tuple[str, ...]:
    """What must end before ``undo`` may begin, as "step on host": commands that run where something will be undone.

    That is: those steps themselves, what stands on them, and what runs on one of their hosts.
    """
    specs = [spec for spec in map(state.plan.step, undo) if spec is not None]
    places = {place for spec in specs for place in _places(state, spec)}
    above = set(undo)
    out: list[str] = []
    for spec in state.plan.steps:
        step = state.steps[spec.id]
        stands_on = not above.isdisjoint(state.plan.needs(spec))
        if stands_on:
            above.add(spec.id)
        if spec.kind == "manual" or not (at_work(spec, step) or step.state == "running"):
            continue
        if spec.id in undo or stands_on or not places.isdisjoint(_places(state, spec)):
            running = [t for t in step.tasks.values() if t.state == "running" or t.following]
            named = [f"{spec.id} on {t.host}" + (" (lost)" if t.following else "") for t in running[:AS_MANY]]
            out += named or [spec.id]
    return tuple(out)


def _places(state: WindowState, spec: Step) -> set[str]:
    """Where the step's commands run."""
    return {spec.run_on} if spec.run_on else set(state.steps[spec.id].tasks)
