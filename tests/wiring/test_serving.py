"""The socket's two ends: what a client is told, in which order, and what one client's mistake does to the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.conductor.served import Served, speaking
from upgrade_tui.attach import protocol as p
from upgrade_tui.attach.client import Client, Lost
from upgrade_tui.conductor import server
from upgrade_tui.window import commands as cmd
from upgrade_tui.window import events as ev
from upgrade_tui.window.commands import Refusal
from upgrade_tui.window.measurements import Frame

SOON = 60.0


def note(seq: int, text: str = "") -> ev.Record:
    return ev.Record(seq=seq, ts=0.0, mono=0.0, boot="b", actor="mei", event=ev.NoteAdded(text=text or str(seq)))


def frame(ts: float) -> bytes:
    return p.encode(p.FrameMessage(frame=Frame(ts=ts, hosts={}, canaries={}, tasks=()))) + b"\n"


PAST = tuple(note(seq) for seq in (1, 2, 3))


class Raw:
    """A client that speaks the protocol by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def say(self, *messages: Any) -> None:
        self.writer.writelines(p.encode(message) + b"\n" for message in messages)

    async def hear(self) -> Any:
        """The next message; None at the end of the connection."""
        async with asyncio.timeout(SOON):
            line = await self.reader.readline()
        return p.decode_conductor(line) if line else None

    async def until_live(self) -> list[Any]:
        """Everything up to the word that what follows is new."""
        heard = [await self.hear()]
        while not isinstance(heard[-1], p.CaughtUp):
            heard.append(await self.hear())
        return heard

    async def gone(self) -> None:
        while await self.hear() is not None:
            pass


async def raw(directory: Path, *messages: Any) -> Raw:
    reader, writer = await speaking(directory)
    client = Raw(reader, writer)
    client.say(*messages)
    return client


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with Served(tmp_path, records=PAST) as made:
        yield made


def seqs(messages: list[Any]) -> list[int]:
    return [record.seq for message in messages if isinstance(message, p.Happened) for record in message.records]


# -- the beginning ----------------------------------------------------------------------------------------------------


async def test_who_you_are_comes_first_then_the_past_then_that_it_is_over(served: Served, tmp_path: Path) -> None:
    client = await raw(tmp_path, p.Hello(attach=True))
    heard = await client.until_live()
    assert [type(message) for message in heard] == [p.Welcome, p.Happened, p.CaughtUp]
    assert (heard[0].client, heard[0].login, heard[0].seq) == (1, served.welcomed[0].login, 3)
    assert seqs(heard) == [1, 2, 3]
    assert heard[-1].seq == 3
    await served.until_attached(1)
    assert served.came == [1]


async def test_clients_are_counted_and_only_operators_are_told_of(served: Served, tmp_path: Path) -> None:
    first = await raw(tmp_path, p.Hello())
    assert (await first.until_live())[0].client == 1
    second = await raw(tmp_path, p.Hello(attach=True))
    assert (await second.until_live())[0].client == 2
    await served.until_attached(1)
    first.writer.close()
    second.writer.close()
    await served.until_left(1)
    assert (served.came, served.left) == ([2], [2])


@pytest.mark.parametrize(("since", "told"), [(0, [1, 2, 3]), (1, [1, 2, 3]), (3, []), (None, [])])
async def test_a_client_is_sent_only_what_it_does_not_have(
    served: Served, tmp_path: Path, since: int | None, told: list[int]
) -> None:
    """Where to begin is the desk's to decide; where nothing is missing, it is not asked."""
    client = await raw(tmp_path, p.Hello(since=since))
    assert seqs(await client.until_live()) == told


async def test_another_version_is_told_so_and_let_go(served: Served, tmp_path: Path) -> None:
    client = await raw(tmp_path, p.Hello(protocol=p.PROTOCOL + 1))
    said = await client.hear()
    assert isinstance(said, p.Failed)
    assert "another version" in said.error
    assert await client.hear() is None


async def test_who_does_not_say_hello_first_is_let_go(served: Served, tmp_path: Path) -> None:
    client = await raw(tmp_path, p.GetTop(id=1, host="a"))
    assert isinstance(await client.hear(), p.Failed)
    assert await client.hear() is None
    assert served.welcomed == []


