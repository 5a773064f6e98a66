"""What one probe found."""

from __future__ import annotations

from msgspec import Struct


class ProbeResult(Struct, frozen=True):
    """One answer of a canary. ``detail`` is one harmless line that says what was found.

    ``no_data``: the probe's own means were gone (its host is unreachable), so nothing is known about the thing probed;
    ``ok`` is False then and means nothing.
    """

    ok: bool
    latency: float | None  # seconds until the answer was complete; None without an answer
    value: float | None  # the number the probe gave (tls: days left, run: printed number)
    detail: str
    no_data: bool = False


def unknown_result(detail: str) -> ProbeResult:
    """A result that proves nothing, because of ``detail``."""
    return ProbeResult(ok=False, latency=None, value=None, detail=detail, no_data=True)
