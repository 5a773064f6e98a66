"""The log cannot be written: a rollback goes on, kept elsewhere, and nothing else does."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conductor.support import PLAN, Rig, rig
from upgrade_tui.conductor import book as module
from upgrade_tui.journal.store import MemoryLog
from upgrade_tui.window import commands as cmd
from upgrade_tui.window import events as ev
from upgrade_tui.window.commands import Actor, Refusal
from upgrade_tui.window.fold import fold_all

LEAD, TOM = Actor("mei", "lead"), Actor("tom", "engineer")
BACK = cmd.Rollback(confirm="w1", reason="errors")
KEPT = "kept in the runtime directory, not yet in the log"


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> MemoryLog:
    monkeypatch.setattr(module, "RETRY", 0.001)
    return MemoryLog()


@pytest.fixture
async def done(tmp_path: Path, log: MemoryLog) -> AsyncIterator[Rig]:
    """A window in which a step is done, whose log can then no longer be written."""
    made = await rig(tmp_path, store=log.open)
    await made.start("roll")
    keeping = asyncio.create_task(made.book.keep_writable())
    log.error = errno.EROFS
    yield made
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)


def kinds(log: MemoryLog) -> list[str]:
    return [str(r.event.__struct_config__.tag) for r in log.records()]


async def fenced(made: Rig) -> None:
    made.book.post([ev.NoteAdded(text="a fact")])
    while not made.book.fenced:
        await made.book.changed()


async def back(made: Rig, log: MemoryLog) -> None:
    """The log can be written again, and has all that was kept."""
    log.error = 0
    while made.book.kept or made.book.unwritable or "log.joined" not in kinds(log):
        await asyncio.sleep(0.001)


async def test_a_rollback_and_nothing_else_goes_on_and_its_events_join_the_log(done: Rig, log: MemoryLog) -> None:
    await fenced(done)
    refused = await done.book.command(cmd.Note(text="not worth it"), LEAD)
    assert "cannot be written" in str(refused)
    assert not isinstance(await done.book.command(BACK, LEAD), Refusal)
    assert done.book.kept == KEPT
    assert done.book.state.phase == "paused"
    for command in (cmd.Resume(reason="on"), cmd.Start(step="look"), cmd.Tick(step="look")):
        assert "a rollback goes on, and nothing else" in str(await done.book.command(command, LEAD))
    await done.rollbacks.run()
    assert done.book.state.steps["roll"].state == "rolled back"
    assert log.records()[-1].seq < done.book.state.seq, "not in the log yet"
    await back(done, log)
    await done.book.write([ev.NoteAdded(text="the next")])
    kept = kinds(log)[kinds(log).index("log.fenced") :]
    assert kept[:3] == ["log.fenced", "window.paused", "note.added"], "what was reported meanwhile came with it"
    assert kept[-2:] == ["log.joined", "note.added"]
    assert fold_all(done.plan, log.records()) == done.book.state


async def test_a_rollback_that_is_under_way_goes_on_by_itself(done: Rig, log: MemoryLog) -> None:
    log.error = 0
    assert not isinstance(await done.book.command(BACK, LEAD), Refusal)
    log.error = errno.ENOSPC
    await done.rollbacks.run()
    assert done.book.state.steps["roll"].state == "rolled back"
    assert done.book.kept == KEPT
    await back(done, log)
    assert fold_all(done.plan, log.records()) == done.book.state


async def test_whoever_may_not_roll_back_starts_nothing_elsewhere(done: Rig, log: MemoryLog) -> None:
    await fenced(done)
    for command, actor in ((BACK, TOM), (cmd.Rollback(confirm="", reason="x"), LEAD), (cmd.Resume(), LEAD)):
        assert "cannot be written" in str(await done.book.command(command, actor))
    assert done.book.kept == ""


async def test_where_nothing_can_be_kept_the_lead_confirms_that_nothing_is_recorded(done: Rig, log: MemoryLog) -> None:
    log.keep_error = errno.ENOSPC
    await fenced(done)
    refused = await done.book.command(BACK, LEAD)
    assert "nothing can be kept elsewhere" in str(refused)
    assert "--not-recorded REASON" in str(refused)
    assert isinstance(refused, Refusal)
    assert refused.needs == "unrecorded"
    said = await done.book.command(cmd.Rollback(confirm="w1", reason="errors", unrecorded="customers first"), LEAD)
    assert not isinstance(said, Refusal)
    assert done.book.kept.startswith("NOT RECORDED")
    await done.rollbacks.run()
    assert done.book.state.steps["roll"].state == "rolled back"
    await back(done, log)
    notes = [r.event.text for r in log.records() if isinstance(r.event, ev.NoteAdded)]
    assert "goes on although nothing can be recorded: customers first" in notes
    assert fold_all(done.plan, log.records()) == done.book.state


async def test_a_rollback_that_waits_since_nothing_can_be_kept_goes_on_without_a_record(
    done: Rig, log: MemoryLog
) -> None:
    log.error = 0
    await done.book.command(BACK, LEAD)
    log.error = log.keep_error = errno.ENOSPC
    rolling = asyncio.create_task(done.rollbacks.run())
    while not done.book.fenced:
        await done.book.changed()
    said = await done.book.command(cmd.Rollback(confirm="w1", reason="errors", unrecorded="customers first"), LEAD)
    assert not isinstance(said, Refusal)
    await rolling
    assert done.book.state.steps["roll"].state == "rolled back"


async def test_a_conductor_that_cannot_write_the_log_from_its_start_rolls_back(tmp_path: Path, log: MemoryLog) -> None:
    first = await rig(tmp_path, store=log.open)
    await first.start("roll")
    log.crash()
    log.error = errno.EROFS
    second = await rig(tmp_path, PLAN, store=log.open, opened=False)
    assert second.book.fenced == "log.jsonl: Read-only file system"
    second.book.post([ev.ConductorStarted(pid=1, host="h", version="1")])
    keeping = asyncio.create_task(second.book.keep_writable())
    second.hosts.jobs = first.hosts.jobs
    assert not isinstance(await second.book.command(BACK, LEAD), Refusal)
    await second.rollbacks.run()
    assert second.book.state.steps["roll"].state == "rolled back"
    log.crash()
    keeping.cancel()
    log.error = 0
    third = await rig(tmp_path, PLAN, store=log.open, opened=False)
    assert kinds(log)[-1] == "log.joined"
    assert third.book.state.steps["roll"].state == "rolled back"
    assert third.book.state.takeovers == 1
