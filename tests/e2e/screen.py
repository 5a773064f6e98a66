"""A real terminal for the program: a pty read through a terminal emulator."""

from __future__ import annotations

import time
from collections.abc import Callable

import pexpect
import pyte

from tests.e2e.program import PROGRAM, Program


class Terminal:
    """The program in a pty of ``columns`` x ``rows``; ``text`` is what a person would see."""

    def __init__(self, program: Program, *arguments: str, columns: int = 120, rows: int = 40) -> None:
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.child = pexpect.spawn(
            PROGRAM[0], [*PROGRAM[1:], *arguments], env=program.env, dimensions=(rows, columns), timeout=5
        )

    def read(self) -> None:
        """Take in what the program wrote since."""
        while True:
            try:
                self._stream.feed(self.child.read_nonblocking(65536, timeout=0.05))
            except (pexpect.TIMEOUT, pexpect.EOF):
                return

    @property
    def text(self) -> str:
        """The screen, a line a row."""
        self.read()
        return "\n".join(self.screen.display)

    def until(self, *words: str, seconds: float = 120.0) -> str:
        """The screen once all ``words`` are on it. Fails with the last one."""
        return self.wait(lambda text: all(w in text for w in words), f"{words}", seconds)

    def wait(self, what: Callable[[str], bool], why: str, seconds: float = 120.0) -> str:
        """The screen once ``what`` holds for it."""
        deadline = time.monotonic() + seconds
        while True:
            text = self.text
            if what(text):
                return text
            assert time.monotonic() < deadline, f"never saw {why}:\n{text}"

    def press(self, keys: str) -> None:
        """Type."""
        self.child.send(keys)

    def resize(self, columns: int, rows: int) -> None:
        """As a window manager does."""
        self.screen.resize(rows, columns)
        self.child.setwinsize(rows, columns)

    def hang_up(self) -> None:
        """The terminal is gone."""
        self.child.close(force=True)
