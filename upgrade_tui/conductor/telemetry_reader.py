"""Reading ``telemetry.sqlite``: for the drill-down views of a running window and for the report of a finished one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from msgspec import Struct

from upgrade_tui.conductor.telemetry_schema import DISK_METRICS, METRICS, VERSION

_BUSY = 2.0  # seconds to wait for a lock
PERCENTILES = (50.0, 95.0, 99.0)


class TelemetryUnreadable(Exception):
    """The telemetry of a window cannot be read; the text says why."""


class Point(Struct, frozen=True, array_like=True):
    """What a metric did in one stretch of time: lowest, mean, highest. ``ts`` is where the stretch begins."""

    ts: float
    low: float
    mean: float
    high: float


class HostHistory(Struct, frozen=True):
    """A host's metrics over time. A metric or a stretch without samples is left out: a gap is a gap."""

    host: str
    since: float  # epoch seconds
    until: float
    width: float  # seconds of one point
    metrics: dict[str, tuple[Point, ...]]
    disks: dict[str, dict[str, tuple[Point, ...]]]  # mount -> percent, read, written, busy


class CanaryPoint(Struct, frozen=True, array_like=True):
    """What a canary answered in one stretch of time. Latency (seconds) and value cover the answers that had one."""

    ts: float
    good: int
    bad: int
    unknown: int  # probes that proved nothing
    latency: Point | None
    value: Point | None
    worst: str  # the worst verdict: healthy < no data < degraded < failing


class CanaryHistory(Struct, frozen=True):
    """A canary's answers over time."""

    canary: str
    since: float
    until: float
    width: float
    points: tuple[CanaryPoint, ...]


class CanarySummary(Struct, frozen=True):
    """A canary over a whole stretch of time, for the report. Latencies in seconds, of the good answers."""

    good: int
    bad: int
    unknown: int
    latency: dict[str, float]  # "p50", "p95", "p99", "max"; empty without a good answer


