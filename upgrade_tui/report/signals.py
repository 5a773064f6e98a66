"""What hosts and canaries showed: limits crossed, links lost, verdicts, risks that came true. Pure."""

from __future__ import annotations

from datetime import tzinfo
from typing import Literal

from upgrade_tui.plan.model import Canary, Plan, Risk
from upgrade_tui.report.history import Stretch, WindowHistory
from upgrade_tui.report.measured import CanaryTelemetry, HostTelemetry, ReportTelemetry
from upgrade_tui.report.model import AlertSummary, CanarySummary, HostSummary, RiskRow, StepSpan
from upgrade_tui.report.times import moment
from upgrade_tui.window import events as ev
from upgrade_tui.window.health import unit_is_good, unit_text


def alerts(history: WindowHistory, zone: tzinfo) -> tuple[AlertSummary, ...]:
    """Every limit that was crossed, with how long it stood."""
    return tuple(
        AlertSummary(
            host=host, metric=stretch.state, limit=event.limit, worst=stretch.worst,
            began=moment(stretch.began.ts, zone),
            ended=moment(stretch.ended.ts, zone) if stretch.ended else None,
            seconds=history.seconds(stretch), during=history.running_at(stretch.began),
            evidence=stretch_evidence(stretch),
        )
        for host, stretch in history.alerts
        if isinstance(event := stretch.began.event, ev.LimitCrossed)
    )  # fmt: skip


def stretch_evidence(stretch: Stretch) -> tuple[int, ...]:
    """The seq numbers of a stretch's two ends."""
    return (stretch.began.seq,) if stretch.ended is None else (stretch.began.seq, stretch.ended.seq)


def host_rows(plan: Plan, history: WindowHistory, telemetry: ReportTelemetry) -> tuple[HostSummary, ...]:
    """A row a host, in the plan's order."""
    return tuple(_host(plan, history, name, telemetry.hosts.get(name)) for name in plan.hosts)


def _host(plan: Plan, history: WindowHistory, name: str, told: HostTelemetry | None) -> HostSummary:
    state, lost, kernels = history.state.hosts[name], history.lost[name], history.kernels[name]
    told = told or HostTelemetry()
    lengths = [history.seconds(stretch) for stretch in lost]
    reboots = [r.seq for r in history.reboots[name]]
    tasks = [step.tasks[name] for step in history.state.steps.values() if name in step.tasks]
    return HostSummary(
        host=name, address=plan.hosts[name].address, link=state.link,
        times_lost=len(lost), lost_seconds=sum(lengths), longest_lost=max(lengths, default=0.0), reboots=len(reboots),
        kernel_before=kernels[0] if kernels else "", kernel_after=kernels[-1] if kernels else "",
        alerts=sum(1 for host, _ in history.alerts if host == name), open_alerts=tuple(state.alerts),
        units=tuple(unit_text(unit, said) for unit, said in state.units.items() if not unit_is_good(said)),
        tasks_failed=sum(1 for task in tasks if task.state == "failed"),
        cpu_mean=told.cpu_mean, cpu_max=told.cpu_max, memory_mean=told.memory_mean, memory_max=told.memory_max,
        disk_max=told.disk_max,
        evidence=tuple(sorted([seq for stretch in lost for seq in stretch_evidence(stretch)] + reboots)),
    )  # fmt: skip


def canary_rows(plan: Plan, history: WindowHistory, telemetry: ReportTelemetry) -> tuple[CanarySummary, ...]:
    """A row a canary, in the plan's order."""
    return tuple(_canary(history, canary, telemetry.canaries.get(canary.name)) for canary in plan.canaries)


def _canary(history: WindowHistory, canary: Canary, told: CanaryTelemetry | None) -> CanarySummary:
    state, stretches = history.state.canaries[canary.name], history.verdicts[canary.name]
    told = told or CanaryTelemetry()
    lasted = dict.fromkeys(("healthy", "degraded", "failing", "no data"), 0.0)
    for stretch in stretches:
        lasted[stretch.state] = lasted.get(stretch.state, 0.0) + history.seconds(stretch)
    worst = [s.worst for s in stretches if s.worst] + ([told.latency_max] if told.latency_max is not None else [])
    return CanarySummary(
        name=canary.name, probe=canary.probe, verdict=state.verdict, detail=state.detail,
        failures=sum(1 for s in stretches if s.state == "failing"),
        degradations=sum(1 for s in stretches if s.state == "degraded"),
        healthy_seconds=lasted["healthy"], degraded_seconds=lasted["degraded"], failing_seconds=lasted["failing"],
        no_data_seconds=lasted["no data"], worst_latency=max(worst, default=None), latency_p95=told.latency_p95,
        answers_good=told.good, answers_bad=told.bad, answers_unknown=told.unknown,
        spans=tuple(StepSpan(s.state, s.began.ts, s.ended.ts if s.ended else history.end) for s in stretches),
        evidence=tuple(s.began.seq for s in stretches if s.state in ("degraded", "failing")),
    )  # fmt: skip


def risk_rows(plan: Plan, history: WindowHistory) -> tuple[RiskRow, ...]:
    """The risk matrix in the plan's order, each risk with what its canaries showed."""
    return tuple(_risk(history, risk) for risk in plan.risks)


def _risk(history: WindowHistory, risk: Risk) -> RiskRow:
    bad = {
        name: [s for s in history.verdicts.get(name, ()) if s.state in ("degraded", "failing")] for name in risk.watch
    }
    fired = tuple(name for name, stretches in bad.items() if any(s.state == "failing" for s in stretches))
    degraded = tuple(name for name, stretches in bad.items() if stretches and name not in fired)
    return RiskRow(
        title=risk.title, likelihood=risk.likelihood, impact=risk.impact, response=risk.response, owner=risk.owner,
        watch=risk.watch, fired=fired, degraded=degraded,
        outcome=_shown(history, risk, fired=bool(fired), degraded=bool(degraded)),
        evidence=tuple(sorted({s.began.seq for stretches in bad.values() for s in stretches})),
    )  # fmt: skip


def _shown(
    history: WindowHistory, risk: Risk, *, fired: bool, degraded: bool
) -> Literal["showed", "showed signs", "did not show", "not known", "not watched"]:
    """What the canaries of a risk say of it. One that never answered, or was silent at the end, proves nothing."""
    if fired or degraded:
        return "showed" if fired else "showed signs"
    if not risk.watch:
        return "not watched"
    silent = any(not (s := history.verdicts.get(name)) or s[-1].state == "no data" for name in risk.watch)
    return "not known" if silent else "did not show"
