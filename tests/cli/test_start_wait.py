"""``start --wait`` and ``retry``: what they end with where the clock holds the step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.window.small import Log
from upgrade_tui.attach import protocol as p
from upgrade_tui.cli import verbs
from upgrade_tui.cli.exits import Exit
from upgrade_tui.window import commands as cmd
from upgrade_tui.window import events as ev
from upgrade_tui.window.armed import waits_for_nothing_else


class Answers:
    """A conductor that takes every command; the window is as ``log`` tells it."""

    def __init__(self, log: Log) -> None:
        self.log, self.sent = log, list[cmd.AnyCommand]()

    def talk(self, directory: Path, job: Any) -> Any:
        return job(self)

    def do(self, command: cmd.AnyCommand) -> p.Done:
        self.sent.append(command)
        return p.Done(id=1, seqs=(1,))

    def state(self, *, over: str) -> Any:
        assert waits_for_nothing_else(self.log.state, over), "it would wait for ever"
        return self.log.state, None, 0.0


def _held() -> Log:
    log = Log().prepared().does("mei", cmd.Start(step="copy")).batch("copy", 0).ends("copy", "a")
    return log.happens(ev.StepHeld(step="copy", attempt=1, batch=1, reason="no time to undo it", slack=-60.0))


def _run(monkeypatch: pytest.MonkeyPatch, log: Log, verb: Any, *words: str) -> tuple[Any, Answers]:
    answers = Answers(log)

    monkeypatch.setattr(verbs, "find_window", lambda name: Path("w"))
    monkeypatch.setattr(verbs, "talk", answers.talk)
    return CliRunner().invoke(verb, words), answers


def test_waiting_for_a_step_that_is_held_ends_with_4_and_says_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    done, _ = _run(monkeypatch, _held(), verbs.start, "copy", "--wait")
    assert done.exit_code == Exit.HELD == 4
    assert "copy: held before batch 2 of 3: no time to undo it (slack after it when held: -1 m)" in done.output
    assert "the lead lets it go: upgrade-tui start copy --override REASON" in done.output


def test_a_held_step_that_ended_is_told_as_it_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    done, _ = _run(monkeypatch, _held().happens(ev.StepFinished(step="copy", attempt=1, reason="x")), verbs.start,
                   "copy", "--wait")  # fmt: skip
    assert done.exit_code == Exit.FAILED


@pytest.mark.parametrize("verb", [verbs.start, verbs.retry])
def test_rest_goes_with_an_override_and_is_sent_with_it(monkeypatch: pytest.MonkeyPatch, verb: Any) -> None:
    done, answers = _run(monkeypatch, _held(), verb, "copy", "--rest")
    assert (done.exit_code, answers.sent) == (Exit.USAGE, [])
    assert "--override REASON --rest" in done.output
    done, answers = _run(monkeypatch, _held(), verb, "copy", "--rest", "--override", "half is worse")
    assert answers.sent == [cmd.Start(step="copy", override="half is worse", rest=True)]
