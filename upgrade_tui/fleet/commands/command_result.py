"""How a command ended."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

ON_REQUEST = "it was ended on request"
"""How the early end of a command begins that this window asked for."""

OnOutput = Callable[[bytes], None]


class CommandResult(Struct, frozen=True, kw_only=True):
    """``proven`` False: the link or this side broke, so nobody knows how it ended (never green, never red).

    ``sent`` False: it never left this machine, the host was not reached.
    """

    exit: int | None = None  # None: ended by ``signal``, or not known
    signal: str = ""  # "TERM", "KILL", ...
    seconds: float = 0.0
    timed_out: bool = False
    ended: bool = False  # on request, before it was through
    early: str = ""  # why it did not come to its own end, and what that took: a timeout, a request, a shutdown
    proven: bool = True
    sent: bool = True
    left: str = ""  # what a timeout could not end there: pid, user and name of each
    reason: str = ""  # one line, where something went wrong

    @property
    def ok(self) -> bool:
        """Proven to have ended with exit 0, in time and by itself."""
        by_itself = not (self.timed_out or self.ended or self.early)
        return self.proven and self.sent and self.exit == 0 and by_itself
