"""``fold(state, record) -> state``: what an event means. Total: never refuses, never raises, whatever the event.

An event about a step, host or canary that the plan does not have changes nothing but ``seq`` and ``ts``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from msgspec.structs import replace

from upgrade_tui.plan.model import Plan
from upgrade_tui.window import events as ev
from upgrade_tui.window import fold_steps, fold_undo
from upgrade_tui.window.changes import change_host, change_step, change_task, excluded_reason, with_, without
from upgrade_tui.window.state import Operator, WindowState, initial


def fold(state: WindowState, record: ev.Record) -> WindowState:
    """The state after ``record``."""
    handler = _HANDLERS.get(type(record.event))
    if handler is not None:
        state = handler(state, record, record.event)
    return replace(state, seq=record.seq, ts=record.ts)


def fold_all(plan: Plan, records: Iterable[ev.Record], state: WindowState | None = None) -> WindowState:
    """The state after all of ``records``, from ``state`` or from the beginning."""
    state = initial(plan) if state is None else state
    for record in records:
        state = fold(state, record)
    return state


# -- the window ---------------------------------------------------------------------------------------------------


def _opened(s: WindowState, r: ev.Record, e: ev.WindowOpened) -> WindowState:
    return replace(
        s, window=e.window, jobs=f"{e.window}-{e.key}" if e.key else e.window, phase="open", start=e.start, end=e.end,
        opened=r.ts, opened_by=r.actor, origin=e.origin, plan_sha256=e.plan_sha256,
    )  # fmt: skip


def _accepted(s: WindowState, r: ev.Record, e: ev.PlanAccepted) -> WindowState:
    return replace(s, plan_sha256=e.sha256)


def _conductor(s: WindowState, r: ev.Record, e: ev.ConductorStarted) -> WindowState:
    """The clients of the earlier conductor are gone with it."""
    return replace(s, operators={}, takeovers=s.takeovers + 1)


def _paused(s: WindowState, r: ev.Record, e: ev.WindowPaused) -> WindowState:
    stopped = s.phase in ("closed", "aborted")
    return s if stopped else replace(s, phase="paused", reason=e.reason, paused_by=r.actor)


def _aborted(s: WindowState, r: ev.Record, e: ev.WindowAborted) -> WindowState:
    return s if s.phase == "closed" else replace(s, phase="aborted", reason=e.reason, paused_by=r.actor)


def _resumed(s: WindowState, r: ev.Record, e: ev.WindowResumed) -> WindowState:
    return replace(s, phase="open", reason="", paused_by="") if s.phase in ("paused", "aborted") else s


def _closed(s: WindowState, r: ev.Record, e: ev.WindowClosed) -> WindowState:
    return replace(s, phase="closed", closed=r.ts, outcome=e.outcome, reason=e.reason)


def _fenced(s: WindowState, r: ev.Record, e: ev.LogFenced) -> WindowState:
    return replace(s, fences=s.fences + 1)


def _attached(s: WindowState, r: ev.Record, e: ev.OperatorAttached) -> WindowState:
    return replace(s, operators=with_(s.operators, e.client, Operator(e.login, e.role, r.ts, e.terminal)))


def _detached(s: WindowState, r: ev.Record, e: ev.OperatorDetached) -> WindowState:
    return replace(s, operators=without(s.operators, e.client))


def _noted(s: WindowState, r: ev.Record, e: ev.NoteAdded) -> WindowState:
    s = replace(s, notes=(*s.notes, e))
    if e.step in s.steps:
        s = change_step(s, e.step, notes=s.steps[e.step].notes + 1)
    if e.host in s.hosts:
        s = change_host(s, e.host, notes=s.hosts[e.host].notes + 1)
    return s


_IMPLIES = {
    "T-10": {"T-30"},
    "T-5": {"T-30", "T-10"},
    "T-0": {"T-30", "T-10", "T-5"},
}


def _crossed(s: WindowState, r: ev.Record, e: ev.ClockCrossed) -> WindowState:
    return replace(s, crossed=s.crossed | {e.what} | _IMPLIES.get(e.what, set()))


# -- hosts and canaries -------------------------------------------------------------------------------------------


def _link(s: WindowState, r: ev.Record, e: ev.HostLink) -> WindowState:
    return change_host(s, e.host, link=e.link, detail=e.detail, since=r.ts)


def _facts(s: WindowState, r: ev.Record, e: ev.HostFacts) -> WindowState:
    return change_host(s, e.host, facts=e)


def _rebooted(s: WindowState, r: ev.Record, e: ev.HostRebooted) -> WindowState:
    return change_host(s, e.host, reboots=s.hosts[e.host].reboots + 1) if e.host in s.hosts else s


def _limit_crossed(s: WindowState, r: ev.Record, e: ev.LimitCrossed) -> WindowState:
    return change_host(s, e.host, alerts=with_(s.hosts[e.host].alerts, alert_key(e), e)) if e.host in s.hosts else s


def _limit_cleared(s: WindowState, r: ev.Record, e: ev.LimitCleared) -> WindowState:
    return change_host(s, e.host, alerts=without(s.hosts[e.host].alerts, alert_key(e))) if e.host in s.hosts else s


def alert_key(e: ev.LimitCrossed | ev.LimitCleared) -> str:
    """``cpu`` or ``disk /var``: what stands crossed, once a host."""
    return f"{e.metric} {e.what}".strip()


def _unit(s: WindowState, r: ev.Record, e: ev.UnitChanged) -> WindowState:
    return change_host(s, e.host, units=with_(s.hosts[e.host].units, e.unit, e.after)) if e.host in s.hosts else s


def _excluded(s: WindowState, r: ev.Record, e: ev.HostExcluded) -> WindowState:
    """What the host has not begun, or what went wrong there, is skipped; what was done there stays done."""
    if e.host not in s.hosts:
        return s
    s = replace(s, excluded=with_(s.excluded, e.host, e.reason))
    for step in s.steps.values():
        task = step.tasks.get(e.host)
        if task is not None and task.can_be_left_out:
            why = excluded_reason(e.reason)
            s = change_task(s, step.id, e.host, state="skipped", reason=why, settled_by=r.actor, following=False)
    return s


def _verdict(s: WindowState, r: ev.Record, e: ev.CanaryVerdict) -> WindowState:
    canary = s.canaries.get(e.canary)
    if canary is None:
        return s
    troubles = canary.troubles + (e.verdict == "failing")
    canary = replace(canary, verdict=e.verdict, since=r.ts, detail=e.detail, troubles=troubles)
    return replace(s, canaries=with_(s.canaries, e.canary, canary))


_HANDLERS: dict[type, Callable[[WindowState, ev.Record, Any], WindowState]] = {
    ev.WindowOpened: _opened,
    ev.PlanAccepted: _accepted,
    ev.ConductorStarted: _conductor,
    ev.WindowPaused: _paused,
    ev.WindowAborted: _aborted,
    ev.WindowResumed: _resumed,
    ev.WindowClosed: _closed,
    ev.LogFenced: _fenced,
    ev.OperatorAttached: _attached,
    ev.OperatorDetached: _detached,
    ev.NoteAdded: _noted,
    ev.ClockCrossed: _crossed,
    ev.HostLink: _link,
    ev.HostFacts: _facts,
    ev.HostRebooted: _rebooted,
    ev.LimitCrossed: _limit_crossed,
    ev.LimitCleared: _limit_cleared,
    ev.HostExcluded: _excluded,
    ev.UnitChanged: _unit,
    ev.CanaryVerdict: _verdict,
    **fold_steps.HANDLERS,
    **fold_undo.HANDLERS,
}  # LogRecovered and ClockJumped are history, not state
