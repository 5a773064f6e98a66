"""How a rollback goes, what it stopped at, and what undoes itself unless it is confirmed. Pure."""

from __future__ import annotations

from msgspec import Struct

from upgrade_tui.units import count_text, countdown_text, duration_text, few_text
from upgrade_tui.window.armed import unprotected
from upgrade_tui.window.clock import batch_rollback_seconds
from upgrade_tui.window.event_row import Tone
from upgrade_tui.window.glance import Glance
from upgrade_tui.window.on_fail import waits_for
from upgrade_tui.window.state import UNSETTLED, Armed, RollbackState, Task, Undo

_BACK = frozenset({"rolled back", "skipped"})  # states of a task of which nothing is left to undo


class Progress(Struct, frozen=True, kw_only=True):
    """How a rollback goes. Seconds; ``left`` by the same durations that its estimate was made of."""

    scope: str
    states: tuple[tuple[Undo, str], ...]  # each step of it, and how it stands: pending, rolling back, rolled back, ...
    number: int  # of the step under way, from 1; 0: none was begun
    step: str
    batch: int  # of the step under way, from 1; 0: it has none
    batches: int
    spent: float
    left: float
    promised: float | None
    stuck: tuple[tuple[str, Task], ...]  # (step, task) that failed, are unknown or were not reached
    waits: tuple[str, ...] = ()  # what must end before it begins: "upgrade on web1"

    @property
    def total(self) -> float:
        """What it will have taken when it is over."""
        return self.spent + self.left

    @property
    def late(self) -> bool:
        """It takes, or will take, longer than was promised."""
        return self.promised is not None and self.total > self.promised

    @property
    def tone(self) -> Tone:
        """How it goes against the promise."""
        return "bad" if self.stuck or self.late else "tight"


def progress(g: Glance) -> Progress | None:
    """Of the rollback that was asked for last; None if there was none."""
    asked = g.state.rollback
    if asked is None:
        return None
    states = tuple((undo, undo_state(g, asked, undo)) for undo in asked.undo)
    under_way = [i for i, (_, state) in enumerate(states) if state != "pending"]
    here = max(under_way, default=-1)
    undo = asked.undo[here] if here >= 0 else None
    rto = g.plan.window.rto
    return Progress(
        scope=asked.scope, states=states, number=here + 1, step=undo.step if undo else "",
        batch=batch_of(g, undo) + 1 if undo and undo.batches else 0, batches=len(undo.batches) if undo else 0,
        spent=asked.seconds if asked.seconds is not None else max(0.0, g.now - asked.started),
        left=_left(g, states) if asked.active else 0.0, promised=float(rto) if rto is not None else None,
        stuck=tuple((u.step, t) for u in asked.undo for t in _tasks(g, u) if t.undo and t.state in UNSETTLED),
        waits=waits_for(g.state),
    )  # fmt: skip


def _tasks(g: Glance, undo: Undo) -> list[Task]:
    tasks = g.state.steps[undo.step].tasks if undo.step in g.state.steps else {}
    return [tasks[host] for batch in undo.batches for host in batch if host in tasks]


def undo_state(g: Glance, asked: RollbackState, undo: Undo) -> str:
    """How undoing a step stands, as a step's state: pending, rolling back, rolled back, failed, unknown."""
    step, tasks = g.state.steps[undo.step], _tasks(g, undo)
    if undo.step not in asked.begun:
        return "pending"
    stuck = {t.state for t in tasks if t.undo and t.state in UNSETTLED}
    if step.state == "rolling back":
        return step.state  # its other hosts go on; what is stuck is told beside it
    if stuck:
        return "unknown" if "unknown" in stuck else "failed"
    if tasks and all(t.state in _BACK for t in tasks):
        return "rolled back"  # also where the step had other hosts, and so is not rolled back as a whole
    return step.state


def batch_of(g: Glance, undo: Undo) -> int:
    """Index of the batch that is being undone."""
    tasks = g.state.steps[undo.step].tasks
    todo = (i for i, batch in enumerate(undo.batches) if any(tasks[h].state not in _BACK for h in batch if h in tasks))
    return next(todo, max(0, len(undo.batches) - 1))


def undo_seconds(g: Glance, undo: Undo) -> float:
    """What undoing this step takes."""
    spec = g.plan.step(undo.step)
    if spec is None:
        return 0.0
    return batch_rollback_seconds(spec, g.state.steps[undo.step]) * max(1, len(undo.batches))


