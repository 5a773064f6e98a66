"""The lines around the panes: title, banner, tabs, keys. What they say is worked out here from plain values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.cells import cell_len
from textual import events
from textual.message import Message

from upgrade_tui.tui.alarms import alarms
from upgrade_tui.tui.scene import Scene
from upgrade_tui.tui.widgets.line_view import Bar
from upgrade_tui.tui.widgets.spans import Line, Span, clip, cut, length, wrapped_in
from upgrade_tui.window.state_words import phase_word


class TitleBar(Bar):
    """Which window, what it is for; who looks on, and what time it is for the conductor."""

    DEFAULT_CSS = "TitleBar { height: 1; background: $panel; }"

    def show(self, scene: Scene) -> None:
        """One line: left the window, right the people and the time."""
        self.set_lines([title_line(scene, self.app.size.width)])


def title_line(scene: Scene, width: int) -> Line:
    window, state = scene.plan.window, scene.state
    word = phase_word(state.phase)
    people = {o.login for o in state.operators.values()}
    here = f" +{len(people - {scene.login})} here" if people - {scene.login} else ""
    zone = scene.moment(scene.now).strftime("%Z")
    right: Line = (
        (f"{scene.login} ", "strong"),
        (f"({scene.role}){here}  ", "muted"),
        (scene.time(scene.now), "strong"),
        (f" {zone} ", "muted"),
    )
    left = width - length(right) - 1
    room = left - len(window.id) - len(word.text) - 6
    out: list[Span] = [(f" {window.id}", "strong"), (f"  {word.text}  ", word.tone)]
    out.append((clip("  ".join(p for p in (window.change, window.title) if p), max(0, room)), "plain"))
    start = cut(tuple(out), max(0, left))
    return (*start, (" " * max(1, width - length(start) - length(right)), "muted"), *right)


class Banner(Bar):
    """What must not be overlooked, whatever is looked at. Not there when all is well."""

    DEFAULT_CSS = "Banner { height: auto; display: none; background: $tone-alarm; }"

    def show(self, scene: Scene) -> None:
        """Appears and goes by itself."""
        self.say(alarms(scene))

    def say(self, found: Sequence[Line]) -> None:
        """These lines; none: it goes away."""
        width = self.app.size.width - 2
        pieces = [piece for line in found for piece in wrapped_in(line, width, 2)]
        lines: list[Line] = [(("  ", "muted"), *piece) for piece in pieces]
        if len(lines) != len(self.lines):
            self.display = bool(lines)
            self.styles.height = max(1, len(lines))
        self.set_lines(lines)


class TabBar(Bar):
    """The panes' names, where only one fits; the one on show is marked."""

    DEFAULT_CSS = "TabBar { height: 1; display: none; background: $surface; }"

    class Picked(Message):
        """A tab was clicked."""

        def __init__(self, pane: int) -> None:
            super().__init__()
            self.pane = pane

    def show(self, names: Sequence[tuple[int, str, bool]], current: int) -> None:
        """``names``: number, name, whether it needs a look."""
        out: list[Span] = []
        for number, name, needy in names:
            text = f"{number} {name}{' ▲' if needy else ''}"
            shown = f"▐{text}▌" if number == current else f" {text} "
            out.append((shown, "strong" if number == current else "tight" if needy else "muted"))
            out.append((" ", "muted"))
        self.set_lines([tuple(out)])

    def on_click(self, event: events.Click) -> None:
        at = 0
        for text, _ in self.lines[0] if self.lines else ():
            at += cell_len(text)
            if event.x < at:
                digits = [c for c in text if c.isdigit()]
                if digits:
                    self.post_message(self.Picked(int(digits[0])))
                return


class KeyBar(Bar):
    """The keys that matter now; what is not possible now is muted and in brackets."""

    DEFAULT_CSS = "KeyBar { height: 1; background: $panel; }"

    def show(self, keys: Iterable[tuple[str, str, bool]]) -> None:
        """``keys``: key, what it does, whether it can be done now."""
        self.set_lines([key_line(keys, self.app.size.width)])


def key_line(keys: Iterable[tuple[str, str, bool]], width: int) -> Line:
    """As many keys as fit, each whole."""
    out: list[Span] = []
    used = 1
    for key, label, enabled in keys:
        text = f" {key} {label} " if enabled else f"({key} {label})"
        if used + cell_len(text) + 1 > width:
            break
        used += cell_len(text) + 1
        if enabled:
            out += [(f" {key}", "key"), (f" {label}  ", "plain")]
        else:
            out += [(f"{text} ", "muted")]
    return tuple(out)
