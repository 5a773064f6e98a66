"""Golden sessions with what happens when things are stopped and undone: rollbacks, armed hosts, open gates."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from tests.support_tui import Recording, recorded
from upgrade_tui.window import commands as cmd
from upgrade_tui.window import events as ev
from upgrade_tui.window.commands import Actor, Refusal
from upgrade_tui.window.decide import decide
from upgrade_tui.window.fold import fold
from upgrade_tui.window.gates import open_gate
from upgrade_tui.window.state import initial

GATE = "go-api"


def happens(session: Recording, event: ev.Event, actor: str = ev.SYSTEM, *, after: float = 0.0) -> None:
    """An event arrives from the conductor, ``after`` seconds later."""
    if after:
        at = session.now() + after
        session._clock = lambda: at
    record = ev.Record(seq=session.state.seq + 1, ts=session.now(), mono=0.0, boot="b", actor=actor, event=event)
    session._fold([record])


def does(session: Recording, login: str, command: cmd.AnyCommand) -> None:
    """``decide`` agrees, and what it decided happens."""
    role: Any = session.plan.people[login].role
    said = decide(session.state, command, Actor(login, role), session.now())
    assert not isinstance(said, Refusal), str(said)
    for event in said:
        happens(session, event, login)


def at_the_gate(login: str = "mei", hosts: int = 12) -> Recording:
    """The databases are done, tom opened the gate for the fleet; a canary has become slower since."""
    session = recorded("rollout", hosts, login=login, role="lead" if login == "mei" else "engineer")
    records = session.records
    cut = next(i for i, r in enumerate(records) if isinstance(r.event, ev.GateOpened) and r.event.step == GATE)
    session.records = records[: cut - 1]
    session.state = initial(session.plan)
    for record in session.records:
        session.state = fold(session.state, record)
    now = session.records[-1].ts + 30.0
    session._clock = lambda: now
    for event in open_gate(session.state, GATE, now):
        happens(session, event, "tom")
    happens(session, ev.CanaryVerdict(
        canary="checkout latency", verdict="degraded", before="healthy", detail="slower than 200 ms", latency=0.24
    ), after=20.0)  # fmt: skip
    assert session.frame is not None
    session.frame = replace(session.frame, ts=session.now(), tasks=(), canaries={})
    return session


def asks_again(session: Recording) -> None:
    """The gate is opened anew: other evidence."""
    happens(session, ev.GateDecided(step=GATE, attempt=1, go=False, reason="no-go by tom: lag"), after=30.0)
    for event in open_gate(session.state, GATE, session.now()):
        happens(session, event, "tom")


def rolling_back(*, stuck: bool = False, by_hand: bool = False) -> Recording:
    """After the trouble mei rolls everything back; the API's last batch is being undone."""
    session = recorded("trouble")
    does(session, "mei", cmd.StartRollback(confirm="orders-pg16", reason="health fails, the package is broken"))
    happens(session, ev.RollbackStarted(
        step="api", reason="health fails", batches=(("api2", "api3", "api4"), ("api1",)),
    ), after=1.0)  # fmt: skip
    for host in ("api2", "api3", "api4"):
        happens(session, ev.TaskStarted(step="api", host=host, attempt=1, batch=1, undo=True))
    back(session, "api", "api2", after=151.0)
    if stuck:
        happens(session, ev.TaskFinished(
            step="api", host="api4", attempt=1, exit=100, seconds=150.0, undo=True, last_line="dpkg: error: no space"
        ), after=20.0)  # fmt: skip
        happens(session, ev.TaskUnknown(
            step="api", host="api3", attempt=1, reason="the link broke while the rollback ran", undo=True
        ))  # fmt: skip
        what = "api4 failed: exit 100, api3 unknown: the link broke while the rollback ran"
        happens(session, ev.RollbackFinished(step="api", outcome="unknown", seconds=172.0, reason=what))
        happens(session, ev.RollbackEnded(outcome="unknown", seconds=173.0, reason=f"api: {what}"))
    elif by_hand:
        for host in ("api3", "api4"):
            back(session, "api", host)
        happens(session, ev.TaskStarted(step="api", host="api1", attempt=1, undo=True))
        back(session, "api", "api1", after=140.0)
        happens(session, ev.RollbackFinished(step="api", outcome="done", seconds=292.0, batches=2))
        for step, host, took in (("pg-switch", "db1", 840.0), ("pg-replica", "db2", 580.0)):
            happens(session, ev.RollbackStarted(step=step, reason="health fails", batches=((host,),)))
            happens(session, ev.TaskStarted(step=step, host=host, attempt=1, undo=True))
            back(session, step, host, after=took)
            happens(session, ev.RollbackFinished(step=step, outcome="done", seconds=took, batches=1))
        happens(session, ev.RollbackStarted(step="restore-check", reason="health fails", batches=(("db2",),)))
    else:
        at = session.now() + 4.0
        session._clock = lambda: at
    return fresh(session)


def back(session: Recording, step: str, host: str, *, after: float = 0.0) -> None:
    """A host's rollback ended well."""
    started = session.state.steps[step].tasks[host].started or session.now()
    seconds = session.now() + after - started
    done = ev.TaskFinished(step=step, host=host, attempt=1, exit=0, seconds=seconds, undo=True, last_line="downgraded")
    happens(session, done, after=after)


def armed(seconds: float = 342.0) -> Recording:
    """Two databases will undo the switch by themselves; and api2 fired."""
    session = recorded("rollout")
    happens(session, ev.DeadmanArmed(step="pg-switch", host="db1", attempt=1, seconds=seconds))
    happens(session, ev.DeadmanArmed(step="pg-switch", host="db2", attempt=1, seconds=seconds + 60))
    return fresh(session)


def fresh(session: Recording) -> Recording:
    """A frame of now: nothing is old."""
    assert session.frame is not None
    session.frame = replace(session.frame, ts=session.now(), tasks=())
    return session
