"""What is measured is kept, can be read while it is written, and never holds up the window."""

from __future__ import annotations

import asyncio
import math
import sqlite3
import stat
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import require
from upgrade_tui.canary.result import ProbeResult, unknown_result
from upgrade_tui.telemetry import writer
from upgrade_tui.telemetry.model import Point
from upgrade_tui.telemetry.schema import VERSION
from upgrade_tui.telemetry.writer import TelemetryReader, TelemetryUnreadable, TelemetryWriter
from upgrade_tui.window.measurements import DiskSample, Sample

GIB = 2**30


def sample(cpu: float = 10.0, **more: object) -> Sample:
    values: dict[str, object] = {
        "ts": 999.0, "cpu": cpu, "iowait": 1.0, "steal": 0.0, "cores": 4, "load1": 0.5, "load5": 0.4, "load15": 0.3,
        "memory_total": 8 * GIB, "memory_available": 6 * GIB, "swap_total": 0, "swap_used": 0,
        "psi_cpu": None, "psi_memory": None, "psi_io": 2.5, "received": 1000.0, "sent": 2000.0, "tcp": 12,
        "uptime": 86400.0,
        "disks": (DiskSample("/", 100, 40, 1.0, 2.0, 3.0), DiskSample("/gone", 0, 0, missing=True)),
    }  # fmt: skip
    return Sample(**(values | more))


def answer(latency: float | None = 0.01, ok: bool = True, value: float | None = None) -> ProbeResult:
    return ProbeResult(ok=ok, latency=latency, value=value, detail="HTTP 200")


class Kept:
    """A store, what it complained of, and a way to look into its file."""

    def __init__(self, path: Path, **more: object) -> None:
        self.path = path
        self.errors: list[str] = []
        self.told = asyncio.Event()
        self.store = TelemetryWriter(
            path, on_error=self._told, wall=lambda: 1000.0, period=60.0, shortage=lambda directory: "", **more
        )

    def _told(self, error: str) -> None:
        self.errors.append(error)
        self.told.set()

    async def __aenter__(self) -> Kept:
        await self.store.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.store.close()

    def rows(self, query: str) -> list[tuple[object, ...]]:
        connection = sqlite3.connect(self.path)
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "telemetry.sqlite"


async def test_samples_and_answers_are_plain_rows(path):
    async with Kept(path) as kept:
        kept.store.put_sample("db1", sample(), at=1000.25)
        kept.store.put_probe("orders", answer(0.012, value=7), verdict="healthy", at=1001.0)
        kept.store.put_probe("orders", answer(0.5, ok=False), at=1002.0)
        kept.store.put_probe("orders", unknown_result("db1 is lost"), "no data", at=1003.0)
        await kept.store.flush()
        assert kept.rows("SELECT ts, host, host_ts, cpu, memory, disk, psi_cpu, psi_io, tcp FROM samples") == [
            (1000.25, "db1", 999.0, 10.0, 25.0, 40.0, None, 2.5, 12)
        ]
        assert kept.rows("SELECT host, mount, total, used, percent, read, written, busy FROM disks") == [
            ("db1", "/", 100, 40, 40.0, 1.0, 2.0, 3.0)
        ]
        assert kept.rows("SELECT * FROM probes") == [
            (1001.0, "orders", 1, 0.012, 7.0, "HTTP 200", "healthy"),
            (1002.0, "orders", 0, 0.5, None, "HTTP 200", None),
            (1003.0, "orders", None, None, None, "db1 is lost", "no data"),
        ]
        assert kept.rows("PRAGMA user_version") == [(VERSION,)]
        assert kept.rows("PRAGMA journal_mode") == [("wal",)]
    assert kept.errors == []
    assert kept.store.dropped == 0


async def test_reading_a_host_uses_the_index(path):
    async with Kept(path) as kept:
        kept.store.put_sample("db1", sample())
        await kept.store.flush()
        ((*_, plan),) = kept.rows(
            "EXPLAIN QUERY PLAN SELECT cpu FROM samples WHERE host = 'db1' AND ts >= 5 AND ts < 9"
        )
    assert plan == "SEARCH samples USING PRIMARY KEY (host=? AND ts>? AND ts<?)"


async def test_the_writer_writes_by_itself(path):
    kept = Kept(path)
    kept.store._period = 0.01
    async with kept:
        kept.store.put_sample("db1", sample())
        while kept.store._items or kept.store._batch:
            await asyncio.sleep(0.005)
        assert kept.rows("SELECT count(*) FROM samples") == [(1,)]


