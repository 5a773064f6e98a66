"""The main screen: lays the panes out for the terminal's size, paints on the app's tick, turns keys into verbs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container

from upgrade_tui.attach.session import Session
from upgrade_tui.tui import key_hints as key_view
from upgrade_tui.tui.bars import Banner, KeyBar, TabBar, TitleBar
from upgrade_tui.tui.canary import rows as canary_rows
from upgrade_tui.tui.canary.pane import CanariesPane
from upgrade_tui.tui.clock import page as clock_page
from upgrade_tui.tui.clock.pane import BreakdownPane, ClockPane
from upgrade_tui.tui.details.pane import DetailsPane
from upgrade_tui.tui.host import rows as host_rows
from upgrade_tui.tui.host.pane import HostsPane
from upgrade_tui.tui.layout import Layout, layout_for
from upgrade_tui.tui.log.pane import LogPane
from upgrade_tui.tui.open_message import Open
from upgrade_tui.tui.palette import CommandProvider
from upgrade_tui.tui.recent import RecentFrames
from upgrade_tui.tui.scene import Scene
from upgrade_tui.tui.sending import refused
from upgrade_tui.tui.step.pane import StepsPane
from upgrade_tui.tui.verbs.verb import Look, Target, Verb
from upgrade_tui.tui.verbs.verb_screen import VerbScreen
from upgrade_tui.tui.verbs.verb_table import bindings, offered
from upgrade_tui.tui.widgets.filter_line import FilterLine
from upgrade_tui.tui.widgets.line_pane import LinePane
from upgrade_tui.tui.widgets.line_view import Bar, LineView
from upgrade_tui.window import clock
from upgrade_tui.window.outcomes import outcome_sentence
from upgrade_tui.window.sentences import about

_SHOWS = {"steps": "step", "hosts": "host", "canaries": "canary"}


class MainScreen(VerbScreen):
    """Panes 1 to 5. ``step`` and ``host`` are what the verbs act on: what the cursors are on.

    ``scene``: what there is to paint now. ``guide``: a line says what to press next.
    """

    ON = "main"
    COMMANDS: ClassVar[set[Any]] = {CommandProvider}
    AUTO_FOCUS = "#steps"
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("main"),
        *(Binding(str(n), f"pane({n})", f"pane {n}", show=False) for n in range(1, 6)),
        Binding("tab", "next_pane(1)", "next pane", show=False),
        Binding("shift+tab", "next_pane(-1)", "pane before", show=False),
        Binding("enter", "details", "details", show=False),
        Binding("m", "matrix", "matrix", tooltip="Every step on every host, worst hosts first", show=False),
        Binding("z", "zoom", "zoom", show=False),
        Binding("escape", "back", "back", show=False),
        Binding("slash", "filter", "filter", show=False),
        Binding("y", "copy", "copy", show=False),
        Binding("e", "app.export", "export the report", show=False),
        Binding("t", "app.theme", "light or dark", show=False),
        Binding("question_mark", "help", "help", show=False),
        Binding("colon", "app.command_palette", "commands", show=False),
        Binding("q", "app.quit", "leave", show=False),
    ]

    def __init__(
        self, session: Session, history: RecentFrames, scene: Callable[[], Scene], *, guide: bool = False
    ) -> None:
        super().__init__(session)
        self.history, self.scene, self.guide = history, scene, guide
        self.layout_now: Layout | None = None
        self.current = 2
        self.zoomed = False
        self.clock = ClockPane()
        self.breakdown = BreakdownPane()
        self.steps = StepsPane()
        self.hosts = HostsPane(self.history)
        self.details = DetailsPane()
        self.canaries = CanariesPane(self.history)
        self.log_pane = LogPane()
        self.panes: tuple[LinePane, ...] = (self.clock, self.steps, self.hosts, self.canaries, self.log_pane)
        self.title_bar, self.banner, self.tabs = TitleBar(id="title"), Banner(id="banner"), TabBar(id="tabs")
        self.guide_bar, self.key_bar = Bar(id="guide"), KeyBar(id="keys")
        self.box = Container(
            self.clock, self.tabs, self.breakdown, self.steps, self.hosts, self.details, self.canaries, self.log_pane,
            id="panes",
        )  # fmt: skip

    def compose(self) -> ComposeResult:
        """Everything there is; the layout says what is shown."""
        self.paint(self.scene())  # before the first styling and the first frame: a second of each costs 30 ms
        yield self.title_bar
        yield self.banner
        yield self.box
        if self.guide:
            yield self.guide_bar
        yield self.key_bar

    # -- painting -------------------------------------------------------------------------------------------------

    def paint_time(self, scene: Scene) -> None:
        """Only the time went on: title, clock and steps. What is old or gone is a change of its own."""
        self.clock.view = clock_page.clock_view(scene, self.hosts.every, self.canaries.every)
        self.title_bar.show(scene)
        self.banner.show(scene)
        for pane in (self.clock, self.breakdown, self.steps):
            pane.show(scene)

    def paint(self, scene: Scene) -> None:
        """Shows a scene: view models first, then every pane repaints the lines that changed."""
        hosts = [host_rows.host_row(scene, name) for name in scene.state.hosts]
        canaries = [canary_rows.canary_row(scene, name) for name in scene.state.canaries]
        self.clock.view = clock_page.clock_view(scene, hosts, canaries)
        self.hosts.every, self.canaries.every = hosts, canaries
        self.title_bar.show(scene)
        self.banner.show(scene)
        self._fit(len(canaries), len(hosts))
        for pane in (*self.panes, self.breakdown, self.details):
            pane.show(scene)
        self._look_at_cursor()
        self._show_bars(scene)

    def _show_bars(self, scene: Scene) -> None:
        if self.tabs.display:
            needy = {
                1: self.clock.view is not None and self.clock.view.tone in ("bad", "tight"),
                2: any(s.state in ("failed", "unknown") for s in scene.state.steps.values()),
                3: any(row.rank < 9 for row in self.hosts.every),
                4: any(row.verdict != "healthy" for row in self.canaries.every),
            }
            self.tabs.show(
                [
                    (p.NUMBER, p.NAME + (f" /{p.needle}" if p.needle else ""), needy.get(p.NUMBER, False))
                    for p in self.panes
                ],
                self.current,
            )
        self._show_keys(scene)
        if self.guide:
            self.guide_bar.set_lines([key_view.guide(scene)])

    def _show_keys(self, scene: Scene) -> None:
        host, spec = self.panes[self.current - 1] is self.hosts, scene.plan.step(self.step)
        look = Look(scene=scene, host=True) if host else Look(
            scene=scene, spec=spec, step=scene.state.steps.get(self.step)
        )  # fmt: skip
        keys = {v.name: (v.key, v.says(look), self.refusal(v.name) is None) for v in offered("main", look)}
        first = list(keys)[:3]
        first += [n for n in key_view.BRAKES if n in keys and n not in first and keys[n][2]]
        general = [(key, label, True) for key, label in key_view.GENERAL]
        if scene.state.phase == "closed":
            general.insert(0, ("e", "write the report", True))
        rest = [shown for name, shown in keys.items() if name not in first]
        self.key_bar.show([*(keys[n] for n in first), *general, *rest])

    # -- layout ---------------------------------------------------------------------------------------------------

    def on_resize(self, event: events.Resize) -> None:
        """Another size may be another layout."""
        self._fit(len(self.canaries.every), len(self.hosts.every))

    def _fit(self, canaries: int, hosts: int) -> None:
        size = self.app.size
        wanted = layout_for(size.width, size.height, canaries, hosts, self.zoomed, self.guide)
        if wanted != self.layout_now:
            self.layout_now = wanted
            self._apply(wanted)

    def _apply(self, layout: Layout) -> None:
        box = self.box
        box.set_class(layout.solo, "-solo")
        box.set_class(not layout.solo, "-grid")
        box.set_class(layout.columns == 3, "-wide")
        self.tabs.display = layout.tabs
        self.details.display = layout.columns == 3 and not layout.solo
        for pane in self.panes[1:]:
            pane.display = not layout.solo or self.current == pane.NUMBER
            pane.set_class(layout.bare, "-bare")
        for pane in (self.clock, self.breakdown):
            pane.set_class(layout.bare, "-bare")
        self.breakdown.display = layout.solo and self.current == 1
        self.clock.styles.height = layout.clock if layout.solo else "1fr"
        if not layout.solo:
            box.styles.grid_rows = layout.rows
            box.styles.grid_columns = layout.widths

    # -- what the cursors are on ----------------------------------------------------------------------------------

    @property
    def step(self) -> str:
        """The step that verbs act on."""
        return self.steps.selected

    @property
    def host(self) -> str:
        """The host that verbs act on."""
        return self.hosts.selected

    def target(self, verb: Verb) -> Target:
        """What the cursors are on; of a verb that can be about the window, what is looked at."""
        pane, step, host = self.panes[self.current - 1], self.step, self.host
        if verb.loose:
            step, host = step * (pane in (self.steps, self.clock)), host * (pane is self.hosts)
        return Target(session=self.session, step=step, host=host, seen=pane is self.steps)

    def on_line_view_moved(self, message: LineView.Moved) -> None:
        """Other item, other keys, other details."""
        self._look_at_cursor()
        self._show_keys(self.scene())

    def _look_at_cursor(self) -> None:
        if not self.details.display:
            return
        pane = self.panes[self.current - 1]
        if pane.NAME in _SHOWS:
            self.details.look_at(_SHOWS[pane.NAME], pane.selected)
        elif isinstance(pane, LogPane) and (record := pane.record(pane.selected)) is not None and not pane.following:
            kind, name = about(record.event)
            if kind:
                self.details.look_at(kind, name)
        elif not self.details.about[1]:
            self.details.look_at("step", self.step)

    # -- moving about ---------------------------------------------------------------------------------------------

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """The focused pane is the current one, however it got the focus."""
        if isinstance(event.widget, LinePane) and event.widget is not self.details:
            self.current = event.widget.NUMBER
            if self.is_mounted and self.layout_now is not None:
                self._apply(self.layout_now)
                self._look_at_cursor()
                self._show_bars(self.scene())

    def action_pane(self, number: int) -> None:
        """To a pane; where only one fits it is shown instead."""
        self.current = number
        solo = self.layout_now is not None and self.layout_now.solo
        pane = self.breakdown if number == 1 and solo else self.panes[number - 1]
        pane.display = True
        pane.focus()
        if self.layout_now is not None:
            self._apply(self.layout_now)
            pane.show(self.scene())

    def on_tab_bar_picked(self, message: TabBar.Picked) -> None:
        self.action_pane(message.pane)

    def action_next_pane(self, way: int) -> None:
        self.action_pane((self.current - 1 + way) % len(self.panes) + 1)

    def action_zoom(self) -> None:
        """One pane alone under the clock, and back."""
        self.zoomed = not self.zoomed
        self._fit(len(self.canaries.every), len(self.hosts.every))
        self.action_pane(self.current)
        self.paint(self.scene())

    async def action_back(self) -> None:
        """Escape: the filter away, else out of the zoom."""
        pane = self.panes[self.current - 1]
        if pane.needle:
            pane.needle = ""
            pane.lay()
        elif self.zoomed:
            self.action_zoom()

    async def action_filter(self) -> None:
        """A line to filter the focused pane with."""
        pane = self.panes[self.current - 1]
        if pane.cursor and not self.query(FilterLine):
            await self.mount(FilterLine(pane), before="#keys")

    # -- doing ----------------------------------------------------------------------------------------------------

    def action_details(self) -> None:
        """Enter: the screen of what is under the cursor."""
        pane = self.panes[self.current - 1]
        self.open(pane, pane.selected)

    def on_line_view_opened(self, message: LineView.Opened) -> None:
        if isinstance(message.view, LinePane):
            self.open(message.view, message.key)

    def open(self, pane: LinePane, key: str) -> None:
        """The details of an item; an event opens what it is about."""
        kind, name = _SHOWS.get(pane.NAME, ""), key
        if isinstance(pane, LogPane):
            record = pane.record(key)
            kind, name = about(record.event) if record is not None else ("", "")
        state = self.session.state
        known = {"step": state.steps, "host": state.hosts, "canary": state.canaries}
        if pane is self.clock:
            self.action_zoom()
        elif not kind or name not in known[kind]:
            refused(self.app, "there is nothing more to see of this", title="No details")
        else:
            spec = self.session.plan.step(name)
            gate = kind == "step" and spec is not None and spec.kind == "gate"
            self.post_message(Open("gate" if gate else kind, name))

    def action_matrix(self) -> None:
        """Steps by hosts."""
        self.post_message(Open("matrix", self.step, self.host))

    def action_copy(self) -> None:
        """What is under the cursor as text, to the terminal's clipboard (OSC 52)."""
        pane = self.panes[self.current - 1]
        text = pane.selected
        if isinstance(pane, LogPane) and (record := pane.record(pane.selected)) is not None:
            scene = self.scene()
            text = f"{scene.time(record.ts)} {record.actor}: {outcome_sentence(record, scene.outcomes)}"
        elif pane is self.hosts and pane.selected in self.session.plan.hosts:
            text = self.session.plan.hosts[pane.selected].address
        elif pane is self.clock:
            scene = self.scene()
            text = "\n".join("".join(t for t, _ in line) for line in clock_page.breakdown_lines(
                scene, clock.read(scene.state, scene.now)))  # fmt: skip
        if text:
            self.app.copy_to_clipboard(text)
            self.app.notify(text[:200], title="Copied", timeout=3, markup=False)
