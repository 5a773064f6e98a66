"""A log that cannot be written for a while: fence, pause, and nothing starts until somebody resumes."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.conductor.support import Rig, rig
from upgrade_tui.journal.files import SegmentFile
from upgrade_tui.window import events as ev
from upgrade_tui.window.commands import Actor, Resume

LEAD = Actor("mei", "lead")


class Disk:
    """Fails the commit in which ``doomed`` stands, once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.doomed = b""
        real = SegmentFile.commit

        def commit(file: SegmentFile, data: bytes) -> None:
            if self.doomed and self.doomed in data:
                self.doomed = b""
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            real(file, data)

        monkeypatch.setattr(SegmentFile, "commit", commit)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Rig]:
    """A rig whose log is opened again after each fence."""
    made = await rig(tmp_path)
    keeping = asyncio.create_task(made.store.keep_writable())
    yield made
    keeping.cancel()
    await made.store.close()


def kinds(records: list[ev.Record]) -> list[str]:
    return [str(record.event.__struct_config__.tag) for record in records]


@pytest.mark.parametrize("doomed", [b"task.started", b"batch.started"])
async def test_a_start_that_waited_through_a_fence_does_not_follow_the_pause(
    kept: Rig, disk: Disk, doomed: bytes
) -> None:
    seen: list[ev.Record] = []
    kept.store.observe(seen.extend)
    disk.doomed = doomed
    step = asyncio.create_task(kept.start("roll"))
    await kept.until(lambda: kept.store.state.phase == "paused")
    await kept.store.write([ev.NoteAdded(text="what waited through the fence is in the log before this")])
    after = kinds(seen)[kinds(seen).index("window.paused") :]
    assert "task.started" not in after
    assert "batch.started" not in after
    assert kept.hosts.ran == []
    await kept.store.command(Resume(reason="the disk is fine"), LEAD)
    await step
    assert kept.store.state.steps["roll"].state == "done"


@pytest.mark.parametrize(
    "before",
    [ev.HostExcluded(host="a", reason="broken"), ev.WindowPaused(reason="wait")],
    ids=["its host is excluded", "the window is paused"],
)
async def test_a_start_that_lost_the_race_in_the_log_is_not_sent(tmp_path: Path, before: ev.Event) -> None:
    """What is written in the very moment before the start stands before it in the log, and it is decided on that."""
    made = await rig(tmp_path)
    place = made.hosts.place

    async def race(host: str, directory: str) -> str:
        found = await place(host, directory)
        if host != "a":
            return found
        made.tasks._context.transact = beaten  # the next decision is about the start
        return found

    async def beaten(*decision: Any) -> Any:
        made.tasks._context.transact = made.store.transact
        made.store.post([before])
        return await made.store.transact(*decision)

    made.hosts.place = race  # type: ignore[method-assign]
    step = asyncio.create_task(made.start("roll"))
    if isinstance(before, ev.WindowPaused):
        await made.until(lambda: made.store.state.phase == "paused")
        await made.store.write([ev.NoteAdded(text="what was begun is on its host by now")])
        await asyncio.sleep(0)
        assert made.store.state.steps["roll"].tasks["a"].state == "pending"
        assert made.hosts.ran == []
        await made.store.command(Resume(reason="go on"), LEAD)
        await step
        assert made.store.state.steps["roll"].state == "done"
    else:
        await step
        assert made.store.state.steps["roll"].tasks["a"].state == "skipped"
        assert "a" not in {host for host, _ in made.hosts.ran}
    await made.store.close()
