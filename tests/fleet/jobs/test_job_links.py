"""Jobs over real SSH: cut links, dead clients, crowded connections."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.net import PORT, Net, NetHost
from tests.fleet.jobs.ran import PATIENCE, Heard, until
from tests.fleet.watched import Watched, plan_of, watched
from tests.sshd import Sshd
from tests.support import require
from upgrade_tui.fleet.commands.command_result import CommandResult
from upgrade_tui.fleet.jobs import Arming, JobSpec
from upgrade_tui.plan.inventory import Host

HERE = "127.0.0.1"
pytestmark = pytest.mark.ssh


async def job(fleet: Watched, spec: JobSpec, heard: Heard, host: str = "h", **more: object) -> CommandResult:
    async with asyncio.timeout(4 * PATIENCE):
        return await fleet.fleet.job(
            host, spec, on_output=heard.on_output, on_lost=heard.on_lost, on_found=heard.on_found,
            on_gap=heard.on_gap, **more,  # type: ignore[arg-type]
        )  # fmt: skip


def spec_of(directory: Path, name: str, command: str, **more: object) -> JobSpec:
    return JobSpec(name=name, command=command, directory=str(directory), **more)  # type: ignore[arg-type]


async def test_a_job_is_one_channel_over_ssh(shared_sshd: Sshd, tmp_path: Path) -> None:
    async with watched(plan_of({"h": Host(address=HERE)}, shared_sshd.ssh_table())) as fleet:
        heard = Heard()
        spec = spec_of(tmp_path, "w.s.1", "echo $A $B; exit 3", env={"A": "a b"}, secrets={"B": "it's\n$secret"})
        ended = await job(fleet, spec, heard)
        assert (ended.exit, ended.proven, bytes(heard.output)) == (3, True, b"a b it's $secret\n")
        assert not heard.lost
        assert await fleet.fleet.clean_jobs("h", "w", place=await fleet.fleet.place("h", str(tmp_path))) == 0
        assert not list(tmp_path.glob("*/*"))


async def test_here_it_is_the_same(tmp_path: Path) -> None:
    async with watched(plan_of({})) as fleet:
        heard = Heard()
        ended = await job(fleet, spec_of(tmp_path, "w.s.1", "echo here; exit 3"), heard, host="local")
        assert (ended.exit, bytes(heard.output)) == (3, b"here\n")
        assert not await fleet.fleet.end_job("local", "w.s.1", place=await fleet.fleet.place("local", str(tmp_path)))


async def test_a_host_that_is_not_there_was_sent_nothing(own_sshd: Sshd, tmp_path: Path) -> None:
    own_sshd.stop()
    async with watched(plan_of({"h": Host(address=HERE)}, own_sshd.ssh_table())) as fleet:
        ended = await job(fleet, spec_of(tmp_path, "w.s.1", "true"), Heard())
        assert (ended.proven, ended.sent) == (False, False)
        assert "not reachable" in ended.reason
        assert "not reachable" in await fleet.fleet.end_job("h", "w.s.1")
        assert (await fleet.fleet.armed("h", "w.s.1")).state == "not known"
        assert "not reachable" in str(await fleet.fleet.arm("h", "w.s.1", "true", 60))


async def test_a_killed_session_costs_nothing(tmp_path: Path) -> None:
    require("sshd")
    home = tmp_path / "home"  # a session is killed at any moment: not in the middle of somebody's login scripts
    with Sshd(tmp_path / "sshd", options=(f"SetEnv HOME={home}",)) as own_sshd:
        await _cut_once(own_sshd, tmp_path)


async def _cut_once(own_sshd: Sshd, tmp_path: Path) -> None:
    async with watched(plan_of({"h": Host(address=HERE)}, own_sshd.ssh_table())) as fleet:
        await fleet.link("h", "up")
        go, heard = tmp_path / "go", Heard()
        os.mkfifo(go)
        task = asyncio.create_task(
            job(fleet, spec_of(tmp_path, "w.s.1", f"echo $$ first; cat {go}; echo $$; exit 5"), heard)
        )
        await heard.until(lambda: heard.output)
        own_sshd.cut()
        await heard.until(lambda: heard.lost)
        await heard.until(lambda: heard.found)
        await asyncio.to_thread(go.write_text, "second\n")
        assert (await task).exit == 5
        pid = heard.output.split()[0].decode()
        assert heard.output.decode() == f"{pid} first\nsecond\n{pid}\n"
        assert (len(heard.lost), heard.found) == (1, 1)


async def test_more_jobs_than_channels_wait_their_turn(tmp_path: Path) -> None:
    require("sshd")
    with Sshd(tmp_path / "sshd", options=("MaxSessions 4",)) as sshd:
        async with watched(plan_of({"h": Host(address=HERE)}, sshd.ssh_table())) as fleet:
            await fleet.sampled("h")
            ended = await asyncio.gather(
                *(job(fleet, spec_of(tmp_path, f"w.s.{n}", f"sleep 0.1; exit {n}"), Heard()) for n in range(16))
            )
            assert [e.exit for e in ended] == list(range(16))
            assert fleet.now("h") == "up"


async def test_who_stops_waiting_gives_the_channel_back(tmp_path: Path) -> None:
    require("sshd")
    with Sshd(tmp_path / "sshd", options=("MaxSessions 4",)) as sshd:
        async with watched(plan_of({"h": Host(address=HERE)}, sshd.ssh_table())) as fleet:
            await fleet.sampled("h")
            for n in range(8):
                heard = Heard()
                spec = spec_of(tmp_path, f"w.s.{n}", "echo here; exec sleep 1000")
                task = asyncio.create_task(job(fleet, spec, heard))
                await heard.until(lambda heard=heard: heard.output)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            for n in range(8):
                place = await fleet.fleet.place("h", str(tmp_path))
                assert await fleet.fleet.end_job("h", f"w.s.{n}", place=place) == ""


CLIENT = """
import asyncio, sys
from pathlib import Path
from tests.fleet.watched import plan_of, watched
from tests.fleet.jobs.ran import Heard
from upgrade_tui.fleet.jobs import JobSpec
from upgrade_tui.plan.inventory import Host

