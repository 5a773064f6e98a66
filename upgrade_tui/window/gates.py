"""Gates: the evidence they are decided on, and who may decide. Pure.

Votes are bound to the evidence by its digest: a hash of the plan, the gate and its attempt, what comes next, and the
place in the log where the evidence was taken.
"""

from __future__ import annotations

import hashlib

from upgrade_tui.plan.model import Step
from upgrade_tui.units import percent_text
from upgrade_tui.window import clock
from upgrade_tui.window.events import SYSTEM, Event, GateOpened, LimitCrossed, StepIntent
from upgrade_tui.window.state import OVER, WindowState


def open_gate(state: WindowState, step_id: str, now: float) -> tuple[StepIntent, GateOpened]:
    """The events that open a gate: from here on votes count, on this evidence."""
    attempt = state.steps[step_id].attempt + 1
    return StepIntent(step=step_id, attempt=attempt), evidence(state, step_id, attempt, now)


def evidence(state: WindowState, step_id: str, attempt: int, now: float) -> GateOpened:
    """What an attempt of a gate is decided on; also where a conductor died before it wrote that down."""
    spec = state.plan.step(step_id)
    following = next_steps(state, step_id)
    text = "\n".join([state.plan_sha256, step_id, str(attempt), *following, str(state.seq)])
    reading = clock.read(state, now)
    after = [clock.after(state, s, now).slack for s in state.plan.steps if s.id in following]
    known = [slack for slack in after if slack is not None]
    return GateOpened(
        step=step_id, attempt=attempt, digest=hashlib.sha256(text.encode()).hexdigest()[:16], next=following,
        canaries={name: canary.verdict for name, canary in state.canaries.items()},
        alerts=tuple(alert_words(h.name, a) for h in state.hosts.values() for a in h.alerts.values()),
        slack=reading.slack, slack_after=min(known) if known and len(known) == len(after) else None,
        until=now + spec.timeout if spec is not None and spec.timeout is not None else None,
    )  # fmt: skip


def alert_words(host: str, alert: LimitCrossed) -> str:
    """``db1 disk /var 91 %, limit 85 %``."""
    where = f"{alert.metric} {alert.what}".strip()
    return f"{host} {where} {percent_text(alert.value)}, limit {percent_text(alert.limit)}"


def next_steps(state: WindowState, gate: str) -> tuple[str, ...]:
    """What the gate lets go on: steps that need it and are not over."""
    return tuple(s.id for s in state.plan.steps if gate in state.plan.needs(s) and state.steps[s.id].state not in OVER)


def approvers(state: WindowState, spec: Step) -> frozenset[str]:
    """Logins whose go counts: the gate's ``by``, else every lead and engineer; nobody listed: whoever opened it."""
    if spec.by:
        return frozenset(spec.by)
    able = frozenset(login for login, person in state.plan.people.items() if person.role != "observer")
    return able or frozenset({state.opened_by})


def asked_for_it(state: WindowState, spec: Step, login: str) -> bool:
    """Whether ``login`` asked for this go, and enough others could give it: nobody approves their own request."""
    by = state.steps[spec.id].by
    return by not in ("", SYSTEM) and by == login and len(approvers(state, spec) - {login}) >= spec.approvals


def beginning(state: WindowState, spec: Step, now: float) -> tuple[Event, ...]:
    """What begins a step that begins by itself: a gate has its evidence from the first moment."""
    if spec.kind == "gate":
        return open_gate(state, spec.id, now)
    return (StepIntent(step=spec.id, attempt=state.steps[spec.id].attempt + 1),)
