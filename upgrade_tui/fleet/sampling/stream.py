"""A long-lived channel to a program on a host that prints lines: a sampler, or its slow companion."""

from __future__ import annotations

import logging
from collections.abc import Callable

import asyncssh

from upgrade_tui.fleet.commands.channel import Channel
from upgrade_tui.fleet.sampling.sample_builder import Splitter
from upgrade_tui.foreign import decoded, one_line

_WINDOW = 32 * 1024  # bytes that a host may send unread: bounds what is stale after a stall
_STDERR_KEPT = 400

_log = logging.getLogger(__name__)


class Lines(Channel):
    """Hands over complete lines as they come. ``closed`` is done when the channel is gone, whatever the reason."""

    def __init__(self, on_lines: Callable[[list[bytes]], None]) -> None:
        super().__init__()
        self.stderr = b""
        self._on_lines = on_lines
        self._splitter = Splitter()

    def take(self, data: bytes, datatype: asyncssh.DataType) -> None:
        """Lines, and what it complains of."""
        if datatype is not None:
            self.stderr = (self.stderr + data)[:_STDERR_KEPT]
        elif lines := self._splitter.split(data):
            self._on_lines(lines)

    def failed(self, error: Exception) -> None:
        """The lines that follow may be good again."""
        _log.error("a line of a sampler could not be used", exc_info=error)

    def tick(self) -> None:
        """Ask a ticked program for its next line."""
        if (
            self.channel is not None and not self.closed.done() and self.channel.get_write_buffer_size() == 0
        ):  # else it is behind already
            self.channel.write(b"\n")

    def close(self) -> None:
        """End the program by ending its channel."""
        if self.channel is not None and not self.closed.done():
            self.channel.abort()  # close() would wait until what we wrote is taken: a program that hangs takes nothing

    @property
    def complaint(self) -> str:
        """What the program said on stderr, one line."""
        return one_line(decoded(self.stderr).strip(), 200)


async def open_lines(
    connection: asyncssh.SSHClientConnection, command: str, on_lines: Callable[[list[bytes]], None]
) -> Lines:
    """Start ``command`` on the host. Raises asyncssh.Error or OSError where the channel cannot be opened."""
    _channel, session = await connection.create_session(
        lambda: Lines(on_lines), command, encoding=None, window=_WINDOW, request_pty=False
    )
    assert isinstance(session, Lines)
    return session
