"""For what events are kept elsewhere while the log cannot be written: an undo asked for in earnest by who may."""

from __future__ import annotations

import pytest

from tests.window.small import ROLES, Log
from upgrade_tui.window import commands as cmd
from upgrade_tui.window.commands import Actor, AnyCommand
from upgrade_tui.window.way_back import asks_for_it


@pytest.mark.parametrize(
    ("login", "command", "kept"),
    [
        ("tom", cmd.Revert(step="copy", reason="slow"), True),
        ("tom", cmd.Revert(step="copy", reason=" "), False),
        ("eve", cmd.Revert(step="copy", reason="slow"), False),
        ("mei", cmd.StartRollback(confirm="small", reason="slow"), True),
        ("mei", cmd.StartRollback(confirm="small", reason=" "), False),
        ("mei", cmd.StartRollback(confirm="other", reason="slow"), False),
        ("tom", cmd.StartRollback(confirm="small", reason="slow"), False),
        ("mei", cmd.Pause(), False),
    ],
)
def test_only_an_undo_with_a_reason_by_who_may_ask_for_it_is_kept(login: str, command: AnyCommand, kept: bool) -> None:
    assert asks_for_it(Log().state, command, Actor(login, ROLES[login])) is kept
