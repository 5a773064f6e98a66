"""What there is to know of each kind of probe beyond its key in ``Canary``: for the rules, previews and screens. Pure.

To add one: its key and its place in ``Canary.one_of``, its row here, and ``canary/KIND_probe.py``, which asks.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from msgspec import Struct

from upgrade_tui.foreign import harmless
from upgrade_tui.plan.model import Canary
from upgrade_tui.plan.shape import shown_toml
from upgrade_tui.units import latency_text, number_text

Wrong = tuple[str, str] | None
"""What is wrong with a target and what would be right; None: it can be asked."""

_HOST_PORT = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9_][A-Za-z0-9_.-]*):(?P<port>\d{1,5})")


class ProbeKind(Struct, frozen=True, kw_only=True):
    """A kind of probe. ``number``: how a number that it gives reads in a column; left out where it gives none."""

    what: str  # heads its target in the details; may name {method}
    usual: str  # a good answer where the plan expects nothing
    wrong: Callable[[str], Wrong]
    number: Callable[[float], str] | None = None
    said: str = "{}"  # the number in a sentence
    curve: str = ""  # names the numbers' curve
    axis: Callable[[float], str] = number_text
    unnamed: bool = False  # its target says by itself what it is


def _url(target: str) -> Wrong:
    hint = "such as http://10.0.3.20:8080/health"
    try:
        parts = urlsplit(target)
        port = parts.port
    except ValueError:
        return f"{shown_toml(target)} is not a URL", hint
    if parts.scheme not in ("http", "https") or not parts.hostname or any(c.isspace() for c in target) or port == 0:
        return f"{shown_toml(target)} is not an http or https URL", hint
    if parts.password:
        hint = "probe an address that needs none, or use run = with a file only the host can read"
        return "a password does not belong in a plan: everybody attached can read it", hint
    return None


def _host_port(target: str) -> Wrong:
    match = _HOST_PORT.fullmatch(target)
    if match and 1 <= int(match["port"]) <= 65535:
        return None
    return f"{shown_toml(target)} is not host:port", 'such as "10.0.3.11:5432" or "[2001:db8::1]:443"'


def _command(target: str) -> Wrong:
    return None if target.strip() else ("`run` is empty", "write the command whose exit code or number tells")


PROBES: dict[str, ProbeKind] = {
    "http": ProbeKind(what="{method} over http", usual="status 200 to 399", wrong=_url, unnamed=True),
    "tcp": ProbeKind(what="TCP connection", usual="a connection", wrong=_host_port),
    "tls": ProbeKind(
        what="TLS certificate", usual="a valid certificate", wrong=_host_port, number=lambda days: f"{days:.0f} days",
        said="{} left", curve="days to expiry", axis=lambda days: f"{days:.0f} d",
    ),
    "run": ProbeKind(
        what="Command", usual="exit 0", wrong=_command, number=lambda value: f"{value:g}", said="printed {}",
        curve="number printed",
    ),
}  # fmt: skip

NO_PROBE = ProbeKind(what="nothing", usual="an answer", wrong=lambda target: None)


def probe_kind(canary: Canary) -> ProbeKind:
    """The kind of a canary's probe."""
    return PROBES.get(canary.probe, NO_PROBE)


def expected(canary: Canary) -> list[str]:
    """What the plan expects of an answer, in words; empty where it leaves that to the kind (``usual``)."""
    e = canary.expect
    parts = (
        f"status {e.status}" if e.status is not None else "",
        f'"{harmless(e.body)}" in the body' if e.body is not None else "",
        f"at least {e.days} days to expiry" if e.days is not None else "",
        f"exit {e.exit}" if e.exit is not None else "",
        f"a number of at least {e.min:g}" if e.min is not None else "",
        f"a number of at most {e.max:g}" if e.max is not None else "",
    )
    return [part for part in parts if part]


def in_time(canary: Canary) -> str:
    """``under 300 ms``; empty where any time will do."""
    return f"under {latency_text(canary.max_latency)}" if canary.max_latency is not None else ""
