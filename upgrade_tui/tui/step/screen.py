"""The screen of a step: what runs, on which hosts, its live output, what happened."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.widget import Widget
from textual.widgets import Input

from upgrade_tui.attach.protocol import GetOutput, Output
from upgrade_tui.attach.session import Session
from upgrade_tui.foreign import one_line
from upgrade_tui.tui.detail_screen import TICK, DetailScreen, Pane, RecordFilter
from upgrade_tui.tui.scene import Scene
from upgrade_tui.tui.sections import events
from upgrade_tui.tui.step import page
from upgrade_tui.tui.step.output_buffer import MAX_CHARACTERS
from upgrade_tui.tui.step.output_log import OutputLog
from upgrade_tui.tui.verbs.verb_table import bindings
from upgrade_tui.tui.widgets.line_view import Bar, LineList, LineView
from upgrade_tui.tui.widgets.spans import Line, cut
from upgrade_tui.window.state import StepState, Task

_CHUNK = 256 * 1024  # bytes of output asked for at once
COPIED = 2_000  # lines of output that `y` copies


class StepScreen(DetailScreen):
    """A step in full."""

    ON = "step"
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("step"),
        Binding("N", "previous", "previous match", tooltip="While searching: the match before; n is the next"),
        Binding("f", "follow", "follow", tooltip="Keep the end of the output in view, or stop doing so"),
        Binding("slash", "find", "search", tooltip="Search the output"),
        Binding("y", "copy", "copy", tooltip="Copy the end of the output"),
    ]

    def __init__(self, session: Session, step_id: str, host: str = "") -> None:
        super().__init__(session)
        spec = session.plan.step(step_id)
        if spec is None:
            raise ValueError(f'there is no step "{step_id}"')
        self.spec = spec
        self.about_step = step_id
        self._filter = RecordFilter("step", step_id)
        self._first = host
        self._host = ""
        self._total = self._fetched = 0  # bytes of the output there are, and that are in the buffer
        self._trouble = ""

    @property
    def step(self) -> StepState:
        return self.session.state.steps[self.spec.id]

    @property
    def chosen(self) -> Task | None:
        """The task whose output is shown."""
        return self.step.tasks.get(self._host)

    @property
    def runs(self) -> bool:
        """Whether the step has tasks, and so output."""
        return bool(self.step.tasks)

    # -- layout ---------------------------------------------------------------------------------------------------

    def columns(self) -> Iterable[Widget]:
        """What runs and what happened at the left; tasks and output at the right. Narrow: the output first."""
        about = Pane("what runs" if self.runs else "what to do", LineList(id="about"), id="about-pane")
        happened = Pane("events", LineList(id="events"), id="events-pane")
        if not self.runs:
            yield Container(about, classes="column")
            yield Container(happened, classes="column")
            return
        tasks = LineList(cursor=True, id="tasks")
        find = Input(placeholder="search the output", id="find", compact=True)
        output = Pane("output", tasks, Bar(id="output-status"), OutputLog(id="output"), find, id="output-pane")
        yield Container(output, classes="column -main")
        yield Container(about, happened, classes="column")

    def begin(self) -> None:
        """Begin with the task that most needs a look."""
        if self.runs:
            rank = {"unknown": 0, "failed": 1, "unreachable": 2, "running": 3}
            hosts = list(self.step.tasks)
            first = min(hosts, key=lambda host: (rank.get(self.step.tasks[host].state, 9), hosts.index(host)))
            done = [h for h in hosts if self.step.tasks[h].finished is not None]
            if self.step.tasks[first].state not in rank and done:
                first = done[-1]
            self._choose(self._first if self._first in hosts else first)
            self.query_one("#output" if len(hosts) == 1 else "#tasks").focus()
        else:
            self.query_one("#about").focus()

    def head(self, scene: Scene, width: int) -> list[Line]:
        """State, people, times, outlook."""
        return page.step_header(scene, self.spec, width)

    def paint(self, scene: Scene) -> None:
        """All panes that are on the screen."""
        self.show_lines("about", lambda width, _: page.spec_lines(scene, self.spec, width))
        self.show_lines("events", lambda width, _: events(scene, self._filter.of(scene.records), width))
        if self.runs:
            self._paint_tasks(scene)
        self._paint_output()

    def _paint_tasks(self, scene: Scene) -> None:
        tasks = self.query_one("#tasks", LineList)
        if tasks.scrollable_content_region.width > 0:
            heading = page.tasks_header(self.step, tasks.inner)
            tasks.show(page.tasks(scene, self.step, tasks.inner), list(self.step.tasks), heading)

    def _paint_output(self) -> None:
        if not self.runs:
            return
        log = self.query_one(OutputLog)
        width = self.query_one("#output-status").size.width
        if log.needle:
            count = f"{log.match + 1} of {len(log.matches)} lines" if log.matches else "not found"
            line: Line = (
                (f'"{log.needle}" ', "strong"),
                (count, "run" if log.matches else "bad"),
                (" · n next · N previous · esc ends the search", "muted"),
            )
        else:
            line = page.output_status(
                self.chosen, self._total, self._fetched, width, follow=log.following, trouble=self._trouble
            )
        self.query_one("#output-status", Bar).set_lines([cut(line, width)])

    def keys(self) -> list[tuple[str, str]]:
        """What ``decide`` would let be done with the step now, first."""
        now, later = self.verb_keys()
        output = [("↑↓", "host"), ("f", "follow"), ("/", "search"), ("y", "copy")] if self.runs else []
        return [*now, *output, *later, ("z", "zoom"), ("1-3" if self.runs else "1-2", "panes")]

    # -- output ---------------------------------------------------------------------------------------------------

    def on_line_view_moved(self, message: LineView.Moved) -> None:
        """Another host's output; or the output follows, is searched, or not: the line above it says so."""
        if message.view.id == "tasks":
            self._choose(message.view.selected)
        else:
            self._paint_output()

    def _choose(self, host: str) -> None:
        if host == self._host:
            return
        self._host = self.about_host = host
        self.query_one("#tasks", LineList).select(host)
        self.run_worker(self._fetch(host), group="output", exclusive=True)
        self.repaint()

    async def _fetch(self, host: str) -> None:
        """Follow the output of the latest attempt on ``host``, or of its rollback, while the screen is on top."""
        log = self.query_one(OutputLog)
        attempt, undo, offset, whole = -1, False, 0, False
        while True:
            task = self.step.tasks.get(host)
            if task is None:
                return
            if (task.undo or task.attempt, task.undo > 0) != (attempt, undo):
                attempt, undo, offset, whole = task.undo or task.attempt, task.undo > 0, 0, False
                self._total = self._fetched = 0
                log.clear()
            if whole or not attempt or not self.on_top:
                await asyncio.sleep(TICK)
                continue
            request = GetOutput(
                id=0, step=self.spec.id, host=host, attempt=attempt, undo=undo, offset=offset, limit=_CHUNK
            )
            answer = await self.session.ask(request, Output)
            if isinstance(answer, str):
                self._trouble = one_line(answer)
                self.repaint()
                await asyncio.sleep(4 * TICK)
                continue
            self._trouble = ""
            if answer.size - offset > MAX_CHARACTERS:  # more than is kept: go straight to what will be
                offset = answer.size - MAX_CHARACTERS
                log.clear()
                self._fetched = 0
                continue
            offset += len(answer.data)
            whole = not answer.running and offset >= answer.size and task.state != "running"
            self._took(log, answer, whole)
            await asyncio.sleep(0 if offset < answer.size and answer.data else TICK)

    def _took(self, log: OutputLog, answer: Output, whole: bool) -> None:
        if answer.data or whole:
            log.feed(answer.data, final=whole)
        if answer.size != self._total or answer.data:
            self.repaint()
        self._total = answer.size
        self._fetched += len(answer.data)

    # -- actions --------------------------------------------------------------------------------------------------

    def action_verb(self, name: str) -> None:
        """While a search is on, the key of a note goes to the next match."""
        if name == "note" and self.runs and self.query_one(OutputLog).needle:
            self.query_one(OutputLog).step(1)
        else:
            super().action_verb(name)

    def action_previous(self) -> None:
        if self.runs:
            self.query_one(OutputLog).step(-1)

    def action_follow(self) -> None:
        """Keep the end of the output in view, or not."""
        if self.runs:
            log = self.query_one(OutputLog)
            log.set_follow(not log.following)

    def action_find(self) -> None:
        """Ask what to search for."""
        if self.runs:
            self.show_pane(0, focus=False)
            find = self.query_one("#find", Input)
            find.add_class("-open")
            find.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self._close_find()
        self.query_one(OutputLog).search(one_line(event.value))

    def _close_find(self) -> None:
        self.query_one("#find").remove_class("-open")
        self.query_one(OutputLog).focus()

    def action_back(self) -> None:
        """Out of the search first, then back."""
        if self.runs and self.query_one("#find").has_class("-open"):
            self._close_find()
        elif self.runs and self.query_one(OutputLog).needle:
            self.query_one(OutputLog).search("")
        else:
            super().action_back()

    def action_copy(self) -> None:
        """The end of the output to the clipboard of the terminal."""
        if self.runs:
            lines = self.query_one(OutputLog).buffer.lines[-COPIED:]
            self.app.copy_to_clipboard("\n".join(lines))
            self.notify(f"{len(lines)} lines copied", markup=False)
