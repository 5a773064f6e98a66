"""Commands on hosts and here: output, ends, timeouts, and what is proven."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from tests.fleet.watched import PATIENCE, Watched, plan_of, watched
from tests.sshd import Sshd
from upgrade_tui.fleet.commands.command_result import CommandResult
from upgrade_tui.plan.inventory import Host

HERE = "127.0.0.1"


async def run(
    fleet: Watched, command: str, host: str = "h", timeout: float | None = PATIENCE
) -> tuple[CommandResult, bytes]:
    out = bytearray()
    ended = await fleet.fleet.execute(host, command, timeout=timeout, on_output=out.extend)
    return ended, bytes(out)


async def gone(pid_file: Path) -> None:
    """Wait until the process that wrote its pid is no more (a zombie is no more)."""
    stat = Path(f"/proc/{pid_file.read_text().strip()}/stat")
    async with asyncio.timeout(PATIENCE):
        while stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z":
            await asyncio.sleep(0.05)


@pytest.fixture(params=["h", pytest.param("local", id="local")])
def place(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.ssh
async def test_output_of_any_bytes_and_the_exit_code_come_back(shared_sshd: Sshd, place: str) -> None:
    async with watched(plan_of({"h": Host(address=HERE)}, shared_sshd.ssh_table())) as fleet:
        ended, out = await run(fleet, r"printf 'a\377\000b'; echo oops >&2; exit 3", place)
        assert out == b"a\xff\x00boops\n"
        assert (ended.exit, ended.signal, ended.proven, ended.sent, ended.timed_out) == (3, "", True, True, False)
        assert not ended.ok
        assert (await run(fleet, "true", place))[0].ok


@pytest.mark.ssh
async def test_output_comes_while_the_command_runs(shared_sshd: Sshd, place: str, tmp_path: Path) -> None:
    async with watched(plan_of({"h": Host(address=HERE)}, shared_sshd.ssh_table())) as fleet:
        go = tmp_path / "go"
        os.mkfifo(go)
        heard = asyncio.Event()
        command = asyncio.create_task(
            fleet.fleet.execute(place, f"echo first; cat {go}", timeout=PATIENCE, on_output=lambda _data: heard.set())
        )
        await asyncio.wait_for(heard.wait(), PATIENCE)
        assert not command.done()
        await asyncio.to_thread(go.write_text, "second")
        assert (await command).exit == 0


@pytest.mark.ssh
async def test_what_login_scripts_print_is_no_output_and_does_no_harm(own_sshd: Sshd) -> None:
    (own_sshd.home / ".bashrc").write_text("echo 'Welcome! [1, 2]'; printf '\\033[31mred\\n' >&2\n")
    async with watched(plan_of({"h": Host(address=HERE)}, own_sshd.ssh_table())) as fleet:
        await fleet.sampled("h")
        ended, out = await run(fleet, "echo mine; echo err >&2")
        assert (ended.exit, out) == (0, b"mine\nerr\n")


@pytest.mark.ssh
async def test_a_command_that_never_starts_is_not_proven_and_shows_what_was_said_instead(tmp_path: Path) -> None:
    with Sshd(tmp_path, options=("ForceCommand echo This account is closed; exit 0",)) as sshd:
        async with watched(plan_of({"h": Host(address=HERE)}, sshd.ssh_table())) as fleet:
            assert "no answer to the probe" in await fleet.link("h", "no sampler")
            ended, out = await run(fleet, "true")
            assert (ended.exit, ended.proven, out) == (None, False, b"This account is closed\n")
            assert "something else" in ended.reason


@pytest.mark.ssh
async def test_a_command_ended_by_a_signal_says_which(shared_sshd: Sshd, place: str) -> None:
    async with watched(plan_of({"h": Host(address=HERE)}, shared_sshd.ssh_table())) as fleet:
        ended, _out = await run(fleet, "kill -9 $$", place)
        assert (ended.exit, ended.signal, ended.proven) == (None, "KILL", True)


@pytest.mark.ssh
async def test_a_timeout_ends_the_command_with_all_it_started(shared_sshd: Sshd, place: str, tmp_path: Path) -> None:
    async with watched(plan_of({"h": Host(address=HERE)}, shared_sshd.ssh_table())) as fleet:
        child, own = tmp_path / "child", tmp_path / "own"
        ended, _out = await run(fleet, f"sleep 1000 & echo $! > {child}; echo $$ > {own}; wait", place, timeout=1.0)
        assert ended.timed_out
        assert ended.proven
        await gone(child)
        await gone(own)


@pytest.mark.ssh
async def test_a_cancelled_command_is_ended(shared_sshd: Sshd, place: str, tmp_path: Path) -> None:
    async with watched(plan_of({"h": Host(address=HERE)}, shared_sshd.ssh_table())) as fleet:
        own = tmp_path / "own"
        heard = asyncio.Event()
        command = asyncio.create_task(
            fleet.fleet.execute(
                place, f"echo $$ > {own}; echo here; exec sleep 1000", timeout=None, on_output=lambda _data: heard.set()
            )
        )
        await asyncio.wait_for(heard.wait(), PATIENCE)
        command.cancel()
        with pytest.raises(asyncio.CancelledError):
            await command
        await gone(own)


@pytest.mark.ssh
async def test_what_a_command_leaves_running_does_not_hold_it_up(shared_sshd: Sshd, place: str, tmp_path: Path) -> None:
    async with watched(plan_of({"h": Host(address=HERE)}, shared_sshd.ssh_table())) as fleet:
        left = tmp_path / "left"
        ended, out = await run(fleet, f"sleep 1000 & echo $! > {left}; echo done; exit 4", place)
        os.kill(int(left.read_text()), 9)
        assert (ended.exit, out, ended.timed_out) == (4, b"done\n", False)


@pytest.mark.ssh
async def test_a_flood_of_output_comes_through_in_bounded_pieces(shared_sshd: Sshd, place: str) -> None:
    async with watched(plan_of({"h": Host(address=HERE)}, shared_sshd.ssh_table())) as fleet:
        sizes: list[int] = []
        ended = await fleet.fleet.execute(
            place, "head -c 20000000 /dev/zero", timeout=PATIENCE, on_output=lambda data: sizes.append(len(data))
        )
        assert (ended.exit, sum(sizes)) == (0, 20_000_000)
        assert max(sizes) <= 64 * 1024


@pytest.mark.ssh
async def test_a_link_that_breaks_proves_nothing(own_sshd: Sshd) -> None:
    async with watched(plan_of({"h": Host(address=HERE)}, own_sshd.ssh_table())) as fleet:
        await fleet.link("h", "up")
        heard = asyncio.Event()
        command = asyncio.create_task(
            fleet.fleet.execute("h", "echo here; sleep 60", timeout=None, on_output=lambda _data: heard.set())
        )
        await asyncio.wait_for(heard.wait(), PATIENCE)
        own_sshd.cut()
        ended = await command
        assert (ended.exit, ended.proven, ended.sent) == (None, False, True)
        assert "link broke" in ended.reason


@pytest.mark.ssh
async def test_more_commands_than_channels_wait_their_turn(shared_sshd: Sshd) -> None:
    async with watched(plan_of({"h": Host(address=HERE)}, shared_sshd.ssh_table())) as fleet:
        await fleet.link("h", "up")
        ended = await asyncio.gather(*(run(fleet, f"sleep 0.2; echo {n}; exit {n}") for n in range(20)))
        assert [(e.exit, out) for e, out in ended] == [(n, f"{n}\n".encode()) for n in range(20)]
        assert fleet.now("h") == "up"


@pytest.mark.ssh
async def test_a_host_that_allows_fewer_sessions_is_not_overrun(tmp_path: Path) -> None:
    with Sshd(tmp_path, options=("MaxSessions 3",)) as sshd:
        async with watched(plan_of({"h": Host(address=HERE)}, sshd.ssh_table())) as fleet:
            await fleet.sampled("h")
            ended = await asyncio.gather(*(run(fleet, f"sleep 0.1; exit {n}") for n in range(6)))
            assert [e.exit for e, _out in ended] == list(range(6))


@pytest.mark.ssh
async def test_output_that_cannot_be_kept_ends_the_command_and_not_the_connection(
    shared_sshd: Sshd, place: str
) -> None:
    async with watched(plan_of({"h": Host(address=HERE)}, shared_sshd.ssh_table())) as fleet:
        await fleet.link("h", "up")

        def full(_data: bytes) -> None:
            raise OSError("disk full")

        ended = await fleet.fleet.execute(place, "echo a; sleep 1000", timeout=None, on_output=full)
        assert not ended.proven
        assert "disk full" in ended.reason
        await fleet.sampled("h")
        assert fleet.now("h") == "up"


@pytest.mark.ssh
async def test_a_command_with_quotes_newlines_and_dollars_arrives_as_written(shared_sshd: Sshd, place: str) -> None:
    async with watched(plan_of({"h": Host(address=HERE)}, shared_sshd.ssh_table())) as fleet:
        _ended, out = await run(fleet, "x='a b'\nprintf '%s|' \"$x\" '$x' \"it's\" `echo y`", place)
        assert out == b"a b|$x|it's|y|"


@pytest.mark.ssh
async def test_the_busiest_processes_are_listed(shared_sshd: Sshd, place: str) -> None:
    async with watched(plan_of({"h": Host(address=HERE)}, shared_sshd.ssh_table())) as fleet:
        found = await fleet.fleet.top(place, count=200)
        me = next((p for p in found if p.pid == os.getpid()), None)
        assert me is not None
        assert "pytest" in me.command or "python" in me.command
        assert me.memory > 1 << 20
        assert me.user == shared_sshd.user


async def test_an_unknown_host_is_a_mistake_of_the_caller() -> None:
    async with watched(plan_of({})) as fleet:
        with pytest.raises(KeyError):
            await run(fleet, "true", "nobody")
