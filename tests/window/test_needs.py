"""A refusal says as data what it needs: whoever asks people for it reads no sentence."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from tests.window.small import END, MINUTE, Log
from upgrade_tui.window import commands as cmd
from upgrade_tui.window.commands import AnyCommand, Need, Refusal


def refusal(log: Log, login: str, command: AnyCommand) -> Refusal:
    said = log.ask(login, command)
    assert isinstance(said, Refusal), f"{command} is carried out"
    return said


def late() -> Log:
    log = Log().prepared()
    log.now = END - 50 * MINUTE
    return log


def aborted() -> Log:
    return Log().does("mei", cmd.Abort(confirm="small"))


BARE: tuple[tuple[Log, AnyCommand, Need], ...] = (
    (Log(), cmd.Skip(step="prep", reason=" "), "reason"),
    (Log(), cmd.Exclude(host="a", reason=""), "reason"),
    (Log(), cmd.Abort(confirm="yes"), "confirm"),
    (Log(), cmd.Close(confirm="", outcome="abandoned"), "confirm"),
    (Log(), cmd.Close(confirm="small", outcome="abandoned"), "reason"),
    (Log().prepared(), cmd.Untick(step="prep", reason=""), "reason"),
    (Log().prepared(), cmd.StartRollback(confirm=""), "confirm"),
    (Log().prepared(), cmd.StartRollback(confirm="small"), "reason"),
    (aborted(), cmd.Resume(), "reason"),
    (late(), cmd.Start(step="copy"), "override of batches"),
    (late(), cmd.Start(step="copy", hosts=()), "override of batches"),
)  # fmt: skip
SAID = {
    "reason": {"reason": "so"}, "confirm": {"confirm": "small", "reason": "so"},
    "override of batches": {"override": "so"},
}  # fmt: skip


@pytest.mark.parametrize(("log", "command", "needs"), BARE, ids=lambda v: type(v).__name__)
def test_what_a_refusal_needs_is_what_lets_it_be_carried_out(log: Log, command: AnyCommand, needs: Need) -> None:
    assert refusal(log, "mei", command).needs == needs
    log.does("mei", replace(command, **SAID[needs]))


def test_who_may_not_override_is_not_asked_for_a_reason() -> None:
    assert refusal(late(), "tom", cmd.Start(step="copy")).needs == ""


def test_who_may_not_take_an_abort_back_is_not_asked_for_a_reason() -> None:
    assert refusal(aborted(), "tom", cmd.Resume()).needs == ""


def test_a_retry_is_not_asked_for_how_many_batches() -> None:
    log = Log().prepared().does("mei", cmd.Start(step="copy")).batch("copy", 0).ends("copy", "a", 1)
    log.finishes("copy", "failed")
    log.now = END - 20 * MINUTE
    assert refusal(log, "mei", cmd.Start(step="copy", hosts=("a",))).needs == "override"


def test_what_nothing_can_be_said_to_needs_nothing() -> None:
    assert refusal(Log(), "mei", cmd.Start(step="copy")).needs == ""
    assert refusal(Log(), "tom", cmd.Abort(confirm="small")).needs == ""


def test_it_comes_over_the_wire() -> None:
    sent = refusal(Log(), "mei", cmd.Abort(confirm=""))
    assert msgspec.json.decode(msgspec.json.encode(sent), type=Refusal) == sent