def planned_seconds(g: Glance, undo: Undo) -> float:
    """What undoing this step was to take by the plan."""
    spec = g.plan.step(undo.step)
    return float(spec.rollback.estimate) * max(1, len(undo.batches)) if spec is not None and spec.rollback else 0.0


def _left(g: Glance, states: tuple[tuple[Undo, str], ...]) -> float:
    left = 0.0
    for undo, state in states:
        whole = undo_seconds(g, undo)
        if state == "pending":
            left += whole
        elif state == "rolling back":
            started = g.state.steps[undo.step].undo_started or g.now
            left += max(0.0, whole - (g.now - started))
    return left


def going_text(p: Progress) -> str:
    """``step 2 of 6: pg-switch · batch 1 of 3 · 12 m spent, about 25 m more · 45 m promised``."""
    parts = []
    if p.number:
        parts.append(f"step {p.number} of {len(p.states)}: {p.step}")
        if p.batches > 1:
            parts.append(f"batch {p.batch} of {p.batches}")
    elif p.waits:
        parts.append(f"waits until this has ended: {few_text(p.waits, 2)}")
    else:
        parts.append(f"{count_text(len(p.states), 'step')} to undo")
    parts.append(f"{duration_text(p.spent)} spent, about {duration_text(p.left)} more")
    if p.promised is not None:
        promised = f"{duration_text(p.promised)} promised"
        parts.append(f"{duration_text(p.total - p.promised)} OVER the {promised}" if p.late else promised)
    return " · ".join(parts)


def stuck_text(p: Progress) -> str:
    """``api failed on web2: exit 1; unknown on web3: the link broke``."""
    said = [
        f"{step} {'is ' * (task.state == 'unreachable')}{task.state} on {task.host}"
        + (f": {task.reason or task.said}" if task.reason or task.said else "")
        for step, task in p.stuck
    ]
    return few_text(said, 2, "; ")


def stopped(g: Glance) -> bool:
    """The last rollback stopped and nobody has gone on since: it still needs a decision."""
    asked, p = g.state.rollback, progress(g)
    if asked is None or p is None or asked.active or asked.outcome == "done":
        return False
    if p.stuck:
        return True
    return not asked.gone_on and any(state == "pending" for _, state in p.states)


# -- the dead-man rollback ----------------------------------------------------------------------------------------


class ArmedStep(Struct, frozen=True, kw_only=True):
    """A step with hosts that will undo it by themselves, soonest first."""

    step: str
    hosts: tuple[tuple[str, Armed], ...]

    def seconds(self, now: float) -> float:
        """Until the first of them does; below zero: it should have."""
        return self.hosts[0][1].until - now


def armed_steps(g: Glance) -> list[ArmedStep]:
    """What is armed, the most urgent first."""
    found = []
    for step in g.state.steps.values():
        hosts = sorted(((h, a) for h, a in step.armed.items() if a.state == "armed"), key=lambda each: each[1].until)
        if hosts:
            found.append(ArmedStep(step=step.id, hosts=tuple(hosts)))
    return sorted(found, key=lambda a: a.seconds(g.now))


def unguarded(g: Glance) -> list[tuple[str, tuple[str, ...]]]:
    """(step, hosts) whose dead-man is gone while what the step changed there stands; nobody has said that it may."""
    return [(step.id, hosts) for step in g.state.steps.values() if (hosts := unprotected(step))]


_ASKED = {"confirm": "being told that it stays", "extend": "being told to wait longer", "cancel": "being told to undo"}


def armed_text(armed: ArmedStep, now: float) -> str:
    """``web1 undoes upgrade in 5:42 unless confirmed``; counts down, and says what was asked of the host."""
    host, first = armed.hosts[0]
    others = len(armed.hosts) - 1
    who = host if not others else f"{host} and {others} more"
    verb = "undo" if others else "undoes"
    left = armed.seconds(now)
    if first.asked:
        return f"{who}: {_ASKED.get(first.asked, first.asked)} ({armed.step}, {countdown_text(left)} left)"
    if left <= 0:
        return f"{host} was to undo {armed.step} {duration_text(-left)} ago, and nothing was heard of it yet"
    risk = next((f"; AT RISK: {a.risk}" for _, a in armed.hosts if a.risk), "")
    return f"{who} {verb} {armed.step} in {countdown_text(left)} unless confirmed{risk}"
