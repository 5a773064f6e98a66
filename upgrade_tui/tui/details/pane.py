"""The details column of a wide screen: the head and the sections of the screen that enter opens, for its width."""

from __future__ import annotations

from upgrade_tui.tui.canary import page as canary_page
from upgrade_tui.tui.host import page as host_page
from upgrade_tui.tui.scene import Scene
from upgrade_tui.tui.sections import section
from upgrade_tui.tui.step import page as step_page
from upgrade_tui.tui.widgets.line_pane import WholePane
from upgrade_tui.tui.widgets.spans import BLANK, Line, cut, wrapped
from upgrade_tui.window.state_words import step_word, worst_first

UNCUT = 1_000  # cells: heads are made for one line, here they go on below
_MANY = 12  # hosts of a step


class DetailsPane(WholePane):
    """Shows what is under the cursor of the pane that was last looked at: ``about`` is (kind, name)."""

    NAME = "card"

    def __init__(self) -> None:
        super().__init__()
        self.about = ("step", "")

    def title(self) -> str:
        return f"details · {self.about[0]}"

    def whole(self, scene: Scene, width: int) -> list[Line]:
        return detail_lines(scene, *self.about, width)

    def look_at(self, kind: str, name: str) -> None:
        """Another item: from its top."""
        if (kind, name) != self.about:
            self.about = (kind, name)
            self.scroll_to(y=0, animate=False)
            if self.display:
                self.lay()


def detail_lines(scene: Scene, kind: str, name: str, width: int) -> list[Line]:
    """The lines for what is under the cursor; ``kind`` is step, host or canary."""
    spec, canary = scene.plan.step(name), scene.plan.canary(name)
    body: list[Line] = []
    if kind == "step" and spec is not None:
        head = step_page.step_header(scene, spec, UNCUT)
        section(body, "Hosts", _tasks(scene, name, width))
        section(body, "", step_page.spec_lines(scene, spec, width))
    elif kind == "host" and name in scene.state.hosts:
        head = host_page.host_header(scene, name, UNCUT)
        section(body, "", host_page.state_lines(scene, name, width))
        section(body, "Steps on this host", host_page.task_lines(scene, name, width))
    elif kind == "canary" and canary is not None:
        head = canary_page.canary_header(scene, canary, UNCUT)
        section(body, "", canary_page.probe_lines(canary, width))
        uses = ", ".join(s.id for s in scene.plan.steps if name in s.canaries)
        section(body, "Watches", wrapped(((uses, "plain"),), width) if uses else ())
    else:
        return [(("nothing is selected", "muted"),)]
    notes = [note for note in scene.state.notes if name in (note.step, note.host)]
    section(body, "Notes", (line for note in notes[-5:] for line in wrapped((("· " + note.text, "plain"),), width)))
    return [
        *(piece for line in head for piece in wrapped(line, width)),
        BLANK,
        *(cut(line, width) for line in body[:-1]),
    ]


def _tasks(scene: Scene, step_id: str, width: int) -> list[Line]:
    """Of many hosts those that most need a look."""
    step = scene.state.steps[step_id]
    hosts = list(step.tasks)
    if len(hosts) > _MANY:
        hosts.sort(key=lambda host: worst_first(step_word(step.tasks[host].state).tone))
    more: Line = ((f"and {len(hosts) - _MANY} more; enter on the step shows them all", "muted"),)
    lines = step_page.tasks(scene, step, width, hosts[:_MANY])
    return [*lines, cut(more, width)] if len(hosts) > _MANY else lines
