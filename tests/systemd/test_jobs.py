"""Jobs on hosts with systemd: their environment, what they leave behind, how they end."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from tests.fleet.jobs.ran import Heard, until
from tests.systemd.fleets import HOST, command, fleet_of, job, spec_of
from tests.systemd.hosts import LOGINS, PATIENCE, SystemdHost, SystemdHosts

OF_A_SESSION = ("SSH_CLIENT", "SSH_CONNECTION", "XDG_SESSION_ID", "_", "SHLVL", "OLDPWD")


@pytest.fixture
def proxied(host: SystemdHost) -> Iterator[SystemdHost]:
    """A host where every login is told of a proxy, as many sites do it."""
    host.write("/etc/environment", 'https_proxy=http://proxy.example:3128\nODD="a b\'c $HOME"\n')
    yield host
    host.write("/etc/environment", "")


@pytest.fixture
def lingering(host: SystemdHost) -> Iterator[SystemdHost]:
    host.shell("loginctl enable-linger app")
    yield host
    host.shell("loginctl disable-linger app")


def variables(said: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in said.splitlines())
    return {name: value for name, _, value in pairs if name not in OF_A_SESSION}


async def same_environment(hosts: SystemdHosts, login: str) -> None:
    look = "env; echo umask=$(umask); echo here=$(pwd); echo files=$(ulimit -S -n)/$(ulimit -H -n)"
    async with fleet_of(hosts, login) as fleet:
        checked, checks = await command(fleet, look)
        ran, runs = await job(fleet, spec_of(look))
    assert checked.exit == ran.exit == 0
    assert variables(runs) == variables(checks)
    assert "https_proxy" in variables(runs)


@pytest.mark.parametrize("login", LOGINS)
async def test_a_job_has_the_environment_of_a_check(proxied: SystemdHost, hosts: SystemdHosts, login: str) -> None:
    await same_environment(hosts, login)


@pytest.mark.usefixtures("lingering")
async def test_a_job_in_the_manager_of_a_user_has_it_too(proxied: SystemdHost, hosts: SystemdHosts) -> None:
    await same_environment(hosts, "app")


async def test_the_environment_of_a_job_is_not_told_to_other_users(proxied: SystemdHost, hosts: SystemdHosts) -> None:
    async with fleet_of(hosts, "root") as fleet:
        heard, spec = Heard(), spec_of("echo on; sleep 600")
        running = asyncio.create_task(job(fleet, spec, heard))
        await heard.until(lambda: heard.output)
        told = proxied.shell("systemctl show '*'; systemctl list-units --all; ps -eo args", "app")
        assert await fleet.fleet.end_job(HOST, spec.name) == ""
        await running
    assert "proxy.example" not in told


# -- what is left -----------------------------------------------------------------------------------------------------

COMMANDS = {
    "succeeds": ("true", {}),
    "succeeds in time": ("true", {"timeout": 60.0}),
    "fails": ("exit 3", {}),
    "times out": ("sleep 60", {"timeout": 0.5}),
    "is killed": ("kill -9 $$", {}),
    "leaves a daemon": ("sleep 3600 </dev/null >/dev/null 2>&1 & echo $!", {}),
}


@pytest.mark.parametrize("how", COMMANDS)
async def test_a_job_leaves_no_failed_unit_and_no_slice(host: SystemdHost, hosts: SystemdHosts, how: str) -> None:
    text, more = COMMANDS[how]
    before = host.shell("journalctl --no-pager -n 0 --show-cursor").split("cursor: ")[1].strip()
    async with fleet_of(hosts, "root") as fleet:
        _ended, said = await job(fleet, spec_of(text, **more))
    try:
        running = "systemctl list-units --state=active,deactivating --plain --no-legend 'upgrade-tui*'"
        await until(lambda: not host.shell(running).strip())
        assert host.shell("systemctl list-units --failed --plain --no-legend") == ""
        assert host.shell("systemctl is-system-running", check=False).strip() == "running"
        told = host.shell(f"journalctl --no-pager -o cat --after-cursor='{before}'").splitlines()
        assert any(line.startswith("Started upgrade-tui") for line in told), "it was a unit"
        assert not [line for line in told if line.startswith("upgrade-tui") and "Failed" in line]
        slices = host.shell("systemctl list-units --all --plain --no-legend --type=slice")
        assert "tui" not in slices
    finally:
        if said.strip():
            host.shell(f"kill {said}")


async def test_a_dead_man_leaves_nothing_either(host: SystemdHost, hosts: SystemdHosts) -> None:
    before = host.shell("journalctl --no-pager -n 0 --show-cursor").split("cursor: ")[1].strip()
    async with fleet_of(hosts, "root") as fleet:
        await fleet.link(HOST, "up")
        kept, fires = spec_of("true").name, spec_of("true").name
        assert not (await fleet.fleet.arm(HOST, kept, "true", 60)).error
        assert not (await fleet.fleet.arm(HOST, fires, "true", 60)).error
        assert (await fleet.fleet.confirm(HOST, kept)).state == "confirmed"
        await fleet.fleet.extend(HOST, fires, 0)
        await until(lambda: not host.shell("systemctl list-units --plain --no-legend 'upgrade-tui*'"))
        assert (await fleet.fleet.armed(HOST, fires)).exit == 0
    told = host.shell(f"journalctl --no-pager -o cat --after-cursor='{before}'").splitlines()
    assert not [line for line in told if line.startswith("upgrade-tui") and "Failed" in line]


# -- what a timeout cannot end ----------------------------------------------------------------------------------------

STUBBORN = """echo $$; trap "" TERM; while :; do sleep 1; done"""


async def test_a_timeout_ends_what_sudo_started(host: SystemdHost, hosts: SystemdHosts) -> None:
    async with fleet_of(hosts, "ops") as fleet:
        ended, said = await job(fleet, spec_of(f"sudo -n sh -c '{STUBBORN}'", timeout=1.0))
    assert (ended.proven, ended.timed_out) == (True, True), ended.reason
    assert host.shell(f"ls -d /proc/{said.strip()}", check=False) == ""


async def test_what_a_timeout_could_not_end_is_named_and_the_job_is_unknown(
    host: SystemdHost, hosts: SystemdHosts
) -> None:
    host.write("/usr/local/bin/stubborn", f"#!/bin/sh\n{STUBBORN}\n", 0o755)
    host.write("/etc/sudoers.d/app", "app ALL=(ALL) NOPASSWD: /usr/local/bin/stubborn\n", 0o440)
    heard = Heard()
    try:
        async with fleet_of(hosts, "app") as fleet:
            spec = spec_of("sudo -n /usr/local/bin/stubborn", timeout=1.0)
            ended, _said = await job(fleet, spec, heard)
            pid = heard.output.decode().strip()  # its own short sleeps come and go
            assert f"{pid} root stubborn" in ended.left
            assert f"{pid} root stubborn" in await fleet.fleet.end_job(HOST, spec.name), "nothing is begun beside it"
            host.shell(f"kill -KILL {pid}")
            async with asyncio.timeout(PATIENCE):
                while await fleet.fleet.end_job(HOST, spec.name):
                    pass
        assert (ended.proven, ended.sent) == (False, True), ended
        assert heard.output.decode().strip() in ended.reason
        assert "stubborn" in ended.reason
        assert "root" in ended.reason
    finally:
        host.shell("rm /etc/sudoers.d/app; pkill -KILL -f /usr/local/bin/stubborn", check=False)


# -- a shutdown -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("login", LOGINS)
@pytest.mark.parametrize("command_text", ["echo on; exec sleep 60", 'trap "" TERM; echo on; while :; do sleep 1; done'])
async def test_a_job_that_the_shutdown_ends_says_so(
    host: SystemdHost, hosts: SystemdHosts, login: str, command_text: str
) -> None:
    before = host.boot_id()
    async with fleet_of(hosts, login) as fleet:
        heard = Heard()
        spec = spec_of(command_text)
        running = asyncio.create_task(job(fleet, spec, heard))
        await heard.until(lambda: heard.output)
        host.shell("systemctl reboot")
        ended, _said = await running
    host.booted_again(before)
    assert not ended.ended, "nobody asked for it"
    assert "shut down" in ended.reason or "rebooted" in ended.reason, ended
    assert ended.exit != 0


# -- a systemd that hangs ---------------------------------------------------------------------------------------------


@pytest.fixture
def hung(host: SystemdHost) -> Iterator[SystemdHost]:
    yield host
    os.kill(host.pid1(), signal.SIGCONT)


async def test_a_systemd_that_hangs_does_not_hold_up_a_job(hung: SystemdHost, hosts: SystemdHosts) -> None:
    """It is started without systemd, or not at all; never twice, and never late."""
    async with fleet_of(hosts, "root") as fleet:
        await command(fleet, "true")  # connected before
        os.kill(hung.pid1(), signal.SIGSTOP)
        ended, _said = await job(fleet, spec_of("echo ran >>/root/ran"))
        os.kill(hung.pid1(), signal.SIGCONT)
        if not ended.sent:
            assert "systemd on the host did not start it within 10 s" in ended.reason
        _ended, said = await job(fleet, spec_of("echo again >>/root/ran; cat /root/ran"))
        assert said == ("ran\nagain\n" if ended.sent else "again\n")
        assert hung.shell("rm /root/ran; systemctl list-units --failed --plain --no-legend") == ""


async def test_a_job_outlasts_the_patience_for_its_start(host: SystemdHost, hosts: SystemdHosts) -> None:
    async with fleet_of(hosts, "root") as fleet:
        ended, said = await job(fleet, spec_of("sleep 12; systemctl list-units --no-legend 'upgrade-tui*' | wc -l"))
    assert (ended.exit, said.strip()) == (0, "1"), "a unit still"
