"""What becomes of a command that is sent while the log cannot be written."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support_tui import recorded
from upgrade_tui.tui import dialogs
from upgrade_tui.tui.sending import send
from upgrade_tui.window import commands as cmd
from upgrade_tui.window.commands import AnyCommand, Refusal

BACK = cmd.StartRollback(confirm="orders-pg16", reason="errors")
NOWHERE = Refusal("the log cannot be written, and nothing can be kept elsewhere", "the lead can do it", "unrecorded")


class Told:
    """An app as far as sending needs one."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def notify(self, message: str, *, title: str = "", **_: object) -> None:
        self.notes.append(f"{title}: {message}")


async def sent(monkeypatch: pytest.MonkeyPatch, answers: list[Refusal | None], typed: str | None, kept: str) -> Any:
    """Whether it was carried out, the commands that went out, and what was told."""
    session, out, app = recorded("trouble"), [], Told()

    async def do(command: AnyCommand) -> Refusal | None:
        out.append(command)
        session.kept = kept
        return answers.pop(0)

    async def ask_text(*_: object, **__: object) -> str | None:
        return typed

    monkeypatch.setattr(session, "do", do)
    monkeypatch.setattr(dialogs, "ask_text", ask_text)
    return await send(app, session, BACK), out, app.notes  # type: ignore[arg-type]


async def test_an_acknowledgement_says_where_it_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    done, _, notes = await sent(monkeypatch, [None], None, "kept in /run/x, not yet in the log")
    assert done
    assert notes == ["Carried out: kept in /run/x, not yet in the log"]


async def test_where_nothing_can_be_recorded_the_lead_is_asked_for_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    done, out, _ = await sent(monkeypatch, [NOWHERE, None], "customers first", "NOT RECORDED")
    assert done
    assert [command.unrecorded for command in out] == ["", "customers first"]


async def test_a_lead_who_gives_no_reason_rolls_nothing_back(monkeypatch: pytest.MonkeyPatch) -> None:
    done, out, _ = await sent(monkeypatch, [NOWHERE], None, "")
    assert not done
    assert len(out) == 1
