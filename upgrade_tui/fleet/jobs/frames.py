"""What the follower on the host prints: lines that begin with the call's mark, and output by length. Pure.

::

    new|there PID START DIRECTORY    the follower's pid and when it began (clock ticks); "-": the job is not there;
                                     before this line comes whatever login scripts print
    O n                          n bytes of output follow
    G a b                        output from byte a to b was not kept
    K                            it runs: said once that is known, and now and then
    A what                       a dead-man is armed; what could kill it, if anything could
    X code why how began ended total     it ended; seconds since boot; bytes of output in all
    L pid user name              what a timeout could not end; more than one; comes before X
    N reason                     it was not started and never will be
    D reason                     this call did nothing, and found out nothing
    U reason                     how it ended is not known
    R ...                        an answer of manage.sh; what follows is text
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from msgspec import Struct

from upgrade_tui.foreign import one_line

_LONGEST = 4096  # bytes of a line
_BANNER = 64 * 1024  # bytes that login scripts may print


class Garbled(Exception):
    """The host said something that is none of these frames."""


class JobResult(Struct, frozen=True):
    """Of a job that ended on the host.

    ``why``: "exit", "timeout", "ended" (we asked for it), "deadman" (its dead-man did), "shutdown", "signal" (somebody
    else asked), "rebooted" (that, and the host has rebooted since). ``how``: the last signal sent; "left" where not
    even that ended all of it; or "-".
    """

    code: int
    why: str
    how: str
    seconds: float
    total: int


class Frames:
    """Fed with bytes; calls back with output, remembers the rest."""

    def __init__(
        self, mark: bytes, on_output: Callable[[bytes], None], on_gap: Callable[[int, int], None],
        on_found: Callable[[], None], offset: int = 0, on_begun: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self.found = False  # the script runs and has the directory
        self.made = False  # ... and made it just now
        self.begun = False  # ... and the directory is there
        self.directory = ""
        self.pid = self.born = 0  # of the follower
        self.offset = offset  # next byte of output to come
        self.result: JobResult | None = None
        self.never = ""
        self.unknown = ""
        self.denied = ""
        self.left: list[str] = []
        self.armed = False
        self.risk = ""
        self.banner = b""
        self._mark = mark + b" "
        self._held = b""
        self._due = 0
        self._on_output, self._on_gap, self._on_found = on_output, on_gap, on_found
        self._on_begun = on_begun

    @property
    def over(self) -> bool:
        """Nothing more will come."""
        return self.result is not None or bool(self.never or self.unknown or self.denied) or self.armed

    def feed(self, data: bytes) -> None:
        """Raises Garbled."""
        if not self.found:
            data = self._banner(self._held + data)
        while data and not self.over:
            if self._due:
                piece, data = data[: self._due], data[self._due :]
                self._due -= len(piece)
                self.offset += len(piece)
                self._on_output(piece)
                continue
            line, newline, rest = (self._held + data).partition(b"\n")
            if not newline:
                if len(line) > _LONGEST:
                    _garbled(line)
                self._held = line
                return
            self._held, data = b"", rest
            if not line.startswith(self._mark):
                _garbled(line)
            self._line(line[len(self._mark) :].decode("utf-8", "replace"))

    def _banner(self, data: bytes) -> bytes:
        """Look for the mark; what follows its line."""
        self._held = b""
        start = data.find(self._mark)
        end = data.find(b"\n", start)
        if start < 0 or end < 0:
            self.banner = data[:200]
            self._held = data[-_BANNER:]
            return b""
        line = data[start + len(self._mark) : end].decode("utf-8", "replace")
        how, _, rest = line.partition(" ")
        pid, _, rest = rest.partition(" ")
        born, _, self.directory = rest.partition(" ")
        self.pid, self.born = int(pid) if pid.isdigit() else 0, int(born) if born.isdigit() else 0
        self.found, self.made = True, how == "new"
        if self.made:
            self._on_found()
        if self.directory != "-":
            self.begun = True
            self._on_begun()
        return data[end + 1 :]

    def _line(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        try:
            match word:
                case "O":
                    self._due = int(rest) if rest.isdigit() else _garbled(line.encode())
                case "G":
                    start, end = (int(n) for n in rest.split())
                    self.offset = end
                    self._on_gap(start, end)
                case "X":
                    self.result = _result(rest)
                case "N":
                    self.never = one_line(rest, 300) or "it was never started"
                case "U":
                    self.unknown = one_line(rest, 300) or "how it ended is not known"
                case "D":
                    self.denied = one_line(rest, 300) or "nothing could be done on the host"
                case "L":
                    self.left.append(one_line(rest, 100))
                case "A":
                    self.armed, self.risk = True, one_line(rest, 300)
                case "K":
                    self._on_found()
                case _:
                    _garbled(line.encode())
        except ValueError:
            _garbled(line.encode())


def _result(text: str) -> JobResult:
    code, why, how, began, ended, total = text.split()
    return JobResult(int(code), why, how, max(0.0, float(ended) - float(began)), int(total))


def _garbled(line: bytes) -> NoReturn:
    raise Garbled(f"the host answered with something else: {one_line(line[:200].decode('utf-8', 'replace'))}")
