"""A fleet under test: remembers what it was told, and waits for it."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from upgrade_tui.fleet.fleet import Fleet
from upgrade_tui.plan.inventory import Host, Ssh, Watch
from upgrade_tui.plan.model import Plan, Window
from upgrade_tui.units import When
from upgrade_tui.window.measurements import HostDetail, Link, Sample

PATIENCE = 30.0  # seconds; generous: nothing here measures time


def plan_of(hosts: dict[str, Host], ssh: dict[str, object] | None = None, watch: Watch | None = None) -> Plan:
    """A plan with nothing but hosts."""
    return Plan(
        window=Window(id="w", title="w", start=When(None)), hosts=hosts, ssh=ssh_of(ssh or {}), watch=watch or Watch()
    )


def ssh_of(table: dict[str, object]) -> Ssh:
    """``[ssh]`` from what a TOML file would give."""
    identity = table.get("identity", ())
    return Ssh(**{**table, "identity": tuple(identity)})  # type: ignore[arg-type]


class Watched:
    """What the fleet said, in order."""

    def __init__(self, plan: Plan, base_dir: Path | None = None) -> None:
        self.links: list[tuple[str, Link, str]] = []
        self.samples: list[tuple[str, Sample]] = []
        self.facts: list[tuple[str, HostDetail, int, int]] = []
        self.details: list[tuple[str, HostDetail]] = []
        self._news = asyncio.Event()
        self.fleet = Fleet(
            plan,
            on_link=lambda *said: self._keep(self.links, said),
            on_sample=lambda *said: self._keep(self.samples, said),
            on_facts=lambda *said: self._keep(self.facts, said),
            on_detail=lambda *said: self._keep(self.details, said),
            base_dir=base_dir,
            rng=random.Random(1),
        )

    def _keep(self, where: list, what: tuple) -> None:  # type: ignore[type-arg]
        where.append(what)
        self._news.set()

    async def until(self, true: Callable[[], object]) -> None:
        """Wait until something the fleet says makes it true."""
        async with asyncio.timeout(PATIENCE):
            while not true():
                self._news.clear()
                await self._news.wait()

    async def link(self, host: str, link: Link) -> str:
        """Wait until the host's link is that; what is said about it."""
        await self.until(lambda: self.now(host) == link)
        return next(detail for name, _link, detail in reversed(self.links) if name == host)

    def now(self, host: str) -> str:
        """The link as last told."""
        return next((link for name, link, _detail in reversed(self.links) if name == host), "")

    def of(self, host: str) -> list[Sample]:
        """The host's samples."""
        return [sample for name, sample in self.samples if name == host]

    async def sampled(self, host: str, more: int = 1) -> Sample:
        """Wait for that many samples more."""
        count = len(self.of(host)) + more
        await self.until(lambda: len(self.of(host)) >= count)
        return self.of(host)[-1]


@contextlib.asynccontextmanager
async def watched(plan: Plan, base_dir: Path | None = None) -> AsyncIterator[Watched]:
    """A running fleet."""
    fleet = Watched(plan, base_dir)
    task = asyncio.create_task(fleet.fleet.run())
    try:
        yield fleet
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
