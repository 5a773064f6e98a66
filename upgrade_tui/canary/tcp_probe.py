"""The tcp probe: whether somebody accepts connections."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar

from upgrade_tui.canary.error_text import host_port, in_words, place_text
from upgrade_tui.canary.name_lookup import Names, no_answer
from upgrade_tui.canary.probe_base import Probe
from upgrade_tui.canary.result import ProbeResult
from upgrade_tui.plan.model import Canary
from upgrade_tui.units import latency_text

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


class DialProbe(Probe):
    """Of something that listens at ``host:port``: one connection within the canary's timeout."""

    LIBRARIES: ClassVar[tuple[str, ...]] = ("aiohappyeyeballs",)

    async def ask(self, canary: Canary) -> ProbeResult:
        host, port = host_port(getattr(canary, canary.probe))
        try:
            async with asyncio.timeout(canary.timeout):
                return await self.dialled(canary, host, port)
        except TimeoutError:
            within = f"within {latency_text(canary.timeout)}"
            detail = no_answer(self.means.names, host, port, within=within)
            return ProbeResult(ok=False, latency=None, value=None, detail=detail)

    async def dialled(self, canary: Canary, host: str, port: int) -> ProbeResult:
        """What is found there."""
        raise NotImplementedError


class TcpProbe(DialProbe):
    """Connects to ``tcp`` and hangs up."""

    async def dialled(self, canary: Canary, host: str, port: int) -> ProbeResult:
        place = place_text(host, port)
        try:
            async with connected(self.means.names, host, port):
                return ProbeResult(ok=True, latency=None, value=None, detail=f"{place} accepts connections")
        except OSError as error:
            return ProbeResult(ok=False, latency=None, value=None, detail=in_words(error, place))


PROBE = TcpProbe
