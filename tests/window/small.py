"""A small plan with every kind of step, and a log to tell what happens to it, for plain tests of the core."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from upgrade_tui.plan.model import Plan, Role
from upgrade_tui.plan.reader import parse_plan
from upgrade_tui.window import clock
from upgrade_tui.window import commands as cmd
from upgrade_tui.window import events as ev
from upgrade_tui.window.commands import Actor, Refusal
from upgrade_tui.window.decide import decide
from upgrade_tui.window.decide_undo import Decision
from upgrade_tui.window.fold import fold
from upgrade_tui.window.gates import open_gate
from upgrade_tui.window.state import StepState, WindowState, initial

MINUTE = 60.0
ROLES: dict[str, Role] = {"mei": "lead", "tom": "engineer", "ana": "engineer", "eve": "observer"}

TEXT = """
[window]
id = "small"
title = "A small window"
start = 2026-11-21T22:00:00Z
end = 2026-11-22T02:00:00Z
margin = "10m"

[people]
mei = { role = "lead" }
tom = { role = "engineer" }
ana = { role = "engineer" }
eve = { role = "observer" }

[hosts.a]
address = "10.0.0.1"
[hosts.b]
address = "10.0.0.2"
[hosts.c]
address = "10.0.0.3"
[hosts.d]
address = "10.0.0.4"

[[canaries]]
name = "health"
http = "http://10.0.0.1/health"

[[canaries]]
name = "port"
tcp = "10.0.0.1:80"

[[steps]]
id = "prep"
title = "Prepare"
owner = "tom"
estimate = "10m"
rollback = { manual = "put it back", estimate = "5m" }

[[steps]]
id = "copy"
title = "Copy"
on = "all"
run = "copy"
check = "copied"
batches = [1, "50%", "100%"]
estimate = "10m"
bake = "2m"
rollback = { run = "uncopy", estimate = "3m" }

[[steps]]
id = "go"
kind = "gate"
title = "Go / no-go"
approvals = 2
by = ["mei", "tom"]
estimate = "5m"

[[steps]]
id = "soak"
kind = "bake"
title = "Soak"
bake = "10m"
canaries = ["health"]

[[steps]]
id = "drop"
title = "Drop the old one"
on = ["a", "b"]
run = "drop"
estimate = "2m"
irreversible = true