async def test_closing_writes_what_waits_and_leaves_one_private_file(path):
    async with Kept(path) as kept:
        for i in range(100):
            kept.store.put_sample("db1", sample(), at=1000.0 + i)
    assert kept.rows("SELECT count(*) FROM samples") == [(100,)]
    assert [p.name for p in path.parent.iterdir()] == ["telemetry.sqlite"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_going_on_with_the_file_of_an_earlier_run(path):
    async with Kept(path) as kept:
        kept.store.put_sample("db1", sample(), at=1.0)
    async with Kept(path) as again:
        again.store.put_sample("db1", sample(), at=2.0)
    assert again.rows("SELECT ts FROM samples ORDER BY ts") == [(1.0,), (2.0,)]
    assert again.errors == []


async def test_a_host_in_points(path):
    async with Kept(path) as kept:
        for i in range(100):
            if not 20 <= i < 40:  # a gap
                kept.store.put_sample("db1", sample(cpu=float(i)), at=1000.0 + i)
        kept.store.put_sample("db2", sample(cpu=99.0), at=1000.0)
        await kept.store.flush()
        series = await kept.store.history_host("db1", since=1000.0, until=1100.0, points=10)
    assert series["cpu"][0] == Point(1000.0, 0.0, 4.5, 9.0)
    assert series["cpu"][2] == Point(1020.0, None, None, None)
    assert series["cpu"][3] == Point(1030.0, None, None, None)
    assert series["cpu"][9] == Point(1090.0, 90.0, 94.5, 99.0)
    assert {len(points) for points in series.values()} == {10}
    assert series["percent /"][0] == Point(1000.0, 40.0, 40.0, 40.0)
    assert series["busy /"][9].mean == 3.0
    assert "psi_io" in series
    assert "psi_cpu" not in series  # never measured


async def test_a_canary_in_points(path):
    async with Kept(path) as kept:
        for i in range(10):
            kept.store.put_probe("orders", answer(0.01 * (i + 1), ok=i != 3, value=float(i)), at=1000.0 + i)
        kept.store.put_probe("orders", unknown_result("gone"), at=1010.0)
        await kept.store.flush()
        series = await kept.store.history_canary("orders", since=1000.0, until=1020.0, points=2)
    assert series["ok"] == (Point(1000.0, 0, 0.9, 1), Point(1010.0, None, None, None))
    assert series["latency"][0].high == pytest.approx(0.1)
    assert series["value"][0] == Point(1000.0, 0.0, 4.5, 9.0)


async def test_history_reaches_to_now_and_is_empty_for_strangers(path):
    async with Kept(path) as kept:
        kept.store.put_sample("db1", sample(), at=999.5)
        await kept.store.flush()
        assert (await kept.store.history_host("db1", since=990.0, points=5))["cpu"][-1].mean == 10.0
        assert await kept.store.history_host("nobody", since=0, points=5) == {}
        assert await kept.store.history_canary("nobody", since=0, points=5) == {}
        assert len((await kept.store.history_host("db1", since=999.5, points=0))["cpu"]) == 1


async def test_more_than_can_wait_is_dropped_and_counted(path):
    kept = Kept(path, waiting=10)
    for i in range(25):
        kept.store.put_sample("db1", sample(), at=float(i))  # the writer has not begun
    assert kept.store.dropped == 15
    async with kept:
        await kept.store.flush()
        assert kept.store.dropped == 15
    assert kept.rows("SELECT count(*), min(ts) FROM samples") == [(10, 0.0)]


async def test_what_a_host_claims_cannot_stop_the_writing(path):
    async with Kept(path) as kept:
        odd = sample(
            cpu=math.nan, load1=math.inf, memory_total=2**80, memory_available=0, tcp=-(2**70), cores=2**64,
            disks=(DiskSample("'); DROP TABLE samples; --", 2**99, 2**98),),
        )  # fmt: skip
        kept.store.put_sample("db1", odd, at=1.0)
        kept.store.put_sample("db1", sample(), at=2.0)
        await kept.store.flush()
    assert kept.rows("SELECT cpu, memory, tcp FROM samples ORDER BY ts") == [
        (None, 100.0, -(2**63 - 1)),
        (10.0, 25.0, 12),
    ]
    assert kept.rows("SELECT mount FROM disks WHERE ts = 1.0") == [("'); DROP TABLE samples; --",)]
    assert kept.errors == []


async def test_what_cannot_be_written_is_lost_alone(path):
    async with Kept(path) as kept:
        kept.store.put_probe("\ud800", answer())
        await kept.store.flush()
        kept.store.put_probe("orders", answer())
        await kept.store.flush()
    assert kept.rows("SELECT canary FROM probes") == [("orders",)]
    assert kept.store.dropped == 1
    assert len(kept.errors) == 1
    assert "measurements are lost" in kept.errors[0]


# -- trouble with the file ----------------------------------------------------------------------------------------


async def test_a_damaged_file_is_kept_aside_and_a_new_one_begun(path):
    path.write_bytes(b"this is no database" * 100)
    async with Kept(path) as kept:
        kept.store.put_sample("db1", sample())
        await kept.store.flush()
        await kept.told.wait()
    assert kept.errors == [
        "telemetry.sqlite: the file was damaged; it is kept as telemetry.sqlite.damaged-1 and a new one begun"
    ]
    assert path.with_name("telemetry.sqlite.damaged-1").read_bytes().startswith(b"this is no database")
    assert kept.rows("SELECT count(*) FROM samples") == [(1,)]
    assert kept.store.dropped == 0


async def test_a_file_that_is_damaged_inside_is_kept_aside_too(path):
    async with Kept(path) as kept:
        for i in range(2000):
            kept.store.put_sample("db1", sample(), at=float(i))
    page = 4096
    content = bytearray(path.read_bytes())
    content[page : len(content)] = b"\xa5" * (len(content) - page)  # all but the first page, which has the schema
    path.write_bytes(content)
    async with Kept(path) as again:
        again.store.put_sample("db1", sample(), at=5000.0)
        await again.store.flush()
    assert len(again.errors) == 1
    assert "damaged" in again.errors[0]
    assert again.rows("SELECT ts FROM samples") == [(5000.0,)]


async def test_a_file_of_a_later_version_is_left_alone(path):
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = path.read_bytes()
    async with Kept(path) as kept:
        for _ in range(3):
            kept.store.put_sample("db1", sample())
            await kept.store.flush()
    assert kept.errors == [
        f"telemetry.sqlite: its tables are version 99, this program writes version {VERSION}; measurements are lost"
    ]
    assert kept.store.dropped == 3
    assert path.read_bytes()[100:] == before[100:]
    with pytest.raises(TelemetryUnreadable, match="version 99"):
        TelemetryReader(path)


async def test_a_missing_folder_is_told_once_and_writing_goes_on_when_it_is_there(tmp_path):
    path = tmp_path / "later" / "telemetry.sqlite"
    async with Kept(path) as kept:
        for i in range(3):
            kept.store.put_sample("db1", sample(), at=float(i))
            await kept.store.flush()
        assert len(kept.errors) == 1
        assert "No such file or directory" in kept.errors[0]
        path.parent.mkdir()
        await kept.store.flush()
        assert kept.rows("SELECT count(*) FROM samples") == [(3,)]
    assert kept.errors[1:] == [""], "it is over"
    assert kept.store.dropped == 0


async def test_a_file_that_somebody_holds_is_waited_for(path, monkeypatch):
    monkeypatch.setattr(writer, "_BUSY", 0.01)
    async with Kept(path) as kept:
        kept.store.put_sample("db1", sample(), at=1.0)
        await kept.store.flush()
        holder = sqlite3.connect(path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        kept.store.put_sample("db1", sample(), at=2.0)
        await kept.store.flush()
        assert kept.errors == ["telemetry.sqlite: database is locked; measurements are not kept until this is mended"]
        holder.execute("ROLLBACK")
        holder.close()
        await kept.store.flush()
        assert kept.rows("SELECT count(*) FROM samples") == [(2,)]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    require("mount", "umount", root=True)
    folder = tmp_path / "small"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", folder], check=False)
    if made.returncode:
        pytest.skip("may not mount here")
    yield folder
    subprocess.run(["umount", folder], check=True)


def fill(filler: Path) -> None:
    """Write until the disk is full."""

    def write_on() -> None:
        with filler.open("wb", buffering=0) as file:
            while True:
                file.write(b"\0" * 4096)

    with pytest.raises(OSError, match="No space left"):
        write_on()


async def test_a_full_disk_is_told_once_and_writing_goes_on_when_there_is_room(small_disk):
    path = small_disk / "telemetry.sqlite"
    filler = small_disk / "filler"
    async with Kept(path) as kept:
        kept.store.put_sample("db1", sample(), at=1.0)
        await kept.store.flush()
        fill(filler)
        for i in range(3):
            for k in range(200):
                kept.store.put_sample("db1", sample(), at=100.0 * i + k)
            await kept.store.flush()
        assert len(kept.errors) == 1
        assert "full" in kept.errors[0] or "I/O" in kept.errors[0]
        filler.unlink()
        await kept.store.flush()
        assert kept.rows("SELECT count(*) FROM samples") == [(400,)]
    assert kept.store.dropped == 0
    assert kept.errors[1:] == [""], "it is over"


async def test_closing_on_a_full_disk_ends_and_counts_what_is_lost(small_disk):
    path = small_disk / "telemetry.sqlite"
    fill(small_disk / "filler")
    async with Kept(path) as kept:
        kept.store.put_sample("db1", sample())
    assert kept.store.dropped == 1


async def test_putting_does_not_wait_for_a_disk_that_hangs(path, monkeypatch):
    monkeypatch.setattr(writer, "_CLOSING", 0.05)
    hung, free = threading.Event(), threading.Event()

    def hang(*_: object) -> None:
        hung.set()
        free.wait(30)

    monkeypatch.setattr(writer, "write_items", hang)
    kept = Kept(path, waiting=100)
    async with kept:
        kept.store.put_sample("db1", sample())
        kept.store._wake.set()
        await asyncio.to_thread(hung.wait, 10)
        for _ in range(150):
            kept.store.put_sample("db1", sample())
        assert kept.store.dropped == 50
    assert kept.errors == ["telemetry.sqlite: the last write hangs and is abandoned"]
    free.set()
    kept.store._writer.join(10)


async def test_a_store_that_was_never_started_closes(path):
    store = TelemetryWriter(path, on_error=pytest.fail)
    await store.flush()
    await store.close()
    assert not path.exists()


# -- the reader on its own ----------------------------------------------------------------------------------------


async def filled(path: Path) -> None:
    async with Kept(path) as kept:
        for i in range(100):
            kept.store.put_probe("orders", answer((i + 1) / 1000), at=1000.0 + i)
        kept.store.put_probe("orders", answer(5.0, ok=False), at=1100.0)
        kept.store.put_probe("orders", unknown_result("gone"), at=1101.0)
        kept.store.put_probe("lag", unknown_result("gone"), at=1101.0)
        kept.store.put_sample("db2", sample(), at=1000.0)
        kept.store.put_sample("db1", sample(), at=1000.0)


async def test_the_reader_needs_no_conductor(path):
    await filled(path)
    with TelemetryReader(path) as reader:
        assert reader.hosts() == ("db1", "db2")
        assert reader.canaries() == ("lag", "orders")
        orders = reader.summary_canary("orders", 0, 2000)
        assert (orders.good, orders.bad, orders.unknown) == (100, 1, 1)
        assert orders.latency == {"p50": 0.05, "p95": 0.095, "p99": 0.099, "max": 0.1}
        lag = reader.summary_canary("lag", 0, 2000)
        assert (lag.good, lag.bad, lag.unknown, lag.latency) == (0, 0, 1, {})
        assert reader.summary_canary("nobody", 0, 2000).good == 0


async def test_the_reader_reads_beside_a_writer_and_after_a_writer_that_was_killed(path, tmp_path):
    async with Kept(path) as kept:
        kept.store.put_sample("db1", sample(), at=1.0)
        await kept.store.flush()
        with TelemetryReader(path) as reader:
            assert reader.hosts() == ("db1",)
        left = tmp_path / "killed"  # what a killed writer leaves: the file, and a write-ahead log with everything in it
        left.mkdir()
        for file in path.parent.glob("telemetry.sqlite*"):
            (left / file.name).write_bytes(file.read_bytes())
    with TelemetryReader(left / path.name) as reader:
        assert reader.history_host("db1", 0, 10, 1)["cpu"][0].mean == 10.0


async def test_the_reader_reads_from_a_disk_that_cannot_be_written(tmp_path):
    require("mount", "umount", root=True)
    await filled(tmp_path / "telemetry.sqlite")
    still = tmp_path / "still"
    still.mkdir()
    if subprocess.run(["mount", "--bind", "-o", "ro", tmp_path, still], check=False).returncode:
        pytest.skip("may not mount here")
    try:
        with TelemetryReader(still / "telemetry.sqlite") as reader:
            assert reader.hosts() == ("db1", "db2")
    finally:
        subprocess.run(["umount", still], check=True)


async def test_the_reader_cannot_write(path):
    await filled(path)
    with TelemetryReader(path) as reader, pytest.raises(TelemetryUnreadable, match="readonly"):
        list(reader._rows("DELETE FROM samples"))


@pytest.mark.parametrize("content", [None, b"", b"no database at all" * 50])
def test_what_cannot_be_read_is_said(path, content):
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TelemetryUnreadable, match=r"telemetry\.sqlite: ") as caught:
        TelemetryReader(path)
    assert "\n" not in str(caught.value)


async def test_history_without_a_file_says_so(path):
    async with Kept(path) as kept:
        with pytest.raises(TelemetryUnreadable, match="no such file"):
            await kept.store.history_host("db1", since=0, points=10)
