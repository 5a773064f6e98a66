"""What is at risk of not being undone, and what nothing will undo any more, is on the screen, also on a small one."""

from __future__ import annotations

import pytest

from tests.support_tui import Recording, recorded
from tests.tui.small_app import shown, until
from tests.tui.undo_sessions import happens
from upgrade_tui.tui.app import UpgradeApp
from upgrade_tui.window import events as ev

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
RISK = "a reboot is scheduled"


async def screen(session: Recording, size: tuple[int, int], *words: str) -> str:
    """What the dashboard reads once all of ``words`` are on it, without its line ends."""
    app = UpgradeApp(session)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: all(word in " ".join(shown(app).split()) for word in words))
        return " ".join(shown(app).split())


@SIZES
async def test_what_could_kill_a_dead_man_stands_beside_its_deadline(size: tuple[int, int]) -> None:
    session = recorded("armed")
    happens(session, ev.DeadmanArmed(step="traffic", host="lb1", attempt=1, seconds=300, risk=RISK))
    said = await screen(session, size, "ARMED")
    assert "lb1 and 1 more undo traffic in 5:00 unless confirmed; AT RISK" in said


@SIZES
async def test_that_nothing_will_undo_a_step_is_an_alarm_and_its_state(size: tuple[int, int]) -> None:
    session = recorded("armed")
    happens(session, ev.DeadmanGone(step="traffic", host="lb1", reason="the host rebooted"))
    said = await screen(session, size, "NOTHING WILL UNDO traffic", "unprotected")
    assert "⊗ NOTHING WILL UNDO traffic on lb1: its dead-man is gone" in said
    assert "◈ ARMED lb2 undoes traffic in" in said, "the other one is still told with its deadline"
    assert "lb1 undoes" not in said


@SIZES
async def test_the_alarm_goes_as_soon_as_somebody_says_that_it_stays(size: tuple[int, int]) -> None:
    session = recorded("armed")
    happens(session, ev.DeadmanGone(step="traffic", host="lb1", reason="the host rebooted"))
    for host in ("lb1", "lb2"):
        happens(session, ev.DeadmanConfirmed(step="traffic", host=host))
    said = await screen(session, size, "traffic")
    assert "NOTHING WILL UNDO" not in said
    assert "unprotected" not in said
    assert "ARMED" not in said
