"""The main screen pinned, pane by pane, at every moment that looks different. Update after looking: --snapshot-update.

A pane has one file with all its pictures: what changes in a pane changes that file, and the few whole screens (SVG).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from textual.pilot import Pilot

from tests.support_tui import Recording, feed, recorded
from tests.tui.pictures import Cell, Picture, as_text, cells
from tests.tui.small_app import SIZES, until
from tests.tui.test_held_screen import held
from tests.tui.undo_sessions import happens, rolling_back
from upgrade_tui.tui.app import UpgradeApp
from upgrade_tui.window import events as ev

Shot = tuple[str, str, list[list[Cell]]]  # the pane, what is pictured, its cells


def aborted() -> Recording:
    session = recorded("rollout")
    happens(session, ev.WindowAborted(reason="this is the wrong cluster"), "mei")
    return session


MOMENTS: dict[str, Callable[[], Recording]] = {
    "rollout": lambda: recorded("rollout"),
    "trouble": lambda: recorded("trouble"),
    "closed": lambda: recorded("closed"),
    "hostile": lambda: recorded("rollout", hostile=True),
    "held": held,
    "armed": lambda: recorded("armed"),
    "aborted": aborted,
    "rollback of a step": lambda: recorded("rollback"),
    "rolling back": rolling_back,
    "rollback stopped": lambda: rolling_back(stuck=True),
}
ALONE = {"1": "clock", "3": "hosts", "4": "canaries", "5": "log"}
PANES = ("title", "banner", "tabs", "guide", "keys", "clock", "sums", "steps", "hosts", "card", "canaries", "log")


def app_of(session: Recording, theme: str = "dark", **more: Any) -> UpgradeApp:
    made = UpgradeApp(session, theme=theme, **more)
    assert session.frame is not None
    feed(made.history, session.frame)
    return made


async def settled(pilot: Pilot[Any]) -> None:
    """Until everything that changed is painted."""
    await pilot.pause()
    app = pilot.app
    assert isinstance(app, UpgradeApp)
    await until(pilot, lambda: not app._dirty)
    await pilot.pause()


def taken(app: UpgradeApp, name: str) -> Iterator[Shot]:
    """Each pane that is on the screen."""
    rows = cells(app)
    for pane in PANES:
        for widget in app.screen.query(f"#{pane}"):
            if widget.region.area:
                yield (
                    pane,
                    name,
                    [row[widget.region.x : widget.region.right] for row in rows][
                        widget.region.y : widget.region.bottom
                    ],
                )


async def all_shots() -> list[Shot]:
    shots: list[Shot] = []
    for moment, session in MOMENTS.items():
        for width, height in SIZES:
            app = app_of(session())
            async with app.run_test(size=(width, height)) as pilot:
                await settled(pilot)
                shots += taken(app, f"{moment}, {width}x{height}")
    app = app_of(recorded("trouble"))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        for key, pane in ALONE.items():
            await pilot.press(key)
            await settled(pilot)
            shots += (s for s in taken(app, f"{pane} alone, 80x24") if s[0] in (pane, "tabs", "sums", "keys"))
    app = app_of(recorded("rollout"), ascii=True, guide=True)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        shots += taken(app, "rollout in ASCII with the guide, 120x40")
    return shots


@pytest.fixture(scope="module")
def shots(quick_screens: None) -> list[Shot]:
    """Every picture of every pane: each screen is brought up once."""
    return asyncio.run(all_shots())


@pytest.mark.xdist_group("panes")
@pytest.mark.parametrize("pane", PANES)
def test_every_pane_at_every_moment(shots: list[Shot], pane: str, snapshot: SnapshotAssertion) -> None:
    text = "\n".join(f"== {name} ==\n{as_text(rows)}" for of, name, rows in shots if of == pane)
    assert text == snapshot.use_extension(Picture)


@pytest.mark.parametrize(
    ("moment", "size", "theme"),
    [("rollout", (120, 40), "dark"), ("rollout", (120, 40), "light"), ("trouble", (80, 24), "dark"),
     ("rollback stopped", (200, 60), "dark")],
    ids=["120x40-dark", "120x40-light", "80x24-dark", "200x60-dark"],
)  # fmt: skip
def test_the_whole_screen(snap_compare: Any, moment: str, size: tuple[int, int], theme: str) -> None:
    assert snap_compare(app_of(MOMENTS[moment](), theme), terminal_size=size, run_before=settled)
