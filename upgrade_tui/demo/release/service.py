"""The demo's shop: a real, small HTTP service. The same file serves every role; VERSION beside it says which release.

``/health`` 200 "ok" or 503, ``/version`` who answers, ``/`` a page. A load balancer's ``/health`` asks its upstreams in
turn. Version 2 fills a cache when it starts; a host whose ``host.json`` has a ``warm_up`` (seconds) is slow at it.
"""

import http.client
import itertools
import json
import os
import pathlib
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import FrameType

HOME = pathlib.Path.cwd()
VERSION = pathlib.Path(__file__).with_name("VERSION").read_text(encoding="utf-8").strip()
HOST = json.loads((HOME / "host.json").read_text(encoding="utf-8"))
PID, WARMING = HOME / "run/service.pid", HOME / "run/warming"
WARM_AT = time.monotonic() + (HOST["warm_up"] if VERSION != "1" else 0.0)
UPSTREAMS = itertools.cycle(HOST["upstreams"] or [None])


def health() -> tuple[int, str]:
    """Status and words."""
    if time.monotonic() < WARM_AT:
        return 503, f"{HOST['name']}: warming the cache, {WARM_AT - time.monotonic():.0f} s left\n"
    upstream = next(UPSTREAMS)
    if upstream is None:
        return 200, "ok\n"
    connection = http.client.HTTPConnection(upstream["address"], upstream["port"], timeout=1)
    try:
        connection.request("GET", "/health")
        answer = connection.getresponse()
        text = answer.read(500).decode("utf-8", "replace")
    except OSError as error:
        return 502, f"{upstream['name']} does not answer: {error}\n"
    finally:
        connection.close()
    return (200, "ok\n") if answer.status == 200 else (answer.status, text)


class Shop(BaseHTTPRequestHandler):
    """One request."""

    server_version = f"shop/{VERSION}"

    def do_GET(self) -> None:
        if self.path == "/health":
            self.say(*health())
        elif self.path == "/version":
            self.say(200, f"shop {HOST['role']} {VERSION}\n")
        elif self.path == "/":
            self.say(200, f"Welcome to the shop, version {VERSION}, from {HOST['name']}.\n")
        else:
            self.say(404, "there is /, /health and /version\n")

    def say(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that http.server gives it
        """Probes once a second would fill the log with nothing."""


def warm() -> None:
    """The file says that the cache is being filled: the host's memory rises meanwhile."""
    if (left := WARM_AT - time.monotonic()) > 0:
        WARMING.touch()
        time.sleep(left)
    WARMING.unlink(missing_ok=True)


def on_leash(fd: int) -> None:
    """End when the demo ends, however it ends: nobody then holds the other end of this pipe."""
    while os.read(fd, 64):
        pass
    os._exit(0)


def stop(_number: int, _frame: FrameType | None) -> None:
    """Let go of the port, then of the pid file: that is what tells ``bin/service`` that the port is free."""
    SERVER.socket.close()
    WARMING.unlink(missing_ok=True)
    PID.unlink(missing_ok=True)
    os._exit(0)


ThreadingHTTPServer.daemon_threads = True
SERVER = ThreadingHTTPServer((HOST["address"], HOST["port"]), Shop)
os.setsid()  # it outlives the session that started it
signal.signal(signal.SIGTERM, stop)
threading.Thread(target=on_leash, args=(int(os.environ["SHOP_LEASH"]),), daemon=True).start()
threading.Thread(target=warm, daemon=True).start()
PID.write_text(f"{os.getpid()}\n", encoding="utf-8")
sys.stdout.write(f"shop {VERSION} on {HOST['address']}:{HOST['port']}\n")
sys.stdout.flush()
SERVER.serve_forever()
