"""The process of the demo's hosts: ``python -m upgrade_tui.demo.embedded DIRECTORY --pace PACE``.

It has a session of its own and reads one pipe, its standard input: a line ``window PATH`` tells it which window is run
on its hosts; the end of the pipe means that the demo is over, whether it said so or died. Then it closes that window
if nobody did, ends everything it started, removes its directory and ends. It says ``ready``, or what is wrong, on
standard output.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import shutil
import signal
import sys
import threading
import time
import uuid
from pathlib import Path

from upgrade_tui.demo import procfs
from upgrade_tui.demo.build import build_run, write_known_hosts, write_plan
from upgrade_tui.demo.host_load import GIB, HABITS, Load
from upgrade_tui.demo.leave import leave
from upgrade_tui.demo.server import HostServer, end_leftovers
from upgrade_tui.demo.site import KEEP_FILE, SHAKY_AFTER, SHAKY_FOR, SHAKY_HOST, Box

_TURN_AT = 0.5  # of a second: samplers fire on the second


class Embedded:
    """The hosts of one run."""

    def __init__(self, directory: Path, pace: float) -> None:
        self._leash, self._leash_held = os.pipe()  # whoever inherits the first ends when this process is gone
        self.site, key = build_run(directory.name, directory, pace)
        self.servers = {box.name: HostServer(self.site, box, key, self._leash) for box in self.site.boxes}
        self._loads = {box.name: _load(box) for box in self.site.boxes}
        self.window: Path | None = None
        self._turning, self._ended = threading.Lock(), False

    async def start(self) -> None:
        """Listen, serve, be ready for the plan to be run. Raises OSError."""
        await asyncio.gather(*(server.listen() for server in self.servers.values()))
        ports = {name: server.port for name, server in self.servers.items()}
        write_known_hosts(self.site, ports, {name: server.host_key for name, server in self.servers.items()})
        for box in self.site.boxes:
            procfs.write_files(box.proc, procfs.constant(str(uuid.uuid4())))
        self._turn(1.0)
        codes = await asyncio.gather(*(server.run("./bin/service start") for server in self.servers.values()))
        if any(codes):
            bad = next(name for name, code in zip(self.servers, codes, strict=True) if code)
            log = self.site.box(bad).directory / "log/service.log"
            raise OSError(f"the service of {bad} does not start: {log.read_text(errors='replace')[-300:]}")
        write_plan(self.site, ports)

    async def live(self, over: asyncio.Event) -> None:
        """Let time go by on the hosts until ``over``."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._turns()), group.create_task(self._shake())]
            await over.wait()
            for task in tasks:
                task.cancel()

    async def end(self, keep: Path | None) -> None:
        """Close the window if nobody did, then end every process and remove what was made."""
        if self.window is not None:
            try:
                await leave(self.window, "the demo was left", self._stop_work)
            except Exception as error:  # noqa: BLE001 - outermost edge: the hosts must end whatever happens
                print(f"the window could not be closed: {error}", file=sys.stderr, flush=True)  # noqa: T201
        await asyncio.gather(*(server.close() for server in self.servers.values()))
        os.close(self._leash_held)
        await asyncio.to_thread(self._clear_away, keep)

    def _clear_away(self, keep: Path | None) -> None:
        with self._turning:
            self._ended = True
        end_leftovers(str(self.site.directory))
        if keep:
            (self.site.directory / KEEP_FILE).touch()
            self.site.directory.rename(keep)  # its name is free for the next demo
        else:
            shutil.rmtree(self.site.directory, ignore_errors=True)

    def _stop_work(self) -> None:
        for server in self.servers.values():
            server.stop_work()

    async def _turns(self) -> None:
        """Once a second every host's counters move on, between two looks of the samplers."""
        before = time.monotonic()
        while True:
            await asyncio.sleep(1.0 - (time.time() - _TURN_AT) % 1.0)
            now = time.monotonic()
            await asyncio.to_thread(self._turn, now - before)
            before = now

    def _turn(self, dt: float) -> None:
        """In a thread, which no cancelling stops: it must not write into what is being removed."""
        with self._turning:
            if self._ended:
                return
            now = time.time()
            for box in self.site.boxes:
                load = self._loads[box.name]
                load.step(dt, _daytime(now), working=_working(box), warming=(box.directory / "run/warming").exists())
                procfs.write_files(box.proc, procfs.changing(load, now))

    async def _shake(self) -> None:
        """One host's link drops once, some time after somebody came, while nothing is at work there."""
        server, pace = self.servers[SHAKY_HOST], self.site.pace
        await server.visited.wait()
        await asyncio.sleep(SHAKY_AFTER * pace)
        await server.calm.wait()
        server.drop()
        await asyncio.sleep(SHAKY_FOR * pace)
        while True:
            try:
                return await server.listen()
            except OSError:  # the port of a connection that is still going away
                await asyncio.sleep(0.5)


def _load(box: Box) -> Load:
    chance = random.Random(box.name)  # noqa: S311 - made-up load
    load = Load(
        habits=HABITS[box.role.name], cores=box.role.cores, memory_total=box.role.memory * GIB, chance=chance,
        uptime=chance.uniform(12, 90) * 86400,
    )  # fmt: skip
    load.begin(_daytime(time.time()))
    return load


def _daytime(now: float) -> float:
    """Seconds of local time since midnight."""
    local = time.localtime(now)
    return local.tm_hour * 3600 + local.tm_min * 60 + local.tm_sec


def _working(box: Box) -> bool:
    """Whether one of the host's tools is at work: they say so in ``run/busy``."""
    try:
        os.kill(int((box.directory / "run/busy").read_text()), 0)
    except (OSError, ValueError):
        return False
    return True


async def _listen_to_the_demo(hosts: Embedded, over: asyncio.Event) -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        word, _, rest = line.decode("utf-8", "surrogateescape").rstrip("\n").partition(" ")
        if word == "window":
            hosts.window = Path(rest)
    over.set()


def _say(text: str) -> None:
    try:
        print(text.replace("\n", " "), flush=True)  # noqa: T201 - the pipe to who started this
    except OSError:
        os.close(1)  # they are gone: the end of the other pipe says so, too


async def _serve(directory: Path, pace: float, keep: Path | None) -> None:
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, lambda: None)  # not SIG_IGN: what is started here would inherit that
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    hosts = await asyncio.to_thread(Embedded, directory, pace)
    listening = asyncio.create_task(_listen_to_the_demo(hosts, over), name="the demo's pipe")
    try:
        await hosts.start()
        _say("ready")
        await hosts.live(over)
    finally:
        listening.cancel()
        await hosts.end(keep)


def run_hosts() -> None:
    parser = argparse.ArgumentParser(prog="upgrade_tui.demo.embedded")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--pace", type=float, default=1.0)
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    try:
        asyncio.run(_serve(given.directory, given.pace, given.keep))
    except OSError as error:
        _say(f"the demo's hosts cannot be made: {error}")
        sys.exit(1)


if __name__ == "__main__":
    run_hosts()
