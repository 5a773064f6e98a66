"""The screen of a host: how it is now, how it was, what runs on it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.widget import Widget

from upgrade_tui.attach.protocol import GetTop, ProcessInfo, Top
from upgrade_tui.attach.session import Session
from upgrade_tui.foreign import one_line
from upgrade_tui.tui.detail_screen import DetailScreen, Pane, RecordFilter
from upgrade_tui.tui.host import page
from upgrade_tui.tui.scene import Scene
from upgrade_tui.tui.sections import events, section
from upgrade_tui.tui.verbs.verb_table import bindings
from upgrade_tui.tui.widgets import charts
from upgrade_tui.tui.widgets.line_view import LineList
from upgrade_tui.tui.widgets.look_back import Past
from upgrade_tui.tui.widgets.spans import Line, cut


class HostScreen(DetailScreen):
    """A host in full."""

    ON = "host"
    HEAD = 3
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "top", "processes", tooltip="The busiest processes, now"),
        Binding("w", "turn(1)", "time span", tooltip="Charts over 5 m, 30 m, the whole window"),
        *bindings("host"),
    ]

    def __init__(self, session: Session, host: str) -> None:
        super().__init__(session)
        if host not in session.plan.hosts:
            raise ValueError(f'there is no host "{host}"')
        self.about_host = host
        self.past = Past(session, host=host)
        self._filter = RecordFilter("host", host)
        self._processes: tuple[ProcessInfo, ...] | None = None
        self._processes_say = "t asks the host for them"

    def columns(self) -> Iterable[Widget]:
        """Charts over processes at the left, state over tasks and events at the right."""
        yield Container(
            Pane("charts", LineList(id="charts"), id="charts-pane"),
            Pane("processes", LineList(id="processes"), id="processes-pane"),
            classes="column -main",
        )
        yield Container(
            Pane("state", LineList(id="state"), id="state-pane"),
            Pane("tasks and events", LineList(id="events"), id="events-pane"),
            classes="column",
        )

    def begin(self) -> None:
        """Charts first; they are asked for again and again while this screen is on top."""
        self.query_one("#charts").focus()
        self.run_worker(self.past.follow(lambda: self.on_top, self.repaint), group="history")

    def head(self, scene: Scene, width: int) -> list[Line]:
        """Link, what to do, numbers."""
        return page.host_header(scene, self.about_host, width)

    def paint(self, scene: Scene) -> None:
        """The panes that are on the screen."""
        self.show_lines("charts", partial(self._charts, scene))
        self.show_lines("processes", self._process_lines)
        self.show_lines("state", lambda width, _: page.state_lines(scene, self.about_host, width))
        self.show_lines("events", partial(self._tasks_and_events, scene))

    def _charts(self, scene: Scene, width: int, height: int) -> list[Line]:
        past = self.past
        said = f"{past.words(scene)}; w changes it"
        first: Line = ((said, "muted"),)
        if past.trouble:
            return [first, cut(((f"✗ no history: {past.trouble}", "bad"),), width)]
        if not past.asked:
            return [first]
        drawn = [
            partial(charts.drawn, chart, past.series, past.since, past.until)
            for chart in page.chart_list(scene, self.about_host)
        ]
        return [first, *charts.grid(drawn, width, height - 1)]

    def _process_lines(self, width: int, height: int) -> list[Line]:
        first: Line = cut(((self._processes_say, "muted"),), width)
        return [first, *(page.process_lines(self._processes, width) if self._processes is not None else ())]

    def _tasks_and_events(self, scene: Scene, width: int, height: int) -> list[Line]:
        out: list[Line] = []
        section(out, "Steps on this host", page.task_lines(scene, self.about_host, width))
        section(out, "Events, newest first", events(scene, self._filter.of(scene.records), width))
        return out[:-1]

    def keys(self) -> list[tuple[str, str]]:
        now, later = self.verb_keys()
        return [*now, ("t", "processes"), ("w", "5 m, 30 m, all"), *later, ("z", "zoom"), ("1-4", "panes")]

    # -- actions --------------------------------------------------------------------------------------------------

    def action_turn(self, way: int) -> None:
        self.past.turn(way)
        self.repaint()

    def action_top(self) -> None:
        """Ask for the processes; the answer may take a second."""
        self._processes_say = "asking …"
        self.show_pane(1)
        self.run_worker(self._ask_top(), group="top", exclusive=True)

    async def _ask_top(self) -> None:
        answer = await self.session.ask(GetTop(id=0, host=self.about_host), Top)
        if isinstance(answer, str):
            self._processes, self._processes_say = None, f"✗ {one_line(answer)}"
        else:
            at = self.session.now()
            self._processes = answer.processes
            self._processes_say = f"at {self.time(at)}, cpu in percent of one core; t asks again"
        self.repaint()
