"""The conductor dies in every state of a window; the next one goes on, and nothing runs twice on a host."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import faults
from tests.e2e.faults import Killer, Night, Window, at, check_log, check_order, double_starts, kill_plan, ran, until
from tests.e2e.program import Program
from tests.sshd import Sshd
from tests.support import require

pytestmark = [pytest.mark.ssh, pytest.mark.xdist_group("kills")]

HOSTS = ("h1", "h2", "h3", "h4")
OPENED: list[Window] = []


@pytest.fixture(autouse=True)
def _ends_what_it_opened() -> Iterator[None]:
    yield
    while OPENED:
        OPENED.pop().kill()


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    require("sshd", "ssh-keygen", root=True)
    with Sshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server


def night(sshd: Sshd, directory: Path, *, seconds: float | str = 0.3, bake: str = "1s", within: str = "") -> Night:
    """A window with four hosts on one server. ``within``: the guarded step is ready, and undone so soon."""
    site = directory / "site"
    site.mkdir()
    plan = kill_plan(directory, sshd, seconds=str(seconds), bake=bake)
    if within:
        old = 'confirm_within = "5m"\ntimeout = "1m"'
        new = f'confirm_within = "{within}"\ntimeout = "2s"\nneeds = []'
        plan.write_text(plan.read_text().replace(old, new))
    made = Night(Window(Program(directory / "home", uid=0), plan), site)
    OPENED.append(made.window)
    return made


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


def test_killed_while_paused_it_stays_paused_and_running_tasks_end(sshd: Sshd, tmp_path: Path) -> None:
    go = tmp_path / "go"
    tonight = night(sshd, tmp_path, seconds=f"0.1; until [ -e {go} ]; do sleep 0.1; done", bake="100ms")
    window, lead = tonight.window, tonight.window.program
    lead.run("start", "roll")
    until(lambda: ran(tonight.site / "ran"))
    lead.run("pause", "--reason", "somebody calls")
    window.kill()
    window.restart()
    go.touch()
    until(lambda: window.state().steps["roll"].tasks["h1"].check == 0)
    state = window.state()
    assert (state.phase, state.reason) == ("paused", "somebody calls")
    assert [t.state for t in state.steps["roll"].tasks.values()] == ["done", "pending", "pending", "pending"]
    window.kill()
    window.restart()
    lead.run("resume")
    until(lambda: window.state().steps["roll"].state == "done")
    assert double_starts(tonight.site / "ran") == []
    check_log(window.events(), tonight.site / "ran")


def test_killed_right_after_an_abort_the_next_conductor_ends_what_runs(sshd: Sshd, tmp_path: Path) -> None:
    tonight = night(sshd, tmp_path, seconds=60.0, bake="100ms")
    window, lead = tonight.window, tonight.window.program
    lead.run("start", "roll")
    until(lambda: ran(tonight.site / "ran"))
    killer = Killer(window, [at("window.aborted")], jitter=0.0, rng=random.Random(1))
    killer.start()
    lead.run("abort", "--confirm", "kills", "--reason", "wrong night", code=None)
    state = until(lambda: window.state().steps["roll"].state == "failed" and window.state())
    killer.stop()
    assert killer.kills == 1
    assert state.phase == "aborted"
    assert [t.state for t in state.steps["roll"].tasks.values()] == ["failed", "pending", "pending", "pending"]
    assert ran(tonight.site / "ran") == [("begin", "roll", "h1", "1")], "it was ended, and nothing else began"
    assert not (tonight.site / "roll.h1").exists()


def test_a_host_undoes_it_by_itself_while_no_conductor_lives(sshd: Sshd, tmp_path: Path) -> None:
    tonight = night(sshd, tmp_path, seconds=0.1, within="4s")
    window, path = tonight.window, tonight.site / "ran"
    killer = Killer(window, [at("task.finished", 2, step="guarded")], jitter=0.0, rng=random.Random(1), restart=False)
    killer.start()
    window.program.run("start", "guarded", code=None)
    until(lambda: sum(line[:2] == ("end", "undo-guarded") for line in ran(path)) == 2)
    killer.stop()
    assert killer.kills == 1
    assert "deadman.fired" not in [e["kind"] for e in window.events()]
    window.restart()
    step = until(lambda: (s := window.state().steps["guarded"]).state == "rolled back" and s)
    assert {a.state for a in step.armed.values()} == {"fired"}
    assert {t.state for t in step.tasks.values()} == {"rolled back"}
    fired = [(e["host"], e["exit"]) for e in window.events() if e["kind"] == "deadman.fired"]
    assert sorted(fired) == [("h2", 0), ("h3", 0)]
    assert double_starts(path) == []
    for name in ("h2", "h3"):
        assert (tonight.site / f"guarded.{name}").read_text() == "old\n"


@pytest.mark.parametrize("call", ["write", "fdatasync"])
def test_killed_as_the_intent_is_written_it_runs_once_or_not_at_all(sshd: Sshd, tmp_path: Path, call: str) -> None:
    """``write``: the intent never reached the log. ``fdatasync``: it did, but nobody was told so."""
    require("strace")
    tonight = night(sshd, tmp_path, seconds=0.1, bake="100ms")
    window, lead, path = tonight.window, tonight.window.program, tonight.site / "ran"
    until(lambda: all(h.link == "up" for h in window.state().hosts.values()))  # the next event is the intent
    pid = window.pid
    inject = f"inject={call}:signal=SIGKILL:when=1"
    tracer = subprocess.Popen(
        ["strace", "-qq", "-f", "-p", str(pid), "-P", str(window.directory / "log.jsonl"), "-e", f"trace={call}",
         "-e", inject, "-o", os.devnull],
        stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until(lambda: "TracerPid:\t0" not in Path(f"/proc/{pid}/status").read_text())
        lead.run("start", "roll", code=None)
        until(lambda: not faults.alive(pid))
    finally:
        tracer.terminate()
        tracer.wait(10)
    window.restart()
    written = [e for e in window.events() if e["kind"] == "step.intent" and e["step"] == "roll"]  # others may follow it
    assert len(written) == (0 if call == "write" else 1)
    assert call == "fdatasync" or ran(path) == []
    tonight.drive(lambda s: s.steps["roll"].state == "done")
    assert double_starts(path) == []
    assert [e["attempt"] for e in window.events() if e["kind"] == "step.intent" and e["step"] == "roll"] == [1]
    check_log(window.events(), path)
    assert "intact" in lead.run("verify", window.name).stdout
