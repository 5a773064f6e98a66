"""What is told of systemd units: restarts, failures, names that are mistyped."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.systemd.fleets import HOST, command, fleet_of
from tests.systemd.hosts import SystemdHost, SystemdHosts, until
from upgrade_tui.fleet.preflight import script
from upgrade_tui.plan.kit import Check

FLAPS = "[Service]\nExecStart=/bin/sleep 2\nRestart=always\nRestartSec=100ms\nStartLimitIntervalSec=0\n"
STEADY = "[Service]\nExecStart=/bin/sleep infinity\nRestart=always\n"


@pytest.fixture
def units(host: SystemdHost) -> Iterator[SystemdHost]:
    host.write("/usr/lib/systemd/system/flaps.service", FLAPS)
    host.write("/usr/lib/systemd/system/steady.service", STEADY)
    host.shell("systemctl daemon-reload; systemctl start flaps steady")
    yield host
    host.shell(
        "systemctl stop flaps steady; rm /usr/lib/systemd/system/flaps.service /usr/lib/systemd/system/steady.service"
    )
    host.shell("systemctl daemon-reload")


async def test_a_unit_that_restarts_all_the_time_is_not_active(units: SystemdHost, hosts: SystemdHosts) -> None:
    async with fleet_of(hosts, "app", units=("flaps.service", "steady.service")) as fleet:
        await fleet.until(lambda: any(d.units.get("flaps.service") == "restarting" for _, d in fleet.details))
        assert fleet.details[-1][1].units["steady.service"] == "active"
        assert fleet.details[-1][1].restarts["flaps.service"] > 0
        units.shell("systemctl stop flaps")
        await fleet.until(lambda: fleet.details[-1][1].units["flaps.service"] == "inactive")


async def preflight(hosts: SystemdHosts, unit: str) -> tuple[int | None, str]:
    async with fleet_of(hosts, "app") as fleet:
        ended, said = await command(fleet, script([Check(unit=unit)], HOST))
    return ended.exit, said.splitlines()[0]


async def test_a_preflight_tells_units_apart(units: SystemdHost, hosts: SystemdHosts) -> None:
    assert await preflight(hosts, "steady") == (0, "ok    unit steady: active")
    until(lambda: int(units.shell("systemctl show -P NRestarts flaps")) > 0, "flaps was restarted")
    code, said = await preflight(hosts, "flaps.service")
    assert code == 1
    assert "started again by systemd" in said or "about to start it again" in said
    code, said = await preflight(hosts, "stedy")
    assert code == 1
    assert "no such unit" in said
    units.shell("systemctl stop steady")
    code, said = await preflight(hosts, "steady")
    assert (code, said) == (1, "FAIL  unit steady: inactive, wanted active")
    units.shell("systemctl mask steady 2>&1")
    code, said = await preflight(hosts, "steady")
    units.shell("systemctl unmask steady 2>&1")
    assert "masked" in said
