"""The tones of the screen, and its glyphs for a terminal that has only ASCII. Pure.

A tone is the name of a meaning, not of a colour: ``theme`` gives it one.
"""

from __future__ import annotations

from typing import Literal, get_args

from upgrade_tui.window.event_row import Tone
from upgrade_tui.window.state_words import ARMED, EXCLUDED, LEVELS, LINKS, PHASES, TASKS, VERDICTS

ScreenTone = Tone | Literal["title", "key"]
TONES: tuple[ScreenTone, ...] = (*get_args(Tone), "title", "key")


_OURS = {
    **{ord(w.glyph): w.ascii for table in (TASKS, LINKS, VERDICTS, LEVELS, PHASES, ARMED) for w in table.values()},
    ord(EXCLUDED.glyph): EXCLUDED.ascii,
    ord("‼"): "!",
    **dict(zip(map(ord, "▁▂▃▄▅▆▇█"), ".:-=+*%#", strict=True)),
    **dict(zip(map(ord, "─│┌┐└┘├┤┬┴┼╭╮╰╯━┃┏┓┗┛═║╔╗╚╝"), "-|+++++++++++++-|++++=|++++", strict=False)),
    **{ord(a): b for a, b in zip("…·→←↑↓≥≤×−—“”‘’▸▾▼▕▏░▒▓▔▎▊▌▐▄▀", "~.><^v><x--\"\"''>vv||.:%-|||#-", strict=False)},
}


class _Ascii(dict[int, str]):
    """Our own glyphs by their stand-ins, anything else that is not ASCII as ``?`` (twice where it is two cells)."""

    def __missing__(self, code: int) -> str:
        if code < 0x80:
            return chr(code)
        from rich.cells import get_character_cell_size

        return "?" * get_character_cell_size(chr(code))


_ASCII = _Ascii(_OURS)


def ascii_only(text: str) -> str:
    """``text`` for a terminal that has only ASCII, as wide as it was."""
    return text if text.isascii() else text.translate(_ASCII)
