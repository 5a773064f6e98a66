"""The dead-man: exactly one of confirmed and fired, whatever happens."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from tests.fleet.jobs.ran import HOST, PATIENCE, Heard, Place, until
from upgrade_tui.fleet.jobs.deadman import Arming, Arms, HostDeadman
from upgrade_tui.fleet.jobs.transport import LocalTransport

pytestmark = pytest.mark.usefixtures("shell")


def arms(place: Place) -> Arms:
    return Arms(LocalTransport(), HOST, directory=str(place.base), proc_root=place.proc, systemd=place.systemd)


async def until_state(place: Place, name: str, *states: str) -> HostDeadman:
    async with asyncio.timeout(PATIENCE):
        while (now := await arms(place).state(name)).state not in states or (now.state == "fired" and now.exit is None):
            await asyncio.sleep(0.1)
    return now


async def test_it_fires_when_nobody_confirms(place: Place, tmp_path: Path) -> None:
    undone = tmp_path / "undone"
    spec = place.spec(f"echo undoing; echo $PASSWORD | wc -c; touch {undone}; exit 3", secrets={"PASSWORD": "1234"})
    assert await arms(place).arm(spec, 60) == Arming()
    now = await arms(place).state(spec.name)
    assert now.state == "armed"
    assert 0 <= now.remaining <= 60
    assert not undone.exists()
    assert (await arms(place).extend(spec.name, 1)).state in ("armed", "fired")
    fired = await until_state(place, spec.name, "fired")
    assert (fired.exit, fired.output, fired.reason) == (3, "undoing\n5\n", "")
    assert undone.exists()
    assert (await arms(place).confirm(spec.name)).state == "fired"
    assert (await arms(place).extend(spec.name, 60)).state == "fired"


async def test_what_was_confirmed_never_fires(place: Place, tmp_path: Path) -> None:
    for seconds in (1, 4, 16, 64):  # a busy machine may take longer than it was given
        undone = tmp_path / f"undone{seconds}"
        spec = place.spec(f"touch {undone}")
        assert await arms(place).arm(spec, seconds) == Arming()
        sleeper = int((place.directory(spec) / "sleeper").read_text().split()[0])
        said = (await arms(place).confirm(spec.name)).state
        if said == "confirmed":
            break
        assert said == "fired"
        await until_state(place, spec.name, "fired")
    else:
        pytest.fail("it was never confirmed in time")
    await until(lambda: _zombie(sleeper))
    assert not undone.exists()
    assert (await arms(place).state(spec.name)).state == "confirmed"
    assert (await arms(place).confirm(spec.name)).state == "confirmed"
    assert await place.ask("clean", "", "w") == ["0"]
    assert (await arms(place).state(spec.name)).state == "gone"


async def test_what_a_timeout_left_of_the_change_is_ended_before_it_is_undone(place: Place, tmp_path: Path) -> None:
    change = place.spec("true")
    await place.job(change, Heard()).run()
    with place.left_by(change) as (pid, _there):
        undo = place.spec(f"cat /proc/{pid}/stat", guards=change.name)
        assert await arms(place).arm(undo, 1) == Arming()
        fired = await until_state(place, undo.name, "fired")
    assert fired.output.rpartition(")")[2].split()[0] == "Z"


async def test_what_a_fired_one_could_not_end_is_told(place: Place) -> None:
    undo = place.spec("exit 3")
    assert await arms(place).arm(undo, 1) == Arming()
    assert await until_state(place, undo.name, "fired") == HostDeadman(state="fired", exit=3)
    with place.left_by(undo) as (pid, _there):
        fired = await arms(place).state(undo.name)
        assert (fired.exit, fired.left) == (3, f"{pid} root sleep")
        assert fired.left in fired.reason
        assert await place.ask("end", undo.name) == ["over"]
        assert await arms(place).state(undo.name) == HostDeadman(state="fired", exit=3)


async def test_it_can_be_given_more_time(place: Place, tmp_path: Path) -> None:
    spec = place.spec("true")
    assert await arms(place).arm(spec, 60) == Arming()
    now = await arms(place).extend(spec.name, 1000)
    assert now.state == "armed"
    assert 900 <= now.remaining <= 1000
    assert (await arms(place).extend(spec.name, 1)).state in {"armed", "fired"}
    assert (await until_state(place, spec.name, "fired")).exit == 0


async def test_confirming_and_firing_at_once_decide_for_one(place: Place, tmp_path: Path) -> None:
    async def one(number: int) -> tuple[str, bool]:
        undone = tmp_path / f"undone{number}"
        spec = place.spec(f"touch {undone}")
        assert await arms(place).arm(spec, 1) == Arming()
        await asyncio.sleep(0.5 + number * 0.1)  # at any moment around the deadline
        said = (await arms(place).confirm(spec.name)).state
        if said == "fired":
            await until_state(place, spec.name, "fired")
        return said, undone.exists()

    for said, undone in await asyncio.gather(*(one(n) for n in range(12))):
        assert (said, undone) in {("confirmed", False), ("fired", True)}


async def test_a_dead_man_that_died_is_gone(place: Place) -> None:
    spec = place.spec("true")
    assert await arms(place).arm(spec, 1000) == Arming()
    sleeper = int((place.directory(spec) / "sleeper").read_text().split()[0])
    os.kill(sleeper, signal.SIGKILL)
    await until(lambda: _zombie(sleeper))
    now = await arms(place).state(spec.name)
    assert (now.state, now.reason) == ("gone", "what waited on the host was killed")


async def test_a_reboot_disarms(place: Place, tmp_path: Path) -> None:
    from tests.fleet.jobs.test_job_faults import fake_boot

    fake_boot(place, tmp_path / "proc", "one")
    spec = place.spec("true")
    assert await arms(place).arm(spec, 1000) == Arming()
    fake_boot(place, tmp_path / "proc", "two")
    now = await arms(place).state(spec.name)
    assert (now.state, now.reason) == ("gone", "the host rebooted, which killed it")
    assert await place.ask("end", spec.name) == ["ended"], "nothing of it outlives a reboot"


async def test_arming_twice_is_refused(place: Place) -> None:
    spec = place.spec("true")
    assert await arms(place).arm(spec, 1) == Arming()
    await until_state(place, spec.name, "fired")
    assert "name of its own" in str(await arms(place).arm(spec, 1))
    assert (await arms(place).state("w.s.never")).state == "gone"


def _zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
