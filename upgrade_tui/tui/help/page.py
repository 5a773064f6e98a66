"""The help: keys grouped by what they are for, what the words mean, what the glyphs are. Pure; nothing is listed twice.

Keys come from the bindings that are active on the screen the help was opened from, so what is listed here works there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from upgrade_tui.tui.verbs.verb_table import VERBS, of_action
from upgrade_tui.tui.widgets.spans import BLANK, Line, beside, fit, widest, wrapped
from upgrade_tui.window.state_words import ARMED, EXCLUDED, LEVELS, LINKS, PHASES, STEPS, TASKS, VERDICTS, Word


class Key(Struct, frozen=True):
    """A key as it is bound: what it is called on the screen, the action, its text, whether it is possible now."""

    shown: str
    action: str
    text: str
    enabled: bool = True


SCOPES = {
    "step": "On the step",
    "task": "On the tasks",
    "host": "On the host",
    "window": "On the window",
}
MOVING = frozenset({
    "focus_next", "focus_previous", "pane", "next_pane", "move", "page", "edge", "side", "sideways", "details", "back",
    "scroll_up", "scroll_down", "scroll_left", "scroll_right", "scroll_home", "scroll_end", "page_up", "page_down",
    "page_left", "page_right",
})  # fmt: skip
TEXTS = {"focus_next": "to the next pane or list", "focus_previous": "to the one before"}
HIDDEN = {"copy_text", "help_quit", "screen.copy_text", "copy_selected_text"}

WORDS: tuple[tuple[str, str], ...] = (
    ("rollback cost", "how long undoing everything done so far would take"),
    ("rollback by", "the last moment to start that: window end, less the margin, less the rollback cost"),
    ("slack", "time left until rollback by; it shrinks with the clock and with every change made"),
    ("forecast", "when what remains will be over, by the estimates and by how this window goes"),
    ("point of no return", "an irreversible step was begun: from there on only forward"),
    ("held", "a step waits: before the start, past the end or with no time to undo it nothing begins to change a host"),
    ("override", "the lead's reason to let go of what the clock holds, one batch or the rest; it is in the log"),
    ("promised (rto)", "how long recovery may take by the plan; a rollback is held against it"),
    ("armed", "the host undoes the step by itself when the time is over, unless somebody confirms with K"),
    (
        "unprotected",
        "what was to undo the step on the host is gone: nothing will; K says that it stays, or R undoes it",
    ),
    ("excluded", "the host takes no part in the rest of the window"),
    ("aborted", "running tasks were ended, nothing starts any more unless the lead takes it back"),
    ("evidence", "what a gate is decided on; a go counts for the evidence that was read, and for no other"),
    ("unknown", "the link broke and no result is proven: neither done nor failed; look, then settle it with X"),
    ("unreachable", "nothing was sent to the host"),
    ("settle", "a person looked at the host and says what is so"),
    ("batch", "hosts of a step that run together"),
    ("bake", "quiet time in which the canaries must stay healthy"),
    ("gate", "go or no-go: people vote before it goes on"),
    ("canary", "a health signal; degraded at the first failure, failing after several in a row"),
    ("stale", "the newest number is older than three seconds"),
    ("claim", "take a step over, for everybody to see"),
    ("conductor", "the background process that runs the window; leaving the dashboard does not stop it"),
)


def grouped(keys: Iterable[Key]) -> list[tuple[str, list[Key]]]:
    """Verbs by what they act on, then looking, then moving. Keys with the same action are put together."""
    groups: dict[str, dict[str, Key]] = {title: {} for title in (*SCOPES.values(), "Look", "Move")}
    for key in keys:
        action = key.action.removeprefix("app.").removeprefix("screen.")
        name = action.partition("(")[0]
        if name in HIDDEN or not key.text:
            continue
        verb = of_action(action) or (VERBS["rollback"] if name == "do" else None)
        title = SCOPES[verb.scope] if verb is not None else "Move" if name in MOVING else "Look"
        same = name if name == "pane" else key.action
        before = groups[title].get(same)
        if before is None:
            text = "to that pane" if name == "pane" else TEXTS.get(name, key.text)
            groups[title][same] = Key(key.shown, key.action, text, key.enabled)
        elif key.shown not in before.shown.split(" "):
            shown = f"{before.shown.split('-')[0]}-{key.shown}" if name == "pane" else f"{before.shown} {key.shown}"
            groups[title][same] = Key(shown, before.action, before.text, before.enabled)
    return [(title, list(found.values())) for title, found in groups.items() if found]


def key_lines(keys: Iterable[Key], width: int) -> list[Line]:
    """The keys, group by group; what is not possible now is muted and says so."""
    groups = grouped(keys)
    room = min(14, widest((k.shown for _, found in groups for k in found), 3))
    out: list[Line] = []
    for title, found in groups:
        out.append(((title, "title"),))
        for key in found:
            text = key.text if key.enabled else f"{key.text} (not now)"
            first, *rest = wrapped(((text, "plain" if key.enabled else "muted"),), max(12, width - room - 2))
            out.append(((fit(key.shown, room) + "  ", "key" if key.enabled else "muted"), *first))
            out += [((" " * (room + 2), "muted"), *more) for more in rest]
        out.append(BLANK)
    return out[:-1]


def word_lines(width: int) -> list[Line]:
    """What the words mean, a line or two each."""
    names = widest(word for word, _ in WORDS)
    out: list[Line] = [(("Words", "title"),)]
    for word, means in WORDS:
        first, *rest = wrapped(((means, "plain"),), max(12, width - names - 2))
        out.append(((fit(word, names) + "  ", "strong"), *first))
        out += [((" " * (names + 2), "muted"), *more) for more in rest]
    return out


def glyph_lines(width: int) -> list[Line]:
    """Every state with its glyph, straight from the tables the screens use."""
    tables: tuple[tuple[str, dict[str, Word]], ...] = (
        ("Steps and tasks", STEPS | TASKS | {"excluded": EXCLUDED}),
        ("Links to hosts", LINKS),
        ("Canaries", VERDICTS),
        ("Rollback clock", LEVELS),
        ("Dead-man rollback", ARMED),
        ("The window", PHASES),
    )
    out: list[Line] = []
    across = max(1, (width + 2) // 22)
    for title, table in tables:
        out.append(((title, "title"),))
        words = list(table.values())
        rows = [words[start : start + across] for start in range(0, len(words), across)]
        out += [tuple((fit(word.text, 22), word.tone) for word in row) for row in rows]
        out.append(BLANK)
    return out[:-1]


def help_page(keys: Sequence[Key], width: int) -> list[Line]:
    """Everything, side by side as far as there is room."""
    gap = 4
    across = 3 if width >= 170 else 2 if width >= 104 else 1
    each = (width - gap * (across - 1)) // across
    keys_there, words, glyphs = key_lines(keys, each), word_lines(each), glyph_lines(each)
    if across == 1:
        return [*keys_there, BLANK, *words, BLANK, *glyphs]
    right = [*words, BLANK, *glyphs] if across == 2 else beside(words, glyphs, each, gap)
    return beside(keys_there, right, each, gap)
