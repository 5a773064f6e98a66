"""What the report takes from telemetry: figures and curves. Pure; ``load`` fills it from the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

Curve = tuple[tuple[float, float | None], ...]
"""Points of a chart: (epoch seconds, value); None breaks the line."""


class HostTelemetry(Struct, frozen=True, kw_only=True):
    """A host's samples in figures. Shares 0 to 100; ``cpu`` is the highest CPU of each stretch of time."""

    cpu_mean: float | None = None
    cpu_max: float | None = None
    memory_mean: float | None = None
    memory_max: float | None = None
    disk_max: float | None = None
    cpu: Curve = ()


class CanaryTelemetry(Struct, frozen=True, kw_only=True):
    """A canary's answers in figures. Seconds; ``latency`` is the highest of each stretch of time."""

    good: int = 0
    bad: int = 0
    unknown: int = 0
    latency_p95: float | None = None
    latency_max: float | None = None
    latency: Curve = ()


class ReportTelemetry(Struct, frozen=True, kw_only=True):
    """All of it, by name. Empty where none was kept; ``trouble`` says why it could not be read, if that was so."""

    hosts: Mapping[str, HostTelemetry] = {}
    canaries: Mapping[str, CanaryTelemetry] = {}
    trouble: str = ""


def thinned(points: Sequence[tuple[float, float]], limit: int) -> Curve:
    """At most ``2 * limit`` of ``points``: the lowest and the highest of each of ``limit`` stretches, so that nothing
    that stands out is thinned away.
    """
    if len(points) <= 2 * limit:
        return tuple(points)
    out: list[tuple[float, float | None]] = []
    for i in range(limit):
        stretch = points[len(points) * i // limit : len(points) * (i + 1) // limit]
        low, high = min(stretch, key=lambda p: p[1]), max(stretch, key=lambda p: p[1])
        out.extend(sorted({low, high}))
    return tuple(out)
