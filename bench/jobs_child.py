"""Durable jobs and ``asyncssh run`` on the same connections, turn by turn, in a process of its own. Prints JSON.

``python -m bench.jobs_child HOSTS ROUNDS DIRECTORY`` reads the server's ``[ssh]`` table as JSON from stdin.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from typing import Any

import asyncssh

from bench.fleet_child import Counting, plan_of
from upgrade_tui.fleet.connection.supervise import Supervisor
from upgrade_tui.fleet.fleet import Fleet
from upgrade_tui.fleet.jobs.spec import JobSpec

COMMAND = "true"
PATIENCE = 240.0  # seconds until all hosts are up


async def by_run(connections: list[asyncssh.SSHClientConnection]) -> None:
    """What one would write first: nothing survives a broken link."""
    done = await asyncio.gather(*(c.run(COMMAND, encoding=None) for c in connections))
    assert all(d.exit_status == 0 for d in done)


async def by_job(fleet: Fleet, hosts: list[str], name: str, directory: str) -> None:
    """The same command, started at most once and followed to its proven end."""
    spec = JobSpec(name=name, command=COMMAND, directory=directory)

    async def one(host: str) -> None:
        ended = await fleet.job(
            host, spec, on_output=lambda _data: None, on_lost=lambda _why: None, on_found=lambda: None
        )
        assert ended.proven, ended
        assert ended.exit == 0, ended

    await asyncio.gather(*(one(host) for host in hosts))


async def measure(hosts: int, rounds: int, directory: str, table: dict[str, Any]) -> dict[str, list[float]]:
    """Seconds on the wall, and of client CPU, of every round."""
    counting = Counting(plan_of(hosts, table))
    fleet, started = counting.fleet, time.monotonic()
    task = asyncio.create_task(fleet.run())
    while len(counting.up) < hosts:
        if time.monotonic() - started > PATIENCE:
            raise SystemExit(f"only {len(counting.up)} of {hosts} came up: {counting.links[-3:]}")
        await asyncio.sleep(0.2)
    names = list(fleet.plan.hosts)
    connections = [
        supervisor.connected.connection
        for supervisor in fleet._supervisors.values()
        if isinstance(supervisor, Supervisor) and supervisor.connected is not None
    ]
    assert len(connections) == hosts
    taken: dict[str, list[float]] = {"run": [], "job": [], "run_cpu": [], "job_cpu": []}
    for turn in range(rounds + 1):
        for kind in ("run", "job"):
            await asyncio.sleep(1.0)
            wall, cpu = time.perf_counter(), time.process_time()
            if kind == "run":
                await by_run(connections)
            else:
                await by_job(fleet, names, f"bench.noop.{turn}", directory)
            if turn:  # the first round warms up
                taken[kind].append(time.perf_counter() - wall)
                taken[f"{kind}_cpu"].append(time.process_time() - cpu)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return taken


def main() -> None:
    """See the module's docstring."""
    hosts, rounds, directory = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    print(json.dumps(asyncio.run(measure(int(hosts), int(rounds), directory, json.load(sys.stdin)))))


if __name__ == "__main__":
    main()
