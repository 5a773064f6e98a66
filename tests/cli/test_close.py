"""``close`` from the shell ends a window as the dashboard does: with its report."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from tests.golden import golden
from tests.report.report_support import window_at
from upgrade_tui.attach.protocol import Done
from upgrade_tui.cli import verbs
from upgrade_tui.cli.verbs import close
from upgrade_tui.window import commands as cmd
from upgrade_tui.window import events as ev
from upgrade_tui.window.commands import Refusal


class Conductor:
    """Answers one command and is gone."""

    def __init__(self, answer: object) -> None:
        self.answer, self.asked = answer, list[Any]()

    async def do(self, command: Any) -> object:
        self.asked.append(command)
        return self.answer

    async def stream(self) -> Any:
        return
        yield


def talks(monkeypatch: pytest.MonkeyPatch, directory: Path, answer: object) -> Conductor:
    conductor = Conductor(answer)

    def talk(_: Path, job: Callable[[Any], Awaitable[Any]]) -> Any:
        async def go() -> Any:
            return await job(conductor)

        return asyncio.run(go())

    monkeypatch.setattr(verbs, "talk", talk)
    monkeypatch.setattr(verbs, "find_window", lambda name: directory)
    return conductor


def test_close_writes_the_report_and_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = window_at(tmp_path / "w", golden("closed"))
    conductor = talks(monkeypatch, directory, Done(id=1, seqs=(1,)))
    said = CliRunner().invoke(close, ["--confirm", "orders-pg16", "--outcome", "completed"])
    assert said.exit_code == 0, said.output
    assert conductor.asked == [cmd.Close(confirm="orders-pg16", outcome="completed", reason="")]
    assert said.output == f"closed: completed\nreport written to {directory / 'report'}\n"
    assert "Closed as completed" in (directory / "report/report.md").read_text(encoding="utf-8")


def test_a_window_that_was_not_closed_gets_no_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = window_at(tmp_path / "w", golden("rollout"))
    talks(monkeypatch, directory, Refusal("a window is closed with its id", "--confirm orders-pg16"))
    said = CliRunner().invoke(close, [])
    assert said.exit_code == 78
    assert not (directory / "report").exists()


def test_close_and_report_say_where_output_is_that_nobody_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = golden("closed")
    records = list(told.records)
    at = next(i for i, r in enumerate(records) if isinstance(r.event, ev.TaskFinished))
    ended = records[at].event
    assert isinstance(ended, ev.TaskFinished)
    why = "no value for DB_PASSWORD: the conductor's environment lacks it"
    records[at] = replace(records[at], event=replace(ended, output="", bytes=46, withheld=why))
    directory = window_at(tmp_path / "w", dataclasses.replace(told, records=records))
    talks(monkeypatch, directory, Done(id=1, seqs=(1,)))
    said = CliRunner().invoke(close, ["--confirm", "orders-pg16", "--outcome", "completed"]).output
    line = f"{ended.step} on {ended.host}, attempt {ended.attempt}: 46 bytes are still on "
    assert f"output that was withheld and not fetched: {line}" in said
    assert why in said
    for name in ("report.md", "report.html"):
        assert line in (directory / "report" / name).read_text(encoding="utf-8")
