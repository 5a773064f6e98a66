"""A disk that fills up: measurements and output stop first, what the log has put by is the log's alone."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.conductor.support import Rig, rig
from tests.support import require
from upgrade_tui.canary.result import ProbeResult
from upgrade_tui.conductor import window_store
from upgrade_tui.directory.output import OutputFile
from upgrade_tui.journal import FencedError, Journal, file_store, read_log, verify_log
from upgrade_tui.journal.files import BALLAST
from upgrade_tui.telemetry.writer import TelemetryWriter
from upgrade_tui.window import events as ev
from upgrade_tui.window.commands import Actor, Refusal, StartRollback
from upgrade_tui.window.fold import fold_all

LEAD = Actor("mei", "lead")
LONG = ev.NoteAdded(text="x" * 40_000)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 80 MiB."""
    require("mount", "umount", root=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=80m", "tmpfs", tmp_path], check=False).returncode:
        pytest.skip("may not mount here")
    yield tmp_path
    subprocess.run(["umount", "-l", tmp_path], check=True)


def fill(path: Path, leave: int = 0) -> None:
    """Take the space that is left, but for ``leave`` bytes."""
    with path.open("wb", buffering=0) as rest, contextlib.suppress(OSError):
        while True:
            rest.write(b"x" * 4096)
    with path.open("r+b") as rest:
        rest.truncate(path.stat().st_size - leave)


@pytest.fixture
async def window(disk: Path) -> AsyncIterator[Rig]:
    made = await rig(disk)
    keeping = asyncio.create_task(made.store.keep_writable())
    yield made
    keeping.cancel()
    await made.store.close()


async def test_telemetry_does_not_eat_what_was_put_by_for_logging_a_rollback(disk: Path, window: Rig) -> None:
    told: list[str] = []
    telemetry = TelemetryWriter(disk / "telemetry.sqlite", on_error=told.append)
    await telemetry.start()
    telemetry.put_probe("front", ProbeResult(ok=True, latency=0.1, value=None, detail="HTTP 200"))
    await telemetry.flush()
    assert told == []
    await window.start("roll")
    fill(disk / "rest")
    await window.store.write([LONG])
    assert window.store.state.phase == "paused", "it was fenced, and goes on with what was put by"
    for _ in range(3):
        for _ in range(5000):
            telemetry.put_probe("front", ProbeResult(ok=True, latency=0.1, value=None, detail="x" * 200))
        await telemetry.flush()
    async with asyncio.timeout(60):
        for _ in range(BALLAST // 2 // len(LONG.text)):
            await window.store.write([LONG])
        asked = await window.store.command(StartRollback(confirm="w1", reason="errors"), LEAD)
        assert not isinstance(asked, Refusal)
        await window.rollbacks.run()
    assert window.store.state.steps["roll"].state == "rolled back"
    assert window.store.state.fences == 1
    assert any("kept for the log" in line for line in told)
    await telemetry.close()
    assert verify_log(disk).intact


async def test_a_rollback_goes_on_elsewhere_where_the_ballast_is_used_up_too_and_joins_when_there_is_room(
    disk: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window_store, "RETRY", 0.01)
    kept = tmp_path_factory.mktemp("run") / "w" / "kept"
    window = await rig(disk, events=file_store(disk, kept=kept))
    keeping = asyncio.create_task(window.store.keep_writable())
    await window.start("roll")
    fill(disk / "rest")
    await window.store.write([LONG])
    fill(disk / "more")  # somebody else was quicker than the log
    async with asyncio.timeout(60):
        while not window.store.fenced:
            window.store.post([LONG])
            await window.store.changed()
        assert not isinstance(await window.store.command(StartRollback(confirm="w1", reason="errors"), LEAD), Refusal)
        assert window.store.kept == f"kept in {next(kept.iterdir())}, not yet in the log"
        await window.rollbacks.run()
        assert window.store.state.steps["roll"].state == "rolled back"
        for path in ("rest", "more"):
            (disk / path).unlink()
        while window.store.unwritable or kept.exists():
            await asyncio.sleep(0.01)
    await window.store.write([ev.NoteAdded(text="there is room again")])
    keeping.cancel()
    await window.store.close()
    assert verify_log(disk).intact
    assert fold_all(window.plan, read_log(disk)) == window.store.state


async def test_what_was_given_back_on_a_full_disk_is_put_by_again_when_there_is_room(disk: Path) -> None:
    async with await Journal.open(disk / "w") as journal:
        fill(disk / "rest")
        with pytest.raises(FencedError):
            await journal.append("mei", LONG)
        await journal.reopen()
        assert not journal.has_ballast
        (disk / "rest").unlink()
        await journal.append("mei", LONG)
        assert journal.has_ballast


async def test_measurements_and_output_stop_while_there_is_still_room_and_go_on_when_there_is_more(disk: Path) -> None:
    told: list[str] = []
    telemetry = TelemetryWriter(disk / "telemetry.sqlite", on_error=told.append, period=3600.0)
    await telemetry.start()
    fill(disk / "rest", leave=60 << 20)
    telemetry.put_probe("front", ProbeResult(ok=True, latency=0.1, value=None, detail="HTTP 200"))
    await telemetry.flush()
    file = OutputFile(disk / "a.out")
    file.write(b"not kept\n")
    digest = file.close()
    assert (disk / "a.out").stat().st_size == 0
    assert len(digest) == 64
    assert file.error == "output is not kept: only 60.0 MiB of 80.0 MiB are free there, which are kept for the log"
    assert told[0].startswith("telemetry.sqlite: only 60.0 MiB of 80.0 MiB are free there, which are kept for the log;")
    assert not (disk / "telemetry.sqlite").exists()
    (disk / "rest").unlink()
    await telemetry.flush()
    assert told[1:] == [""], "that trouble is over"
    assert (disk / "telemetry.sqlite").exists()
    file = OutputFile(disk / "b.out")
    file.write(b"kept\n")
    file.close()
    assert (disk / "b.out").read_bytes() == b"kept\n"
    await telemetry.close()
