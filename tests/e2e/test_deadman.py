"""What an operator decides about armed hosts, carried out on real hosts: keep, more time, undo now, never mind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.faults import Window, kill_plan, until
from tests.e2e.program import Program
from tests.sshd import Sshd
from tests.support import require

pytestmark = [pytest.mark.ssh, pytest.mark.xdist_group("kills")]

OPENED: list[Window] = []


@pytest.fixture(autouse=True)
def _ends_what_it_opened() -> Iterator[None]:
    yield
    while OPENED:
        OPENED.pop().kill()


@pytest.fixture
def window(tmp_path: Path) -> Iterator[Window]:
    """Two hosts armed by a step that went well: they would undo it in five minutes."""
    require("sshd", "ssh-keygen", root=True)
    (tmp_path / "sshd").mkdir()
    (tmp_path / "site").mkdir()
    with Sshd(tmp_path / "sshd") as sshd:
        plan = kill_plan(tmp_path, sshd, seconds="0", bake="1s")
        plan.write_text(plan.read_text().replace('confirm_within = "5m"', 'confirm_within = "5m"\nneeds = []'))
        made = Window(Program(tmp_path / "home", uid=0), plan)
        OPENED.append(made)
        made.program.run("start", "guarded")
        until(lambda: made.state().steps["guarded"].state == "armed")
        assert states(made) == {"h2": "armed", "h3": "armed"}
        yield made


def states(window: Window) -> dict[str, str]:
    return {host: armed.state for host, armed in window.state().steps["guarded"].armed.items()}


def test_jobs_have_a_name_that_no_other_window_s_jobs_have(window: Window, tmp_path: Path) -> None:
    key = next(e["key"] for e in window.events() if e["kind"] == "window.opened")
    assert len(key) == 8
    names = {path.read_text().strip() for path in (tmp_path / "jobs").glob("upgrade-tui.*/*/name")}
    assert names == {
        f"{window.name}-{key}.guarded.{what}@{host}" for what in ("1", "deadman1") for host in ("h2", "h3")
    }


def test_undo_now_undoes_it_at_once_and_only_there(window: Window, tmp_path: Path) -> None:
    window.program.run("revert", "guarded", "--host", "h2", "--reason", "the queue is too short")
    until(lambda: states(window) == {"h2": "fired", "h3": "armed"})
    step = window.state().steps["guarded"]
    assert (step.tasks["h2"].state, step.tasks["h3"].state) == ("rolled back", "done")
    assert (tmp_path / "site/guarded.h2").read_text() == "old\n"
    assert (tmp_path / "site/guarded.h3").read_text() == "new\n"


def test_more_time_then_undo_now_then_a_rollback_of_the_rest(window: Window, tmp_path: Path) -> None:
    window.program.run("extend", "guarded", "20m")
    until(lambda: all(a.seconds > 1000 and not a.asked for a in window.state().steps["guarded"].armed.values()))
    window.program.run("revert", "guarded", "--host", "h3", "--reason", "no")
    until(lambda: states(window) == {"h2": "armed", "h3": "fired"})
    window.program.run("rollback", "--confirm", "kills", "--reason", "all of it", "--wait")
    assert window.state().steps["guarded"].state == "rolled back"
    undone = [line for line in (tmp_path / "site/ran").read_text().splitlines() if "begin undo-guarded" in line]
    assert sorted(line.split()[2] for line in undone) == ["h2", "h3"], "once each"


def test_kept_it_stays_and_nothing_is_armed_any_more(window: Window, tmp_path: Path) -> None:
    window.program.run("confirm", "guarded")
    until(lambda: states(window) == {"h2": "confirmed", "h3": "confirmed"})
    refused = window.program.run("revert", "guarded", "--reason", "too late", code=78)
    assert "confirmed" in refused.stderr
    assert (tmp_path / "site/guarded.h2").read_text() == "new\n"
