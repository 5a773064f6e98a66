"""The probes against real servers on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import importlib
import ipaddress
import socket
import ssl
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.sshd import free_port
from upgrade_tui.canary import tls_probe
from upgrade_tui.canary.name_lookup import system_resolver
from upgrade_tui.canary.probe_base import Probe
from upgrade_tui.canary.probes import Prober
from upgrade_tui.canary.result import ProbeResult
from upgrade_tui.plan.model import Canary, Expect
from upgrade_tui.plan.probe_kinds import PROBES
from upgrade_tui.units import Duration

NOW = 1_800_000_000.0
DAY = 86400.0
SHORT = Duration(0.15)


async def nothing(_host: str, _command: str, _timeout: float) -> tuple[int | None, bytes, bool]:
    raise AssertionError("nothing should be run")


async def ask(of: Canary, **more: object) -> ProbeResult:
    prober = Prober(more.pop("execute", nothing), wall=lambda: NOW, **more)
    try:
        return await prober.probe(of)
    finally:
        await prober.close()


@contextlib.asynccontextmanager
async def serving(
    handle: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]], tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """A server on a free port; gives the port."""
    tasks: set[asyncio.Task[None]] = set()

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        tasks.add(task)
        try:
            with contextlib.suppress(OSError):
                await handle(reader, writer)
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(served, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()
        await asyncio.sleep(0)  # what was aborted is closed in the loop's next round


def raw(*chunks: bytes) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """A server that reads a request and answers these bytes."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for chunk in chunks:
            writer.write(chunk)
            await writer.drain()
        writer.write_eof()

    return handle


