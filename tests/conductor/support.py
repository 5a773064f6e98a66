"""A small window with scripted hosts: what the runner and the store are tested with, without SSH."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from upgrade_tui.conductor.execution.context import ExecutionContext
from upgrade_tui.conductor.execution.deadman_control import DeadmanControl
from upgrade_tui.conductor.execution.rollback import Rollbacks
from upgrade_tui.conductor.execution.steps import Steps
from upgrade_tui.conductor.execution.tasks import Tasks
from upgrade_tui.conductor.execution.withheld import Withheld
from upgrade_tui.conductor.window_store import WindowStore
from upgrade_tui.fleet.commands.command_result import CommandResult
from upgrade_tui.fleet.jobs import Arming, HostDeadman, JobSpec, NotAnswered
from upgrade_tui.journal import file_store
from upgrade_tui.journal.store import OpenStore
from upgrade_tui.plan.model import Plan
from upgrade_tui.plan.reader import parse_plan
from upgrade_tui.window import events as ev

NOW = time.time()

PLAN = """
[window]
id = "w1"
title = "A window"
start = "now"
duration = "4h"

[hosts.a]
address = "10.0.0.1"
groups = ["web"]
[hosts.b]
address = "10.0.0.2"
groups = ["web"]
[hosts.c]
address = "10.0.0.3"
groups = ["web"]
[hosts.d]
address = "10.0.0.4"
groups = ["web"]

[[canaries]]
name = "front"
http = "http://10.0.0.9/health"

[[steps]]
id = "roll"
title = "Roll out"
on = "web"
run = "upgrade"
check = "is-new"
check_first = false
batches = [1, "100%"]
timeout = "1m"
rollback = { run = "downgrade", estimate = "5m" }