[[steps]]
id = "tell"
title = "Tell everybody"
estimate = "1m"
"""


@cache
def small_plan() -> Plan:
    """prep (manual, tom's), copy (a | b c | d), go (gate), soak (bake), drop (irreversible), tell (manual)."""
    return parse_plan(TEXT, "small.toml")


@cache
def plan_of(steps: str, hosts: str = "abcd") -> Plan:
    """The same window and people with other steps, as TOML."""
    places = "".join(f'[hosts.{h}]\naddress = "local"\n' for h in hosts)
    return parse_plan(TEXT[: TEXT.index("[hosts.a]")] + places + steps, "other.toml")


START = 1795298400.0  # 2026-11-21T22:00:00Z
END = START + 4 * 60 * MINUTE


class Log:
    """A window that just opened at its start; what is told to it is folded at once. ``now`` in epoch seconds."""

    def __init__(self, plan: Plan | None = None) -> None:
        self.plan = small_plan() if plan is None else plan
        self.state: WindowState = initial(self.plan)
        self.records: list[ev.Record] = []
        self.now = START
        self.happens(
            ev.WindowOpened(
                window="w", plan_id="small", plan_sha256="0" * 64, start=START, end=END, version="1", host="h", pid=1
            ),
            actor="mei",
        )

    def step(self, step_id: str) -> StepState:
        """A step as it stands."""
        return self.state.steps[step_id]

    def reading(self) -> clock.Reading:
        """The clock as it stands."""
        return clock.read(self.state, self.now)

    def wait(self, minutes: float) -> Log:
        """Time passes."""
        self.now += minutes * MINUTE
        return self

    def happens(self, *events: ev.Event, actor: str = ev.SYSTEM) -> Log:
        """Facts."""
        for event in events:
            record = ev.Record(
                seq=self.state.seq + 1, ts=self.now, mono=self.now - START, boot="boot", actor=actor, event=event
            )
            self.records.append(record)
            self.state = fold(self.state, record)
        return self

    def ask(self, login: str, command: cmd.AnyCommand) -> Decision:
        """An operator asks; what ``decide`` accepts happens."""
        decision = decide(self.state, command, Actor(login, ROLES.get(login, "observer")), self.now)
        if not isinstance(decision, Refusal):
            self.happens(*decision, actor=login)
        return decision

    def does(self, login: str, command: cmd.AnyCommand) -> Log:
        """An operator asks for what must be accepted."""
        decision = self.ask(login, command)
        assert not isinstance(decision, Refusal), str(decision)
        return self

    def refuses(self, login: str, command: cmd.AnyCommand) -> str:
        """An operator asks for what must be refused; nothing happens, and this is why."""
        before = self.state
        decision = self.ask(login, command)
        assert isinstance(decision, Refusal), f"accepted: {decision}"
        assert self.state is before
        return str(decision)

    # -- as the conductor runs a step -----------------------------------------------------------------------------

    def batch(self, step_id: str, number: int) -> Log:
        """A batch begins on its hosts that are not over."""
        step = self.step(step_id)
        self.happens(ev.BatchStarted(step=step_id, attempt=step.attempt, batch=number))
        hosts = [h for h in step.batches[number] if self.step(step_id).tasks[h].state == "pending"]
        return self.happens(*(ev.TaskStarted(step=step_id, host=h, attempt=step.attempt, batch=number) for h in hosts))

    def ends(self, step_id: str, hosts: Iterable[str], exit_code: int | None = 0) -> Log:
        """Commands end on hosts; None: by a signal."""
        for host in hosts:
            task = self.step(step_id).tasks[host]
            assert task.started is not None
            self.happens(ev.TaskFinished(
                step=step_id, host=host, attempt=task.attempt, exit=exit_code, seconds=self.now - task.started,
                signal="" if exit_code is not None else "TERM",
            ))  # fmt: skip
        return self

    def lost(self, step_id: str, *hosts: str, following: bool = False) -> Log:
        """The link broke while the command ran."""
        for host in hosts:
            attempt = self.step(step_id).tasks[host].attempt
            self.happens(ev.TaskUnknown(
                step=step_id, host=host, attempt=attempt, reason="link broke", following=following
            ))  # fmt: skip
        return self

    def opens(self, gate: str) -> Log:
        """The conductor opens a gate as soon as it is ready."""
        return self.happens(*open_gate(self.state, gate, self.now))

    def vote(self, step_id: str, go: bool = True, reason: str = "") -> cmd.Vote:
        """A vote on the evidence that is open now."""
        gate = self.step(step_id).gate
        return cmd.Vote(step=step_id, go=go, reason=reason, digest=gate.digest if gate is not None else "")

    # -- as the conductor rolls back ------------------------------------------------------------------------------

    def asks_back(self, reason: str = "slow", **scope: Any) -> Log:
        """The lead asks for a rollback and confirms it."""
        return self.does("mei", cmd.StartRollback(confirm=self.plan.window.id, reason=reason, **scope))

    def undoing(self, step_id: str) -> Log:
        """Undoing a step begins, as the rollback that was asked for says."""
        rollback = self.state.rollback
        assert rollback is not None
        assert rollback.active
        undo = next(u for u in rollback.undo if u.step == step_id)
        return self.happens(ev.RollbackStarted(
            step=step_id, reason=rollback.reason, attempt=self.step(step_id).undo + 1, batches=undo.batches
        ))  # fmt: skip

    def undo_starts(self, step_id: str, hosts: Iterable[str]) -> Log:
        """Undoing it is about to be sent to hosts."""
        for host in hosts:
            step = self.step(step_id)
            batch = step.tasks[host].batch
            self.happens(ev.TaskStarted(step=step_id, host=host, attempt=step.undo, batch=batch, undo=True))
        return self

    def undo_ends(self, step_id: str, hosts: Iterable[str], exit_code: int | None = 0) -> Log:
        """Undoing it ends on hosts."""
        for host in hosts:
            task = self.step(step_id).tasks[host]
            assert task.started is not None
            self.happens(ev.TaskFinished(
                step=step_id, host=host, attempt=task.undo, exit=exit_code, seconds=self.now - task.started, undo=True
            ))  # fmt: skip
        return self

    def undo_lost(self, step_id: str, *hosts: str, following: bool = False) -> Log:
        """The link broke while it was undone."""
        for host in hosts:
            self.happens(ev.TaskUnknown(
                step=step_id, host=host, attempt=self.step(step_id).undo, reason="link broke", undo=True,
                following=following,
            ))  # fmt: skip
        return self

    def undone(self, step_id: str, outcome: ev.Outcome = "done", batches: int = 0) -> Log:
        """Undoing a step ended, in the time since it began."""
        began = self.step(step_id).undo_started
        assert began is not None
        return self.happens(ev.RollbackFinished(
            step=step_id, outcome=outcome, seconds=self.now - began, batches=batches
        ))  # fmt: skip

    def back(self, outcome: ev.Outcome = "done", reason: str = "") -> Log:
        """The whole rollback ended."""
        rollback = self.state.rollback
        assert rollback is not None
        return self.happens(ev.RollbackEnded(outcome=outcome, seconds=self.now - rollback.started, reason=reason))

    def undoes(self, step_id: str, minutes: float = 3.0) -> Log:
        """A command step is undone, each batch in ``minutes``, and all goes well."""
        self.undoing(step_id)
        for hosts in self.step(step_id).undo_batches:
            self.undo_starts(step_id, hosts).wait(minutes).undo_ends(step_id, hosts)
        return self.undone(step_id)

    # -- short ways -----------------------------------------------------------------------------------------------

    def finishes(self, step_id: str, state: str = "done", reason: str = "") -> Log:
        """The conductor is through with a step, early for a ``reason``; a bake, a gate, then is in that state.

        A command then is in the state that its tasks give: which must be ``state``.
        """
        step, good = self.step(step_id), state == "done"
        if step.kind == "gate":
            return self.happens(ev.GateDecided(step=step_id, attempt=step.attempt, go=good, reason=reason))
        if step.kind == "bake":
            return self.happens(ev.BakeEnded(step=step_id, attempt=step.attempt, passed=good, reason=reason))
        self.happens(ev.StepFinished(step=step_id, attempt=step.attempt, reason=reason))
        assert self.step(step_id).state == state
        return self

    def prepared(self) -> Log:
        """``prep`` is done, ``copy`` is next."""
        return self.does("tom", cmd.Tick(step="prep"))

    def copied(self, minutes: float = 10.0) -> Log:
        """``prep`` and the whole of ``copy`` are done, each batch in ``minutes``, the bakes in between."""
        self.prepared().does("mei", cmd.Start(step="copy"))
        for number, hosts in enumerate(self.step("copy").batches):
            self.wait(2.0 if number else 0.0).batch("copy", number).wait(minutes).ends("copy", hosts)
        return self.finishes("copy")
