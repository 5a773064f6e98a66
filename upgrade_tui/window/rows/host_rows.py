"""Rows of what is seen of hosts and canaries."""

from __future__ import annotations

from upgrade_tui.units import bytes_text, count_text, latency_text, percent_text
from upgrade_tui.window import events as ev
from upgrade_tui.window import fold_hosts as fold
from upgrade_tui.window.event_row import Notice, Row, quiet, rings, told, warns
from upgrade_tui.window.health import unit_is_good, unit_is_unknown
from upgrade_tui.window.rows.phrases import because


def _link(e: ev.HostLink) -> str:
    return f"{e.host} is {e.link}{because(e.detail)}"


def _facts(e: ev.HostFacts) -> str:
    skew = f", clock off by {e.skew:+.1f} s" if e.skew is not None and abs(e.skew) >= 1 else ""
    memory = bytes_text(e.memory)
    return f"{e.host}: Linux {e.kernel}, {count_text(e.cores, 'core')}, {memory} memory, sampled by {e.sampler}{skew}"


def _jobs(e: ev.HostJobs) -> str:
    return f"jobs on {e.host} are kept in {e.place}"


def _rebooted(e: ev.HostRebooted) -> str:
    return f"{e.host} was rebooted"


def _limit_crossed(e: ev.LimitCrossed) -> str:
    return f"{e.host}: {_metric(e)} at {percent_text(e.value)} is over its limit of {percent_text(e.limit)}"


def _limit_cleared(e: ev.LimitCleared) -> str:
    return f"{e.host}: {_metric(e)} is down to {percent_text(e.value)} again (limit {percent_text(e.limit)})"


def _metric(e: ev.LimitCrossed | ev.LimitCleared) -> str:
    return f"{e.metric.replace('_', ' ')} {e.what}".strip()


def _excluded(e: ev.HostExcluded) -> str:
    return f"took {e.host} out of the rest of the window{because(e.reason)}"


def _unit(e: ev.UnitChanged) -> str:
    again = f", started again {count_text(e.restarts, 'time')}" if e.restarts else ""
    return f"{e.host}: unit {e.unit} is {e.after}{because(e.before, ', was ')}{again}"


def _verdict(e: ev.CanaryVerdict) -> str:
    failures = (
        f" after {count_text(e.failures, 'failure')} in a row" if e.failures > 1 and e.verdict == "failing" else ""
    )
    slow = f" ({latency_text(e.latency)})" if e.latency is not None else ""
    return f'canary "{e.canary}" is {e.verdict}{failures}, was {e.before}{slow}{because(e.detail)}'


def _how_linked(e: ev.HostLink) -> Notice:
    match e.link:
        case "connecting":
            return quiet()
        case "up":
            return told("muted")
        case "no sampler":
            return warns("watch")
        case "lost":
            return rings("Host lost")
    return rings("Host out of reach")


def _how_the_unit_is(e: ev.UnitChanged) -> Notice:
    if e.after in ("failed", "restarting"):
        return rings(f"Unit {e.after}")
    if unit_is_good(e.after):
        return told()
    return warns("unknown" if unit_is_unknown(e.after) else "tight")


def _how_healthy(e: ev.CanaryVerdict) -> Notice:
    match e.verdict:
        case "healthy":
            return told("good")
        case "degraded":
            return warns("watch")
        case "failing":
            return rings("Canary failing")
    return warns("unknown")


ROWS = (
    Row(event=ev.HostLink, say=_link, fold=fold.link, notice=_how_linked),
    Row(event=ev.HostFacts, say=_facts, fold=fold.host_facts, notice=quiet()),
    Row(event=ev.HostJobs, say=_jobs, fold=fold.jobs, notice=quiet()),
    Row(event=ev.HostRebooted, say=_rebooted, fold=fold.rebooted, notice=rings("Host rebooted", "tight")),
    Row(event=ev.LimitCrossed, say=_limit_crossed, fold=fold.limit_crossed, notice=warns()),
    Row(event=ev.LimitCleared, say=_limit_cleared, fold=fold.limit_cleared, notice=told("good")),
    Row(event=ev.HostExcluded, say=_excluded, fold=fold.excluded, notice=warns(decision=True), moves_the_clock=True),
    Row(event=ev.UnitChanged, say=_unit, fold=fold.unit, notice=_how_the_unit_is),
    Row(event=ev.CanaryVerdict, say=_verdict, fold=fold.verdict, notice=_how_healthy),
)
