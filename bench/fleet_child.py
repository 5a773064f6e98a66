"""One measurement of the fleet in a process of its own, so that its CPU and memory are nobody else's. Prints JSON.

``python -m bench.fleet_child KIND HOSTS SECONDS`` reads the server's ``[ssh]`` table as JSON from stdin.
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import asyncssh

from upgrade_tui.fleet.connection.connect import CIPHERS, Dialer
from upgrade_tui.fleet.fleet import PHASE_HOSTS, PHASE_SECONDS, Fleet
from upgrade_tui.fleet.sampling import host_facts, parse, samplers
from upgrade_tui.plan.inventory import Host, Ssh, Watch
from upgrade_tui.plan.model import Plan, Window
from upgrade_tui.units import When

ADDRESS = "127.0.0.1"
PATIENCE = 240.0  # seconds until all hosts are up


def plan_of(hosts: int, table: dict[str, Any]) -> Plan:
    """``hosts`` names for one server."""
    ssh = Ssh(**{**table, "identity": tuple(table["identity"]), "connect_timeout": 60.0})
    return Plan(
        window=Window(id="w", title="w", start=When(None)),
        ssh=ssh,
        hosts={f"h{n}": Host(address=ADDRESS) for n in range(hosts)},
        watch=Watch(),
    )


class Counting:
    """A fleet, the samples it gave, and how its event loop kept up."""

    def __init__(self, plan: Plan) -> None:
        self.samples = 0
        self.up: set[str] = set()
        self.links: list[str] = []
        self.fleet = Fleet(
            plan,
            on_link=self._link,
            on_sample=self._sample,
            on_facts=lambda *_said: None,
            on_detail=lambda *_said: None,
        )

    def _link(self, host: str, link: str, detail: str) -> None:
        (self.up.add if link == "up" else self.up.discard)(host)
        if link not in ("up", "connecting"):
            self.links.append(f"{host} {link}: {detail}")

    def _sample(self, _host: str, _sample: object) -> None:
        self.samples += 1


async def lag(seconds: float) -> list[float]:
    """By how much the loop was late, 100 times a second."""
    loop, late = asyncio.get_running_loop(), []
    until = loop.time() + seconds
    while (now := loop.time()) < until:
        await asyncio.sleep(0.01)
        late.append(loop.time() - now - 0.01)
    return sorted(late)


def resident() -> int:
    """Bytes, of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


