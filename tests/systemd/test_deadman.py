"""What becomes of a dead-man when its host reboots, or ends what a user leaves behind; and whether that is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.program import host as host_of
from tests.e2e.program import step
from tests.systemd.fleets import HOST, fleet_of
from tests.systemd.hosts import SystemdHost, SystemdHosts
from tests.systemd.windows import said, window

ARMED = """
[[steps]]
id = "change"
title = "Change something"
on = "h1"
run = "echo new >$HOME/version"
timeout = "1m"
confirm_within = "10m"
rollback = { run = "echo old >$HOME/version", estimate = "1m" }

[[steps]]
id = "after"
title = "Stands on it"
on = "h1"
run = "true"
"""


@pytest.mark.parametrize("login", ["root", "ops"])
def test_a_reboot_kills_a_dead_man_and_nothing_else_is_said_of_it(
    hosts: SystemdHosts, host: SystemdHost, tmp_path: Path, login: str
) -> None:
    program = window(hosts, tmp_path, login, ARMED)
    program.run("start", "change")
    program.until(lambda seen: step(seen, "change")["tasks"][0]["state"] == "armed")
    host.reboot()
    program.until(lambda seen: host_of(seen, "h1")["link"] == "up")
    program.until(lambda _: any(e["kind"] == "deadman.gone" for e in program.events("real")))
    log = said(program)
    assert "NOTHING will undo change on h1" in log
    assert "reboot" in log
    assert "undoes" not in log.split("NOTHING will undo")[1]
    assert not [e for e in program.events("real") if e["kind"] == "deadman.fired"]
    seen = program.status()
    assert step(seen, "change")["tasks"][0]["state"] == "unprotected", "the change stands, unconfirmed"
    assert step(seen, "after")["state"] == "pending", "nobody confirmed it"
    program.run("confirm", "change")
    program.until(lambda seen: step(seen, "change")["state"] == "done")


# -- at arming --------------------------------------------------------------------------------------------------------


@pytest.fixture
def strict(host: SystemdHost) -> Iterator[SystemdHost]:
    """A host whose logind ends what users leave behind."""
    host.write("/etc/systemd/logind.conf.d/kill.conf", "[Login]\nKillUserProcesses=yes\n")
    host.shell("systemctl restart systemd-logind")
    yield host
    (host.root / "etc/systemd/logind.conf.d/kill.conf").unlink()
    host.shell("loginctl disable-linger app; systemctl restart systemd-logind")


async def armed(hosts: SystemdHosts, login: str, name: str) -> tuple[str, str]:
    """Whether a dead-man was armed: why not, and what could kill it."""
    async with fleet_of(hosts, login) as fleet:
        await fleet.link(HOST, "up")
        arming = await fleet.fleet.arm(HOST, name, "true", 600)
        if not arming.error:
            await fleet.fleet.confirm(HOST, name)
        return arming.error, arming.risk


async def test_what_dies_with_the_session_is_not_armed(strict: SystemdHost, hosts: SystemdHosts) -> None:
    error, _ = await armed(hosts, "app", "w.kill.1")
    assert "loginctl enable-linger app" in error
    assert "KillUserProcesses" in error
    strict.shell("loginctl enable-linger app")
    assert (await armed(hosts, "app", "w.kill.2"))[0] == ""
    assert (await armed(hosts, "root", "w.kill.3"))[0] == "", "root is excepted, and its jobs are units"


@pytest.mark.parametrize("login", ["root", "app"])
async def test_a_reboot_that_is_due_before_the_deadline_is_a_risk(
    host: SystemdHost, hosts: SystemdHosts, login: str
) -> None:
    assert await armed(hosts, login, f"w.due-{login}.1") == ("", "")
    try:
        host.shell("shutdown -r +8 2>&1")  # less than 5 minutes before one, nobody but root can log in
        error, risk = await armed(hosts, login, f"w.due-{login}.2")
        host.shell("shutdown -c 2>&1; shutdown -r +60 2>&1")
        assert error == ""
        assert "reboot of the host is scheduled in" in risk
        assert "shutdown -c" in risk
        assert await armed(hosts, login, f"w.due-{login}.3") == ("", ""), "by then it has long been decided"
    finally:
        host.shell("shutdown -c 2>&1")
