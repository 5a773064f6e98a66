"""The embedded hosts: who gets in, what they run, and that nothing of them stays."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import psutil
import pytest

from upgrade_tui.demo.site import SHAKY_HOST, USER
from upgrade_tui.demo.start import DemoHosts, claim_directory, demos_directory, lost_windows
from upgrade_tui.directory.windows import WindowInfo
from upgrade_tui.plan.model import Plan
from upgrade_tui.plan.reader import parse_plan

PACE = 0.05


def wait_until(met: object, limit: float = 20.0) -> None:
    """Poll until ``met()`` is true; fail when it never is."""
    assert callable(met)
    deadline = time.monotonic() + limit
    while not met():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.05)


def living(place: Path) -> list[int]:
    """Processes that have ``place`` in their command line or environment."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            words = [*process.cmdline(), *process.environ().values()]
            ours = process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE
            if ours and any(str(place) in word for word in words):
                found.append(process.pid)
    return found


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoHosts]:
    state = tmp_path_factory.mktemp("state")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(state))
        made = DemoHosts(claim_directory([]), pace=PACE, keep=False)
        try:
            made.wait()
            yield made
        finally:
            assert made.leave()
    assert living(state) == []
    assert not made.directory.exists()


@pytest.fixture(scope="module")
def plan(hosts: DemoHosts) -> Plan:
    return parse_plan(hosts.plan.read_text(encoding="utf-8"), "plan.toml")


def login(hosts: DemoHosts, plan: Plan, name: str = "web2", **options: object) -> asyncssh.connect:
    host = plan.hosts[name]
    assert host.ssh is not None
    given = {
        "port": host.ssh.port, "username": USER, "known_hosts": str(hosts.directory / "known_hosts"), "config": None,
        "client_keys": [str(hosts.directory / "key")], "agent_path": None, "encoding": None,
    } | options  # fmt: skip
    return asyncssh.connect(host.address, **given)  # type: ignore[arg-type]


async def test_the_runs_key_opens_a_host_and_commands_run_in_its_directory(hosts: DemoHosts, plan: Plan) -> None:
    async with login(hosts, plan) as connection:
        said = await connection.run("pwd; env; echo to stderr >&2; exit 3")
    assert isinstance(said.stdout, bytes)
    lines = said.stdout.decode().splitlines()
    assert lines[0] == str(hosts.directory / "hosts/web2")
    assert f"HOME={hosts.directory / 'hosts/web2'}" in lines
    assert not any(line.startswith(("SSH_AUTH_SOCK", "XDG_", "PYTEST")) for line in lines)
    assert said.stderr == b"to stderr\n"
    assert said.exit_status == 3


async def test_another_key_a_password_and_another_user_are_refused(hosts: DemoHosts, plan: Plan) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519")
    for wrong in ({"client_keys": [other]}, {"client_keys": (), "password": "deploy"}, {"username": "root"}):
        with pytest.raises(asyncssh.PermissionDenied):
            async with login(hosts, plan, **wrong):
                pass


async def test_there_is_no_shell_no_terminal_and_no_forwarding(hosts: DemoHosts, plan: Plan) -> None:
    async with login(hosts, plan) as connection:
        nothing = await connection.run()
        assert nothing.exit_status == 1
        assert isinstance(nothing.stderr, bytes)
        assert b"no shell" in nothing.stderr
        with pytest.raises(asyncssh.ChannelOpenError):
            await connection.open_connection("127.0.0.1", 22)
        with pytest.raises(asyncssh.ChannelOpenError):
            await connection.create_process("true", term_type="xterm")


async def test_every_host_has_a_key_of_its_own(hosts: DemoHosts, plan: Plan) -> None:
    keys = [line.split()[-1] for line in (hosts.directory / "known_hosts").read_text().splitlines()]
    assert len(set(keys)) == len(plan.hosts) == 8
    with pytest.raises(asyncssh.HostKeyNotVerifiable):
        async with login(hosts, plan, known_hosts=([other_key()], [], [])):
            pass


def other_key() -> asyncssh.SSHKey:
    return asyncssh.generate_private_key("ssh-ed25519").convert_to_public()


def test_the_key_is_for_its_owner_only(hosts: DemoHosts) -> None:
    assert (hosts.directory / "key").stat().st_mode & 0o777 == 0o600
    assert hosts.directory.stat().st_mode & 0o777 == 0o700


