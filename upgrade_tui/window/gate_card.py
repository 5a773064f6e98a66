"""The gate's card: everything a go / no-go is decided on, on one page, for screens and shells alike. Pure."""

from __future__ import annotations

from msgspec import Struct

from upgrade_tui.plan.command_text import what_runs
from upgrade_tui.plan.model import Step
from upgrade_tui.plan.step_kinds import only_looks
from upgrade_tui.units import duration_text
from upgrade_tui.window import clock
from upgrade_tui.window.gates import alert_words, approvers
from upgrade_tui.window.health import bad_units
from upgrade_tui.window.state import WindowState


class NextStep(Struct, frozen=True, kw_only=True):
    """A step that the gate lets go on: exactly what will run where."""

    id: str
    title: str
    kind: str
    batches: tuple[tuple[str, ...], ...]
    command: str  # or the instructions of a manual step
    check: str
    rollback: str
    slack_after: float | None  # seconds; None: past the point of no return
    irreversible: bool
    confirm_within: float | None = None  # seconds after which each host undoes it by itself unless it is confirmed
    on_armed: bool = False  # it runs on what is armed, before it is confirmed
    looks: bool = False  # changes nothing, so there is nothing to undo


class CanaryEvidence(Struct, frozen=True, kw_only=True):
    """A canary now, and when the gate was opened."""

    name: str
    now: str
    before: str
    detail: str


class Watched(Struct, frozen=True, kw_only=True):
    """A risk of the plan, who watches it, and what its canaries say."""

    title: str
    level: str  # "medium likelihood, high impact"
    owner: str
    response: str
    watch: tuple[str, ...]  # canaries that would show it
    showing: tuple[str, ...]  # those of them that are degraded or failing now
    silent: tuple[str, ...]  # those of them that say nothing: whether it shows is not known

    @property
    def watchers(self) -> str:
        """People and canaries that watch it: ``tom, canary replication lag``; empty where there are none."""
        return ", ".join([*([self.owner] if self.owner else []), *(f"canary {name}" for name in self.watch)])

    @property
    def signs(self) -> str:
        """What its canaries say of it, where that is anything but good: the worst first."""
        silent = f"not known, no data: {', '.join(self.silent)}" if self.silent else ""
        return f"SHOWS NOW: {', '.join(self.showing)}" if self.showing else silent


class Card(Struct, frozen=True, kw_only=True):
    """A gate. ``digest`` binds a go to this evidence; ``until`` epoch seconds."""

    gate: str
    title: str
    digest: str
    needed: int
    votes: tuple[tuple[str, bool, str], ...]  # login, go, reason
    may: tuple[str, ...]  # who decides
    asked_by: str
    until: float | None
    steps: tuple[NextStep, ...]
    canaries: tuple[CanaryEvidence, ...]
    alerts: tuple[str, ...]
    units: tuple[str, ...]  # watched ones that keep restarting, failed, or give no answer
    links: tuple[str, ...]  # hosts that are not up
    risks: tuple[Watched, ...]
    slack: float | None
    words: str  # the clock's own
    cost: float
    forecast: float
    end: float


def gate_card(state: WindowState, gate: str, now: float) -> Card | None:
    """The card of an open gate; None where it is not a gate or not open."""
    spec, step = state.plan.step(gate), state.steps.get(gate)
    if spec is None or step is None or step.gate is None or spec.kind != "gate":
        return None
    reading = clock.read(state, now)
    opened = step.gate
    return Card(
        gate=gate, title=spec.title, digest=opened.digest, needed=spec.approvals,
        votes=tuple((login, vote.go, vote.reason) for login, vote in step.votes.items()),
        may=tuple(sorted(approvers(state, spec))), asked_by=step.by, until=opened.until,
        steps=tuple(_next(state, s, now) for s in state.plan.steps if s.id in opened.next),
        canaries=tuple(
            CanaryEvidence(name=c.name, now=c.verdict, before=opened.canaries.get(c.name, "no data"), detail=c.detail)
            for c in state.canaries.values()
        ),
        alerts=tuple(alert_words(h.name, a) for h in state.hosts.values() for a in h.alerts.values()),
        units=bad_units(state),
        links=_links(state),
        risks=_risks(state), slack=reading.slack, words=reading.words, cost=reading.cost,
        forecast=reading.forecast, end=state.end,
    )  # fmt: skip


