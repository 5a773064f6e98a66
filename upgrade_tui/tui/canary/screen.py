"""The screen of a canary: what it asks, what it was answered, what its verdict means."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.widget import Widget

from upgrade_tui.attach.protocol import Ok, ProbeNow
from upgrade_tui.attach.session import Session
from upgrade_tui.foreign import one_line
from upgrade_tui.tui.canary import page
from upgrade_tui.tui.detail_screen import DetailScreen, Pane, RecordFilter
from upgrade_tui.tui.scene import Scene
from upgrade_tui.tui.sections import events
from upgrade_tui.tui.widgets import charts
from upgrade_tui.tui.widgets.line_view import LineList
from upgrade_tui.tui.widgets.look_back import Past
from upgrade_tui.tui.widgets.spans import Line, cut


class CanaryScreen(DetailScreen):
    """A canary in full."""

    ON = "canary"
    HEAD = 3
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "probe", "probe", tooltip="Probe at once, not at the next interval"),
        Binding("w", "turn(1)", "time span", tooltip="Chart over 5 m, 30 m, the whole window"),
    ]

    def __init__(self, session: Session, name: str) -> None:
        super().__init__(session)
        spec = session.plan.canary(name)
        if spec is None:
            raise ValueError(f'there is no canary "{name}"')
        self.spec = spec
        self.past = Past(session, canary=name)
        self._filter = RecordFilter("canary", name)

    def columns(self) -> Iterable[Widget]:
        """Chart over results at the left, probe over events at the right."""
        yield Container(
            Pane("history", LineList(id="chart"), id="chart-pane"),
            Pane("results", LineList(id="results"), id="results-pane"),
            classes="column -main",
        )
        yield Container(
            Pane("probe", LineList(id="probe"), id="probe-pane"),
            Pane("events", LineList(id="events"), id="events-pane"),
            classes="column",
        )

    def begin(self) -> None:
        """The history is asked for again and again while this screen is on top."""
        self.query_one("#chart").focus()
        self.run_worker(self.past.follow(lambda: self.on_top, self.repaint), group="history")

    def head(self, scene: Scene, width: int) -> list[Line]:
        """Verdict, its meaning, the last probe."""
        return page.canary_header(scene, self.spec, width)

    def paint(self, scene: Scene) -> None:
        """The panes that are on the screen."""
        self.show_lines("chart", partial(self._chart, scene))
        self.show_lines("results", partial(self._results, scene))
        self.show_lines("probe", lambda width, _: page.probe_lines(self.spec, width))
        self.show_lines("events", lambda width, _: events(scene, self._filter.of(scene.records), width))

    def _chart(self, scene: Scene, width: int, height: int) -> list[Line]:
        past = self.past
        first: Line = ((f"{past.words(scene)}; w changes it", "muted"),)
        if past.trouble:
            return [first, cut(((f"✗ no history: {past.trouble}", "bad"),), width)]
        if not past.asked:
            return [first]
        chart = page.chart_of(self.spec, past.series)
        return [first, *charts.drawn(chart, past.series, past.since, past.until, width, max(6, min(18, height - 1)))]

    def _results(self, scene: Scene, width: int, height: int) -> list[Line]:
        return page.result_lines(scene, self.spec, self.past.series, width)

    def keys(self) -> list[tuple[str, str]]:
        return [("p", "probe now"), ("w", "5 m, 30 m, all"), ("z", "zoom"), ("1-4", "panes")]

    def action_turn(self, way: int) -> None:
        self.past.turn(way)
        self.repaint()

    def action_probe(self) -> None:
        """Ask at once instead of at the next interval."""
        self.run_worker(self._probe(), group="probe", exclusive=True)

    async def _probe(self) -> None:
        answer = await self.session.ask(ProbeNow(id=0, canary=self.spec.name), Ok)
        if isinstance(answer, str):
            self.notify(one_line(answer), title="Not probed", severity="warning", markup=False)
        else:
            self.notify(one_line(answer.text) or "probed", title=one_line(self.spec.name), markup=False)