class TelemetryReader:
    """Reads the file at ``path``, also while a conductor writes it. One thread; close it, or use it in a ``with``.

    Raises TelemetryUnreadable, also from every method.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        if not path.is_file():
            raise TelemetryUnreadable(f"{path}: there is none")
        try:
            self._connection = _connect(path)
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        except sqlite3.Error as error:
            raise TelemetryUnreadable(f"{path}: {error}") from error
        if version != VERSION:
            self._connection.close()
            raise TelemetryUnreadable(f"{path}: its tables are version {version}, this program reads version {VERSION}")

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def __enter__(self) -> TelemetryReader:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def hosts(self) -> tuple[str, ...]:
        """The hosts that were ever sampled."""
        return tuple(row[0] for row in self._rows("SELECT DISTINCT host FROM samples ORDER BY host"))

    def canaries(self) -> tuple[str, ...]:
        """The canaries that were ever asked."""
        return tuple(row[0] for row in self._rows("SELECT DISTINCT canary FROM probes ORDER BY canary"))

    def history_host(self, host: str, since: float, until: float, points: int) -> HostHistory:
        """A host from ``since`` to ``until`` (epoch seconds, ``until`` excluded) in at most ``points`` points a metric."""
        width = _width(since, until, points)
        folded = ", ".join(f"min({m}), avg({m}), max({m})" for m in METRICS)
        metrics: dict[str, list[Point]] = {}
        for bucket, *values in self._rows(
            f"SELECT {_BUCKET} AS bucket, {folded} FROM samples"
            " WHERE host = :name AND ts >= :since AND ts < :until GROUP BY bucket ORDER BY bucket",
            name=host, since=since, until=until, width=width, last=max(1, points) - 1,
        ):  # fmt: skip
            _spread(metrics, METRICS, since + bucket * width, values)
        disks: dict[str, dict[str, list[Point]]] = {}
        folded = ", ".join(f"min({m}), avg({m}), max({m})" for m in DISK_METRICS)
        for mount, bucket, *values in self._rows(
            f"SELECT mount, {_BUCKET} AS bucket, {folded} FROM disks"
            " WHERE host = :name AND ts >= :since AND ts < :until GROUP BY mount, bucket ORDER BY mount, bucket",
            name=host, since=since, until=until, width=width, last=max(1, points) - 1,
        ):  # fmt: skip
            _spread(disks.setdefault(mount, {}), DISK_METRICS, since + bucket * width, values)
        return HostHistory(
            host=host,
            since=since,
            until=until,
            width=width,
            metrics=_frozen(metrics),
            disks={mount: _frozen(of) for mount, of in disks.items()},
        )

    def history_canary(self, canary: str, since: float, until: float, points: int) -> CanaryHistory:
        """A canary from ``since`` to ``until`` (epoch seconds, ``until`` excluded) in at most ``points`` points."""
        width = _width(since, until, points)
        rows = self._rows(
            f"SELECT {_BUCKET} AS bucket, total(ok = 1), total(ok = 0), total(ok IS NULL),"
            " min(latency), avg(latency), max(latency), min(value), avg(value), max(value),"
            " max(CASE verdict WHEN 'failing' THEN 3 WHEN 'degraded' THEN 2 WHEN 'no data' THEN 1 ELSE 0 END)"
            " FROM probes WHERE canary = :name AND ts >= :since AND ts < :until GROUP BY bucket ORDER BY bucket",
            name=canary, since=since, until=until, width=width, last=max(1, points) - 1,
        )  # fmt: skip
        found = []
        for bucket, good, bad, unknown, *rest in rows:
            ts = since + bucket * width
            found.append(
                CanaryPoint(
                    ts=ts,
                    good=int(good),
                    bad=int(bad),
                    unknown=int(unknown),
                    latency=_point(ts, rest[0:3]),
                    value=_point(ts, rest[3:6]),
                    worst=_VERDICTS[rest[6]],
                )
            )
        return CanaryHistory(canary=canary, since=since, until=until, width=width, points=tuple(found))

    def summary_canary(self, canary: str, since: float, until: float) -> CanarySummary:
        """Counts and latency percentiles (nearest rank) of the whole stretch."""
        where = "FROM probes WHERE canary = :name AND ts >= :since AND ts < :until"
        stretch = {"name": canary, "since": since, "until": until}
        ((good, bad, unknown),) = self._rows(
            f"SELECT total(ok = 1), total(ok = 0), total(ok IS NULL) {where}", **stretch
        )
        times = [
            row[0]
            for row in self._rows(f"SELECT latency {where} AND ok = 1 AND latency NOT NULL ORDER BY latency", **stretch)
        ]
        latency = {f"p{p:g}": times[max(0, -int(-p * len(times) // 100) - 1)] for p in PERCENTILES} if times else {}
        if times:
            latency["max"] = times[-1]
        return CanarySummary(good=int(good), bad=int(bad), unknown=int(unknown), latency=latency)

    def _rows(self, query: str, **values: object) -> Iterator[Sequence[Any]]:
        try:
            yield from self._connection.execute(query, values)
        except sqlite3.Error as error:
            raise TelemetryUnreadable(f"{self._path}: {error}") from error


_BUCKET = "min(CAST((ts - :since) / :width AS INTEGER), :last)"
_VERDICTS = ("healthy", "no data", "degraded", "failing")


def _connect(path: Path) -> sqlite3.Connection:
    """Read-only. A file of a finished window may lie where nothing can be created beside it."""
    uri = path.resolve().as_uri()
    connection = sqlite3.connect(f"{uri}?mode=ro", uri=True, timeout=_BUSY)
    try:
        connection.execute("SELECT 1 FROM sqlite_schema").fetchall()
    except sqlite3.OperationalError:
        connection.close()
        if path.with_name(path.name + "-wal").exists():
            raise
        connection = sqlite3.connect(f"{uri}?immutable=1", uri=True)
    return connection


def _width(since: float, until: float, points: int) -> float:
    return max((until - since) / max(1, points), 0.001)


def _point(ts: float, values: Sequence[float | None]) -> Point | None:
    low, mean, high = values
    return None if low is None or mean is None or high is None else Point(ts, low, mean, high)


def _spread(into: dict[str, list[Point]], names: Sequence[str], ts: float, values: Sequence[float | None]) -> None:
    """Three values a name, as points."""
    for i, name in enumerate(names):
        if (point := _point(ts, values[3 * i : 3 * i + 3])) is not None:
            into.setdefault(name, []).append(point)


def _frozen(of: dict[str, list[Point]]) -> dict[str, tuple[Point, ...]]:
    return {name: tuple(points) for name, points in of.items()}
