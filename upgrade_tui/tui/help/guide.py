"""The first screen of a tour: what there is to see, what to press first. Gone at the next key."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen

from upgrade_tui.tui.open_message import Open
from upgrade_tui.tui.widgets.line_view import Bar
from upgrade_tui.tui.widgets.spans import BLANK, Line
from upgrade_tui.window.state_words import STEPS

SEE: tuple[tuple[str, str], ...] = (
    ("clock", "until when you can still go back, and the slack until then"),
    ("steps", f"the plan; {STEPS['running'].text}, {STEPS['ready'].text} to start, {STEPS['done'].text}"),
    ("hosts", "real SSH servers on this machine; one of them misbehaves"),
    ("canaries", "is the service healthy? One will turn red and recover"),
)
PRESS: tuple[tuple[str, str], ...] = (
    ("↑ ↓ enter", "choose a step, see exactly what it runs"),
    ("space", "tick a manual step;  g votes go at a gate"),
    ("s", "start a step; a preview comes first"),
    ("?", "all keys and words, any time;  q leaves, and ends the demo"),
    ("elsewhere", "in another terminal: upgrade-tui attach, status, tick STEP"),
)


def lines() -> list[Line]:
    out: list[Line] = [(("This is a real upgrade window, in small.", "strong"),), BLANK]
    out += [((f"{what:<11}", "title"), (text, "plain")) for what, text in SEE]
    out += [BLANK, (("Press first", "strong"),)]
    out += [((f"{key:<11}", "key"), (text, "plain")) for key, text in PRESS]
    return [*out, BLANK, (("enter", "key"), (" begin", "muted"), ("   ?", "key"), (" help", "muted"))]


class GuideScreen(ModalScreen[None]):
    """A box over the dashboard."""

    CSS_PATH = "../detail_screen.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,escape,space,q", "begin", "begin"),
        Binding("question_mark", "help", "help"),
    ]

    def compose(self) -> ComposeResult:
        with Vertical(id="guide-box") as box:
            box.border_title = Content("Welcome")
            yield Bar(*lines())

    def action_begin(self) -> None:
        self.dismiss()

    def action_help(self) -> None:
        """The help of the dashboard below, in place of the guide."""
        self.dismiss()
        self.app.call_later(self.app.post_message, Open("help"))
