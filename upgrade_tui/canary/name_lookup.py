"""Looking names up without letting a dead name server hold up anything else.

``loop.getaddrinfo`` borrows threads of the loop's default executor and keeps them as long as the resolver waits: tens
of seconds with a dead name server, whatever our timeout. A few canaries would so take every thread, also those that
others wait for. Here a name in flight has one thread of its own, however many ask for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Sequence

from upgrade_tui.canary.error_text import place_text

AddrInfo = tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int]]
Resolve = Callable[[str, int], Sequence[AddrInfo]]


def system_resolver(host: str, port: int) -> Sequence[AddrInfo]:
    """The addresses of ``host``, as the system finds them. Blocks. Raises socket.gaierror."""
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)  # type: ignore[return-value]


class Names:
    """Looks names up in threads of its own."""

    def __init__(self, resolve: Resolve = system_resolver) -> None:
        self._resolve = resolve
        self._flying: dict[tuple[str, int], asyncio.Future[Sequence[AddrInfo]]] = {}

    async def look_up(self, host: str, port: int) -> Sequence[AddrInfo]:
        """The addresses of ``host``; numeric ones at once. Raises socket.gaierror (an OSError)."""
        try:
            return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)  # type: ignore[return-value]
        except OSError:
            pass
        key = (host, port)
        if (flying := self._flying.get(key)) is None:
            loop = asyncio.get_running_loop()
            flying = self._flying[key] = loop.create_future()
            flying.add_done_callback(lambda done: self._landed(key, done))
            threading.Thread(target=self._ask, args=(loop, flying, key), name=f"name {host}", daemon=True).start()
        return await asyncio.shield(flying)  # one that gives up must not take the answer from the others

    def pending(self, host: str, port: int) -> bool:
        """Whether this name is still being looked up."""
        return (host, port) in self._flying

    def _ask(
        self, loop: asyncio.AbstractEventLoop, flying: asyncio.Future[Sequence[AddrInfo]], key: tuple[str, int]
    ) -> None:
        found: Sequence[AddrInfo] | OSError
        try:
            found = self._resolve(*key)
        except OSError as error:
            found = error
        except UnicodeError:  # a label that is empty or too long for IDNA
            found = socket.gaierror(socket.EAI_NONAME, "not a name")
        with contextlib.suppress(RuntimeError):  # the loop ended before the name server answered
            loop.call_soon_threadsafe(_land, flying, found)

    def _landed(self, key: tuple[str, int], done: asyncio.Future[Sequence[AddrInfo]]) -> None:
        del self._flying[key]
        if not done.cancelled():
            done.exception()  # seen, even if everybody who waited has given up


def no_answer(names: Names, host: str, port: int, *, within: str) -> str:
    """What to say of a question that nobody answered ``within`` its time."""
    why = ": its name is still being looked up" if names.pending(host, port) else ""
    return f"no answer from {place_text(host, port)} {within}{why}"


def _land(flying: asyncio.Future[Sequence[AddrInfo]], found: Sequence[AddrInfo] | OSError) -> None:
    if flying.done():
        return
    if isinstance(found, OSError):
        flying.set_exception(found)
    else:
        flying.set_result(found)
