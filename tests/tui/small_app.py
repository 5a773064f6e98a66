"""A small host app for dialogs and detail screens, and how tests wait: for a state, never for a time."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any

from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widgets import Static

from upgrade_tui.attach.session import Session
from upgrade_tui.tui.canary.screen import CanaryScreen
from upgrade_tui.tui.help.guide import GuideScreen
from upgrade_tui.tui.help.screen import HelpScreen
from upgrade_tui.tui.host.screen import HostScreen
from upgrade_tui.tui.open_message import Open
from upgrade_tui.tui.step.screen import StepScreen
from upgrade_tui.tui.theme import DARK, FALLBACKS, LIGHT

SIZES = ((80, 24), (120, 40), (200, 60))


class SmallApp(App[None]):
    """An empty app in our themes."""

    def __init__(self, *, light: bool = False) -> None:
        super().__init__()
        for theme in (DARK, LIGHT):
            self.register_theme(theme)
        self.theme = LIGHT.name if light else DARK.name
        self.animation_level = "none"

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return FALLBACKS

    def compose(self) -> ComposeResult:
        yield Static("The screen below.\n" * 60)

    def on_open(self, message: Open) -> None:
        assert message.kind == "help", "other screens are opened by the test"
        open_help(self)


def open_step(app: App[Any], session: Session, step: str, host: str = "") -> None:
    app.push_screen(StepScreen(session, step, host))


def open_host(app: App[Any], session: Session, host: str) -> None:
    app.push_screen(HostScreen(session, host))


def open_canary(app: App[Any], session: Session, name: str) -> None:
    app.push_screen(CanaryScreen(session, name))


def open_guide(app: App[Any]) -> None:
    app.push_screen(GuideScreen())


def open_help(app: App[Any]) -> None:
    app.push_screen(HelpScreen.of(app))


async def until(pilot: Pilot[Any], what: Callable[[], bool]) -> None:
    """Let the app work until ``what()`` holds; fails after more time than the busiest machine takes."""
    end = monotonic() + 60.0
    while not what():
        if monotonic() > end:
            raise AssertionError("the state waited for never came")
        await pilot.pause(0.005)


def shown(app: App[Any]) -> str:
    """What the screen reads, line by line."""
    width, height = app.size
    screen = app.screen
    if not screen.is_mounted or screen.size != app.size:
        return ""  # it is only coming up
    lines = screen._compositor.render_strips()
    if len(lines) != height:
        return ""
    return "\n".join(strip.text[:width].rstrip() for strip in lines)