async def main(table, directory, command):
    async with watched(plan_of({{"h": Host(address="127.0.0.1")}}, table)) as fleet:
        heard = Heard()
        for host in ("h", "local"):
            spec = JobSpec(name="w.s.1", command=command, directory=directory + "/" + host)
            asyncio.create_task(fleet.fleet.job(
                host, spec, on_output=heard.on_output, on_lost=heard.on_lost, on_found=heard.on_found))
        await heard.until(lambda: heard.output.count(b"here") == 2)
        print("running", flush=True)
        await asyncio.sleep(1000)

asyncio.run(main({table!r}, {directory!r}, {command!r}))
"""


async def test_a_client_that_was_killed_finds_its_jobs_again(shared_sshd: Sshd, tmp_path: Path) -> None:
    count, go = tmp_path / "count", tmp_path / "go"
    command = f"echo x >> {count}; echo here; while [ ! -e {go} ]; do sleep 0.05; done; echo there; exit 4"
    table = shared_sshd.ssh_table()
    source = CLIENT.format(table=table, directory=str(tmp_path), command=command)
    with subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE) as client:
        assert client.stdout is not None
        assert await asyncio.to_thread(client.stdout.readline) == b"running\n"
        client.kill()
    async with watched(plan_of({"h": Host(address=HERE)}, table)) as fleet:
        for host in ("h", "local"):
            heard = Heard()
            spec = spec_of(tmp_path / host, "w.s.1", command)
            task = asyncio.create_task(job(fleet, spec, heard, host=host, resume=True))
            await heard.until(lambda heard=heard: heard.output)
            go.touch()
            assert (await task).exit == 4
            assert bytes(heard.output) == b"here\nthere\n"
    assert count.read_text() == "x\nx\n"


class Cuts:
    """Jobs on hosts whose links are cut at random moments."""

    def __init__(self, net: Net, fleet: Watched, directory: Path, seed: int) -> None:
        self.net, self.fleet, self.directory = net, fleet, directory
        self.rng = random.Random(seed)
        self.cuts = 0
        self.ended: list[tuple[str, str, CommandResult, Heard, float]] = []
        self.up: dict[str, float] = {}

    async def cut(self, host: NetHost, times: int, job_of_host: asyncio.Event) -> None:
        """Cut and mend; half of the cuts are noticed only by silence, half break the connection at once."""
        for _ in range(times):
            await asyncio.sleep(self.rng.uniform(0.0, 0.4))
            self.cuts += 1
            if self.rng.random() < 0.25:
                await asyncio.to_thread(host.cut)
                await asyncio.sleep(self.rng.uniform(0.0, 0.3))
                await asyncio.to_thread(host.mend)
            _kill_sessions(host)
            self.up[host.name] = time.monotonic()
            await self.fleet.fleet.kick(host.name)
        job_of_host.set()

    async def jobs(self, host: str, lane: int, over: asyncio.Event) -> None:
        """One after the other until the cutting is over."""
        number = 0
        while not over.is_set():
            name = f"w.{lane}.{number}"
            number += 1
            count = self.directory / f"{host}.{name}"
            pause = self.rng.choice([0, 0, 0.05, 0.3])
            heard = Heard()
            spec = JobSpec(
                name=name, directory=str(self.directory / host), timeout=60.0, secrets={"S": "secret"},
                command=f"echo x >> {count}; seq 1 200; sleep {pause}; echo $S {name}; exit 3",
            )  # fmt: skip
            ended = await job(self.fleet, spec, heard, host=host)
            self.ended.append((host, name, ended, heard, time.monotonic()))


def _kill_sessions(host: NetHost) -> None:
    assert host.sshd is not None
    found = subprocess.run(["ip", "netns", "pids", host.space], check=True, capture_output=True, text=True).stdout
    for pid in map(int, found.split()):
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/comm").read_text().startswith("sshd") and pid != host.sshd.pid:
                os.kill(pid, signal.SIGKILL)


@pytest.mark.netns
async def test_two_hundred_cuts_start_nothing_twice_and_lose_no_result(tmp_path: Path) -> None:
    require("ip", "sshd", root=True)
    with Net(tmp_path, 4) as net:
        table = {"user": "root", "port": PORT, "identity": [str(net.key)], "known_hosts": str(net.known_hosts)}
        plan = plan_of({h.name: Host(address=h.address) for h in net.hosts}, table)
        async with watched(plan) as fleet:
            for host in net.hosts:
                await fleet.link(host.name, "up")
            cuts = Cuts(net, fleet, tmp_path, seed=int(os.environ.get("CUTS_SEED", "7")))
            times = int(os.environ.get("CUTS", "200")) // len(net.hosts)
            async with asyncio.TaskGroup() as group:
                for host in net.hosts:
                    over = asyncio.Event()
                    group.create_task(cuts.cut(host, times, over))
                    for lane in range(2):
                        group.create_task(cuts.jobs(host.name, lane, over))
            assert cuts.cuts == 4 * times
            _judge(cuts, tmp_path)


def _judge(cuts: Cuts, directory: Path) -> None:
    whole = b"".join(b"%d\n" % n for n in range(1, 201))
    assert len(cuts.ended) > 20
    for host, name, ended, heard, _at in cuts.ended:
        count = directory / f"{host}.{name}"
        starts = count.read_text().count("x") if count.exists() else 0
        assert starts <= 1, f"{name} on {host} was started {starts} times"
        if ended.proven:
            assert (starts, ended.exit) == (1, 3)
            assert bytes(heard.output) == whole + f"secret {name}\n".encode()
        else:  # never started, and it says so
            assert (starts, ended.sent) == (0, False), ended
            assert ended.reason
        assert heard.found <= len(heard.lost) <= heard.found + 1


@pytest.mark.netns
async def test_what_ended_while_the_link_was_silent_is_told_with_its_result_and_not_as_running(tmp_path: Path) -> None:
    require("ip", "sshd", root=True)
    with Net(tmp_path, 1) as net:
        table = {"user": "root", "port": PORT, "identity": [str(net.key)], "known_hosts": str(net.known_hosts)}
        (host,) = net.hosts
        async with watched(plan_of({host.name: Host(address=host.address)}, table)) as fleet:
            await fleet.link(host.name, "up")
            go, heard = tmp_path / "go", Heard()
            spec = spec_of(tmp_path, "w.s.1", f"echo here; while [ ! -e {go} ]; do sleep 0.05; done; echo there")
            task = asyncio.create_task(job(fleet, spec, heard, host=host.name))
            await heard.until(lambda: heard.output)
            host.cut()
            await heard.until(lambda: heard.lost)
            go.touch()
            (directory,) = tmp_path.glob("upgrade-tui.*/*")
            await until((directory / "drained").exists)  # it ended with nobody listening
            host.mend()
            await fleet.fleet.kick(host.name)
            assert (await task).exit == 0
            assert bytes(heard.output) == b"here\nthere\n"
            assert (len(heard.lost), heard.found) == (1, 0)


@pytest.mark.netns
async def test_a_dead_man_fires_while_the_link_is_cut(tmp_path: Path) -> None:
    require("ip", "sshd", root=True)
    with Net(tmp_path, 1) as net:
        table = {"user": "root", "port": PORT, "identity": [str(net.key)], "known_hosts": str(net.known_hosts)}
        (host,) = net.hosts
        async with watched(plan_of({host.name: Host(address=host.address)}, table)) as fleet:
            await fleet.link(host.name, "up")
            undone = tmp_path / "undone"
            spec = spec_of(tmp_path, "x", "x")
            assert await fleet.fleet.arm(host.name, "w.s.dead", f"echo back > {undone}", 2, spec=spec) == Arming()
            host.cut()
            await until(undone.exists)
            host.mend()
            await fleet.fleet.kick(host.name)
            async with asyncio.timeout(PATIENCE):
                place = await fleet.fleet.place(host.name, str(tmp_path))
                while (now := await fleet.fleet.armed(host.name, "w.s.dead", place=place)).exit is None:
                    await asyncio.sleep(0.1)
            assert (now.state, now.exit) == ("fired", 0)
