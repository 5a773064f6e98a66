"""The log cannot be written: a rollback goes on, kept elsewhere, and nothing else does."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conductor.support import PLAN, Rig, rig
from upgrade_tui.conductor import window_store as module
from upgrade_tui.journal.store import MemoryLog
from upgrade_tui.window import commands as cmd
from upgrade_tui.window import events as ev
from upgrade_tui.window.commands import Actor, Refusal
from upgrade_tui.window.fold import fold_all

LEAD, TOM = Actor("mei", "lead"), Actor("tom", "engineer")
BACK = cmd.StartRollback(confirm="w1", reason="errors")
KEPT = "kept in the runtime directory, not yet in the log"


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> MemoryLog:
    monkeypatch.setattr(module, "RETRY", 0.001)
    return MemoryLog()


@pytest.fixture
async def done(tmp_path: Path, log: MemoryLog) -> AsyncIterator[Rig]:
    """A window in which a step is done, whose log can then no longer be written."""
    made = await rig(tmp_path, events=log.open)
    await made.start("roll")
    keeping = asyncio.create_task(made.store.keep_writable())
    log.error = errno.EROFS
    yield made
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)


def kinds(log: MemoryLog) -> list[str]:
    return [str(r.event.__struct_config__.tag) for r in log.records()]


async def fenced(made: Rig) -> None:
    made.store.post([ev.NoteAdded(text="a fact")])
    while not made.store.fenced:
        await made.store.changed()


async def back(made: Rig, log: MemoryLog) -> None:
    """The log can be written again, and has all that was kept."""
    log.error = 0
    while made.store.kept or made.store.unwritable or "log.joined" not in kinds(log):
        await asyncio.sleep(0.001)


async def test_a_rollback_and_nothing_else_goes_on_and_its_events_join_the_log(done: Rig, log: MemoryLog) -> None:
    await fenced(done)
    refused = await done.store.command(cmd.Note(text="not worth it"), LEAD)
    assert "cannot be written" in str(refused)
    assert not isinstance(await done.store.command(BACK, LEAD), Refusal)
    assert done.store.kept == KEPT
    assert done.store.state.phase == "paused"
    for command in (cmd.Resume(reason="on"), cmd.Start(step="look"), cmd.Tick(step="look")):
        assert "a rollback goes on, and nothing else" in str(await done.store.command(command, LEAD))
    await done.rollbacks.run()
    assert done.store.state.steps["roll"].state == "rolled back"
    assert log.records()[-1].seq < done.store.state.seq, "not in the log yet"
    await back(done, log)
    await done.store.write([ev.NoteAdded(text="the next")])
    kept = kinds(log)[kinds(log).index("log.fenced") :]
    assert kept[:3] == ["log.fenced", "window.paused", "note.added"], "what was reported meanwhile came with it"
    assert kept[-2:] == ["log.joined", "note.added"]
    assert fold_all(done.plan, log.records()) == done.store.state


async def test_a_rollback_that_is_under_way_goes_on_by_itself(done: Rig, log: MemoryLog) -> None:
    log.error = 0
    assert not isinstance(await done.store.command(BACK, LEAD), Refusal)
    log.error = errno.ENOSPC
    await done.rollbacks.run()
    assert done.store.state.steps["roll"].state == "rolled back"
    assert done.store.kept == KEPT
    await back(done, log)
    assert fold_all(done.plan, log.records()) == done.store.state


async def test_whoever_may_not_roll_back_starts_nothing_elsewhere(done: Rig, log: MemoryLog) -> None:
    await fenced(done)
    for command, actor in ((BACK, TOM), (cmd.StartRollback(confirm="", reason="x"), LEAD), (cmd.Resume(), LEAD)):
        assert "cannot be written" in str(await done.store.command(command, actor))
    assert done.store.kept == ""


async def test_where_nothing_can_be_kept_the_lead_confirms_that_nothing_is_recorded(done: Rig, log: MemoryLog) -> None:
    log.keep_error = errno.ENOSPC
    await fenced(done)
    refused = await done.store.command(BACK, LEAD)
    assert "nothing can be kept elsewhere" in str(refused)
    assert "--not-recorded REASON" in str(refused)
    assert isinstance(refused, Refusal)
    assert refused.needs == "unrecorded"
    said = await done.store.command(
        cmd.StartRollback(confirm="w1", reason="errors", unrecorded="customers first"), LEAD
    )
    assert not isinstance(said, Refusal)
    assert done.store.kept.startswith("NOT RECORDED")
    await done.rollbacks.run()
    assert done.store.state.steps["roll"].state == "rolled back"
    await back(done, log)
    notes = [r.event.text for r in log.records() if isinstance(r.event, ev.NoteAdded)]
    assert "goes on although nothing can be recorded: customers first" in notes
    assert fold_all(done.plan, log.records()) == done.store.state


async def test_a_rollback_that_waits_since_nothing_can_be_kept_goes_on_without_a_record(
    done: Rig, log: MemoryLog
) -> None:
    log.error = 0
    await done.store.command(BACK, LEAD)
    log.error = log.keep_error = errno.ENOSPC
    rolling = asyncio.create_task(done.rollbacks.run())
    while not done.store.fenced:
        await done.store.changed()
    said = await done.store.command(
        cmd.StartRollback(confirm="w1", reason="errors", unrecorded="customers first"), LEAD
    )
    assert not isinstance(said, Refusal)
    await rolling
    assert done.store.state.steps["roll"].state == "rolled back"


async def test_a_conductor_that_cannot_write_the_log_from_its_start_rolls_back(tmp_path: Path, log: MemoryLog) -> None:
    first = await rig(tmp_path, events=log.open)
    await first.start("roll")
    log.crash()
    log.error = errno.EROFS
    second = await rig(tmp_path, PLAN, events=log.open, opened=False)
    assert second.store.fenced == "log.jsonl: Read-only file system"
    second.store.post([ev.ConductorStarted(pid=1, host="h", version="1")])
    keeping = asyncio.create_task(second.store.keep_writable())
    second.hosts.jobs = first.hosts.jobs
    assert not isinstance(await second.store.command(BACK, LEAD), Refusal)
    await second.rollbacks.run()
    assert second.store.state.steps["roll"].state == "rolled back"
    log.crash()
    keeping.cancel()
    log.error = 0
    third = await rig(tmp_path, PLAN, events=log.open, opened=False)
    assert kinds(log)[-1] == "log.joined"
    assert third.store.state.steps["roll"].state == "rolled back"
    assert third.store.state.takeovers == 1
