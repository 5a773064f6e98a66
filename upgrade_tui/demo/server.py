"""One host of the demo: a real SSH server on loopback that runs commands in the host's directory.

It runs commands, so it is strict about who comes in: only the key made for this run, as the one user there is. No
password, no agent, no forwarding, no terminal.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

import asyncssh

from upgrade_tui.demo.site import REGISTRY, USER, Box, Site

MARK = "SHOP_RUN"  # in the environment of all that a run starts: its directory
WATCHING = "# upgrade-tui"  # how the scripts begin that only look: the samplers
_CHUNK = 32 * 1024
_GRACE = 2.0  # seconds between asking a command's processes to end and forcing them


class Login(asyncssh.SSHServer):
    """Who may come in: the run's key, and nobody else."""

    def __init__(self, host: HostServer, key: asyncssh.SSHKey) -> None:
        self._host, self._key = host, key

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """A connection, not logged in yet."""
        self._connection = conn
        self._host.connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._host.connections.discard(self._connection)

    def begin_auth(self, username: str) -> bool:
        """Everybody has to show who they are."""
        return True

    def password_auth_supported(self) -> bool:
        """There are no passwords here."""
        return False

    def kbdint_auth_supported(self) -> bool:
        """There is nothing to ask."""
        return False

    def public_key_auth_supported(self) -> bool:
        """The only way in."""
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """The key made for this run, as the user of the plan."""
        return username == USER and key.public_data == self._key.public_data

    def auth_completed(self) -> None:
        """Somebody is in."""
        self._host.visited.set()


class HostServer:
    """A host's SSH server. ``leash``: the end of a pipe that its processes inherit; they end when the other is gone.

    Its port stays the same for as long as it lives, also while its link is down.
    """

    def __init__(self, site: Site, box: Box, key: asyncssh.SSHKey, leash: int) -> None:
        self.box, self.port = box, 0
        self.host_key = asyncssh.generate_private_key("ssh-ed25519")
        self.visited = asyncio.Event()
        self.connections: set[asyncssh.SSHServerConnection] = set()
        self._key, self._leash = key, leash
        self._environment = host_environment(site, box, leash)
        self._running: dict[asyncio.subprocess.Process, bool] = {}  # -> it only looks
        self._acceptor: asyncssh.SSHAcceptor | None = None
        self._ending = False
        self.calm, self._empty = asyncio.Event(), asyncio.Event()  # no command but the samplers; none at all
        self._look()

    def _look(self) -> None:
        for event, runs in ((self.calm, not all(self._running.values())), (self._empty, bool(self._running))):
            event.clear() if runs else event.set()

    async def listen(self) -> None:
        """Accept connections, on the port of before if there was one. Raises OSError."""
        self._acceptor = await asyncssh.create_server(
            lambda: Login(self, self._key), self.box.address, self.port, server_host_keys=[self.host_key],
            process_factory=self._serve, encoding=None, agent_forwarding=False, x11_forwarding=False, allow_pty=False,
            line_editor=False, gss_host=None, login_timeout=10, server_version="demo-host", reuse_address=True,
        )  # fmt: skip
        self.port = self._acceptor.get_port()

    def drop(self) -> None:
        """Lose the link: every connection breaks, new ones are refused. ``listen`` ends that."""
        if self._acceptor is not None:
            self._acceptor.close()
        for connection in list(self.connections):
            connection.abort()

    def stop_work(self) -> None:
        """End the commands that run, but not the samplers, and start no new ones."""
        self._ending = True
        for process, looks in self._running.items():
            if not looks:
                signal_group(process.pid, signal.SIGTERM)

    async def close(self) -> None:
        """Stop listening, break the connections, end all commands."""
        self._ending = True
        self.drop()
        for number in (signal.SIGTERM, signal.SIGKILL):
            for process in self._running:
                signal_group(process.pid, number)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_GRACE):
                    await self._empty.wait()
                return

    async def run(self, command: str) -> int:
        """Run a command as the host's own (its start at boot); its exit code. Raises OSError."""
        process = await self._start(command)
        await process.communicate()
        return process.returncode or 0

    async def _start(self, command: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            "/bin/sh", "-c", command, cwd=self.box.directory, env=self._environment, start_new_session=True,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            pass_fds=(self._leash,),
        )  # fmt: skip

    async def _serve(self, channel: asyncssh.SSHServerProcess[bytes]) -> None:
        """One command of a client, to its end or to the end of the link."""
        command = channel.command
        if not command:
            return _refuse(channel, "this host has no shell to log in to; give it a command")
        looks = WATCHING in command
        if self._ending and not looks:
            return _refuse(channel, "the demo is ending: nothing new is started")
        try:
            process = await self._start(command)
        except (OSError, ValueError) as error:
            return _refuse(channel, f"cannot start that: {error}")
        self._running[process] = looks
        self._look()
        try:
            await _follow(process, channel)
        finally:
            signal_group(
                process.pid, signal.SIGHUP
            )  # as when a terminal is gone; what made a session of its own goes on
            await process.wait()
            self._running.pop(process, None)
            self._look()
        with contextlib.suppress(OSError, asyncssh.Error):
            code = process.returncode or 0
            if code < 0:
                channel.exit_with_signal(signal.Signals(-code).name.removeprefix("SIG"))
            else:
                channel.exit(code)
        return None