async def hung(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


@pytest.fixture
async def closed_port() -> int:
    return free_port()


# -- http ---------------------------------------------------------------------------------------------------------


@pytest.fixture
async def site() -> AsyncIterator[str]:
    """A real HTTP server with something to say at every path."""

    async def say(request: web.Request) -> web.StreamResponse:
        match request.path:
            case "/health":
                return web.Response(text='{"status": "ok"}')
            case "/down":
                return web.Response(status=503, text="down")
            case "/moved":
                return web.Response(status=302, headers={"Location": "/login\x85[/b]"})
            case "/agent":
                return web.Response(text=f"{request.method} {request.headers['User-Agent']} {request.headers['X-Key']}")
            case "/late-word":
                return web.Response(body=b"x" * (64 * 1024) + b"needle")
            case "/split-word":
                return web.Response(body=b"x" * (64 * 1024 - 6) + b"needle")
        raise web.HTTPNotFound

    app = web.Application()
    app.router.add_route("*", "/{any:.*}", say)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_http_good(site):
    result = await ask(Canary(name="c", http=f"{site}/health", expect=Expect(status=200, body="ok")))
    assert result.ok
    assert not result.no_data
    assert result.latency is not None
    assert result.detail.startswith("HTTP 200 in ")


@pytest.mark.parametrize(
    ("path", "expect", "ok", "said"),
    [
        ("/down", Expect(), False, "HTTP 503, wanted 200 to 399"),
        ("/down", Expect(status=200), False, "HTTP 503, wanted 200"),
        ("/down", Expect(status=503, body="down"), True, "HTTP 503 in "),
        ("/health", Expect(status=204), False, "HTTP 200, wanted 204"),
        ("/health", Expect(body="fine\x1b[31m"), False, 'HTTP 200, but the body does not contain "fine␛[31m"'),
        ("/split-word", Expect(body="needle"), True, "HTTP 200 in "),
        ("/late-word", Expect(body="needle"), False, 'HTTP 200, but the body does not contain "needle"'),
    ],
)
async def test_http_expectations(site, path, expect, ok, said):
    result = await ask(Canary(name="c", http=site + path, expect=expect))
    assert result.ok is ok
    assert result.detail.startswith(said)


async def test_http_redirects_are_told_and_not_followed(site):
    result = await ask(Canary(name="c", http=f"{site}/moved"))
    assert result.ok
    assert result.detail.startswith("HTTP 302 to /login")
    assert "\x85" not in result.detail
    assert not (await ask(Canary(name="c", http=f"{site}/moved", expect=Expect(status=200)))).ok


async def test_http_sends_method_and_headers(site):
    expect = Expect(body="POST upgrade-tui/")
    headers = {"X-Key": "s3cret"}
    result = await ask(Canary(name="c", http=f"{site}/agent", method="POST", headers=headers, expect=expect))
    assert result.ok
    assert "s3cret" not in result.detail


async def test_http_slow_is_said_and_left_to_the_judge(site):
    result = await ask(Canary(name="c", http=f"{site}/health", max_latency=Duration(0.000001)))
    assert result.ok
    assert result.detail.endswith(", wanted at most 0 ms")


async def test_what_the_probes_need_is_loaded_before_the_first_question():
    code = (
        "import asyncio, sys; from upgrade_tui.canary.probes import Prober;"
        "assert 'aiohttp' not in sys.modules and 'cryptography' not in sys.modules;"
        "asyncio.run(Prober(None).prepare({'run'})); assert 'aiohttp' not in sys.modules;"
        "asyncio.run(Prober(None).prepare({'http', 'tls', 'tcp'}));"
        "assert {'aiohttp', 'cryptography.x509', 'aiohappyeyeballs'} <= set(sys.modules)"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code)
    assert await process.wait() == 0


async def test_http_refused(closed_port):
    result = await ask(Canary(name="c", http=f"http://user:s3cret@127.0.0.1:{closed_port}/"))
    assert result.detail == f"refused by 127.0.0.1:{closed_port}"
    assert not result.ok
    assert not result.no_data


async def test_http_hung_server():
    async with serving(hung) as port:
        result = await ask(Canary(name="c", http=f"http://127.0.0.1:{port}/", timeout=SHORT))
    assert result.detail == f"127.0.0.1:{port} took the connection but gave no answer within 150 ms"
    assert not result.ok


async def test_http_body_that_never_ends_is_cut_off_by_the_timeout():
    async def dribble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nstart")
        await reader.read()

    async with serving(dribble) as port:
        of = Canary(name="c", http=f"http://127.0.0.1:{port}/", timeout=SHORT, expect=Expect(body="never"))
        result = await ask(of)
        assert "within 150 ms" in result.detail
        assert not result.ok
        found = await ask(Canary(name="c", http=f"http://127.0.0.1:{port}/", expect=Expect(body="start")))
        assert found.ok  # what was found needs no end


async def test_http_endless_body_is_read_to_64_kib_only():
    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"y" * 65536)
            await writer.drain()

    async with serving(flood) as port:
        result = await ask(Canary(name="c", http=f"http://127.0.0.1:{port}/", expect=Expect(body="never")))
    assert result.detail == 'HTTP 200, but the body does not contain "never"'


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"", "hung up without an answer"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "does not answer in HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", "broke off in the middle of the answer"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 20000 + b"\r\n\r\n", "does not answer in HTTP"),
    ],
)
async def test_http_broken_answers(answer, said):
    async with serving(raw(answer)) as port:
        result = await ask(Canary(name="c", http=f"http://127.0.0.1:{port}/", expect=Expect(body="zzz")))
    assert not result.ok
    assert said in result.detail
    assert "\n" not in result.detail


def no_such_name(host: str, port: int):
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@pytest.mark.parametrize("field", ["http", "tcp", "tls"])
async def test_name_not_found(field):
    target = "http://db.example:8080/" if field == "http" else "db.example:8080"
    result = await ask(Canary(name="c", **{field: target}), resolve=no_such_name)
    assert result.detail == "db.example:8080: name not found"
    assert not result.ok
    assert not result.no_data


