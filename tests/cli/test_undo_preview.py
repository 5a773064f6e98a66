"""``rollback --preview``: what would run, and what cannot, before anybody asks for it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.window.small import Log
from upgrade_tui.attach.protocol import Done
from upgrade_tui.cli import undo, verbs
from upgrade_tui.cli.undo import rollback_preview
from upgrade_tui.plan.reader import parse_plan
from upgrade_tui.window import events as ev
from upgrade_tui.window.fold import fold_all
from upgrade_tui.window.state import WindowState

PLAN = """
[window]
id = "w1"
title = "A window"
start = "now"
duration = "4h"

[hosts.a]
address = "10.0.0.1"
[hosts.here]
address = "local"

[[steps]]
id = "far"
title = "Over there"
on = ["a", "here"]
run = "upgrade"
rollback = { run = "downgrade", estimate = "5m" }

[[steps]]
id = "switch"
title = "Switch over"
on = "local"
run = "switch"
rollback = { run = "switch back", estimate = "5m" }
"""


def done(jobs: Path) -> WindowState:
    """Both steps are done; the jobs of all hosts are in the same directory, as far as its name goes."""
    events: list[ev.Event] = [
        ev.WindowOpened(
            window="w1", plan_id="w1", plan_sha256="0" * 64, start=0.0, end=14400.0, version="0", host="h", pid=1
        ),
        *(ev.HostJobs(host=host, place=str(jobs)) for host in ("a", "here", "local")),
    ]  # fmt: skip
    for step, hosts in (("far", ("a", "here")), ("switch", ("local",))):
        events.append(ev.StepIntent(step=step, attempt=1, batches=(hosts,)))
        for host in hosts:
            events.append(ev.TaskStarted(step=step, host=host, attempt=1))
            events.append(ev.TaskFinished(step=step, host=host, attempt=1, exit=0, seconds=1.0))
        events.append(ev.StepFinished(step=step, attempt=1))
    plan = parse_plan(PLAN, "plan.toml")
    records = [ev.Record(seq=i, ts=float(i), mono=0.0, boot="b", actor="mei", event=e) for i, e in enumerate(events, 1)]
    return fold_all(plan, records)


def preview(state: WindowState) -> list[str]:
    return [line for line in rollback_preview(state, phase="", step="", hosts=()) if "cannot" in line]


def test_steps_of_this_machine_whose_jobs_have_no_room_are_named_before_anything_is_undone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = done(tmp_path)
    assert preview(state) == []
    read_only = os.statvfs_result((*os.statvfs(tmp_path)[:8], os.ST_RDONLY, 255))
    monkeypatch.setattr(os, "statvfs", lambda path: read_only)
    why = f"its jobs are kept in {tmp_path}, which is read-only: the rollback stops there until it can be written"
    assert preview(state) == [
        f"  cannot be undone now: switch on local: {why}",
        f"  cannot be undone now: far on here: {why}",
    ]


def test_what_is_under_way_and_would_be_stopped_first_is_named() -> None:
    log = Log().copied()
    assert not any("stops first" in line for line in rollback_preview(log.state, phase="", step="", hosts=()))
    log.opens("go")
    assert rollback_preview(log.state, phase="", step="", hosts=())[1] == "  stops first: go"


class Conductor:
    """One that is told to roll back, and does."""

    def __init__(self, state: WindowState) -> None:
        self._state = state

    async def state(self) -> tuple[WindowState, float, int]:
        return self._state, 0.0, 0

    async def do(self, command: object) -> Done:
        return Done(id=1, seqs=(1,))


def test_the_answer_to_a_rollback_names_them_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    conductor = Conductor(done(tmp_path))
    monkeypatch.setattr(undo, "find_window", lambda window: tmp_path)
    monkeypatch.setattr(undo, "talk", lambda directory, job: asyncio.run(job(conductor)))
    monkeypatch.setattr(verbs, "talk", lambda directory, job: asyncio.run(job(conductor)))
    monkeypatch.setattr(verbs, "find_window", lambda window: tmp_path)
    asked = ["--step", "switch", "--confirm", "w1", "--reason", "it fails"]
    assert CliRunner().invoke(undo.rollback, asked).output == "rolling back\n"
    read_only = os.statvfs_result((*os.statvfs(tmp_path)[:8], os.ST_RDONLY, 255))
    monkeypatch.setattr(os, "statvfs", lambda path: read_only)
    said = CliRunner().invoke(undo.rollback, asked).output.splitlines()
    assert said[0] == "rolling back"
    assert said[1].startswith(
        f"cannot be undone now: switch on local: its jobs are kept in {tmp_path}, which is read-only"
    )