def host_environment(site: Site, box: Box, leash: int) -> dict[str, str]:
    """All that a host's processes get: nothing of whoever started the demo."""
    own = str(Path(sys.executable).parent)
    return {
        "PATH": os.pathsep.join(dict.fromkeys((own, "/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"))),
        "HOME": str(box.directory),
        "USER": USER, "LOGNAME": USER, "SHELL": "/bin/sh", "LANG": "C.UTF-8",
        MARK: str(site.directory),
        "SHOP_PYTHON": sys.executable,
        "SHOP_REGISTRY": str(site.directory / REGISTRY),
        "SHOP_TICK": f"{0.8 * site.pace:.3f}",
        "SHOP_LEASH": str(leash),
    }  # fmt: skip


def signal_group(group: int, number: signal.Signals) -> None:
    """Send a signal to a process group of ours, if there is any of it left."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def leftovers(site_directory: str) -> list[int]:
    """Processes that a run started and that are still there, whatever they made of their session."""
    import psutil

    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.environ().get(MARK) == site_directory:
                found.append(process.pid)
    return found


def end_leftovers(site_directory: str) -> None:
    """End every process of a run, by its id."""
    for pid in leftovers(site_directory):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def _refuse(channel: asyncssh.SSHServerProcess[bytes], why: str) -> None:
    with contextlib.suppress(OSError, asyncssh.Error):
        channel.stderr.write(f"{why}\n".encode())
        channel.exit(1)


async def _follow(process: asyncio.subprocess.Process, channel: asyncssh.SSHServerProcess[bytes]) -> None:
    """Carry bytes both ways until the command has ended and said all, or the channel is gone."""
    assert process.stdout is not None
    assert process.stderr is not None
    feeding = asyncio.create_task(_feed(channel, process))
    saying = [
        asyncio.create_task(_say(process.stdout, channel.stdout)),
        asyncio.create_task(_say(process.stderr, channel.stderr)),
    ]
    gone = asyncio.create_task(channel.wait_closed())
    ended = asyncio.create_task(_all(saying))
    try:
        await asyncio.wait({ended, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not gone.done():  # it has closed its output: it ends soon, or it is ended with the channel
            waiting = asyncio.create_task(process.wait())
            await asyncio.wait({waiting, gone}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
    finally:
        for task in (feeding, gone, ended, *saying):
            task.cancel()
        await asyncio.gather(feeding, gone, ended, *saying, return_exceptions=True)


async def _all(tasks: list[asyncio.Task[None]]) -> None:
    await asyncio.wait(tasks)


async def _feed(channel: asyncssh.SSHServerProcess[bytes], process: asyncio.subprocess.Process) -> None:
    """The client's input and signals."""
    assert process.stdin is not None
    with contextlib.suppress(OSError, asyncssh.Error):
        while True:
            try:
                data = await channel.stdin.read(_CHUNK)
            except asyncssh.SignalReceived as received:
                signal_group(process.pid, getattr(signal, f"SIG{received.signal}", signal.SIGTERM))
                continue
            except (asyncssh.BreakReceived, asyncssh.TerminalSizeChanged):
                continue
            if not data:
                break
            process.stdin.write(data)
            await process.stdin.drain()
        process.stdin.close()


async def _say(out: asyncio.StreamReader, to: asyncssh.SSHWriter[bytes]) -> None:
    with contextlib.suppress(OSError, asyncssh.Error):
        while data := await out.read(_CHUNK):
            to.write(data)
            await to.drain()
