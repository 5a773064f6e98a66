"""The tcp probe: whether somebody accepts connections."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from upgrade_tui.canary.names import Names
from upgrade_tui.canary.result import Result
from upgrade_tui.canary.words import host_port, in_words, place_text
from upgrade_tui.plan.model import Canary

_NEXT_ADDRESS = 0.25  # seconds until a name's next address is tried alongside (RFC 8305)


@asynccontextmanager
async def connected(
    names: Names, host: str, port: int, context: ssl.SSLContext | None = None
) -> AsyncIterator[asyncio.StreamWriter]:
    """A connection, with TLS under ``context``, dropped at once at the end. Raises OSError, also for TLS."""
    from aiohappyeyeballs import start_connection

    addresses = list(await names.look_up(host, port))
    sock = await start_connection(addresses, happy_eyeballs_delay=_NEXT_ADDRESS)
    try:
        server = host if context else None
        _, writer = await asyncio.open_connection(sock=sock, ssl=context, server_hostname=server)
    except BaseException:
        sock.close()
        raise
    try:
        yield writer
    finally:
        writer.transport.abort()  # not close(): a peer that hangs must not hold us up


async def probe_tcp(canary: Canary, names: Names) -> Result:
    """Connect to ``tcp`` and hang up."""
    host, port = host_port(canary.tcp or "")
    place = place_text(host, port)
    try:
        async with connected(names, host, port):
            return Result(ok=True, latency=None, value=None, detail=f"{place} accepts connections")
    except OSError as error:
        return Result(ok=False, latency=None, value=None, detail=in_words(error, place))
