"""What the dashboard does for a demo only: a first screen, and an end by itself after a tour."""

from __future__ import annotations

import asyncio

import pytest

from tests.support_tui import recorded
from upgrade_tui.tui.app import UpgradeApp
from upgrade_tui.tui.help.guide import GuideScreen
from upgrade_tui.tui.screen import MainScreen
from upgrade_tui.window import events as ev
from upgrade_tui.window.events import Record


def closing() -> Record:
    return Record(seq=9999, ts=0.0, mono=0.0, boot="b", actor="ops", event=ev.WindowClosed(outcome="completed"))


async def test_the_guide_opens_once_over_panes_that_show_something(monkeypatch: pytest.MonkeyPatch) -> None:
    session = recorded("rollout")
    frame, session.frame = session.frame, None
    app = UpgradeApp(session, guide=True)
    monkeypatch.setattr(app, "_welcome", True)  # a recorded session has no directory
    async with app.run_test(size=(120, 40)) as pilot:
        app.changed()
        app.tick()
        await pilot.pause()
        assert isinstance(app.screen, MainScreen)
        session.frame = frame
        app.changed()
        app.tick()
        await pilot.pause()
        assert isinstance(app.screen, GuideScreen)
        await pilot.press("enter")
        app.changed()
        app.tick()
        await pilot.pause()
        assert isinstance(app.screen, MainScreen)


async def test_a_tours_dashboard_leaves_by_itself_after_the_window_was_closed() -> None:
    app = UpgradeApp(recorded("closed"), linger=0.01)
    async with app.run_test(size=(80, 24)) as pilot:
        app.happened(closing())
        async with asyncio.timeout(60):
            while app.return_code is None:
                await pilot.pause(0.01)


async def test_any_other_dashboard_stays_until_it_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    app = UpgradeApp(recorded("closed"))
    async with app.run_test(size=(80, 24)) as pilot:
        timers: list[object] = []
        monkeypatch.setattr(app, "set_timer", lambda *args, **more: timers.append(args))
        app.happened(closing())
        await pilot.pause()
        assert timers == []
        assert app.return_code is None


def test_a_window_without_a_conductor_is_no_tour() -> None:
    session = recorded("rollout")
    assert session.directory is None
    assert not UpgradeApp(session, guide=True)._welcome