def test_what_samplers_read_moves_every_second(plan: Plan) -> None:
    files = [Path(host.proc_root) / name for host in plan.hosts.values() for name in ("stat", "uptime", "net/dev")]
    before = {file: file.read_text() for file in files}
    wait_until(lambda: all(file.read_text() != before[file] for file in files))


async def test_a_host_is_upgraded_and_rolled_back_by_the_plans_own_commands(hosts: DemoHosts, plan: Plan) -> None:
    step = plan.step("app")
    assert step is not None
    assert step.rollback is not None
    async with login(hosts, plan, "web3") as connection:
        for command, version in ((step.run, b"shop web 2\n"), (step.rollback.run, b"shop web 1\n")):
            assert command is not None
            assert (await connection.run(command)).exit_status == 0
            assert (await connection.run("./bin/service version")).stdout == version
        assert (await connection.run(step.rollback.check)).exit_status == 0
        assert (await connection.run(step.check)).exit_status == 1


async def test_the_database_keeps_every_order_through_the_change_and_back(hosts: DemoHosts, plan: Plan) -> None:
    async with login(hosts, plan, "db1") as connection:
        for command in ("backup", "restore-check", "expand", "expand", "shrink", "expand", "contract", "contract"):
            done = await connection.run(f"./bin/orders {command}")
            assert done.exit_status == 0, (command, done.stdout, done.stderr)
        assert (await connection.run("./bin/orders count")).stdout == b"2400\n"


async def test_a_client_that_goes_away_takes_its_command_with_it(hosts: DemoHosts, plan: Plan) -> None:
    connection = await login(hosts, plan)
    process = await connection.create_process("echo $$; exec sleep 600")
    pid = int(await process.stdout.readline())
    connection.abort()
    await asyncio.to_thread(wait_until, lambda: not psutil.pid_exists(pid))


async def test_one_hosts_link_drops_once_and_comes_back(hosts: DemoHosts, plan: Plan) -> None:
    connection = await login(hosts, plan, SHAKY_HOST)
    async with asyncio.timeout(60):
        await connection.wait_closed()
        while True:
            try:
                async with login(hosts, plan, SHAKY_HOST) as again:
                    assert (await again.run("true")).exit_status == 0
                    return
            except OSError:
                await asyncio.sleep(0.1)


def test_every_demo_gets_a_name_of_its_own(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from upgrade_tui.window.state import initial

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    opened = WindowInfo(tmp_path, running=True, state=initial(plan))  # a window called demo
    assert [claim_directory([]).name, claim_directory([]).name] == ["demo", "demo-2"]
    assert [claim_directory([opened]).name, claim_directory([]).name] == ["demo-3", "demo-4"]


def test_only_windows_whose_hosts_and_conductor_are_gone_count_as_cut_off(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from msgspec.structs import replace

    from upgrade_tui.window.state import initial

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    gone, living_there = demos_directory() / "demo", demos_directory() / "demo-2"
    (living_there / "hosts").mkdir(parents=True)

    def window(origin: Path, running: bool = False, phase: str = "open") -> WindowInfo:
        state = replace(initial(plan), origin=str(origin), phase=phase)
        return WindowInfo(tmp_path, running=running, state=state)

    left = window(gone)
    others = [
        window(gone, running=True),
        window(gone, phase="closed"),
        window(living_there),
        window(Path("/srv/plans")),
    ]
    assert lost_windows([left, *others]) == [left]


def test_kept_hosts_free_their_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    made = DemoHosts(claim_directory([]), pace=PACE, keep=True)
    made.wait()
    assert made.leave()
    assert made.kept is not None
    assert (made.kept / "hosts/db1/data/shop.db").is_file()
    assert claim_directory([]).name == "demo"


def test_hosts_end_with_the_process_that_started_them_however_it_ends(tmp_path: Path) -> None:
    """Killed without a chance to say so: the end of a pipe tells."""
    starter = (
        "import os, signal, sys; from upgrade_tui.demo.start import DemoHosts, claim_directory\n"
        f"hosts = DemoHosts(claim_directory([]), pace={PACE}, keep=False); hosts.wait(); print('up', flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    environment = os.environ | {"XDG_STATE_HOME": str(tmp_path)}
    ended = subprocess.run([sys.executable, "-c", starter], env=environment, capture_output=True, timeout=60)
    assert ended.stdout == b"up\n"
    wait_until(lambda: living(tmp_path) == [])
    assert list((tmp_path / "upgrade-tui/demo").iterdir()) == []
