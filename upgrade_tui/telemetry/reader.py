"""Reading ``telemetry.sqlite``: for the drill-down views of a running window and for the report of a finished one."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from msgspec import Struct

from upgrade_tui.telemetry.model import Point
from upgrade_tui.telemetry.schema import DISK_METRICS, SAMPLE_METRICS, VERSION

Series = dict[str, tuple[Point, ...]]
"""Points by what they measure, each series over the same stretches of time; None in a point is a gap."""

PERCENTILES = (50, 95, 99)
MOST_POINTS = 10_000
_BUSY = 2.0  # seconds to wait for a lock


class TelemetryUnreadable(Exception):
    """The telemetry of a window cannot be read; the text says why."""


class ProbeTotals(Struct, frozen=True):
    """A canary over a whole stretch of time, for the report. Latencies in seconds, of the good answers."""

    good: int
    bad: int
    unknown: int  # probes that proved nothing
    latency: dict[str, float]  # "p50", "p95", "p99", "max"; empty without a good answer


def _folded(names: Sequence[str]) -> str:
    return ", ".join(f"min({name}), avg({name}), max({name})" for name in names)


# The queries are put together from the constants of the schema only; values are always bound.
_BUCKET = "min(CAST((ts - :since) / :width AS INTEGER), :last) AS bucket"
_BETWEEN = "= :name AND ts >= :since AND ts < :until"
_PROBED = ("ok", "latency", "value")
_HOST = f"SELECT {_BUCKET}, {_folded(SAMPLE_METRICS)} FROM samples WHERE host {_BETWEEN} GROUP BY bucket"  # noqa: S608
_DISKS = f"SELECT {_BUCKET}, mount, {_folded(DISK_METRICS)} FROM disks WHERE host {_BETWEEN} GROUP BY mount, bucket"  # noqa: S608
_CANARY = f"SELECT {_BUCKET}, {_folded(_PROBED)} FROM probes WHERE canary {_BETWEEN} GROUP BY bucket"  # noqa: S608
_COUNTS = f"SELECT total(ok = 1), total(ok = 0), total(ok IS NULL) FROM probes WHERE canary {_BETWEEN}"  # noqa: S608
_LATENCIES = f"SELECT latency FROM probes WHERE canary {_BETWEEN} AND ok = 1 AND latency NOT NULL ORDER BY latency"  # noqa: S608


class TelemetryReader:
    """Reads the file at ``path``, also while a conductor writes it. For one thread; close it, or use it in a ``with``.

    Raises TelemetryUnreadable, also from every method.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        if not path.is_file():
            raise TelemetryUnreadable(f"{path}: there is no such file")
        try:
            self._connection = _connect(path)
        except sqlite3.Error as error:
            raise TelemetryUnreadable(f"{path}: {error}") from error
        try:
            ((version,),) = self._rows("PRAGMA user_version")
            if version != VERSION:
                raise TelemetryUnreadable(f"{path}: its tables are version {version}, this program reads {VERSION}")
        except TelemetryUnreadable:
            self._connection.close()
            raise

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

    def history_host(self, host: str, since: float, until: float, points: int) -> Series:
        """A host between two moments (epoch seconds, ``until`` excluded), every series in ``points`` points.

        Series are named as the columns of ``samples`` (``cpu``, ``memory``, ...), those of a mount ``percent /var``,
        ``read /var``, ``written /var``, ``busy /var``. What was never measured has no series.
        """
        grid = _Grid(since, until, points)
        for bucket, *values in self._rows(_HOST, **grid.values(host)):
            grid.put(bucket, SAMPLE_METRICS, values)
        for bucket, mount, *values in self._rows(_DISKS, **grid.values(host)):
            grid.put(bucket, [f"{metric} {mount}" for metric in DISK_METRICS], values)
        return grid.series()

    def history_canary(self, canary: str, since: float, until: float, points: int) -> Series:
        """A canary likewise: ``ok`` (its mean is the share of good answers), ``latency`` (seconds), ``value``."""
        grid = _Grid(since, until, points)
        for bucket, *values in self._rows(_CANARY, **grid.values(canary)):
            grid.put(bucket, _PROBED, values)
        return grid.series()

    def summary_canary(self, canary: str, since: float, until: float) -> ProbeTotals:
        """Counts and latency percentiles (nearest rank) of the whole stretch."""
        stretch = {"name": canary, "since": since, "until": until}
        ((good, bad, unknown),) = self._rows(_COUNTS, **stretch)
        times = [row[0] for row in self._rows(_LATENCIES, **stretch)]
        latency = {f"p{p}": times[math.ceil(p * len(times) / 100) - 1] for p in PERCENTILES} if times else {}
        if times:
            latency["max"] = times[-1]
        return ProbeTotals(good=int(good), bad=int(bad), unknown=int(unknown), latency=latency)

    def _rows(self, query: str, **values: object) -> Iterator[Sequence[Any]]:
        try:
            yield from self._connection.execute(query, values)
        except sqlite3.Error as error:
            raise TelemetryUnreadable(f"{self._path}: {error}") from error


class _Grid:
    """A stretch of time cut into equal buckets, and the series that fill them."""

    def __init__(self, since: float, until: float, points: int) -> None:
        self._count = max(1, min(points, MOST_POINTS))
        self._width = max((until - since) / self._count, 0.001)
        self._since, self._until = since, until
        self._found: dict[str, dict[int, Point]] = {}

    def values(self, name: str) -> dict[str, float | str]:
        """The parameters of a query."""
        last = self._count - 1
        return {"name": name, "since": self._since, "until": self._until, "width": self._width, "last": last}

    def put(self, bucket: int, names: Sequence[str], values: Sequence[float | None]) -> None:
        """Three values a name: lowest, mean, highest."""
        for i, name in enumerate(names):
            low, mean, high = values[3 * i : 3 * i + 3]
            if mean is not None:
                self._found.setdefault(name, {})[bucket] = Point(self._begin(bucket), low, mean, high)

    def series(self) -> Series:
        """All series, with gaps where there was nothing."""
        gaps = [Point(self._begin(i), None, None, None) for i in range(self._count)]
        return {name: tuple(found.get(i, gap) for i, gap in enumerate(gaps)) for name, found in self._found.items()}

    def _begin(self, bucket: int) -> float:
        return self._since + bucket * self._width


def _connect(path: Path) -> sqlite3.Connection:
    """Read-only. The file of a finished window may lie where nothing can be created beside it."""
    uri = path.resolve().as_uri()
    connection = sqlite3.connect(f"{uri}?mode=ro", uri=True, timeout=_BUSY)
    try:
        connection.execute("SELECT 1 FROM sqlite_schema").fetchall()
    except sqlite3.OperationalError:
        connection.close()
        if path.with_name(path.name + "-wal").exists():
            raise
        return sqlite3.connect(f"{uri}?immutable=1", uri=True)
    except sqlite3.Error:
        connection.close()
        raise
    return connection