@pytest.mark.parametrize("field", ["http", "tcp", "tls"])
async def test_a_dead_name_server_is_named_and_takes_one_thread_however_often_we_ask(field):
    free = threading.Event()
    calls: list[str] = []

    def stuck(host: str, port: int):
        calls.append(host)
        free.wait(30)
        return system_resolver("127.0.0.1", port)

    of = Canary(name="c", timeout=SHORT, **{field: "http://db.example:81/" if field == "http" else "db.example:81"})
    prober = Prober(nothing, resolve=stuck)
    results = await asyncio.gather(*[prober.probe(of) for _ in range(8)])
    free.set()
    await prober.close()
    assert {r.detail for r in results} == {
        "no answer from db.example:81 within 150 ms: its name is still being looked up"
    }
    assert calls == ["db.example"]


async def test_http_by_name(site):
    of = Canary(name="c", http=site.replace("127.0.0.1", "orders.example") + "/health", expect=Expect(body="ok"))
    assert (await ask(of, resolve=lambda _host, port: system_resolver("127.0.0.1", port))).ok


@pytest.mark.parametrize(
    "url", ["nonsense", "http://", "ftp://u:s3cret@host/x", "http://u:s3cret@h:99999/", "http://[::1/"]
)
async def test_http_addresses_that_are_none(url):
    result = await ask(Canary(name="c", http=url))
    assert result.no_data
    assert result.detail
    assert "s3cret" not in result.detail


# -- tcp ----------------------------------------------------------------------------------------------------------


async def test_tcp_good_and_refused(closed_port):
    async with serving(hung) as port:
        result = await ask(Canary(name="c", tcp=f"127.0.0.1:{port}"))
        assert result.ok
        assert result.detail.startswith(f"127.0.0.1:{port} accepts connections in ")
        named = await ask(Canary(name="c", tcp=f"localhost:{port}"))
        assert named.ok
    refused = await ask(Canary(name="c", tcp=f"localhost:{closed_port}"))
    assert refused.detail == f"refused by localhost:{closed_port}"


async def test_tcp_listener_whose_queue_is_full_times_out():
    with socket.socket() as listener, contextlib.ExitStack() as clients:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):  # nobody accepts: the queue fills, then the kernel drops what comes
            client = clients.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        place = f"127.0.0.1:{listener.getsockname()[1]}"
        result = await ask(Canary(name="c", tcp=place, timeout=SHORT))
    assert result.detail == f"no answer from {place} within 150 ms"
    assert not result.ok


@pytest.mark.parametrize("place", ["db1", "db1:", ":80", "db1:http", "db1:0", "db1:70000", "::1:80", "db1:８０"])
async def test_a_place_that_is_none_is_no_data_and_says_what_would_be_right(place):
    result = await ask(Canary(name="c", tcp=place))
    assert result.no_data
    assert 'expected "host:port"' in result.detail


async def test_a_canary_without_a_probe_is_no_data():
    assert (await ask(Canary(name="c"))).no_data


# -- tls ----------------------------------------------------------------------------------------------------------


class Authority:
    """Makes certificates for 127.0.0.1, signed by itself."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        self.certificate = self._sign(self.name, self.key, -DAY, 3650 * DAY, ca=True)
        self.file = folder / "ca.pem"
        self.file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def server(self, begins: float, ends: float) -> ssl.SSLContext:
        """A server's context; the certificate is valid from ``begins`` to ``ends``, seconds from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "orders")])
        file = self.folder / "server.pem"
        file.write_bytes(
            self._sign(name, key, begins, ends, ca=False).public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(file)
        return context

    def _sign(self, name: x509.Name, key: ec.EllipticCurvePrivateKey, begins: float, ends: float, *, ca: bool):
        at = datetime.datetime.now(datetime.UTC)
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(at + datetime.timedelta(seconds=begins))
            .not_valid_after(at + datetime.timedelta(seconds=ends))
            .add_extension(x509.SubjectAlternativeName([address, x509.DNSName("orders.example")]), critical=False)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .add_extension(x509.KeyUsage(True, False, False, False, False, ca, ca, False, False), critical=True)
            .sign(self.key, hashes.SHA256())
        )


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def trusted(authority, monkeypatch) -> Authority:
    """The authority, trusted by the verifying context."""
    strict, lax = ssl.create_default_context(cafile=str(authority.file)), tls_probe.tls_context(False)
    monkeypatch.setattr(tls_probe, "tls_context", lambda verify: strict if verify else lax)
    return authority


