"""Clients that do not read, requests that nobody answers: the conductor stays small, and everybody is told."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conductor.served import Served, speaking
from upgrade_tui.attach import client
from upgrade_tui.attach import protocol as p
from upgrade_tui.attach.client import Client, NotAnswering, NotRunning
from upgrade_tui.conductor import server
from upgrade_tui.directory.windows import is_running
from upgrade_tui.window import events as ev

PIECE = b"x" * 600_000


def record(seq: int, text: str = "a note") -> ev.Record:
    return ev.Record(seq=seq, ts=0.0, mono=0.0, boot="b", actor="mei", event=ev.NoteAdded(text=text))


async def output(request: p.Request) -> p.AnyAnswer:
    return p.Output(id=request.id, data=PIECE, offset=0, size=len(PIECE), running=False)


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same limits, sooner."""
    monkeypatch.setattr(server, "SILENCE", 0.3)
    monkeypatch.setattr(server, "WORKING", 0.05)
    monkeypatch.setattr(client, "PATIENCE", 0.4)


async def asking(directory: Path, count: int) -> asyncio.StreamWriter:
    """A client that asks for output so many times and reads nothing of it."""
    reader, writer = await speaking(directory)
    reader._transport.pause_reading()  # type: ignore[attr-defined]
    writer.write(p.encode(p.Hello(attach=True)) + b"\n")
    for number in range(1, count + 1):
        writer.write(p.encode(p.GetOutput(id=number, step="s", host="h")) + b"\n")
    return writer


async def test_six_hundred_unread_requests_take_no_more_than_a_few_megabytes(tmp_path: Path) -> None:
    asked = 0

    async def counting(request: p.Request) -> p.AnyAnswer:
        nonlocal asked
        asked += 1
        return await output(request)

    async with Served(tmp_path, counting) as served:
        writer = await asking(tmp_path, 600)
        await served.until_attached(1)
        (guest,) = served.server._guests.values()
        seen = -1
        while asked != seen:  # until it has stopped taking more
            seen = asked
            for _ in range(200):
                await asyncio.sleep(0)
        assert 0 < asked < 12
        assert guest.waiting <= server.MOST_WAITING
        assert not guest.too_slow
        writer.close()


async def test_a_client_that_reads_nothing_is_let_go(soon: None, tmp_path: Path) -> None:
    async with Served(tmp_path, output) as served:
        writer = await asking(tmp_path, 20)
        await served.until_left(1)
        assert served.server._guests == {}
        assert served.errors == []
        writer.close()


async def test_a_client_that_reads_late_but_reads_gets_all_of_it(soon: None, tmp_path: Path) -> None:
    async with Served(tmp_path, output):
        reader, writer = await speaking(tmp_path)
        writer.write(p.encode(p.Hello()) + b"\n")
        for number in range(1, 9):
            writer.write(p.encode(p.GetOutput(id=number, step="s", host="h")) + b"\n")
        answers = 0
        while answers < 8:
            message = p.decode_conductor(await reader.readline())
            answers += isinstance(message, p.Output)
        writer.close()


async def test_what_happens_meanwhile_does_not_pile_up_for_who_does_not_read(tmp_path: Path) -> None:
    async with Served(tmp_path, output) as served:
        writer = await asking(tmp_path, 0)
        await served.until_attached(1)
        (guest,) = served.server._guests.values()
        for number in range(1, 400):
            served.server.happened([record(number, "n" * 60_000)])
            await asyncio.sleep(0)
        assert guest.waiting <= server.MOST_WAITING
        await served.until_left(1)
        writer.close()


async def test_records_of_any_size_come_in_messages_that_a_client_can_read(tmp_path: Path) -> None:
    records = tuple(record(n, "n" * 60_000) for n in range(1, 501))
    async with Served(tmp_path, records=records):
        connected = await Client.connect(tmp_path)
        came: list[ev.Record] = []
        async for message in connected.stream():
            if isinstance(message, p.CaughtUp):
                break
            assert isinstance(message, p.Happened)
            came += message.records
        assert came == list(records)
        await connected.close()


async def test_a_request_that_takes_long_is_waited_for(soon: None, tmp_path: Path) -> None:
    go = asyncio.Event()

    async def slow(request: p.Request) -> p.AnyAnswer:
        await go.wait()
        return p.Ok(id=request.id, text="at last")

    async with Served(tmp_path, slow):
        connected = await Client.connect(tmp_path)
        asked = asyncio.create_task(connected.ask(p.Reconnect(id=0, host="h"), p.Ok))
        done, _ = await asyncio.wait({asked}, timeout=3 * client.PATIENCE)
        assert not done
        go.set()
        answer = await asked
        assert isinstance(answer, p.Ok)
        assert answer.text == "at last"
        await connected.close()


async def test_a_request_ends_where_the_conductor_has_stopped_speaking(soon: None, tmp_path: Path) -> None:
    async with Served(tmp_path, output) as served:
        connected = await Client.connect(tmp_path)
        served.server._reply = _never  # type: ignore[assignment,method-assign]
        with pytest.raises(NotAnswering, match=f"pid {os.getpid()} runs but does not answer") as raised:
            await connected.ask(p.Reconnect(id=0, host="h"), p.Ok)
        assert raised.value.pid == os.getpid()
        await connected.close()


async def _never(guest: server.Guest, request: p.Request) -> None:
    await asyncio.get_running_loop().create_future()


@pytest.fixture
def stopped(tmp_path: Path) -> Iterator[socket.socket]:
    """What a stopped conductor has: a socket that listens, and nobody behind it."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.bind(str(tmp_path / "socket"))
    sock.listen(1)
    yield sock
    sock.close()


async def test_a_conductor_that_is_stopped_is_not_called_dead(
    soon: None, stopped: socket.socket, tmp_path: Path
) -> None:
    with pytest.raises(NotAnswering) as raised:
        await Client.connect(tmp_path)
    assert raised.value.pid == os.getpid()


async def test_nor_is_one_whose_queue_of_clients_is_full(soon: None, stopped: socket.socket, tmp_path: Path) -> None:
    waiting = []
    for _ in range(4):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.setblocking(False)
        waiting.append((sock, sock.connect_ex(str(tmp_path / "socket"))))
    assert waiting[-1][1] != 0, "the queue is full"
    assert is_running(tmp_path)
    with pytest.raises(NotAnswering):
        await Client.connect(tmp_path)
    for sock, _ in waiting:
        sock.close()


async def test_where_nobody_listens_nothing_runs(tmp_path: Path) -> None:
    assert not is_running(tmp_path)
    with pytest.raises(NotRunning):
        await Client.connect(tmp_path)


def test_a_terminal_whose_device_is_not_visible_is_no_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that was entered from outside: the terminal is there, its device is not."""

    def not_there(_: int) -> str:
        raise OSError(19, "No such device")

    monkeypatch.setattr(os, "ttyname", not_there)
    assert client._terminal() == ""


def test_a_conductor_that_ends_with_clients_attached_says_nothing_of_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What asyncio has to say goes to the conductor's own log: tracebacks there mean that something is wrong."""

    async def conductor() -> None:
        async with Served(tmp_path) as served:
            for _ in range(3):
                _reader, writer = await speaking(tmp_path)
                writer.write(p.encode(p.Hello(attach=True)) + b"\n")
            await served.until_attached(3)

    asyncio.run(conductor())
    assert [r.getMessage() for r in caplog.records] == []
