"""The dashboard in a real terminal: first frame, CPU with 500 hosts at 1 Hz, key press to paint meanwhile."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import statistics
import struct
import sys
import tempfile
import termios
import time
from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from tests.golden import golden
from tests.support_tui import minute
from upgrade_tui.attach import protocol
from upgrade_tui.window.measurements import Frame

Row = tuple[str, str, str, str]
MARK = b"WHERE"


class Terminal:
    """A child in a pty of its own, 120 x 40, read as a terminal reads."""

    def __init__(self, *arguments: str, size: tuple[int, int] = (120, 40)) -> None:
        self.started = time.perf_counter()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
            os.environ.update(TERM="xterm-256color", COLORTERM="truecolor")
            os.execv(sys.executable, [sys.executable, "-m", "bench.dashboard_child", *arguments])

    def read(self, timeout: float) -> bytes:
        """What comes within ``timeout`` seconds, b"" if nothing does."""
        ready, _, _ = select.select([self.fd], [], [], timeout)
        return os.read(self.fd, 65536) if ready else b""

    def until(self, wanted: bytes, timeout: float) -> float:
        """Seconds from now until ``wanted`` is in the output. Raises TimeoutError."""
        begin, seen = time.perf_counter(), b""
        while time.perf_counter() - begin < timeout:
            seen = (seen + self.read(0.2))[-200_000:]
            if wanted in seen:
                return time.perf_counter() - begin
        raise TimeoutError(f"no {wanted!r} within {timeout} s; last output: {seen[-300:]!r}")

    def drain(self, seconds: float) -> int:
        """Reads for ``seconds``; the bytes that came."""
        end, count = time.perf_counter() + seconds, 0
        while (left := end - time.perf_counter()) > 0:
            count += len(self.read(left))
        return count

    def cpu(self) -> float:
        """CPU seconds of the child so far, as the scheduler counts them: ticks of 10 ms are too coarse for this."""
        threads = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9

    def resident(self) -> float:
        """Resident MiB of the child."""
        line = next(x for x in Path(f"/proc/{self.pid}/status").read_text().splitlines() if x.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    def close(self) -> None:
        """Ends the child."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def saved(directory: Path, hosts: int) -> Path:
    """A golden window as its client gets it: plan, events, two minutes of frames in which every number moves."""
    told = golden("rollout", hosts)
    frame = replace(told.frame, details={})
    frames: list[Frame] = [*minute(frame, 44), frame]
    (directory / "plan.toml").write_text(told.plan_text)
    (directory / "events.json").write_bytes(protocol.encode(protocol.Happened(records=tuple(told.records))))
    with (directory / "frames.jsonl").open("wb") as file:
        for each in frames:
            file.write(protocol.encode(protocol.FrameMessage(frame=each)) + b"\n")
    return directory


def first_frame(arguments: tuple[str, ...]) -> float:
    """Seconds from exec to the first painted text."""
    terminal = Terminal(*arguments)
    try:
        terminal.until(MARK, 60)
        return time.perf_counter() - terminal.started
    finally:
        terminal.close()


def start_rows(directory: Path, rounds: int = 7) -> list[Row]:
    """Side by side, turn by turn."""
    bare, ours = [], []
    for _ in range(rounds):
        bare.append(first_frame(("bare",)))
        ours.append(first_frame((str(directory),)))
    ratio = statistics.median(ours) / statistics.median(bare)
    measured = f"{ratio:.2f}x ({statistics.median(ours) * 1000:.0f} ms; bare {statistics.median(bare) * 1000:.0f} ms)"
    return [("exec to first painted frame against a bare Textual app", measured, "at most 1.3x", verdict(ratio <= 1.3))]


def load_rows(directory: Path, hosts: int, seconds: float = 20.0, presses: int = 200) -> list[Row]:
    """A dashboard at 1 Hz: first left alone, then with somebody moving the cursor through the hosts."""
    terminal = Terminal(str(directory), "feed", size=(200, 60))
    try:
        terminal.until(MARK, 60)
        terminal.drain(4)
        before, begin = terminal.cpu(), time.perf_counter()
        output = terminal.drain(seconds)
        share = 100 * (terminal.cpu() - before) / (time.perf_counter() - begin)
        memory = terminal.resident()
        os.write(terminal.fd, b"3")
        terminal.drain(1)
        p50, p99 = key_presses(terminal, presses)
    finally:
        terminal.close()
    cpu = f"{share:.1f} % ({output / seconds / 1024:.0f} KiB/s to the terminal, {memory:.0f} MiB resident)"
    key = f"{p99 * 1000:.0f} ms (median {p50 * 1000:.0f} ms)"
    return [
        (f"dashboard with {hosts} hosts at 1 Hz, 200x60: CPU", cpu, "at most 3 % of a core", verdict(share <= 3.0)),
        ("key press to paint meanwhile, p99", key, "at most 50 ms", verdict(p99 <= 0.050)),
    ]


def key_presses(terminal: Terminal, count: int) -> tuple[float, float]:
    """Median and p99 seconds from writing a cursor key to the cursor's mark in the output."""
    took = []
    for i in range(count):
        terminal.drain(0.05 + 0.013 * (i % 7))  # not in step with the frames
        os.write(terminal.fd, b"j" if i % 40 < 20 else b"k")
        took.append(terminal.until("▌".encode(), 5))
    took.sort()
    return statistics.median(took), took[min(len(took) - 1, int(len(took) * 0.99))]


def verdict(good: bool) -> str:
    """As the table says it."""
    return "met" if good else "missed"


def run() -> list[Row]:
    """The rows of the table: what, measured, goal, met or missed."""
    rows: list[Row] = []
    plans: list[tuple[int, Callable[[Path], list[Row]]]] = [
        (12, start_rows),
        (500, lambda directory: load_rows(directory, 500)),
    ]
    for hosts, measure in plans:
        with tempfile.TemporaryDirectory() as name:
            rows += measure(saved(Path(name), hosts))
    return rows


if __name__ == "__main__":
    for row in run():
        print(" | ".join(row))
