"""``telemetry.sqlite``: its tables, and how a sample or an answer becomes a row.

Plain tables for anybody with ``sqlite3``; ``docs/telemetry.md`` describes them. Clustered by host (or canary) and time,
which is how they are read. Times are the conductor's wall clock, epoch seconds, as in the log.
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from upgrade_tui.canary.result import ProbeResult
from upgrade_tui.window.measurements import Sample, Verdict

VERSION = 1

SAMPLE_COLUMNS = (
    "ts", "host", "host_ts", "cpu", "iowait", "steal", "cores", "load1", "load5", "load15",
    "memory", "memory_total", "swap", "disk", "psi_cpu", "psi_memory", "psi_io", "received", "sent", "tcp", "uptime",
)  # fmt: skip
SAMPLE_METRICS = (
    "cpu", "iowait", "steal", "load1", "load5", "load15", "memory", "swap", "disk",
    "psi_cpu", "psi_memory", "psi_io", "received", "sent", "tcp",
)  # fmt: skip
DISK_METRICS = ("percent", "read", "written", "busy")

TABLES = """
CREATE TABLE samples(
  ts REAL NOT NULL, host TEXT NOT NULL, host_ts REAL, cpu REAL, iowait REAL, steal REAL, cores INTEGER,
  load1 REAL, load5 REAL, load15 REAL, memory REAL, memory_total INTEGER, swap REAL, disk REAL,
  psi_cpu REAL, psi_memory REAL, psi_io REAL, received REAL, sent REAL, tcp INTEGER, uptime REAL,
  PRIMARY KEY (host, ts)) WITHOUT ROWID;
CREATE TABLE disks(
  ts REAL NOT NULL, host TEXT NOT NULL, mount TEXT NOT NULL, total INTEGER, used INTEGER, percent REAL,
  read REAL, written REAL, busy REAL,
  PRIMARY KEY (host, mount, ts)) WITHOUT ROWID;
CREATE TABLE probes(
  ts REAL NOT NULL, canary TEXT NOT NULL, ok INTEGER, latency REAL, value REAL, detail TEXT, verdict TEXT,
  PRIMARY KEY (canary, ts)) WITHOUT ROWID;
"""

INSERT_SAMPLE = f"INSERT OR REPLACE INTO samples VALUES ({', '.join('?' * len(SAMPLE_COLUMNS))})"  # noqa: S608
INSERT_DISK = "INSERT OR REPLACE INTO disks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
INSERT_PROBE = "INSERT OR REPLACE INTO probes VALUES (?, ?, ?, ?, ?, ?, ?)"

_Row = tuple[float | int | str | None, ...]
_LARGEST = 2**63 - 1  # what an INTEGER column holds; a host may claim more


class HostItem(NamedTuple):
    """A sample of a host on its way to the tables."""

    at: float
    host: str
    sample: Sample


class ProbeItem(NamedTuple):
    """An answer of a canary on its way to the table, and the verdict after it."""

    at: float
    canary: str
    result: ProbeResult
    verdict: Verdict | None


class NewerSchema(Exception):
    """The file was written by a later version of this program."""


def prepare(connection: sqlite3.Connection) -> None:
    """Make the tables in a new file. Raises NewerSchema, sqlite3.Error."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise NewerSchema(f"its tables are version {version}, this program writes version {VERSION}")
    if version == 0:
        connection.executescript(f"BEGIN; {TABLES} PRAGMA user_version = {VERSION}; COMMIT;")


def write_items(connection: sqlite3.Connection, items: list[HostItem | ProbeItem]) -> None:
    """All of ``items`` in one transaction, or none of them."""
    samples: list[_Row] = []
    disks: list[_Row] = []
    probes: list[_Row] = []
    for item in items:
        if isinstance(item, ProbeItem):
            r = item.result
            ok = None if r.no_data else int(r.ok)
            probes.append((item.at, item.canary, ok, r.latency, r.value, r.detail, item.verdict))
        else:
            samples.append(_sample_row(item))
            disks.extend(_disk_rows(item))
    with connection:
        connection.execute("BEGIN")
        connection.executemany(INSERT_SAMPLE, samples)
        connection.executemany(INSERT_DISK, disks)
        connection.executemany(INSERT_PROBE, probes)


def _sample_row(item: HostItem) -> _Row:
    s = item.sample
    return (
        item.at, item.host, s.ts, s.cpu, s.iowait, s.steal, _whole(s.cores), s.load1, s.load5, s.load15,
        s.memory, _whole(s.memory_total), s.swap, s.disk, s.psi_cpu, s.psi_memory, s.psi_io, s.received, s.sent,
        _whole(s.tcp), s.uptime,
    )  # fmt: skip


def _disk_rows(item: HostItem) -> list[_Row]:
    return [
        (item.at, item.host, d.mount, _whole(d.total), _whole(d.used), d.percent, d.read, d.written, d.busy)
        for d in item.sample.disks
        if not d.missing
    ]


def _whole(number: int) -> int:
    return max(-_LARGEST, min(number, _LARGEST))
