"""Who a client is: read in the moment of the connection, from the process that made it, and from no other."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from tests.conductor.served import Served, speaking
from tests.support import require
from upgrade_tui.attach import protocol as p
from upgrade_tui.attach import socket as wire
from upgrade_tui.attach.socket import NobodyThere, peer

MEI, TOM = 4101, 4102  # audit login ids: two people who share the account that runs the tests
LAST_PID = Path("/proc/sys/kernel/ns_last_pid")


@pytest.fixture
def logins() -> None:
    require(root=True)
    if not Path("/proc/self/loginuid").exists():
        pytest.skip("this kernel keeps no audit login id")


@pytest.fixture
def listening(tmp_path: Path) -> socket.socket:
    """A socket that nobody accepts from yet: what a conductor has while it is busy, or stopped."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.bind(str(tmp_path / "socket"))
    sock.listen(8)
    return sock


def in_child(what: Callable[[], None]) -> int:
    """Run ``what`` in a child process; its pid. It ends when that returns."""
    pid = os.fork()
    if pid == 0:
        try:
            what()
        finally:
            os._exit(0)
    return pid


def as_login(uid: int) -> None:
    Path("/proc/self/loginuid").write_text(str(uid))


def connected(path: str) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.connect(path)
    return sock


class Handed:
    """A process that connects, hands its socket to a child, and ends: the connection outlives it."""

    def __init__(self, path: str, login: int) -> None:
        reading, self._end = os.pipe()

        def act() -> None:
            as_login(login)
            sock = connected(path)
            if os.fork() == 0:
                os.close(self._end)
                os.read(reading, 1)  # until the test is over
                sock.close()

        self.pid = in_child(act)
        os.close(reading)
        os.waitpid(self.pid, 0)

    def close(self) -> None:
        os.close(self._end)


def test_the_login_is_that_of_the_process_which_connected(logins: None, listening: socket.socket) -> None:
    reading, end = os.pipe()

    def act() -> None:
        as_login(MEI)
        sock = connected(listening.getsockname())
        os.close(end)
        os.read(reading, 1)
        sock.close()

    pid = in_child(act)
    accepted, _ = listening.accept()
    assert (peer(accepted).pid, peer(accepted).login) == (pid, f"uid{MEI}")
    os.close(end)
    os.waitpid(pid, 0)


@pytest.mark.parametrize("handle", [True, False], ids=["kernel handle", "start time"])
def test_a_process_that_is_gone_is_nobody(
    logins: None, listening: socket.socket, handle: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It used to be taken for the account's own name."""
    if not handle:
        monkeypatch.setattr(wire, "_SO_PEERPIDFD", 9999)
    gone = Handed(listening.getsockname(), MEI)
    accepted, _ = listening.accept()
    with pytest.raises(NobodyThere):
        peer(accepted)
    gone.close()


class NoHandle(socket.socket):
    """Of whose maker the kernel gives no handle, with this error."""

    error = 0

    def getsockopt(self, *asked: int) -> Any:
        if asked[1] == wire._SO_PEERPIDFD:
            raise OSError(self.error, os.strerror(self.error))
        return super().getsockopt(*asked)


@pytest.mark.parametrize("error", [errno.ESRCH, errno.EINVAL])
def test_only_a_kernel_without_handles_lets_the_number_stand_for_the_process(error: int) -> None:
    """Whatever else keeps it from giving one: the process has ended, and its number may be another's."""
    ours, _theirs = socket.socketpair()
    held = NoHandle(fileno=ours.detach())
    held.error = error
    with pytest.raises(NobodyThere):
        peer(held)
    held.error = errno.ENOPROTOOPT
    assert peer(held).pid == os.getpid()
    held.close()


def test_a_number_that_was_used_again_is_not_taken_for_its_new_owner(logins: None, listening: socket.socket) -> None:
    """The pid that connected belongs to another login's process by the time it is looked at."""
    if not LAST_PID.exists() or not os.access(LAST_PID, os.W_OK):
        pytest.skip("this kernel does not let a test choose a pid")
    gone = Handed(listening.getsockname(), MEI)
    accepted, _ = listening.accept()
    pid = struct.unpack("3i", accepted.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
    if _kernel_has_no_handle(accepted):
        pytest.skip("before Linux 6.5 the kernel gives no handle of the process that connected")
    reading, end = os.pipe()

    def toms() -> None:
        as_login(TOM)
        os.close(end)
        os.read(reading, 1)

    again = 0
    for _ in range(20):  # another process of this machine may be quicker
        LAST_PID.write_text(str(pid - 1))
        again = in_child(toms)
        if again == pid:
            break
        os.kill(again, 9)
        os.waitpid(again, 0)
    if again != pid:
        pytest.skip("the number could not be had again")
    with pytest.raises(NobodyThere):
        peer(accepted)
    os.close(end)
    os.waitpid(again, 0)
    gone.close()


def _kernel_has_no_handle(sock: socket.socket) -> bool:
    try:
        os.close(sock.getsockopt(socket.SOL_SOCKET, wire._SO_PEERPIDFD))
    except OSError as error:
        return error.strerror == "Protocol not available"
    return False


@pytest.mark.parametrize("said", ["4294967295", FileNotFoundError()], ids=["no login started it", "no audit"])
def test_where_there_is_no_login_the_account_is_all_that_is_known(
    said: str | OSError, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire.Path, "read_text", mock.Mock(side_effect=[said]))
    assert wire._login_uid(12, 1000) == 1000


def test_a_login_that_can_no_more_be_read_is_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire.Path, "read_text", mock.Mock(side_effect=ProcessLookupError))
    with pytest.raises(NobodyThere):
        wire._login_uid(12, 1000)


def test_the_remains_of_a_process_are_not_the_process() -> None:
    pid = in_child(lambda: None)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert wire._began(pid) is None
    assert wire._began(os.getpid()) is not None
    os.waitpid(pid, 0)


async def test_who_hands_a_connection_on_before_hello_keeps_its_own_name(logins: None, tmp_path: Path) -> None:
    """Credentials that were read at hello were those of whoever had the pid by then."""
    async with Served(tmp_path) as served:
        here, there = os.pipe()

        def act() -> None:
            as_login(MEI)
            sock = connected(str(tmp_path / "socket"))
            os.read(here, 1)  # the connection is accepted by now
            if os.fork() == 0:
                os.read(here, 1)  # and this process is the only one left
                sock.sendall(p.encode(p.Hello(attach=True)) + b"\n")
                sock.recv(1)

        pid = in_child(act)
        await served.until_accepted(1)
        os.write(there, b"1")
        await asyncio.to_thread(os.waitpid, pid, 0)
        os.write(there, b"1")
        await served.until_attached(1)
        assert [who.login for who in served.welcomed] == [f"uid{MEI}"]
        os.close(there)
        os.close(here)


async def test_a_connection_whose_maker_is_gone_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_: socket.socket) -> wire.Peer:
        raise NobodyThere

    monkeypatch.setattr("upgrade_tui.conductor.server.peer", gone)
    async with Served(tmp_path):
        reader, writer = await speaking(tmp_path)
        said = p.decode_conductor(await reader.readline())
        assert isinstance(said, p.Failed)
        assert "gone: nobody can say who this is" in said.error
        assert await reader.readline() == b""
        writer.close()
