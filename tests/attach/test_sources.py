"""A dashboard's records come from a conductor or from a log: the session cannot tell, but for what it is refused."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.golden import golden
from tests.report.report_support import window_at
from tests.tui.small_app import SIZES, shown, until
from upgrade_tui.attach import protocol as p
from upgrade_tui.attach.client import NotRunning
from upgrade_tui.attach.session import Session
from upgrade_tui.attach.source import LogSource
from upgrade_tui.journal import read_log
from upgrade_tui.tui.app import UpgradeApp
from upgrade_tui.window import commands as cmd
from upgrade_tui.window.commands import Refusal
from upgrade_tui.window.fold import fold_all


@pytest.mark.parametrize("moment", ["rollout", "closed"])
async def test_a_log_gives_the_window_as_it_was_and_its_time_stands_still(moment: str, tmp_path: Path) -> None:
    records = list(read_log(window_at(tmp_path / "w", golden(moment))))
    session = await Session.of(LogSource(tmp_path / "w"))
    live = asyncio.Event()
    session.listener = lambda: live.set() if session.live else None
    following = asyncio.create_task(session.run())
    async with asyncio.timeout(30):
        await live.wait()
    assert session.records == records
    assert session.state == fold_all(session.plan, records)
    assert session.now() == session.now() == records[-1].ts
    assert (session.role, session.trouble, session.frame) == ("observer", None, None)
    refused = Refusal("there is no conductor: this is a replay", "start it again: upgrade-tui run PLAN")
    assert await session.do(cmd.Note(text="too late")) == refused
    assert await session.ask(p.GetTop(id=0, host="db1"), p.Top) == "there is no conductor: this is a replay"
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


async def test_a_log_that_cannot_be_read_is_told_as_that(tmp_path: Path) -> None:
    with pytest.raises(NotRunning, match="cannot be read"):
        await Session.of(LogSource(tmp_path))


async def test_the_dashboard_shows_a_window_from_its_log(tmp_path: Path) -> None:
    session = await Session.of(LogSource(window_at(tmp_path / "w", golden("closed"))))
    app = UpgradeApp(session)
    async with app.run_test(size=SIZES[1]) as pilot:
        await until(pilot, lambda: session.live)
        await until(pilot, lambda: "window closed" in shown(app))
