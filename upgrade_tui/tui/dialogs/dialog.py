"""What the dialogs share: a box in the middle, a title, a body of foreign text, a line that says which keys do what."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar, TypeVar

from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Static
from textual.worker import NoActiveWorker, get_current_worker

from upgrade_tui.foreign import harmless, one_line

T = TypeVar("T")


async def ask_dialog(app: App[Any], dialog: Dialog[T]) -> T | None:
    """Show ``dialog`` and wait for its answer; None if it went away without one.

    Raises RuntimeError outside a worker: an action that waited would keep the pump busy that delivers the keys.
    """
    try:
        get_current_worker()
    except NoActiveWorker:
        raise RuntimeError("ask from a worker: decorate the action or handler with @work") from None
    answer: asyncio.Future[T | None] = asyncio.get_running_loop().create_future()
    dialog.answer = answer
    await app.push_screen(dialog)
    return await answer


class Body(VerticalScroll):
    """Foreign text of any length: at most what the screen has room for, then it scrolls (and takes the focus)."""

    DEFAULT_CSS = """
    Body {
        height: auto;
        scrollbar-size-vertical: 1;
        & > Static { height: auto; }
    }
    """

    def __init__(self, text: str) -> None:
        super().__init__(Static(Content(harmless(text).strip("\n")), markup=False), can_focus=False)

    def on_resize(self) -> None:
        """Only what can be scrolled is worth a stop of the tab key."""
        self.can_focus = self.max_scroll_y > 0


class Dialog(ModalScreen[T]):
    """A question. Subclasses give ``question()`` its widgets and call ``reply``; escape replies None."""

    KEYS: ClassVar[str] = "esc cancel · enter accept"
    ROWS: ClassVar[int] = 10  # of the box, all but the body: what a long body must leave room for
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "Cancel", show=False)]
    CSS_PATH = "dialogs.tcss"
    VERTICAL_BREAKPOINTS = [(0, "-low"), (18, "-high")]  # noqa: RUF012

    def __init__(self, title: str, body: str) -> None:
        super().__init__()
        self.heading, self.body = one_line(title), body
        self.answer: asyncio.Future[T | None] | None = None

    def compose(self) -> ComposeResult:
        """The box: body, the subclass's widgets, keys."""
        with Vertical(id="box") as box:
            box.border_title = Content(self.heading)
            if self.body.strip():
                yield Body(self.body)
            yield from self.question()
            yield Static(Content(self.KEYS), id="keys")

    def on_resize(self, event: events.Resize) -> None:
        """A long body scrolls rather than push what asks off the screen."""
        self.fit(event.size.height)

    def fit(self, height: int) -> None:
        """For a screen of so many rows."""
        for body in self.query(Body):
            body.styles.max_height = max(2, int(height * 0.9) - self.ROWS)

    def question(self) -> list[Widget]:
        raise NotImplementedError

    def reply(self, value: T | None) -> None:
        """Give the answer and go."""
        if self.answer is not None and not self.answer.done():
            self.answer.set_result(value)
            self.dismiss()

    def action_cancel(self) -> None:
        self.reply(None)

    def on_unmount(self) -> None:
        """Whoever waits must not wait for ever if the screen was taken away by something else."""
        if self.answer is not None and not self.answer.done():
            self.answer.set_result(None)
