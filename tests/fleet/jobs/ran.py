"""A place to run jobs in, and what was heard of them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from upgrade_tui.fleet.commands.command_result import CommandResult
from upgrade_tui.fleet.jobs.job import Job, Tale
from upgrade_tui.fleet.jobs.manage import ask_manager
from upgrade_tui.fleet.jobs.scripts import directory_name, manage_call
from upgrade_tui.fleet.jobs.spec import JobSpec, place_name
from upgrade_tui.fleet.jobs.transport import LocalTransport, Transport

HOST = "h"
PATIENCE = 60.0  # seconds; generous: nothing here measures time
MARK = "JOBS_TEST"


class Heard:
    """What a job told, in order."""

    def __init__(self) -> None:
        self.output = bytearray()
        self.lost: list[str] = []
        self.found = self.begun = 0
        self.gaps: list[tuple[int, int]] = []
        self.news = asyncio.Event()

    def on_output(self, data: bytes) -> None:
        self.output += data
        self.news.set()

    def on_lost(self, why: str) -> None:
        self.lost.append(why)
        self.news.set()

    def on_found(self) -> None:
        self.found += 1
        self.news.set()

    def on_begun(self) -> None:
        self.begun += 1

    def on_gap(self, start: int, end: int) -> None:
        self.gaps.append((start, end))
        self.news.set()

    def tale(self) -> Tale:
        return Tale(self.on_output, self.on_lost, self.on_found, self.on_gap, self.on_begun)

    async def until(self, true: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not true():
                self.news.clear()
                await self.news.wait()


class Place:
    """Jobs on this machine, in a directory of their own."""

    def __init__(self, base: Path, numbers: Iterator[int]) -> None:
        self.base, self._numbers = base, numbers
        self.proc = "/proc"
        self.systemd = "/nowhere"

    def spec(self, command: str, **more: Any) -> JobSpec:
        more.setdefault("name", f"w.s.{next(self._numbers)}")
        more.setdefault("directory", str(self.base))
        more["env"] = {MARK: str(self.base), **more.get("env", {})}
        return JobSpec(command=command, **more)

    def job(self, spec: JobSpec, heard: Heard, transport: Transport | None = None, **more: Any) -> Job:
        return Job(
            transport or LocalTransport(), HOST, spec, heard.tale(), proc_root=self.proc, systemd=self.systemd, **more
        )

    async def run(self, command: str, *, resume: bool = False, **more: Any) -> tuple[CommandResult, Heard]:
        heard = Heard()
        async with asyncio.timeout(PATIENCE):
            return await self.job(self.spec(command, **more), heard).run(resume=resume), heard

    @contextlib.contextmanager
    def left_by(self, spec: JobSpec) -> Iterator[tuple[int, Path]]:
        """A process, and the directory of an ended job, which says that a timeout could not end it."""
        process = subprocess.Popen(["sleep", "1000"])
        try:
            begun = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[19]
            there = self.directory(spec)
            (there / "left").write_text(f"{process.pid} {begun} root sleep\n")
            yield process.pid, there
        finally:
            process.kill()
            process.wait()

    @contextlib.asynccontextmanager
    async def running(self, spec: JobSpec, **more: Any):  # type: ignore[no-untyped-def]
        """A job that has said something."""
        heard = Heard()
        task = asyncio.create_task(self.job(spec, heard, **more).run())
        try:
            await heard.until(lambda: heard.output or task.done())
            yield task, heard
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def ask(self, verb: Any, name: str, window: str = "") -> list[str]:
        call = manage_call(verb, name, HOST, directory=str(self.base), proc_root=self.proc, window=window)
        return (await ask_manager(LocalTransport(), call))[0]

    def directory(self, spec: JobSpec) -> Path:
        (found,) = self.base.glob(f"*/{directory_name(place_name(spec.name, HOST))}")
        return found

    def names(self) -> list[str]:
        """The jobs whose directories are there."""
        return sorted(path.read_text().strip() for path in self.base.glob("*/*/name"))

    def processes(self) -> list[int]:
        """What our jobs' commands started and still runs."""
        return marked(str(self.base))

    def end_all(self) -> None:
        _kill(self.processes())

    async def power_off(self) -> None:
        """End commands, and what runs or follows them: none of it writes here any more, as after a reboot."""

        def ended() -> bool:
            left = {*self.processes(), *_standing_in(self.base)}
            _kill(left)
            return not left

        await until(ended)


def _kill(pids: Iterable[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _standing_in(base: Path) -> list[int]:
    """Processes whose working directory is below this one, which the job scripts change to before they write."""
    out = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if (entry / "cwd").readlink().is_relative_to(base):
                    out.append(int(entry.name))
    return out


def marked(mark: str) -> list[int]:
    """Processes with this mark in their environment."""
    out = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if f"{MARK}={mark}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                    out.append(int(entry.name))
    return out


async def until(true: Callable[[], object]) -> None:
    """Wait for what nobody tells."""
    async with asyncio.timeout(PATIENCE):
        while not true():
            await asyncio.sleep(0.02)
