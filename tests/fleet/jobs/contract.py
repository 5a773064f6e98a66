"""A host that jobs are run on, real or simulated: the same cases are put to both, and both have to answer alike."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from msgspec import Struct
from msgspec.structs import replace

from tests.fleet.jobs.ran import HOST, Heard, Place, until
from upgrade_tui.fleet.commands.command_result import CommandResult
from upgrade_tui.fleet.jobs.deadman import Arms
from upgrade_tui.fleet.jobs.job import Job
from upgrade_tui.fleet.jobs.manage import ask_manager
from upgrade_tui.fleet.jobs.scripts import manage_call
from upgrade_tui.fleet.jobs.spec import JobSpec
from upgrade_tui.fleet.jobs.transport import LocalTransport, Transport
from upgrade_tui.rehearsal.simulated_host import SimHost
from upgrade_tui.rehearsal.simulated_jobs import SimJob, SimulatedCommand
from upgrade_tui.rehearsal.simulated_link import SimLine
from upgrade_tui.rehearsal.simulated_link import SimPath as Way
from upgrade_tui.rehearsal.world import World

LONG = 100.0  # seconds of a command that somebody else has to end


class Does(Struct, frozen=True):
    """What a command does: print, take so long, end. ``stubborn``: it ends only by force."""

    seconds: float = 0.0
    exit: int = 0
    output: str = "here\n"
    stubborn: bool = False
    stays: bool = False  # not even then, at first: see ``Bench.outlasts``


class Bench(Protocol):
    """A host under test."""

    transport: Transport
    proc: str
    base: str

    def spec(self, name: str, does: Does, **more: Any) -> JobSpec:
        """The job of that name."""

    def begun(self, name: str) -> int:
        """How often its command began."""

    async def reboot(self, *, clear: bool = False) -> None:
        """The host goes down and comes back; ``clear``: without the directories of jobs."""

    async def kill(self, name: str) -> None:
        """What runs the job on the host, or waits for its deadline, is killed, and the command with it."""

    async def remove(self, name: str) -> None:
        """Somebody removes the job's directory."""

    async def outlasts(self, spec: JobSpec) -> None:
        """The job runs into its timeout and cannot be ended by it; when it is struck once more, it goes."""

    def play(self, case: Callable[[Bench], Awaitable[None]]) -> None:
        """Run a case to its end."""


async def follow(bench: Bench, spec: JobSpec, heard: Heard | None = None, **how: Any) -> CommandResult:
    """The job from its start (or, with ``resume``, from where it is) to its end."""
    job = Job(bench.transport, HOST, spec, (heard or Heard()).tale(), proc_root=bench.proc, systemd="/nowhere")
    return await job.run(**how)


@contextlib.asynccontextmanager
async def under_way(bench: Bench, spec: JobSpec, **how: Any):  # type: ignore[no-untyped-def]
    """The job once it has said something: its follower, and what it heard."""
    heard = Heard()
    task = asyncio.ensure_future(follow(bench, spec, heard, **how))
    try:
        await heard.until(lambda: heard.output or task.done())
        yield task, heard
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def arms(bench: Bench) -> Arms:
    """The dead-men of the host."""
    return Arms(bench.transport, HOST, directory=bench.base, proc_root=bench.proc, systemd="/nowhere")


async def asked(bench: Bench, verb: Any, name: str = "", **more: Any) -> str:
    """The answer to ``end`` or ``clean``."""
    call = manage_call(verb, name, HOST, directory=bench.base, proc_root=bench.proc, **more)
    return " ".join((await ask_manager(bench.transport, call))[0])