async def ask_tls(of: Canary) -> ProbeResult:
    prober = Prober(nothing)
    return await prober.probe(of)


async def test_tls_days_left(trusted):
    async with serving(hung, trusted.server(-DAY, 40 * DAY + 60)) as port:
        result = await ask_tls(Canary(name="c", tls=f"127.0.0.1:{port}", expect=Expect(days=30)))
    assert result.ok
    assert result.value == pytest.approx(40, abs=0.1)
    assert result.detail.startswith("certificate ends in 40 d (")


async def test_tls_name_is_sent_and_checked(trusted):
    names: list[str | None] = []
    context = trusted.server(-DAY, 40 * DAY)
    context.sni_callback = lambda _socket, name, _context: names.append(name)

    def here(_host: str, port: int):
        return system_resolver("127.0.0.1", port)

    async with serving(hung, context) as port:
        right = Prober(nothing, resolve=here)
        assert (await right.probe(Canary(name="c", tls=f"orders.example:{port}"))).ok
        wrong = await right.probe(Canary(name="c", tls=f"other.example:{port}"))
    assert names[0] == "orders.example"
    assert not wrong.ok
    assert "Hostname mismatch" in wrong.detail
    assert wrong.value == pytest.approx(40, abs=0.1)


async def test_tls_nearly_expired(trusted):
    async with serving(hung, trusted.server(-DAY, 5 * DAY)) as port:
        result = await ask_tls(Canary(name="c", tls=f"127.0.0.1:{port}", expect=Expect(days=30)))
    assert not result.ok
    assert result.value == pytest.approx(5, abs=0.1)
    assert result.detail.startswith("certificate ends in 5 d (")
    assert result.detail.endswith(", wanted at least 30 d")


@pytest.mark.parametrize("verify", [True, False])
async def test_tls_expired(trusted, verify):
    async with serving(hung, trusted.server(-30 * DAY, -2 * DAY)) as port:
        result = await ask_tls(Canary(name="c", tls=f"127.0.0.1:{port}", verify=verify))
    assert not result.ok
    assert result.value == pytest.approx(-2, abs=0.1)
    assert "certificate expired on " in result.detail


async def test_tls_not_yet_valid(trusted):
    async with serving(hung, trusted.server(DAY, 30 * DAY)) as port:
        result = await ask_tls(Canary(name="c", tls=f"127.0.0.1:{port}", verify=False))
    assert not result.ok
    assert "is not valid before" in result.detail


async def test_tls_not_trusted_unless_verification_is_off(authority):
    async with serving(hung, authority.server(-DAY, 40 * DAY)) as port:
        strict = await ask_tls(Canary(name="c", tls=f"127.0.0.1:{port}"))
        lax = await ask_tls(Canary(name="c", tls=f"127.0.0.1:{port}", verify=False))
    assert not strict.ok
    assert strict.detail.startswith(
        f"TLS to 127.0.0.1:{port}: unable to get local issuer certificate; certificate ends"
    )
    assert strict.value == lax.value == pytest.approx(40, abs=0.1)
    assert lax.ok