def _links(state: WindowState) -> tuple[str, ...]:
    hosts = (h for h in state.hosts.values() if h.link != "up" and h.name not in state.excluded)
    return tuple(f"{h.name} {h.link}" for h in hosts)


def _next(state: WindowState, spec: Step, now: float) -> NextStep:
    after = clock.after(state, spec, now)
    undo = spec.rollback
    return NextStep(
        id=spec.id, title=spec.title, kind=spec.kind, batches=state.steps[spec.id].batches,
        command=what_runs(spec) or spec.instructions, check=spec.check or "",
        rollback="" if undo is None else undo.run or undo.manual or "",
        slack_after=after.slack, irreversible=spec.irreversible, on_armed=spec.on_armed, looks=only_looks(spec),
        confirm_within=None if spec.confirm_within is None else float(spec.confirm_within),
    )  # fmt: skip


def _risks(state: WindowState) -> tuple[Watched, ...]:
    out = []
    for risk in state.plan.risks:
        said = {name: state.canaries[name].verdict for name in risk.watch if name in state.canaries}
        out.append(Watched(
            title=risk.title, level=f"{risk.likelihood} likelihood, {risk.impact} impact", owner=risk.owner,
            response=risk.response, watch=tuple(said),
            showing=tuple(name for name, verdict in said.items() if verdict in ("degraded", "failing")),
            silent=tuple(name for name, verdict in said.items() if verdict == "no data"),
        ))  # fmt: skip
    return tuple(out)


def card_lines(c: Card, now: float) -> list[str]:
    """The card as plain lines."""
    lines = [f"{c.gate}: {c.title}"]
    goes = [login for login, go, _ in c.votes if go]
    time = "" if c.until is None else f", {duration_text(c.until - now)} left"
    lines.append(
        f"  go: {len(goes)} of {c.needed} ({', '.join(goes) or 'nobody yet'}); decided by {', '.join(c.may)}{time}"
    )
    for step in c.steps:
        lines.append(f"  next: {step.id} [{step.kind}] {step.title}" + (" - IRREVERSIBLE" if step.irreversible else ""))
        lines += [f"    batch {i}: {', '.join(batch)}" for i, batch in enumerate(step.batches, 1)]
        lines += [f"    | {text}" for text in step.command.strip().splitlines()]
        undo = step.rollback.strip().splitlines()
        nothing = "nothing to undo" if step.looks else "none"
        lines.append(f"    rollback: {undo[0] + (' ...' if len(undo) > 1 else '') if undo else nothing}")
        if step.confirm_within is not None:
            lines.append(f"    undone by each host itself after {duration_text(step.confirm_within)} unless confirmed")
        if step.on_armed:
            lines.append("    runs on what is armed, before it is confirmed; failed if a host undoes that")
        after = (
            "past the point of no return" if step.slack_after is None else f"slack {duration_text(step.slack_after)}"
        )
        lines.append(f"    after it: {after}")
    slack = c.words if c.slack is None else f"slack {duration_text(c.slack)}"
    lines.append(f"  clock: {slack}, rollback cost {duration_text(c.cost)}")
    for h in c.canaries:
        changed = "" if h.before == h.now else f" (was {h.before})"
        lines.append(f"  canary {h.name}: {h.now}{changed}" + (f": {h.detail}" if h.detail else ""))
    lines += [f"  over its limit: {text}" for text in c.alerts]
    lines += [f"  not running well: {text}" for text in c.units]
    lines += [f"  not up: {text}" for text in c.links]
    for risk in c.risks:
        signs = f"; {risk.signs}" if risk.signs else ""
        lines.append(f"  risk: {risk.title} ({risk.level}), watched by {risk.watchers or 'nobody'}{signs}")
    lines.append(f"  evidence {c.digest}")
    return lines
