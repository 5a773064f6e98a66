"""The main screen: lays the panes out for the terminal's size, paints on the app's tick, turns keys into verbs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import Screen

from upgrade_tui.tui import verbs
from upgrade_tui.tui.bars import Banner, KeyBar, TabBar, TitleBar
from upgrade_tui.tui.lines import Bar, LinePane
from upgrade_tui.tui.palette import Verbs
from upgrade_tui.tui.panes.canaries import CanariesPane
from upgrade_tui.tui.panes.card import CardPane
from upgrade_tui.tui.panes.clock import ClockPane, SumsPane
from upgrade_tui.tui.panes.hosts import HostsPane
from upgrade_tui.tui.panes.log import LogPane
from upgrade_tui.tui.panes.steps import StepsPane
from upgrade_tui.tui.sending import refused
from upgrade_tui.tui.verbs import VERBS
from upgrade_tui.tui.view import canaries as canary_view
from upgrade_tui.tui.view import clock as clock_view
from upgrade_tui.tui.view import hosts as host_view
from upgrade_tui.tui.view import keys as key_view
from upgrade_tui.tui.view.history import History
from upgrade_tui.tui.view.layout import Layout, layout_for
from upgrade_tui.tui.view.scene import Scene
from upgrade_tui.window import clock
from upgrade_tui.window.outcomes import told
from upgrade_tui.window.sentences import about

if TYPE_CHECKING:
    from upgrade_tui.tui.app import UpgradeApp

KINDS = {"steps": "step", "hosts": "host", "canaries": "canary"}


class MainScreen(Screen[None]):
    """Panes 1 to 5. ``step`` and ``host`` are what the verbs act on: what the cursors are on."""

    COMMANDS: ClassVar[set[Any]] = {Verbs}
    AUTO_FOCUS = "#steps"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(v.key, f"verb('{v.name}')", v.label, tooltip=v.help, show=False)
            for v in VERBS.values()
            if v.scope != "task"
        ),
        *(Binding(str(n), f"pane({n})", f"pane {n}", show=False) for n in range(1, 6)),
        Binding("tab", "next_pane(1)", "next pane", show=False),
        Binding("shift+tab", "next_pane(-1)", "pane before", show=False),
        Binding("enter", "details", "details", show=False),
        Binding("m", "matrix", "matrix", tooltip="Every step on every host, worst hosts first", show=False),
        Binding("z", "zoom", "zoom", show=False),
        Binding("escape", "back", "back", show=False),
        Binding("slash", "filter", "filter", show=False),
        Binding("y", "copy", "copy", show=False),
        Binding("e", "export", "export the report", show=False),
        Binding("t", "theme", "light or dark", show=False),
        Binding("question_mark", "help", "help", show=False),
        Binding("colon", "app.command_palette", "commands", show=False),
        Binding("q", "leave", "leave", show=False),
    ]

    def __init__(self, history: History) -> None:
        super().__init__()
        self.history = history
        self.layout_now: Layout | None = None
        self.current = 2
        self.zoomed = False
        self.clock = ClockPane()
        self.sums = SumsPane()
        self.steps = StepsPane()
        self.hosts = HostsPane(self.history)
        self.card = CardPane()
        self.canaries = CanariesPane(self.history)
        self.log_pane = LogPane()
        self.panes: tuple[LinePane, ...] = (self.clock, self.steps, self.hosts, self.canaries, self.log_pane)
        self.title_bar, self.banner, self.tabs = TitleBar(id="title"), Banner(id="banner"), TabBar(id="tabs")
        self.guide_bar, self.key_bar = Bar(id="guide"), KeyBar(id="keys")
        self.box = Container(
            self.clock, self.tabs, self.sums, self.steps, self.hosts, self.card, self.canaries, self.log_pane,
            id="panes",
        )  # fmt: skip

    @property
    def ours(self) -> UpgradeApp:
        """The app, by its own type."""
        return cast("UpgradeApp", self.app)

    def compose(self) -> ComposeResult:
        """Everything there is; the layout says what is shown."""
        self.paint(self.ours.scene())  # before the first styling and the first frame: a second of each costs 30 ms
        yield self.title_bar
        yield self.banner
        yield self.box
        if self.ours.guide:
            yield self.guide_bar
        yield self.key_bar

    # -- painting -------------------------------------------------------------------------------------------------

    def paint_time(self, scene: Scene) -> None:
        """Only the time went on: title, clock and steps. What is old or gone is a change of its own."""
        self.clock.view = clock_view.clock_view(scene, self.hosts.every, self.canaries.every)
        self.title_bar.show(scene)
        self.banner.show(scene)
        for pane in (self.clock, self.sums, self.steps):
            pane.show(scene)

    def paint(self, scene: Scene) -> None:
        """Shows a scene: view models first, then every pane repaints the lines that changed."""
        hosts = [host_view.host_row(scene, name) for name in scene.state.hosts]
        canaries = [canary_view.canary_row(scene, name) for name in scene.state.canaries]
        self.clock.view = clock_view.clock_view(scene, hosts, canaries)
        self.hosts.every, self.canaries.every = hosts, canaries
        self.title_bar.show(scene)
        self.banner.show(scene)
        self._fit(len(canaries), len(hosts))
        for pane in (*self.panes, self.sums, self.card):
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
        if self.ours.guide:
            self.guide_bar.set_lines([key_view.guide(scene)])

    def _show_keys(self, scene: Scene) -> None:
        pane = self.panes[self.current - 1].NAME
        found = {n: (VERBS[n], self.refusal(n) is None) for n in key_view.verbs_now(scene, pane, self.step)}
        first = list(found)[:3]
        brakes = [n for n in key_view.BRAKES if n in found and n not in first and found[n][1]]
        rest = [n for n in found if n not in first and n not in brakes]
        state = scene.state
        words = {"rollback": "how it goes"} if state.rolling_back else {}
        words |= {"pause": "resume"} if state.phase in ("paused", "aborted") else {}
        keys = {n: (v.shown, words.get(n, v.label), enabled) for n, (v, enabled) in found.items()}
        general = [(key, label, True) for key, label in key_view.GENERAL]
        if scene.state.phase == "closed":
            general.insert(0, ("e", "write the report", True))
        self.key_bar.show([*(keys[n] for n in (*first, *brakes)), *general, *(keys[n] for n in rest)])

    # -- layout ---------------------------------------------------------------------------------------------------

    def on_resize(self, event: events.Resize) -> None:
        """Another size may be another layout."""
        self._fit(len(self.canaries.every), len(self.hosts.every))

    def _fit(self, canaries: int, hosts: int) -> None:
        size = self.app.size
        wanted = layout_for(size.width, size.height, canaries, hosts, self.zoomed, self.ours.guide)
        if wanted != self.layout_now:
            self.layout_now = wanted
            self._apply(wanted)

    def _apply(self, layout: Layout) -> None:
        box = self.box
        box.set_class(layout.solo, "-solo")
        box.set_class(not layout.solo, "-grid")
        box.set_class(layout.columns == 3, "-wide")
        self.tabs.display = layout.tabs
        self.card.display = layout.columns == 3 and not layout.solo
        for pane in self.panes[1:]:
            pane.display = not layout.solo or self.current == pane.NUMBER
            pane.set_class(layout.bare, "-bare")
        for pane in (self.clock, self.sums):
            pane.set_class(layout.bare, "-bare")
        self.sums.display = layout.solo and self.current == 1
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

    def refusal(self, name: str) -> str | None:
        """Why a verb is not possible now, or None."""
        return verbs.refusal(self.ours.session, name, self.step, self.host)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Greys out what ``decide`` would refuse."""
        if action == "verb" and parameters and self.refusal(str(parameters[0])) is not None:
            return None
        return True

    def on_key(self, event: events.Key) -> None:
        """A greyed key says why, rather than nothing."""
        found = self.active_bindings.get(event.key)
        verb = verbs.of_action(found.binding.action) if found is not None else None
        if verb is not None and isinstance(self.focused, LinePane):
            why = self.refusal(verb.name)
            if why is not None:
                event.stop()
                refused(self.app, why, title=f"{verb.label} is not possible now")

    def on_line_pane_moved(self, message: LinePane.Moved) -> None:
        """Other item, other keys, other details."""
        self._look_at_cursor()
        self._show_keys(self.ours.scene())

    def _look_at_cursor(self) -> None:
        if not self.card.display:
            return
        pane = self.panes[self.current - 1]
        if pane.NAME in KINDS:
            self.card.look_at(KINDS[pane.NAME], pane.selected)
        elif isinstance(pane, LogPane) and (record := pane.record(pane.selected)) is not None and not pane.following:
            kind, name = about(record.event)
            if kind:
                self.card.look_at(kind, name)
        elif not self.card.about[1]:
            self.card.look_at("step", self.step)

    # -- moving about ---------------------------------------------------------------------------------------------

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """The focused pane is the current one, however it got the focus."""
        if isinstance(event.widget, LinePane) and event.widget is not self.card:
            self.current = event.widget.NUMBER
            if self.is_mounted and self.layout_now is not None:
                self._apply(self.layout_now)
                self._look_at_cursor()
                self._show_bars(self.ours.scene())

    def action_pane(self, number: int) -> None:
        """To a pane; where only one fits it is shown instead."""
        self.current = number
        solo = self.layout_now is not None and self.layout_now.solo
        pane = self.sums if number == 1 and solo else self.panes[number - 1]
        pane.display = True
        pane.focus()
        if self.layout_now is not None:
            self._apply(self.layout_now)
            pane.show(self.ours.scene())

    def on_tab_bar_picked(self, message: TabBar.Picked) -> None:
        self.action_pane(message.pane)

    def action_next_pane(self, way: int) -> None:
        self.action_pane((self.current - 1 + way) % len(self.panes) + 1)

    def action_zoom(self) -> None:
        """One pane alone under the clock, and back."""
        self.zoomed = not self.zoomed
        self._fit(len(self.canaries.every), len(self.hosts.every))
        self.action_pane(self.current)
        self.paint(self.ours.scene())

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
        from upgrade_tui.tui.filterline import FilterLine

        pane = self.panes[self.current - 1]
        if pane.CURSOR and not self.query(FilterLine):
            await self.mount(FilterLine(pane), before="#keys")

    # -- doing ----------------------------------------------------------------------------------------------------

    def action_verb(self, name: str) -> None:
        """Every verb goes through here: keys, palette, footer. Dialogs wait in a worker."""
        self.run_worker(self._verb(name), name=f"verb-{name}", group="verbs", exit_on_error=True)

    async def _verb(self, name: str) -> None:
        app, session, pane = self.app, self.ours.session, self.panes[self.current - 1].NAME
        step, host = self.step, self.host  # before any question: the cursor may move on while it is asked
        if name == "tick" and pane != "steps" and not await self._sure(name, step):
            return
        if name in ("note", "rollback"):  # about what is looked at, or else about the window
            step, host = step * (pane in ("steps", "clock")), host * (pane == "hosts")
        await verbs.perform(app, session, name, step=step, host=host)

    async def _sure(self, name: str, step: str) -> bool:
        """A tick needs no dialog where the operator sees the cursor; elsewhere it names the step first."""
        from upgrade_tui.tui.dialogs import ask_choice

        spec = self.ours.session.plan.step(step)
        title = f"{VERBS[name].label.capitalize()} {step}?"
        choices = [("yes", f"Yes, {step} is done"), ("no", "No")]
        return await ask_choice(self.app, title, spec.title if spec else "", choices) == "yes"

    def action_details(self) -> None:
        """Enter: the screen of what is under the cursor."""
        pane = self.panes[self.current - 1]
        self.open(pane, pane.selected)

    def on_line_pane_opened(self, message: LinePane.Opened) -> None:
        self.open(message.pane, message.key)

    def open(self, pane: LinePane, key: str) -> None:
        """The details of an item; an event opens what it is about."""
        from upgrade_tui.tui import detail

        kind, name = KINDS.get(pane.NAME, ""), key
        if isinstance(pane, LogPane):
            record = pane.record(key)
            kind, name = about(record.event) if record is not None else ("", "")
        session = self.ours.session
        known = {"step": session.state.steps, "host": session.state.hosts, "canary": session.state.canaries}
        if pane is self.clock:
            self.action_zoom()
        elif not kind or name not in known[kind]:
            refused(self.app, "there is nothing more to see of this", title="No details")
        elif kind == "step" and (spec := session.plan.step(name)) is not None and spec.what == "gate":
            detail.open_gate(self.app, session, name)
        elif kind == "step":
            detail.open_step(self.app, session, name)
        elif kind == "host":
            detail.open_host(self.app, session, name)
        else:
            detail.open_canary(self.app, session, name)

    def action_matrix(self) -> None:
        from upgrade_tui.tui import detail

        detail.open_matrix(self.app, self.ours.session, self.step, self.host)

    def action_copy(self) -> None:
        """What is under the cursor as text, to the terminal's clipboard (OSC 52)."""
        pane = self.panes[self.current - 1]
        text = pane.selected
        if isinstance(pane, LogPane) and (record := pane.record(pane.selected)) is not None:
            text = f"{self.ours.scene().time(record.ts)} {record.actor}: {told(record, self.ours.scene().outcomes)}"
        elif pane is self.hosts and pane.selected in self.ours.session.plan.hosts:
            text = self.ours.session.plan.hosts[pane.selected].address
        elif pane is self.clock:
            scene = self.ours.scene()
            text = "\n".join("".join(t for t, _ in line) for line in clock_view.arithmetic(
                scene, clock.read(scene.state, scene.now)))  # fmt: skip
        if text:
            self.app.copy_to_clipboard(text)
            self.app.notify(text[:200], title="Copied", timeout=3, markup=False)

    def action_export(self) -> None:
        """The report of the log so far."""
        self.run_worker(self.ours.export(), name="export", group="export", exclusive=True)

    def action_theme(self) -> None:
        self.ours.switch_theme()

    def action_help(self) -> None:
        from upgrade_tui.tui.detail import open_help

        open_help(self.app)

    def action_leave(self) -> None:
        """Leaves the dashboard; the window goes on."""
        self.app.exit()