class Real:
    """This machine, with the real scripts in a shell."""

    def __init__(self, directory: Path, place: Place) -> None:
        self.transport: Transport = LocalTransport()
        self._directory, self._place = directory, place
        self.base, self.proc = str(place.base), str(directory / "proc")
        self._boots = 0
        self._specs: dict[str, JobSpec] = {}
        self._killed: list[int] = []
        self._left: subprocess.Popen[bytes] | None = None
        self._boot()

    def _boot(self) -> None:
        self._boots += 1
        path = self._directory / "proc/sys/kernel/random/boot_id"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"boot-{self._boots}\n")

    def spec(self, name: str, does: Does, **more: Any) -> JobSpec:
        count = self._directory / f"{name}.begun"
        wait = f"sleep {does.seconds}" if does.seconds else ":"
        if does.stubborn:
            wait = "trap '' TERM; while :; do sleep 0.2; done"
        command = f"echo x >>{count}; printf '%s' '{does.output}'; {wait}; exit {does.exit}"
        self._specs[name] = self._place.spec(command, name=f"w.{name}", **more)
        return self._specs[name]

    def begun(self, name: str) -> int:
        count = self._directory / f"{name}.begun"
        return len(count.read_text().splitlines()) if count.exists() else 0

    def _end(self, name: str) -> None:
        for file in ("begun", "sleeper"):
            with contextlib.suppress(OSError, ValueError, IndexError):
                path = self._place.directory(self._specs[name]) / file
                pid = int(path.read_text().split()[0])
                os.kill(pid, signal.SIGKILL)
                self._killed.append(pid)

    def _dead(self) -> bool:
        """A process that was killed is there until the kernel gets to it."""
        return all(_state(pid) in "ZX" for pid in self._killed)

    async def reboot(self, *, clear: bool = False) -> None:
        for name in self._specs:
            self._end(name)
        await self._place.power_off()
        await until(self._dead)
        self._boot()
        if clear:
            await asyncio.to_thread(shutil.rmtree, self._place.base)

    async def kill(self, name: str) -> None:
        self._end(name)
        self._place.end_all()
        await until(self._dead)

    async def outlasts(self, spec: JobSpec) -> None:
        """As the runner writes it where sudo could not end what is root's: root, as here, can end everything."""
        assert (await follow(self, spec)).timed_out
        there = self._place.directory(spec)
        code = there / "code"
        code.write_text(code.read_text().replace(" TERM ", " left "))
        self._left = subprocess.Popen(["sleep", "1000"])
        began = Path(f"/proc/{self._left.pid}/stat").read_text().rpartition(")")[2].split()[19]
        (there / "left").write_text(f"{self._left.pid} {began} root stays\n")

    async def remove(self, name: str) -> None:
        await asyncio.to_thread(shutil.rmtree, self._place.directory(self._specs[name]))

    def play(self, case: Callable[[Bench], Awaitable[None]]) -> None:
        async def played() -> None:
            async with asyncio.timeout(120):
                await case(self)

        try:
            asyncio.run(played())
        finally:
            if self._left is not None:
                self._left.kill()
                self._left.wait()


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "X"


class Simulated:
    """A simulated host, on a line that holds."""

    def __init__(self) -> None:
        self._world = World("contract")
        self._does: dict[str, Does] = {}
        self._began: list[str] = []
        self._host = SimHost(self._world, HOST, self._behave, self)
        self._way = Way(self._world, self._host)
        self.proc, self.base = "/proc", ""

    def _behave(
        self, host: SimHost, command: str, env: Mapping[str, str], secrets: Mapping[str, str]
    ) -> SimulatedCommand:
        does = self._does[command]
        seconds = LONG if does.stubborn else does.seconds
        return SimulatedCommand(
            seconds=seconds, exit=does.exit, output=does.output.encode(), stubborn=does.stubborn, stays=does.stays
        )  # fmt: skip

    def began(self, job: SimJob) -> None:
        """See Witness."""
        self._began.append(job.command)

    def ended(self, job: SimJob, code: int | None) -> None:
        """See Witness."""

    def spec(self, name: str, does: Does, **more: Any) -> JobSpec:
        self._does[name] = does
        return JobSpec(name=f"w.{name}", command=name, **more)

    def begun(self, name: str) -> int:
        return self._began.count(name)

    def _job(self, name: str) -> SimJob:
        return next(job for job in self._host.jobs.values() if job.command == name)

    async def reboot(self, *, clear: bool = False) -> None:
        self._host.go_down(clear)
        self._way.host_went()
        await asyncio.sleep(30)
        self._host.come_up()
        self._way.host_went()
        await self.transport.opened()

    async def kill(self, name: str) -> None:
        self._job(name).kill_runner()

    async def outlasts(self, spec: JobSpec) -> None:
        name = spec.command
        self._does[name] = replace(self._does[name], stays=True)
        await follow(self, spec)
        self._world.chance = lambda probability: True  # type: ignore[method-assign]

    async def remove(self, name: str) -> None:
        job = self._job(name)
        self._host.remove_directories()
        assert job.gone

    def play(self, case: Callable[[Bench], Awaitable[None]]) -> None:
        async def played() -> None:
            self.transport: Transport = SimLine(self._way, lambda line: None)
            self.transport.dial()  # type: ignore[attr-defined]
            await self.transport.opened()
            async with asyncio.timeout(100_000):
                await case(self)

        with contextlib.closing(self._world.loop) as loop:
            loop.run_until_complete(played())
