"""A task's output as lines that may be shown: bytes in any pieces go in, bounded, harmless text comes out. Pure.

What a terminal would have done with it is not done, with three exceptions that make real output readable: a carriage
return begins the line again (a progress bar shows its last state), colours and "erase to the end of the line" are
dropped. Everything else that acts on a terminal is made visible by ``upgrade_tui.foreign``.
"""

from __future__ import annotations

import codecs
import re

from upgrade_tui.foreign import harmless

MAX_LINES = 50_000
MAX_CHARACTERS = 5_000_000
LINE_LIMIT = 8_192  # characters of a line that are kept; of longer ones the number left out is said
_SLACK = 1.05  # trimmed in one go when this much over, so that lines are not moved at every one

_PLAIN = re.compile(r"[\x20-\x7e\n]*")
_STYLE = re.compile("\x1b\\[[0-9;:]*[mK]")


class OutputBuffer:
    """The newest lines of an output, at most ``max_lines`` and ``max_characters``.

    ``dropped`` counts the lines that were let go at the beginning, so line ``i`` of ``lines`` is number
    ``dropped + i + 1``. The last line may be unfinished; it is in ``lines`` as far as it goes.
    """

    def __init__(self, max_lines: int = MAX_LINES, max_characters: int = MAX_CHARACTERS) -> None:
        self._max_lines, self._max_characters = max_lines, max_characters
        self.clear()

    def clear(self) -> None:
        """Begin again with nothing."""
        self.lines: list[str] = []
        self.dropped = 0
        self.finished = 0  # how many of ``lines`` cannot change any more
        self._characters = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._tail, self._left_out = "", 0

    def feed(self, data: bytes, *, final: bool = False) -> int:
        """Take in the next bytes. Gives the index of the first line that changed (before any were dropped).

        ``final``: nothing more will come; half a character at the end is one that is broken.
        """
        first = self.finished
        del self.lines[self.finished :]
        text = self._decoder.decode(data, final)
        start = self._plain(text) if _PLAIN.fullmatch(text) else 0
        while (end := text.find("\n", start)) >= 0:
            self._hold(text[start:end])
            self._close()
            start = end + 1
        self._hold(text[start:])
        if self._tail or self._left_out:
            self.lines.append(_readable(self._tail, self._left_out))
        return first

    def _plain(self, text: str) -> int:
        """Takes whole lines of plain text in one go, as a flood needs it. Gives where what is left of it begins."""
        if self._tail or self._left_out:
            return 0
        end = text.rfind("\n") + 1
        lines = text[: end - 1].split("\n") if end else []
        if not lines or max(map(len, lines)) > LINE_LIMIT:
            return 0
        self.lines += lines
        self.finished += len(lines)
        self._characters += end - len(lines)
        return end

    def trim(self) -> int:
        """Let the oldest lines go where there are too many. Gives how many went."""
        if self.finished <= self._max_lines * _SLACK and self._characters <= self._max_characters * _SLACK:
            return 0
        gone = max(0, self.finished - self._max_lines)
        characters = self._characters - sum(map(len, self.lines[:gone]))
        while characters > self._max_characters and gone < self.finished:
            characters -= len(self.lines[gone])
            gone += 1
        del self.lines[:gone]
        self.finished -= gone
        self.dropped += gone
        self._characters = characters
        return gone

    def _hold(self, text: str) -> None:
        """More of the unfinished line. Only what can still be seen of it is kept, however long it gets."""
        if "\r" in text:
            text, self._tail, self._left_out = _from_last_return(self._tail + text), "", 0
        elif self._tail.endswith("\r") and text:
            self._tail, self._left_out = "", 0
        room = LINE_LIMIT - len(self._tail)
        if len(text) <= room:
            self._tail += text
            return
        ends_in_return = text.endswith("\r")
        self._tail += text[:room] + ("\r" if ends_in_return else "")
        self._left_out += len(text) - room - ends_in_return

    def _close(self) -> None:
        line = _readable(self._tail, self._left_out)
        self.lines.append(line)
        self.finished += 1
        self._characters += len(line)
        self._tail, self._left_out = "", 0


def _from_last_return(text: str) -> str:
    """From the last carriage return on that something stands behind. One at the very end may be half of CR LF."""
    body = text.rstrip("\r")
    kept = body[body.rfind("\r") + 1 :]
    return kept + "\r" if len(body) < len(text) else kept


def _readable(text: str, left_out: int) -> str:
    line = text.rstrip("\r")
    if not (line.isascii() and line.isprintable()):
        line = harmless(_STYLE.sub("", line)).expandtabs(8)
    return f"{line} … and {left_out:,} characters more" if left_out else line
