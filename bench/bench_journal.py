"""The log against a bare write + fdatasync loop: same file system, same lines, same run, rounds interleaved."""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from upgrade_tui.journal import Journal, read_log, verify_log
from upgrade_tui.window.events import TaskFinished

Row = tuple[str, str, str, str]  # what, measured, goal, "met" or "missed"

ROUNDS = 15  # interleaved, and medians of single appends: a busy disk then hits all alike
SERIAL = 100  # appends a round
PRODUCERS, EACH = 64, 150
LINE = b"x" * 499 + b"\n"  # as long as the event's line
RECORDS = 100_000
EVENT = TaskFinished(
    step="upgrade", host="db1", attempt=1, exit=0, seconds=12.25, output="upgrade.1.db1.log", bytes=5120,
    sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", last_line="Setting up postgresql-16",
)  # fmt: skip


def run() -> list[Row]:
    """Measure in a temporary directory of the current one (/tmp is often in memory)."""
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-journal-") as name:
        directory = Path(name)
        rows = asyncio.run(_writing(directory))
        rows += _reading(directory / "long")
    return rows


async def _writing(directory: Path) -> list[Row]:
    bare: list[float] = []
    hops: list[float] = []
    ours: list[float] = []
    async with await Journal.open(directory / "serial") as journal:
        for _ in range(ROUNDS):
            bare += _bare(directory / "bare")
            hops += await _in_a_thread(directory / "thread")
            ours += await _serial(journal)
    async with await Journal.open(directory / "busy") as journal:
        rate = statistics.median([await _producers(journal) for _ in range(ROUNDS)])
    async with await Journal.open(directory / "long") as journal:
        started = time.perf_counter()
        await journal.append_many("mei", [EVENT] * RECORDS)
        many = RECORDS / (time.perf_counter() - started)
    plain, via, serial = (statistics.median(seconds) for seconds in (bare, hops, ours))
    share = plain / serial
    return [
        ("log: bare write + fdatasync loop", f"{plain * 1e6:.0f} us a line", "", ""),
        ("log: the same by asyncio.to_thread", f"{via * 1e6:.0f} us a line, {plain / via:.2f} of bare", "", ""),
        ("log: durable appends, serial", f"{serial * 1e6:.0f} us, {share:.2f} of bare", "0.90", _word(share >= 0.9)),
        (f"log: {PRODUCERS} producers", f"{rate:,.0f} events/s", "50,000 events/s", _word(rate >= 50_000)),
        (f"log: append_many of {RECORDS:,}", f"{many:,.0f} events/s", "", ""),
    ]


def _word(met: bool) -> str:
    return "met" if met else "missed"


def _bare(path: Path) -> list[float]:
    """Seconds of each turn of the plainest durable loop."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    taken = []
    for _ in range(SERIAL):
        started = time.perf_counter()
        os.write(fd, LINE)
        os.fdatasync(fd)
        taken.append(time.perf_counter() - started)
    os.close(fd)
    return taken


async def _in_a_thread(path: Path) -> list[float]:
    """What one would write first: the same two calls off the loop, without hash, order or checks."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def commit() -> None:
        os.write(fd, LINE)
        os.fdatasync(fd)

    taken = []
    for _ in range(SERIAL):
        started = time.perf_counter()
        await asyncio.to_thread(commit)
        taken.append(time.perf_counter() - started)
    os.close(fd)
    return taken


async def _serial(journal: Journal) -> list[float]:
    taken = []
    for _ in range(SERIAL):
        started = time.perf_counter()
        await journal.append("mei", EVENT)
        taken.append(time.perf_counter() - started)
    return taken


async def _producers(journal: Journal) -> float:
    """Events a second of producers that each wait for every event to be durable before the next."""

    async def produce() -> None:
        for _ in range(EACH):
            await journal.append("mei", EVENT)

    started = time.perf_counter()
    await asyncio.gather(*(produce() for _ in range(PRODUCERS)))
    return PRODUCERS * EACH / (time.perf_counter() - started)


def _reading(directory: Path) -> list[Row]:
    """The best of three: these are all processor, and another process on the machine only ever adds."""
    checked = min(_timed(lambda: verify_log(directory).records) for _ in range(3))
    streamed = min(_timed(lambda: sum(1 for _ in read_log(directory))) for _ in range(3))
    opened = min(_timed(lambda: asyncio.run(_open(directory))) for _ in range(3))
    return [
        (f"log: verify {RECORDS:,} events", _seconds(checked), "1 s", _word(checked[0] <= 1)),
        (f"log: open and decode {RECORDS:,} events", _seconds(opened), "1 s", _word(opened[0] <= 1)),
        (f"log: read {RECORDS:,} events", _seconds(streamed), "", ""),
    ]


def _seconds(taken: tuple[float, float]) -> str:
    return f"{taken[0]:.2f} s ({taken[1]:.2f} s of CPU)"


def _timed(call: Callable[[], int]) -> tuple[float, float]:
    """Seconds by the clock on the wall, and of processor."""
    started, used = time.perf_counter(), time.process_time()
    found = call()
    taken = time.perf_counter() - started, time.process_time() - used
    if found != RECORDS:
        raise RuntimeError(f"{found} records instead of {RECORDS}")
    return taken


async def _open(directory: Path) -> int:
    seen = 0

    def count(_: object) -> None:
        nonlocal seen
        seen += 1

    async with await Journal.open(directory, replay=count):
        return seen