[[steps]]
id = "look"
title = "Look at it"
"""


@dataclass
class Hosts:
    """Hosts that answer from a script: (host, command) -> CommandResult; ``hold`` keeps one back until it is set.

    A job is done once a host and name, like on a host: started again it gives what it gave.
    """

    script: dict[tuple[str, str], CommandResult] = field(default_factory=dict)
    printed: dict[tuple[str, str], bytes] = field(default_factory=dict)
    ran: list[tuple[str, str]] = field(default_factory=list)
    hold: dict[str, asyncio.Event] = field(default_factory=dict)
    jobs: dict[tuple[str, str], CommandResult] = field(default_factory=dict)
    specs: list[JobSpec] = field(default_factory=list)
    lose: dict[str, asyncio.Event] = field(default_factory=dict)  # the link is lost until this is set
    ended: list[tuple[str, str]] = field(default_factory=list)
    guards: dict[tuple[str, str], HostDeadman] = field(default_factory=dict)
    no_place: dict[str, str] = field(default_factory=dict)
    stays: dict[str, str] = field(default_factory=dict)  # what cannot be ended on a host
    cannot_arm: str = ""
    risk: str = ""  # what could kill a dead-man here

    async def execute(
        self, host: str, command: str, *, timeout: float | None, on_output: Callable[[bytes], None]
    ) -> CommandResult:
        command = command.removeprefix(f"UPGRADE_HOST={host}; export UPGRADE_HOST\n")
        return await self._run(host, command, on_output)

    async def _run(self, host: str, command: str, on_output: Callable[[bytes], None]) -> CommandResult:
        self.ran.append((host, command))
        if host in self.hold:
            await self.hold[host].wait()
        on_output(self.printed.get((host, command), b""))
        return self.script.get((host, command), CommandResult(exit=0, seconds=1.0))

    async def job(
        self,
        host: str,
        spec: JobSpec,
        *,
        on_output: Callable[[bytes], None],
        on_lost: Callable[[str], None],
        on_found: Callable[[], None],
        on_begun: Callable[[], None] | None = None,
        resume: bool = False,
        begun: bool = False,
    ) -> CommandResult:
        assert spec.problem() == ""
        self.specs.append(spec)
        if resume and (host, spec.name) not in self.jobs:
            if begun:
                return CommandResult(exit=None, proven=False, reason="its job directory is gone")
            return CommandResult(exit=None, proven=False, sent=False, reason="it was never started")
        if on_begun is not None:
            on_begun()
        if host in self.lose:
            on_lost("the link is cut")
            await self.lose[host].wait()
            on_found()
        if (host, spec.name) not in self.jobs:
            self.jobs[host, spec.name] = await self._run(host, spec.command, on_output)
        return self.jobs[host, spec.name]

    async def end_job(self, host: str, name: str, *, place: str = "") -> str:
        self.ended.append((host, name))
        return self.stays.get(host, "")

    async def place(self, host: str, directory: str) -> str:
        if host in self.no_place:
            raise NotAnswered(self.no_place[host])
        return directory or "/home/deploy/.local/state/upgrade-tui/jobs"

    async def arm(self, host: str, name: str, command: str, seconds: float, *, spec: JobSpec | None = None) -> Arming:
        if not self.cannot_arm:
            self.guards[host, name] = HostDeadman(state="armed", remaining=seconds)
            self.ran.append((host, f"arm {command}"))
        return Arming(error=self.cannot_arm, risk=self.risk)

    async def confirm(self, host: str, name: str, *, place: str = "") -> HostDeadman:
        if (host, name) not in self.guards:
            return HostDeadman(state="gone", reason="it is not on the host")
        if self.guards[host, name].state == "armed":
            self.guards[host, name] = HostDeadman(state="confirmed")
        return self.guards[host, name]

    async def extend(self, host: str, name: str, seconds: float, *, place: str = "") -> HostDeadman:
        if self.guards[host, name].state == "armed":
            self.guards[host, name] = HostDeadman(state="armed", remaining=seconds)
        return self.guards[host, name]

    async def armed(self, host: str, name: str, *, place: str = "") -> HostDeadman:
        """As a host does it: what was due when it was left alone has fired by the next look."""
        found = self.guards[host, name]
        if found.state == "armed" and found.remaining <= 0:
            self.guards[host, name] = HostDeadman(state="fired", exit=0)
        return found


@dataclass
class Rig:
    """A store with an open window and the runners over scripted hosts."""

    store: WindowStore
    tasks: Tasks
    steps: Steps
    rollbacks: Rollbacks
    deadman: DeadmanControl
    hosts: Hosts
    plan: Plan
    withheld: Withheld
    background: set[asyncio.Task[None]] = field(default_factory=set)

    def follow(self) -> None:
        """From now on, rollbacks begin when they are asked for, as a conductor begins them."""

        def committed(records: list[ev.Record]) -> None:
            if any(isinstance(r.event, ev.RollbackRequested) for r in records):
                self.background.add(asyncio.create_task(self.rollbacks.run()))

        self.store.observe(committed)

    async def open(self) -> None:
        opened = ev.WindowOpened(
            window="w1", plan_id="w1", plan_sha256="0" * 64, start=NOW, end=NOW + 14400, version="0", host="h", pid=1
        )
        await self.store.write([opened], "mei")

    async def start(self, step: str, *hosts: str) -> None:
        """The step's intent, then the runner to its end."""
        state = self.store.state.steps[step]
        intent = ev.StepIntent(step=step, attempt=state.attempt + 1, batches=state.batches, hosts=hosts)
        await self.store.write([intent], "mei")
        await self.steps.run(step)

    async def until(self, what: Callable[[], object]) -> None:
        """Wait for a state."""
        while not what():
            await self.store.changed()


async def rig(
    directory: Path,
    text: str = PLAN,
    *,
    hosts: Hosts | None = None,
    opened: bool = True,
    events: OpenStore | None = None,
) -> Rig:
    plan = parse_plan(text, "plan.toml")
    hosts = hosts or Hosts()
    store = WindowStore(plan, lambda: NOW, events or file_store(directory))
    await store.open()
    (directory / "output").mkdir(exist_ok=True)

    begun = asyncio.get_running_loop().time()

    async def record(event: ev.Event) -> None:
        await store.write([event])

    context = ExecutionContext(
        state=lambda: store.state,
        record=record,
        changed=store.changed,
        transact=store.transact,
        hosts=hosts,
        output=directory / "output",
        mono=asyncio.get_running_loop().time,
        now=lambda: NOW + asyncio.get_running_loop().time() - begun,
    )
    tasks = Tasks(context)
    deadman = DeadmanControl(context, hosts)
    steps, rollbacks = Steps(context, tasks, deadman), Rollbacks(context, tasks, deadman)
    made = Rig(store, tasks, steps, rollbacks, deadman, hosts, plan, Withheld(context))
    if opened:
        await made.open()
    return made
