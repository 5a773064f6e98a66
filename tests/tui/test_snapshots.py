"""The main screen pinned: golden moments, three sizes, two themes. Update after looking: pytest --snapshot-update."""

from typing import Any

import pytest
from textual.pilot import Pilot

from tests.support_tui import feed, recorded
from tests.tui.small_app import until
from upgrade_tui.tui.app import UpgradeApp


def app(moment: str, theme: str = "dark", **more: Any) -> UpgradeApp:
    hostile = moment == "hostile"
    session = recorded("rollout" if hostile else moment, hostile=hostile)
    made = UpgradeApp(session, theme=theme, **more)
    assert session.frame is not None
    feed(made.history, session.frame)
    return made


def after(*keys: str) -> Any:
    """Presses keys, then waits until what they changed is painted."""

    async def settled(pilot: Pilot[Any]) -> None:
        await pilot.pause()
        await pilot.press(*keys)
        app = pilot.app
        assert isinstance(app, UpgradeApp)
        await until(pilot, lambda: not app._dirty)
        await pilot.pause()

    return settled


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)], ids=["80x24", "120x40", "200x60"])
@pytest.mark.parametrize("moment", ["rollout", "trouble", "closed", "hostile"])
def test_main_screen(snap_compare: Any, moment: str, size: tuple[int, int], theme: str) -> None:
    assert snap_compare(app(moment, theme), terminal_size=size, run_before=after())


@pytest.mark.parametrize("pane", ["1", "3", "4", "5"])
def test_each_pane_alone_on_a_small_terminal(snap_compare: Any, pane: str) -> None:
    assert snap_compare(app("trouble"), terminal_size=(80, 24), run_before=after(pane))


def test_ascii_with_the_guide(snap_compare: Any) -> None:
    assert snap_compare(app("rollout", ascii=True, guide=True), terminal_size=(120, 40), run_before=after())


def test_without_colour(snap_compare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(app("trouble"), terminal_size=(120, 40), run_before=after())