@pytest.mark.parametrize("line", [b"not json\n", b'{"type":"nonsense"}\n', b"\xff\xfe\n"])
async def test_what_is_no_message_ends_one_connection_and_no_other(served: Served, tmp_path: Path, line: bytes) -> None:
    other = await raw(tmp_path, p.Hello())
    await other.until_live()
    client = await raw(tmp_path, p.Hello())
    await client.until_live()
    client.writer.write(line)
    await client.gone()
    served.server.happened([note(4)])
    assert seqs([await other.hear()]) == [4]
    assert served.errors == []


# -- what happens -----------------------------------------------------------------------------------------------------


async def test_what_happens_is_told_to_everybody_in_order(served: Served, tmp_path: Path) -> None:
    clients = [await raw(tmp_path, p.Hello(since=None)) for _ in range(3)]
    for client in clients:
        await client.until_live()
    served.server.happened([note(4), note(5)])
    served.server.happened([note(6)])
    for client in clients:
        assert seqs([await client.hear(), await client.hear()]) == [4, 5, 6]


class Slow(Served):
    """Has its past ready only when it is told to."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, records=PAST)
        self.asked, self.ready = asyncio.Event(), asyncio.Event()

    async def backlog(self, since: int, until: int) -> AsyncIterator[tuple[ev.Record, ...]]:
        self.asked.set()
        await self.ready.wait()
        yield self._records


async def test_what_happens_while_the_past_is_read_comes_behind_it_and_once(tmp_path: Path) -> None:
    async with Slow(tmp_path) as served:
        client = await raw(tmp_path, p.Hello())
        await served.asked.wait()
        served.server.happened([PAST[2]])  # it was durable before the client came, and is told about after
        served.server.happened([note(4)])
        served.server.telemetry(frame(1.0))  # nobody wanted it
        served.ready.set()
        heard = await client.until_live()
        assert seqs(heard) == [1, 2, 3, 4]
        assert heard[-1].seq == 4
        served.server.happened([note(5)])
        assert seqs([await client.hear()]) == [5]


async def test_frames_go_to_who_wants_them_the_newest_alone(served: Served, tmp_path: Path) -> None:
    assert not served.server.any_frames
    with_frames, without = await raw(tmp_path, p.Hello(frames=True)), await raw(tmp_path, p.Hello())
    await with_frames.until_live()
    await without.until_live()
    assert served.server.any_frames
    for ts in (1.0, 2.0, 3.0):
        served.server.telemetry(frame(ts))
    served.server.happened([note(4)])
    first, second = await with_frames.hear(), await with_frames.hear()
    assert {type(first), type(second)} == {p.Happened, p.FrameMessage}
    newest = first if isinstance(first, p.FrameMessage) else second
    assert newest.frame.ts == 3.0
    assert seqs([await without.hear()]) == [4]
    with_frames.writer.close()
    async with asyncio.timeout(SOON):
        while served.server.any_frames:
            await asyncio.sleep(0.01)


async def test_who_comes_is_shown_at_once_what_is_measured(tmp_path: Path) -> None:
    class Measured(Served):
        def fresh_frame(self) -> bytes | None:
            return frame(7.0)

    async with Measured(tmp_path):
        client = await raw(tmp_path, p.Hello(frames=True))
        await client.until_live()
        assert (await client.hear()).frame.ts == 7.0


# -- requests ---------------------------------------------------------------------------------------------------------


async def test_answers_carry_the_number_of_what_was_asked(served: Served, tmp_path: Path) -> None:
    client = await raw(tmp_path, p.Hello(since=None))
    await client.until_live()
    client.say(p.Hello(), p.Reconnect(id=7, host="a"), p.Reconnect(id=8, host="a"))  # a second hello says nothing
    heard = [await client.hear(), await client.hear()]
    assert {(type(answer), answer.id) for answer in heard} == {(p.Ok, 7), (p.Ok, 8)}


async def test_a_command_does_not_wait_behind_questions(tmp_path: Path) -> None:
    free, asked = asyncio.Event(), 0

    async def answers(request: p.Request) -> p.AnyAnswer:
        nonlocal asked
        if isinstance(request, p.Do):
            return p.Done(id=request.id, seqs=())
        asked += 1
        await free.wait()
        return p.Ok(id=request.id)

    async with Served(tmp_path, answers) as served:
        client = await raw(tmp_path, p.Hello(since=None))
        await client.until_live()
        client.say(*(p.GetTop(id=number, host="a") for number in range(1, server.AT_ONCE + 1)))
        client.say(p.Do(id=99, command=cmd.Pause(reason="stop")))
        said = await client.hear()
        assert (type(said), said.id) == (p.Done, 99)
        assert asked == server.AT_ONCE
        client.say(p.GetTop(id=50, host="a"))
        free.set()
        assert {(await client.hear()).id for _ in range(server.AT_ONCE + 1)} == {*range(1, server.AT_ONCE + 1), 50}
        assert served.errors == []


async def test_a_mistake_of_ours_is_told_and_ends_one_connection_alone(tmp_path: Path) -> None:
    async def answers(request: p.Request) -> p.AnyAnswer:
        raise KeyError("no such thing")

    async with Served(tmp_path, answers) as served:
        other, client = await raw(tmp_path, p.Hello()), await raw(tmp_path, p.Hello(attach=True))
        await other.until_live()
        await served.until_attached(1)
        client.say(p.GetTop(id=1, host="a"))
        await client.gone()
        await served.until_left(1)
        assert served.errors == ["a client's connection ended with an error: KeyError: 'no such thing'"]
        served.server.happened([note(1)])
        assert seqs([await other.hear()]) == [1]


# -- the client's end -------------------------------------------------------------------------------------------------


async def test_a_client_tells_done_refused_and_failed_apart(tmp_path: Path) -> None:
    async def answers(request: p.Request) -> p.AnyAnswer:
        assert isinstance(request, p.Do)
        match request.command:
            case cmd.Pause():
                return p.Done(id=request.id, seqs=(4,), kept="elsewhere")
            case cmd.Resume():
                return p.Refused(id=request.id, refusal=Refusal("it is open", "nothing to do"))
            case cmd.Close():
                return p.Ok(id=request.id)
        return p.Failed(id=request.id, error="a fault")

    async with Served(tmp_path, answers):
        client = await Client.connect(tmp_path)
        done = await client.do(cmd.Pause(reason="r"))
        assert isinstance(done, p.Done)
        assert (done.seqs, done.kept) == ((4,), "elsewhere")
        assert await client.do(cmd.Resume(reason="r")) == Refusal("it is open", "nothing to do")
        assert await client.do(cmd.Skip(step="a", reason="r")) == Refusal("a fault")
        assert await client.do(cmd.Close(confirm="w")) == Refusal("the conductor gave an answer that does not fit")
        await client.close()


async def test_answers_in_any_order_reach_who_asked(tmp_path: Path) -> None:
    second = asyncio.Event()

    async def answers(request: p.Request) -> p.AnyAnswer:
        assert isinstance(request, p.Reconnect)
        if request.host == "first":
            await second.wait()
        else:
            second.set()
        return p.Ok(id=request.id, text=request.host)

    async with Served(tmp_path, answers):
        client = await Client.connect(tmp_path)
        asked = [client.ask(p.Reconnect(id=0, host=host), p.Ok) for host in ("first", "second")]
        assert [answer.text for answer in await asyncio.gather(*asked) if isinstance(answer, p.Ok)] == [
            "first", "second",
        ]  # fmt: skip
        await client.close()


async def test_where_the_connection_ends_everybody_who_waits_is_told(tmp_path: Path) -> None:
    leaving = asyncio.Event()

    async def answers(request: p.Request) -> p.AnyAnswer:
        await leaving.wait()
        raise KeyError("a fault")

    async with Served(tmp_path, answers, records=PAST):
        client = await Client.connect(tmp_path)
        asking = [asyncio.create_task(client.ask(p.GetTop(id=0, host="a"), p.Top)) for _ in range(2)]
        assert seqs([message async for message in _until_live(client)]) == [1, 2, 3]
        leaving.set()
        async with asyncio.timeout(SOON):
            for each in asking:
                with pytest.raises(Lost, match="the conductor closed the connection"):
                    await each
            with pytest.raises(Lost, match="closed the connection"):
                await client.ask(p.GetTop(id=0, host="a"), p.Top)
            with pytest.raises(Lost, match="closed the connection"):
                async for _ in client.stream():
                    pass
        await client.close()


async def _until_live(client: Client) -> AsyncIterator[Any]:
    async for message in client.stream():
        yield message
        if isinstance(message, p.CaughtUp):
            return


async def test_a_conductor_of_another_version_is_lost_with_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "p", SimpleNamespace(**{**vars(p), "PROTOCOL": p.PROTOCOL + 1}))
    async with Served(tmp_path):
        with pytest.raises(Lost, match="another version of upgrade-tui"):
            await Client.connect(tmp_path)
