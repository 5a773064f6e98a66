"""How the tests of the screens wait: for a state, never for a time, so they are quick and hold on a busy machine."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import textual.app
import textual.pilot
from syrupy.assertion import SnapshotAssertion
from textual._context import active_app
from textual.app import App
from textual.pilot import Pilot
from textual.screen import Screen

import upgrade_tui.tui.app
import upgrade_tui.tui.detail_screen
import upgrade_tui.tui.step.screen
from tests.tui.pictures import Picture, picture

TICK = 0.02  # seconds between two looks of a screen at what changed: nobody has to read it


@pytest.fixture(autouse=True, scope="module")
def quick_screens() -> Iterator[None]:
    """Pilots wait until nothing is left to do. Textual's own wait sleeps until the processor seems idle: 20 ms
    and more for each key, and on a busy machine a process that does not get its turn looks idle, too."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (textual.app, textual.pilot):
            patch.setattr(module, "wait_for_idle", at_rest)
        patch.setattr(upgrade_tui.tui.app, "PAINTS", TICK)
        patch.setattr(upgrade_tui.tui.detail_screen, "TICK", TICK)
        patch.setattr(upgrade_tui.tui.step.screen, "TICK", TICK)
        yield


Pictured = Callable[[App[Any], tuple[int, int], Callable[[Pilot[Any]], Awaitable[None]]], Awaitable[None]]


@pytest.fixture
def pictured(snapshot: SnapshotAssertion) -> Pictured:
    """``await pictured(app, size, before)``: after ``before``, the app's screen is as its text file shows it."""
    kept = snapshot.use_extension(Picture)

    async def compare(app: App[Any], size: tuple[int, int], before: Callable[[Pilot[Any]], Awaitable[None]]) -> None:
        async with app.run_test(size=size) as pilot:
            await before(pilot)
            await pilot.pause()
            assert picture(app) == kept

    return compare


async def at_rest(min_sleep: float = 0.0, max_sleep: float = 0.0) -> None:
    """Until every message is handled and everything is painted: only timers and other threads are left."""
    app = active_app.get()
    for _ in range(1000):
        await _handled()
        if app._exit or not app.screen_stack:
            return
        if app._resize_event is not None or app._batch_count:  # Textual waits a moment for more
            await asyncio.sleep(0.005)
        elif _unpainted(app.screen):
            app.screen._on_timer_update()
        else:
            return
    raise AssertionError("the screen never came to rest")


async def _handled() -> None:
    loop = asyncio.get_running_loop()
    for _ in range(100_000):
        await asyncio.sleep(0)
        if not loop._ready:  # type: ignore[attr-defined]
            return
    raise AssertionError("the app never came to rest")


def _unpainted(screen: Screen[object]) -> bool:
    waits = screen._layout_required or screen._scroll_required or screen._repaint_required
    return bool(screen.is_current and (waits or screen._dirty_widgets or screen._callbacks))
