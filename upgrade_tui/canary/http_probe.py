"""The http probe: status, body, latency, on a fresh connection each time.

A fresh connection, because a kept one would go on answering after the listener is gone. Redirects are not followed: the
canary judges the address in the plan, and says where it points. No proxy, no cookies.
"""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from upgrade_tui import __version__
from upgrade_tui.canary.error_text import DETAIL, in_words, place_text
from upgrade_tui.canary.name_lookup import Names, no_answer
from upgrade_tui.canary.probe_base import Means, Probe
from upgrade_tui.canary.result import ProbeResult, unknown_result
from upgrade_tui.canary.tls_probe import load_authorities, tls_context
from upgrade_tui.foreign import one_line
from upgrade_tui.plan.model import Canary
from upgrade_tui.units import latency_text

if TYPE_CHECKING:
    import aiohttp
    from aiohttp.abc import AbstractResolver

_NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
BODY = 64 * 1024  # bytes of a body that are read at most


class HttpProbe(Probe):
    """Asks over HTTP. One session for all canaries, made at the first question, closed by ``close``."""

    LIBRARIES = ("aiohttp",)

    def __init__(self, means: Means) -> None:
        super().__init__(means)
        self._names = means.names
        self._session: aiohttp.ClientSession | None = None

    def load(self) -> None:
        super().load()
        load_authorities()

    async def ask(self, canary: Canary) -> ProbeResult:
        import aiohttp

        place = place_text(*_target(canary.http or ""))
        stage = SimpleNamespace(connected=False)
        wait = aiohttp.ClientTimeout(total=canary.timeout)
        try:
            async with self._opened().request(
                canary.method,
                canary.http or "",
                headers=dict(canary.headers),
                ssl=tls_context(canary.verify),
                allow_redirects=False,
                timeout=wait,
                trace_request_ctx=stage,
            ) as response:
                return await _judged(canary, response)
        except TimeoutError:
            return _bad(self._late(canary, place, stage.connected))
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):
            return unknown_result('its address cannot be asked over HTTP; expected "http://host:port/path"')
        except aiohttp.ClientError as error:
            return _bad(_in_words(error, place))

    async def close(self) -> None:
        """End the session and what is still open in it."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _late(self, canary: Canary, place: str, connected: bool) -> str:
        within = f"within {latency_text(canary.timeout)}"
        if connected:
            return f"{place} took the connection but gave no answer {within}"
        return no_answer(self._names, *_target(canary.http or ""), within=within)

    def _opened(self) -> aiohttp.ClientSession:
        import aiohttp

        if self._session is None:
            trace = aiohttp.TraceConfig()
            trace.on_connection_create_end.append(_note_connected)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    force_close=True, limit=0, use_dns_cache=False, resolver=_resolver(self._names)
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": f"upgrade-tui/{__version__} canary"},
                trace_configs=[trace],
            )
        return self._session


PROBE = HttpProbe


def _resolver(names: Names) -> AbstractResolver:
    """``names`` in the shape that aiohttp asks for."""
    from aiohttp.abc import AbstractResolver, ResolveResult

    class Resolver(AbstractResolver):
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[ResolveResult]:
            return [
                ResolveResult(hostname=host, host=address[0], port=port, family=kind, proto=proto, flags=_NUMERIC)
                for kind, _, proto, _, address in await names.look_up(host, port)
                if family in (socket.AF_UNSPEC, kind)
            ]

        async def close(self) -> None:
            """Nothing is held."""

    return Resolver()


async def _note_connected(_session: object, context: SimpleNamespace, _params: object) -> None:
    context.trace_request_ctx.connected = True


async def _judged(canary: Canary, response: aiohttp.ClientResponse) -> ProbeResult:
    expect = canary.expect
    said = f"HTTP {response.status}"
    if expect.status is not None and response.status != expect.status:
        return _bad(f"{said}, wanted {expect.status}")
    if expect.status is None and not 200 <= response.status < 400:
        return _bad(f"{said}, wanted 200 to 399")
    if 300 <= response.status < 400 and "Location" in response.headers:
        said += f" to {one_line(response.headers['Location'], 80)}"
    if expect.body is not None and not await _body_has(response, expect.body.encode()):
        return _bad(f'{said}, but the body does not contain "{one_line(expect.body, 60)}"')
    return ProbeResult(ok=True, latency=None, value=None, detail=said)


async def _body_has(response: aiohttp.ClientResponse, wanted: bytes) -> bool:
    """Whether ``wanted`` is in the first 64 KiB; stops reading as soon as it is."""
    read = bytearray()
    while len(read) < BODY:
        chunk = await response.content.read(BODY - len(read))
        if not chunk:
            break
        start = max(0, len(read) - len(wanted))
        read += chunk
        if read.find(wanted, start) >= 0:
            return True
    return wanted in read


def _in_words(error: aiohttp.ClientError, place: str) -> str:
    import aiohttp

    match error:
        case aiohttp.ClientConnectorCertificateError():
            return in_words(error.certificate_error, place)
        case aiohttp.ClientConnectorDNSError():
            return in_words(error.os_error, place) if error.os_error.errno else f"{place}: name not found"
        case aiohttp.ClientConnectorError():
            return in_words(error.os_error, place)
        case aiohttp.ServerDisconnectedError():
            return f"{place} hung up without an answer"
        case aiohttp.ClientPayloadError():
            return f"{place} broke off in the middle of the answer"
        case aiohttp.ClientResponseError():
            return one_line(f"{place} does not answer in HTTP: {error.message}", DETAIL)
        case OSError():
            return in_words(error, place)
    return f"{place}: {type(error).__name__}"  # not its text, which may repeat the address with what is secret in it


def _target(url: str) -> tuple[str, int]:
    """Host and port of an address. Not the whole of it: user info and query may hold secrets."""
    try:
        parts = urlsplit(url)
        return parts.hostname or "?", parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return "?", 80


def _bad(detail: str) -> ProbeResult:
    return ProbeResult(ok=False, latency=None, value=None, detail=detail)
