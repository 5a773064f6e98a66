"""What the detail screens share: a head, panes (one at a time where the screen is narrow), a line of keys, one tick."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.content import Content
from textual.widget import Widget

from upgrade_tui.attach.session import Session
from upgrade_tui.tui.alarms import window_alarms
from upgrade_tui.tui.bars import Banner, TabBar
from upgrade_tui.tui.scene import Scene, scene_of
from upgrade_tui.tui.verbs.verb import Look, Target, Verb
from upgrade_tui.tui.verbs.verb_screen import VerbScreen
from upgrade_tui.tui.verbs.verb_table import LATER, offered
from upgrade_tui.tui.widgets.line_view import Bar, LineList
from upgrade_tui.tui.widgets.spans import Line, Span, cut, length
from upgrade_tui.window.events import Record

TICK = 0.25  # seconds: paint at most four times a second


class RecordFilter:
    """The records about one thing, found once each however often it is asked."""

    def __init__(self, what: str, name: str) -> None:
        self._what, self._name = what, name
        self._seen = 0
        self.found: list[Record] = []

    def of(self, records: Sequence[Record]) -> list[Record]:
        """Those whose event has this step, host or canary."""
        if len(records) < self._seen:
            self._seen, self.found = 0, []
        self.found += [r for r in records[self._seen :] if getattr(r.event, self._what, "") == self._name]
        self._seen = len(records)
        return self.found


class Pane(Container):
    """A part of a detail screen. Its title stands in its border, or among the tabs where the screen is narrow."""

    def __init__(self, title: str, *children: Widget, id: str, classes: str = "") -> None:  # noqa: A002
        super().__init__(*children, id=id, classes=f"pane {classes}".strip())
        self.title = title


class DetailScreen(VerbScreen):
    """One thing in full. Subclasses give ``panes()`` and paint them in ``paint``; ``keys()`` are the hints below."""

    CSS_PATH = Path(__file__).with_name("detail_screen.tcss")  # Textual would look beside each subclass
    HEAD: ClassVar[int] = 4  # lines
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "back", "back", tooltip="Back to where you came from"),
        Binding("question_mark", "help", "help", tooltip="This page"),
        Binding("z", "zoom", "zoom", tooltip="One pane on the whole screen, and back"),
        *(Binding(str(n), f"pane({n - 1})", f"pane {n}") for n in range(1, 5)),
    ]

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.about_step = self.about_host = ""  # what the verbs act on
        self.dirty = True
        self._stamp: tuple[Any, ...] = ()
        self._shown = 0

    # -- to be given by subclasses --------------------------------------------------------------------------------

    def columns(self) -> Iterable[Widget]:
        """The body: ``Pane`` widgets, or ``Container(classes="column")`` with panes in them."""
        raise NotImplementedError

    def head(self, scene: Scene, width: int) -> list[Line]:
        """``HEAD`` lines."""
        raise NotImplementedError

    def alarms(self, scene: Scene) -> list[Line]:
        """What must not be overlooked here either."""
        return window_alarms(scene)

    def begin(self) -> None:
        """Everything is mounted: where the focus goes, what is asked for."""

    def paint(self, scene: Scene) -> None:
        """Bring the panes up to date."""
        raise NotImplementedError

    def keys(self) -> list[tuple[str, str]]:
        """Key and what it does, the most useful first."""
        return []

    # -- the screen -----------------------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        """Head, tabs, panes, keys."""
        yield Banner(id="alarms")
        yield Bar(id="head")
        yield TabBar(id="tabs")
        with Container(id="body"):
            yield from self.columns()
        yield Bar(id="keys")

    def on_mount(self) -> None:
        """Ready; from now on one tick paints what changed."""
        self.query_one("#head").styles.height = self.HEAD
        for number, pane in enumerate(self.panes, 1):
            pane.border_title = Content(f"{number} {pane.title}" if len(self.panes) > 1 else pane.title)
        self.show_pane(0, focus=False)
        self.begin()
        self.set_interval(TICK, self.tick)
        self.call_after_refresh(self.tick)

    @property
    def panes(self) -> list[Pane]:
        """All of them, in order of their numbers."""
        return list(self.query(Pane))

    @property
    def on_top(self) -> bool:
        """Whether this screen can be seen: nothing lies over it but dialogs."""
        stack = self.app.screen_stack
        return self in stack and all(screen.is_modal for screen in stack[stack.index(self) + 1 :])

    @property
    def one_at_a_time(self) -> bool:
        """Whether only one pane is on the screen."""
        return self.has_class("-narrow") or self.has_class("-zoomed")

    def tick(self) -> None:
        """Paint if anything changed; never while another screen is on top."""
        if not self.on_top or not self.is_mounted or not self.size.width:
            return
        session = self.session
        stamp = (id(session.state), id(session.frame), int(session.now()), session.trouble, self.size, self._shown)
        if stamp == self._stamp and not self.dirty:
            return
        self._stamp, self.dirty = stamp, False
        scene = scene_of(session)
        self._paint_frame(scene)
        self.paint(scene)

    def _paint_frame(self, scene: Scene) -> None:
        width = self.size.width - 2
        self.query_one("#alarms", Banner).say(self.alarms(scene))
        lines = self.head(scene, width)
        if scene.lost is not None:
            lines = [cut(((f"✗ no connection to the conductor: {scene.lost}", "bad"),), width), *lines[: self.HEAD - 1]]
        self.query_one("#head", Bar).set_lines(lines)
        tabs = [(index, pane.title, False) for index, pane in enumerate(self.panes, 1)]
        self.query_one(TabBar).show(tabs, self._shown + 1)
        self.query_one("#keys", Bar).set_lines([hints(self.keys(), width)])

    def show_lines(self, name: str, lines: Callable[[int, int], Sequence[Line]]) -> None:
        """Give a pane's widget its lines, made for its width and height; nothing where it is not on the screen."""
        widget = self.query_one(f"#{name}", LineList)
        region = widget.scrollable_content_region
        if region.width > 0 and region.height > 0:
            widget.show(lines(widget.inner, region.height))

    def time(self, ts: float) -> str:
        """A moment on the clock the plan goes by."""
        return scene_of(self.session).time(ts)

    def repaint(self) -> None:
        """At the next tick, whatever changed."""
        self.dirty = True

    def on_resize(self, event: events.Resize) -> None:
        """Lines are made for their width."""
        self.repaint()
        self.call_after_refresh(self.tick)

    def on_line_list_fitted(self) -> None:
        """A pane has another size, for whatever reason."""
        self.repaint()
        self.call_later(self.tick)

    def on_screen_resume(self) -> None:
        """Nothing was painted while something lay on top."""
        self.repaint()
        self.call_after_refresh(self.tick)

    # -- panes ----------------------------------------------------------------------------------------------------

    def show_pane(self, index: int, *, focus: bool = True) -> None:
        """Bring a pane to the front: alone where there is room for one, else the focus goes to it."""
        panes = self.panes
        if not 0 <= index < len(panes):
            return
        self._shown = index
        for i, pane in enumerate(panes):
            pane.set_class(i != index, "-other")
        for column in self.query(".column"):
            column.set_class(panes[index] not in column.query(Pane), "-other")
        self.repaint()
        if focus:
            target = next((w for w in panes[index].query("*") if w.focusable), None)
            if target is not None:
                target.focus()
        self.call_after_refresh(self.tick)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Tab moves through the panes that are on the screen; the numbered one is where the focus is."""
        for index, pane in enumerate(self.panes):
            if pane in event.widget.ancestors and index != self._shown and not self.one_at_a_time:
                self.show_pane(index, focus=False)

    def on_tab_bar_picked(self, message: TabBar.Picked) -> None:
        self.show_pane(message.pane - 1)

    def action_pane(self, index: int) -> None:
        self.show_pane(index)

    def action_zoom(self) -> None:
        """One pane on the whole screen, and back."""
        self.toggle_class("-zoomed")
        self.repaint()
        self.call_after_refresh(self.tick)

    # -- verbs ----------------------------------------------------------------------------------------------------

    def target(self, verb: Verb) -> Target:
        """What the screen is about."""
        return Target(session=self.session, step=self.about_step, host=self.about_host)

    def verb_keys(self) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        """Keys of the verbs that are possible now: those that go on with things, and the others."""
        scene = scene_of(self.session)
        step = self.about_step
        look = Look(
            scene=scene, spec=scene.plan.step(step), step=scene.state.steps.get(step),
            host=bool(self.about_host and not step), alone=True,
        )  # fmt: skip
        out: tuple[list[tuple[str, str]], list[tuple[str, str]]] = ([], [])
        for verb in offered(self.ON, look):
            if self.refusal(verb.name) is None:
                out[(verb.rank(look) or 0) >= LATER].append((verb.key, verb.says(look)))
        return out

    def action_back(self) -> None:
        self.dismiss()


def hints(keys: Sequence[tuple[str, str]], width: int) -> Line:
    """As many keys as fit; help and back are always among them."""
    fixed: list[tuple[str, str]] = [("?", "help"), ("esc", "back")]
    room = width - sum(len(k) + len(w) + 3 for k, w in fixed)
    out: list[Span] = []
    for key, word in keys:
        piece: list[Span] = [(key, "key"), (f" {word}  ", "muted")]
        if length(out) + length(piece) > room:
            break
        out += piece
    for key, word in fixed:
        out += [(key, "key"), (f" {word}  ", "muted")]
    return tuple(out)
