"""The app: themes, the session it shows, its screens. Thin: the main screen is in ``screen``, verbs in ``verbs``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.filter import LineFilter
from textual.screen import Screen

from upgrade_tui.attach.session import Session
from upgrade_tui.tui.canary.screen import CanaryScreen
from upgrade_tui.tui.gate.screen import GateScreen
from upgrade_tui.tui.help.guide import GuideScreen
from upgrade_tui.tui.help.screen import HelpScreen
from upgrade_tui.tui.host.screen import HostScreen
from upgrade_tui.tui.matrix.screen import MatrixScreen
from upgrade_tui.tui.open_message import Open
from upgrade_tui.tui.recent import RecentFrames
from upgrade_tui.tui.rollback.screen import RollbackScreen
from upgrade_tui.tui.scene import Scene, scene_of
from upgrade_tui.tui.screen import MainScreen
from upgrade_tui.tui.sinks import SINKS
from upgrade_tui.tui.step.screen import StepScreen
from upgrade_tui.tui.theme import DARK, FALLBACKS, LIGHT, THEMES, AsciiOnly
from upgrade_tui.window.events import Record, WindowClosed
from upgrade_tui.window.notifications import Notifier

PAINTS = 0.25  # seconds between two looks at whether there is something to paint

Exporter = Callable[[Path], str]
"""Writes the report of a window's directory and says where it is. Raises OSError or ValueError."""


class UpgradeApp(App[None]):
    """The dashboard of one window. ``session`` is what it knows and the only way it acts.

    ``theme``: "dark" or "light". ``ascii``: no glyph beyond ASCII. ``guide``: a screen and a line say what to press.
    ``linger``: seconds it stays once the window is closed; left out, until it is left.
    ``exporter``: what ``e`` does; the report is not the dashboard's own business.
    """

    TITLE = "upgrade-tui"
    CSS_PATH = "screen.tcss"  # Textual loads no CSS_PATH of a default screen
    COMMANDS: ClassVar[set[Any]] = set()
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+q", "quit", "leave", show=False, priority=True)]

    def __init__(
        self,
        session: Session,
        *,
        ascii: bool = False,  # noqa: A002
        theme: str | None = None,
        guide: bool = False,
        exporter: Exporter | None = None,
        linger: float | None = None,
    ) -> None:
        super().__init__()
        self.session = session
        self.ascii, self.exporter = ascii, exporter
        self._ascii_filter = AsciiOnly()
        for each in THEMES:
            self.register_theme(each)
        self.theme = LIGHT.name if theme == "light" else DARK.name
        self.history = RecentFrames()
        self._main = MainScreen(session, self.history, self.scene, guide=guide)
        self._dirty = True
        self._second = -1
        self._notifier = Notifier([sink(self) for sink in SINKS])
        self._lost_at: float | None = None
        self._linger = linger
        self._welcome = guide and session.directory is not None  # over panes that show something, not before

    def get_default_screen(self) -> Screen[Any]:
        return self._main

    def on_mount(self) -> None:
        """Follows the session; paints on one tick."""
        self.session.listener = self.changed
        self.session.on_record = self.happened
        self.changed()
        self.set_interval(PAINTS, self.tick)
        if self.session.directory is not None:
            self.run_worker(self.session.run(), name="session", group="session")

    # -- from session to screen -----------------------------------------------------------------------------------

    def changed(self) -> None:
        """Something changed: paint at the next tick."""
        self._dirty = True
        self.history.feed(self.session.frame)
        if self.session.trouble is None:
            self._lost_at = None
        elif self._lost_at is None:
            self._lost_at = self.session.now()

    def happened(self, record: Record) -> None:
        """A new event: perhaps one that must be heard of."""
        self._notifier.happened(record, self.session.outcomes)
        if isinstance(record.event, WindowClosed) and self._linger is not None:
            self.set_timer(self._linger, self.exit)

    def scene(self) -> Scene:
        """The session as it is now."""
        return scene_of(self.session, self._lost_at)

    def tick(self) -> None:
        """Paints what changed, at most four times a second; the countdown each second. Rings the bell."""
        if not self.screen_stack:  # on the way out: the screens go before the timers
            return
        second = int(self.session.now())
        if second != self._second:
            self._notifier.look(self.scene())
        self._notifier.tell()
        if (not self._dirty and second == self._second) or not self._main_is_seen():
            return
        scene = self.scene()
        if self._dirty or scene.stale:
            self._main.paint(scene)
        else:
            self._main.paint_time(scene)
        self._dirty, self._second = False, second
        if (
            self._welcome
            and self.screen is self._main
            and scene.frame is not None
            and all(host.sample for host in scene.frame.hosts.values())
        ):
            self._welcome = False
            self.push_screen(GuideScreen())

    def _main_is_seen(self) -> bool:
        """On top, or behind dialogs: what stands behind a question must not grow old while it is thought about."""
        return all(above.is_modal for above in self.screen_stack[1:])

    def on_open(self, message: Open) -> None:
        """Something below wants a screen opened."""
        self.push_screen(self.screen_of(message))

    def screen_of(self, wanted: Open) -> Screen[Any]:
        """The only place that knows which screens there are."""
        session, name, host = self.session, wanted.name, wanted.host
        screens: dict[str, Callable[[], Screen[Any]]] = {
            "step": lambda: StepScreen(session, name, host),
            "host": lambda: HostScreen(session, name),
            "canary": lambda: CanaryScreen(session, name),
            "gate": lambda: GateScreen(session, name),
            "rollback": lambda: RollbackScreen(session, wanted.scope),
            "matrix": lambda: MatrixScreen(session, name, host),
            "guide": GuideScreen,
            "help": lambda: HelpScreen.of(self),
        }
        return screens[wanted.kind]()

    # -- actions of the app ---------------------------------------------------------------------------------------

    def action_export(self) -> None:
        """The report of the log so far."""
        self.run_worker(self.export(), name="export", group="export", exclusive=True)

    async def export(self) -> None:
        """Writes the report in a thread, and says where."""
        directory = self.session.directory
        if self.exporter is None or directory is None:
            self.notify("this is a replay: use upgrade-tui report", title="No export", severity="warning", markup=False)
            return
        try:
            where = await asyncio.to_thread(self.exporter, directory)
        except (OSError, ValueError) as error:
            self.notify(str(error), title="No report", severity="error", timeout=10, markup=False)
        else:
            self.notify(where, title="Report written", timeout=10, markup=False)

    def action_theme(self) -> None:
        """The other of light and dark."""
        self.theme = LIGHT.name if self.theme == DARK.name else DARK.name

    def action_help_quit(self) -> None:
        """ctrl+c, by reflex."""
        self.notify("q leaves the dashboard; the window goes on without you", title="Leave?", markup=False)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """None of Textual's own: the palette has our verbs."""
        return ()

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our tones, for themes that do not have them."""
        return FALLBACKS

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual's own filters, and the one that leaves only ASCII where that was asked for."""
        filters = super().get_line_filters()
        return [*filters, self._ascii_filter] if self.ascii else filters
