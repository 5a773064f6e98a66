"""The conductor dies in every state of a window; the next one goes on, and nothing runs twice on a host."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import faults
from tests.e2e.faults import Killer, Night, Window, at, check_log, check_order, double_starts, ran
from tests.e2e.program import Program
from tests.sshd import Sshd
from tests.support import require

pytestmark = [pytest.mark.ssh, pytest.mark.xdist_group("kills")]

HOSTS = ("h1", "h2", "h3", "h4")


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    require("sshd", "ssh-keygen", root=True)
    with Sshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server


def night(sshd: Sshd, directory: Path, *, seconds: float = 0.3, bake: str = "1s") -> Night:
    """A window with four hosts on one server."""
    site = directory / "site"
    site.mkdir()
    table = sshd.ssh_table()
    hosts = "[ssh]\n" + f'user = "{table["user"]}"\nport = {table["port"]}\nidentity = ["{sshd.identity}"]\n'
    hosts += f'known_hosts = "{sshd.known_hosts}"\njob_dir = "{directory}/jobs"\n'
    hosts += "".join(f'[hosts.{name}]\naddress = "127.0.0.1"\ngroups = ["fleet"]\n' for name in HOSTS)
    plan = directory / "kills.toml"
    plan.write_text(faults.PLAN.format(hosts=hosts, site=site, ran=site / "ran", seconds=seconds, bake=bake))
    return Night(Window(Program(directory / "home", uid=0), plan), site)


def test_the_conductor_is_killed_in_every_state_and_nothing_runs_twice(sshd: Sshd, tmp_path: Path) -> None:
    rng = random.Random(20413)
    tonight = night(sshd, tmp_path)
    window, path = tonight.window, tonight.site / "ran"
    forward = [
        at("step.intent", step="roll"),
        at("batch.started", step="roll", batch=0),
        at("task.started", step="roll"),
        at("task.finished", step="roll"),  # before its check
        at("task.checked", step="roll"),  # the bake between the batches
        at("task.started", 2, step="roll"),  # several at once
        at("gate.opened"),
        at("gate.voted"),  # one of two
        at("deadman.armed"),
        at("task.finished", step="guarded"),
        at("deadman.asked"),
    ]
    killer = Killer(window, forward, jitter=0.03, rng=rng)
    killer.start()
    state = tonight.drive(
        lambda s: (
            s.steps["guarded"].state == "done" and {a.state for a in s.steps["guarded"].armed.values()} == {"confirmed"}
        )
    )
    killer.stop()
    assert killer.moments == [], f"killed at {killer.killed_at} only"
    assert {t.state for t in state.steps["roll"].tasks.values()} == {"done"}
    assert sorted(state.steps["go"].votes) == ["daemon", "root"]

    backward = [
        at("rollback.requested"),
        at("rollback.started"),
        at("task.started", undo=True),
        at("task.finished", undo=True),
        at("rollback.finished"),
        at("task.checked", step="roll", undo=True),
        at("rollback.finished", step="roll", outcome="done"),  # before rollback.ended, or just after it
    ]
    killer2 = Killer(window, backward, jitter=0.02, rng=rng)
    killer2.start()
    state = tonight.undo()
    killer2.stop()
    assert killer2.moments == [], f"killed at {killer2.killed_at} only"
    tonight.close()

    assert killer.kills + killer2.kills == 18
    assert double_starts(path) == []
    check_order(ran(path), "roll", ("h1",), ("h2", "h3", "h4"))
    check_order(ran(path), "undo-roll", ("h2", "h3", "h4"), ("h1",))
    check_log(window.events(), path)
    for name in HOSTS:
        assert (tonight.site / f"roll.{name}").read_text() == "old\n"
    assert {t.state for t in window.state().steps["roll"].tasks.values()} == {"rolled back"}
