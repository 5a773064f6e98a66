"""A small window with scripted hosts: what the runner and the book are tested with, without SSH."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from upgrade_tui.conductor.book import Book
from upgrade_tui.conductor.runner import Runner
from upgrade_tui.fleet.ended import Ended
from upgrade_tui.plan.model import Plan
from upgrade_tui.plan.reader import parse_plan
from upgrade_tui.window import events as ev

NOW = 1_800_000_000.0

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
batches = [1, "100%"]
timeout = "1m"
rollback = { run = "downgrade", estimate = "5m" }

[[steps]]
id = "look"
title = "Look at it"
"""


@dataclass
class Hosts:
    """Hosts that answer from a script: (host, command) -> Ended; ``hold`` keeps one back until it is set."""

    script: dict[tuple[str, str], Ended] = field(default_factory=dict)
    printed: dict[tuple[str, str], bytes] = field(default_factory=dict)
    ran: list[tuple[str, str]] = field(default_factory=list)
    hold: dict[str, asyncio.Event] = field(default_factory=dict)

    async def execute(
        self, host: str, command: str, *, timeout: float | None, on_output: Callable[[bytes], None]
    ) -> Ended:
        self.ran.append((host, command))
        if host in self.hold:
            await self.hold[host].wait()
        on_output(self.printed.get((host, command), b""))
        return self.script.get((host, command), Ended(exit=0, seconds=1.0))


@dataclass
class Rig:
    """A book with an open window and a runner over scripted hosts."""

    book: Book
    runner: Runner
    hosts: Hosts
    plan: Plan

    async def open(self) -> None:
        opened = ev.WindowOpened(
            window="w1", plan_id="w1", plan_sha256="0" * 64, start=NOW, end=NOW + 14400, version="0", host="h", pid=1
        )
        await self.book.write([opened], "mei")

    async def start(self, step: str) -> None:
        """The step's intent, then the runner to its end."""
        state = self.book.state.steps[step]
        await self.book.write([ev.StepIntent(step=step, attempt=state.attempt + 1, batches=state.batches)], "mei")
        await self.runner.run(step)


async def rig(directory: Path, text: str = PLAN) -> Rig:
    plan = parse_plan(text, "plan.toml")
    hosts = Hosts()
    book = Book(plan, lambda: NOW)
    await book.open(directory)
    (directory / "output").mkdir()
    runner = Runner(
        state=lambda: book.state,
        record=lambda event: book.write([event]),
        changed=book.changed,
        lock=book.lock,
        hosts=hosts,
        output=directory / "output",
        mono=asyncio.get_running_loop().time,
    )  # type: ignore[arg-type]
    made = Rig(book, runner, hosts, plan)
    await made.open()
    return made
