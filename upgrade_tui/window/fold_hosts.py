"""What is seen of hosts and canaries. Part of ``fold``: total, pure."""

from __future__ import annotations

from msgspec.structs import replace

from upgrade_tui.plan.model import LOCAL
from upgrade_tui.window import events as ev
from upgrade_tui.window.changes import change_host, change_task, excluded_reason, with_, without
from upgrade_tui.window.state import WindowState


def link(s: WindowState, r: ev.Record, e: ev.HostLink) -> WindowState:
    return change_host(s, e.host, link=e.link, detail=e.detail, since=r.ts)


def host_facts(s: WindowState, r: ev.Record, e: ev.HostFacts) -> WindowState:
    return change_host(s, e.host, facts=e)


def jobs(s: WindowState, r: ev.Record, e: ev.HostJobs) -> WindowState:
    """The first one counts."""
    known = e.host in s.hosts or e.host == LOCAL
    return s if e.host in s.places or not known else replace(s, places=with_(s.places, e.host, e.place))


def rebooted(s: WindowState, r: ev.Record, e: ev.HostRebooted) -> WindowState:
    return change_host(s, e.host, reboots=s.hosts[e.host].reboots + 1) if e.host in s.hosts else s


def limit_crossed(s: WindowState, r: ev.Record, e: ev.LimitCrossed) -> WindowState:
    return change_host(s, e.host, alerts=with_(s.hosts[e.host].alerts, alert_key(e), e)) if e.host in s.hosts else s


def limit_cleared(s: WindowState, r: ev.Record, e: ev.LimitCleared) -> WindowState:
    return change_host(s, e.host, alerts=without(s.hosts[e.host].alerts, alert_key(e))) if e.host in s.hosts else s


def alert_key(e: ev.LimitCrossed | ev.LimitCleared) -> str:
    """``cpu`` or ``disk /var``: what stands crossed, once a host."""
    return f"{e.metric} {e.what}".strip()


def unit(s: WindowState, r: ev.Record, e: ev.UnitChanged) -> WindowState:
    return change_host(s, e.host, units=with_(s.hosts[e.host].units, e.unit, e.after)) if e.host in s.hosts else s


def excluded(s: WindowState, r: ev.Record, e: ev.HostExcluded) -> WindowState:
    """What the host has not begun, or what went wrong there, is skipped; what was done there stays done."""
    if e.host not in s.hosts:
        return s
    s = replace(s, excluded=with_(s.excluded, e.host, e.reason))
    for step in s.steps.values():
        task = step.tasks.get(e.host)
        if task is not None and task.can_be_left_out:
            why = excluded_reason(e.reason)
            given_up = str(task.attempt) if task.following else task.abandoned
            s = change_task(
                s, step.id, e.host, state="skipped", reason=why, settled_by=r.actor, following=False, excluded=True,
                abandoned=given_up,
            )  # fmt: skip
    return s


def verdict(s: WindowState, r: ev.Record, e: ev.CanaryVerdict) -> WindowState:
    canary = s.canaries.get(e.canary)
    if canary is None:
        return s
    troubles = canary.troubles + (e.verdict == "failing")
    canary = replace(canary, verdict=e.verdict, since=r.ts, detail=e.detail, troubles=troubles)
    return replace(s, canaries=with_(s.canaries, e.canary, canary))