async def test_tls_with_a_server_that_speaks_something_else_or_nothing():
    async def banner(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        await reader.read()

    async with serving(banner) as port:
        result = await ask_tls(Canary(name="c", tls=f"127.0.0.1:{port}"))
        assert result.detail == f"TLS to 127.0.0.1:{port}: the answer is not TLS"
    async with serving(hung) as port:
        result = await ask_tls(Canary(name="c", tls=f"127.0.0.1:{port}", timeout=SHORT))
        assert result.detail == f"no answer from 127.0.0.1:{port} within 150 ms"


async def test_https_not_trusted_is_said_in_words(authority):
    answer = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    async with serving(answer, authority.server(-DAY, 40 * DAY)) as port:
        strict = await ask(Canary(name="c", http=f"https://127.0.0.1:{port}/"))
        lax = await ask(Canary(name="c", http=f"https://127.0.0.1:{port}/", verify=False))
    assert strict.detail == f"TLS to 127.0.0.1:{port}: unable to get local issuer certificate"
    assert lax.ok


# -- run ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "expect", "ok", "value", "said"),
    [
        ((0, b"", True), Expect(), True, None, "exit 0 from db1 in "),
        ((0, b"fine\n", True), Expect(), True, None, "fine from db1 in "),
        ((1, b"no such table\n", True), Expect(), False, None, "exit 1, wanted 0: no such table"),
        ((2, b"", True), Expect(exit=2), True, None, "exit 2 from db1 in "),
        ((0, b"lag\n12.5\n\n", True), Expect(max=10), False, 12.5, "12.5, wanted at most 10"),
        ((0, b"12.5", True), Expect(min=10, max=20), True, 12.5, "12.5 from db1 in "),
        ((0, b"3", True), Expect(min=10), False, 3, "3, wanted at least 10"),
        ((1, b"12", True), Expect(min=10), False, 12, "exit 1, wanted 0: 12"),
        ((0, b"a lot", True), Expect(max=10), False, None, "printed no number on its last line: a lot"),
        ((0, b"nan", True), Expect(max=10), False, None, "printed no number on its last line: nan"),
        ((0, b"", True), Expect(max=10), False, None, "printed no number on its last line"),
        ((0, b"\xff\x1b]52;c;x\x07", True), Expect(), True, None, "�␛]52;c;x␇ from db1 in "),
        ((None, b"", True), Expect(), False, None, "no exit code: a signal ended it, or 2 s were not enough"),
    ],
)
async def test_run_expectations(answer, expect, ok, value, said):
    asked: list[tuple[str, str, float]] = []

    async def execute(host: str, command: str, timeout: float):
        asked.append((host, command, timeout))
        return answer

    result = await ask(Canary(name="c", run="ask-lag", on="db1", expect=expect), execute=execute)
    assert asked == [("db1", "ask-lag", 2.0)]
    assert (result.ok, result.value, result.no_data) == (ok, value, False)
    assert result.detail.startswith(said)


async def test_run_on_a_host_that_cannot_be_reached_is_no_data():
    async def execute(_host: str, _command: str, _timeout: float):
        return None, b"db1 is lost since 12 s", False

    result = await ask(Canary(name="c", run="true", on="db1"), execute=execute)
    assert result == ProbeResult(ok=False, latency=None, value=None, detail="db1 is lost since 12 s", no_data=True)


async def test_run_that_nobody_reports_on_is_no_data(monkeypatch):
    monkeypatch.setattr("upgrade_tui.canary.run_probe.BEYOND", 0.05)

    async def execute(_host: str, _command: str, _timeout: float):
        await asyncio.Event().wait()

    result = await ask(Canary(name="c", run="true", timeout=Duration(0.05)), execute=execute)
    assert result.no_data
    assert result.detail == "local did not say what became of the command within 100 ms"


def test_every_kind_of_probe_has_its_row_and_the_file_that_asks():
    assert set(PROBES) == set(Canary.one_of)
    for kind in Canary.one_of:
        assert issubclass(importlib.import_module(f"upgrade_tui.canary.{kind}_probe").PROBE, Probe)