async def streaming(hosts: int, seconds: float, table: dict[str, Any]) -> dict[str, float]:
    """CPU a sample, loop lag, memory a connection, with all hosts streaming."""
    warm = Counting(plan_of(1, table))
    task = asyncio.create_task(warm.fleet.run())
    while not warm.up:
        await asyncio.sleep(0.1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    counting = Counting(plan_of(hosts, table))
    memory, cpu, started = resident(), time.process_time(), time.monotonic()
    task = asyncio.create_task(counting.fleet.run())
    while len(counting.up) < hosts:
        if time.monotonic() - started > PATIENCE:
            raise SystemExit(f"only {len(counting.up)} of {hosts} came up: {counting.links[-3:]}")
        await asyncio.sleep(0.2)
    joined = time.process_time() - cpu
    took = time.monotonic() - started
    await asyncio.sleep(6)  # settle: first detail of all
    grown = resident() - memory
    cpu, samples = time.process_time(), counting.samples
    await asyncio.sleep(seconds)
    cpu, samples = time.process_time() - cpu, counting.samples - samples
    late = await lag(seconds)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return {
        "us": cpu / samples * 1e6,
        "samples": samples,
        "core": cpu / seconds * 100,
        "lag": late[int(len(late) * 0.99)] * 1e3,
        "kib": grown / hosts / 1024,
        "join": joined / hosts * 1e3,
        "took": took,
        "lost": len(counting.links),
    }


async def lagging(hosts: int, seconds: float, _table: dict[str, Any]) -> dict[str, float]:
    """The same probe with nothing to do: what the machine itself adds at the moment."""
    late = await lag(seconds)
    return {"lag": late[int(len(late) * 0.99)] * 1e3}


async def connecting(hosts: int, _seconds: float, table: dict[str, Any]) -> dict[str, float]:
    """CPU a connect and login, one after the other."""
    plan = plan_of(hosts, table)
    dialer = Dialer(plan.ssh, None)
    for name in plan.hosts:  # options, once a host
        connected = await dialer.connect(name, ADDRESS, None)
        connected.connection.abort()
    cpu = time.process_time()
    for name in plan.hosts:
        connected = await dialer.connect(name, ADDRESS, None)
        connected.connection.abort()
    return {"ms": (time.process_time() - cpu) / hosts * 1e3}


class _Plain(asyncssh.SSHClientSession[bytes]):
    """The least that a stream can do: split lines, decode them."""

    samples = 0
    up: set[int] = set()  # noqa: RUF012 - of all

    def __init__(self) -> None:
        self.rest = b""

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        """Lines of a sampler."""
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            if isinstance(parse.sampler_line(line), parse.Counters):
                _Plain.samples += 1
                _Plain.up.add(id(self))


async def plain(hosts: int, seconds: float, table: dict[str, Any]) -> dict[str, float]:
    """asyncssh alone with the same samplers, keepalive and cipher: neither fleet, nor samples made of the counters."""
    options = asyncssh.SSHClientConnectionOptions(
        username=table["user"], client_keys=[asyncssh.read_private_key(table["identity"][0])], config=(),
        known_hosts=asyncssh.read_known_hosts(table["known_hosts"]), agent_path=None, encryption_algs=[CIPHERS[0]],
        compression_algs=["none"], keepalive_interval=1.3, connect_timeout=60, login_timeout=60,
    )  # fmt: skip
    places, connections = asyncio.Semaphore(50), []

    async def stream(number: int) -> None:
        command = samplers.sampler_command(
            samplers.ORDER[0], proc_root="/proc", interval=1.0, mounts=("/",), devices=(),
            phase=number // PHASE_HOSTS * PHASE_SECONDS % 0.5,
        )  # fmt: skip
        async with places:
            connection = await asyncssh.connect(ADDRESS, table["port"], options=options, config=None)
            connections.append(connection)
            await connection.create_session(_Plain, command, encoding=None, request_pty=False)

    await stream(0)
    memory, cpu = resident(), time.process_time()
    await asyncio.gather(*(stream(n) for n in range(1, hosts)))
    joined = time.process_time() - cpu
    while len(_Plain.up) < hosts:
        await asyncio.sleep(0.2)
    await asyncio.sleep(6)
    grown = resident() - memory
    cpu, samples = time.process_time(), _Plain.samples
    await asyncio.sleep(seconds)
    cpu, samples = time.process_time() - cpu, _Plain.samples - samples
    for connection in connections:
        connection.abort()
    return {"us": cpu / samples * 1e6, "kib": grown / hosts / 1024, "join": joined / hosts * 1e3}


async def running(hosts: int, seconds: float, table: dict[str, Any]) -> dict[str, float]:
    """What a sample costs with ``conn.run`` each time."""
    dialer = Dialer(plan_of(hosts, table).ssh, None)
    connections = [(await dialer.connect(f"h{n}", ADDRESS, None)).connection for n in range(hosts)]
    cpu, count = time.process_time(), 0
    for _round in range(int(seconds)):
        await asyncio.gather(*(_sample_by_run(c) for c in connections))
        count += hosts
    cpu = time.process_time() - cpu
    for connection in connections:
        connection.abort()
    return {"us": cpu / count * 1e6}


async def _sample_by_run(connection: asyncssh.SSHClientConnection) -> None:
    done = await connection.run("head -1 /proc/stat; head -3 /proc/meminfo; cat /proc/loadavg", encoding=None)
    assert isinstance(done.stdout, bytes)
    done.stdout.split()


async def mastering(hosts: int, seconds: float, table: dict[str, Any]) -> dict[str, float]:
    """What a sample costs with ``ssh`` over a ControlMaster each time."""
    control = Path(table["known_hosts"]).with_name("control")
    ssh = (
        "ssh", "-F", "none", "-S", str(control), "-p", str(table["port"]), "-i", table["identity"][0],
        "-o", f"UserKnownHostsFile={table['known_hosts']}", "-o", "BatchMode=yes", f"{table['user']}@{ADDRESS}",
    )  # fmt: skip
    master = subprocess.Popen((*ssh[:1], "-M", "-N", *ssh[1:]), stderr=subprocess.DEVNULL)
    while not control.exists():
        await asyncio.sleep(0.05)
    before, count = _children(), int(seconds) * 5
    for _n in range(count):
        subprocess.run((*ssh, "head -1 /proc/stat; head -3 /proc/meminfo"), check=True, capture_output=True)
    cpu = _children() - before
    master.terminate()
    master.wait()
    return {"us": cpu / count * 1e6}


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    own = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime + own.ru_utime + own.ru_stime


async def sampling(hosts: int, seconds: float, table: dict[str, Any], sampler: str, usage: Path) -> dict[str, float]:
    """CPU on the host a sample with one kind of sampler; ``usage``: file with nanoseconds of all of sshd's cgroup."""
    only = tuple(s for s in samplers.ORDER if s.name == sampler)
    host_facts.HostDescription.samplers = property(lambda _self: only)  # type: ignore[assignment, method-assign]
    counting = Counting(plan_of(hosts, table))
    task = asyncio.create_task(counting.fleet.run())
    while len(counting.up) < hosts:
        await asyncio.sleep(0.1)
    await asyncio.sleep(3)
    cpu, samples = int(usage.read_text()), counting.samples
    await asyncio.sleep(seconds)
    cpu, samples = int(usage.read_text()) - cpu, counting.samples - samples
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return {"ms": cpu / samples / 1e6}


def main() -> None:
    """See the module's docstring."""
    kind, hosts, seconds, *more = sys.argv[1:]
    table = json.load(sys.stdin)
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    if kind == "sampling":
        result = asyncio.run(sampling(int(hosts), float(seconds), table, more[0], Path(more[1])))
    else:
        measure = {
            "streaming": streaming, "lagging": lagging, "connecting": connecting, "running": running,
            "mastering": mastering, "plain": plain,
        }[kind]  # fmt: skip
        result = asyncio.run(measure(int(hosts), float(seconds), table))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
