"""A fleet of booted hosts under test, and what jobs and commands on it said."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from itertools import count

from tests.fleet.jobs.ran import Heard
from tests.fleet.watched import Watched, plan_of, watched
from tests.systemd.hosts import PATIENCE, SystemdHosts
from upgrade_tui.fleet.commands.command_result import CommandResult
from upgrade_tui.fleet.jobs import JobSpec
from upgrade_tui.plan.inventory import Host

HOST = "h1"
_NAMES = (f"w-{n}" for n in count(1))  # no two jobs of a run have one name: hosts are shared


def fleet_of(hosts: SystemdHosts, login: str, units: tuple[str, ...] = ()) -> AbstractAsyncContextManager[Watched]:
    """The first host, as ``login`` sees it."""
    plan = plan_of({HOST: Host(address=hosts.hosts[0].address, units=units)}, hosts.ssh_table(login))
    return watched(plan)


def spec_of(command: str, **more: object) -> JobSpec:
    """A job that nobody ever started."""
    return JobSpec(name=f"{next(_NAMES)}.s.1", command=command, **more)  # type: ignore[arg-type]


async def job(fleet: Watched, spec: JobSpec, heard: Heard | None = None) -> tuple[CommandResult, str]:
    """Run it to its end; what it printed."""
    heard = heard or Heard()
    async with asyncio.timeout(PATIENCE):
        ended = await fleet.fleet.job(
            HOST, spec, on_output=heard.on_output, on_lost=heard.on_lost, on_found=heard.on_found, on_gap=heard.on_gap
        )
    return ended, heard.output.decode()


async def command(fleet: Watched, text: str) -> tuple[CommandResult, str]:
    """As a check is carried out."""
    said = bytearray()
    await fleet.link(HOST, "up")
    ended = await fleet.fleet.execute(HOST, text, timeout=PATIENCE, on_output=said.extend)
    return ended, said.decode()
