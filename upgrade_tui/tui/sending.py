"""A command goes to the conductor; a refusal is shown, or turned into the question that it asks."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from textual.app import App

from upgrade_tui.attach.session import Session
from upgrade_tui.tui import dialogs
from upgrade_tui.window import commands as cmd
from upgrade_tui.window.commands import AnyCommand, Refusal


def refused(app: App[Any], reason: str, title: str = "Not done") -> None:
    """Says why not, loudly enough to be read."""
    app.notify(reason, title=title, severity="warning", timeout=8, markup=False)


async def send(app: App[Any], session: Session, command: AnyCommand) -> bool:
    """Sends a command; what a refusal says it needs is asked for, and sent with it. True once it was carried out."""
    answer = await session.do(command)
    if answer is None:
        if session.kept:
            app.notify(session.kept, title="Carried out", severity="warning", timeout=8, markup=False)
        return True
    if isinstance(command, cmd.StartRollback) and answer.needs == "unrecorded" and not command.unrecorded:
        more: AnyCommand | None = await _unrecorded(app, command, answer)
    elif isinstance(command, cmd.Start | cmd.Tick) and answer.needs == "confirm" and not command.confirm:
        more = await _confirmed(app, command, answer)
    elif isinstance(command, cmd.Start | cmd.Tick) and answer.needs.startswith("override") and not command.override:
        more = await _overridden(app, command, answer)
    else:
        refused(app, str(answer))
        return False
    return more is not None and await send(app, session, more)


async def _unrecorded(app: App[Any], command: cmd.StartRollback, answer: Refusal) -> cmd.StartRollback | None:
    reason = await dialogs.ask_text(
        app, "NOT RECORDED", f"{answer.reason}. As the lead, why roll back without any record?"
    )
    return replace(command, unrecorded=reason) if reason else None


async def _confirmed(app: App[Any], command: cmd.Start | cmd.Tick, answer: Refusal) -> cmd.Start | cmd.Tick | None:
    body = f"{answer.reason}.\nThere is no rollback behind this point."
    typed = await dialogs.ask_typed(app, "Point of no return", body, command.step)
    return replace(command, confirm=command.step) if typed else None


async def _overridden(app: App[Any], command: cmd.Start | cmd.Tick, answer: Refusal) -> cmd.Start | cmd.Tick | None:
    """With the lead's reason; of a step in batches also for how many of them it is."""
    reason = await dialogs.ask_text(app, "Held by the clock", f"{answer.reason}. As the lead, why do it all the same?")
    if not reason or answer.needs != "override of batches":
        return replace(command, override=reason) if reason else None
    how_much = [("batch", "This batch, and no other"), ("rest", "All batches of the step that are left")]
    chosen = await dialogs.ask_choice(app, "How much of it?", f"The log will say: {reason}", how_much)
    return replace(command, override=reason, rest=chosen == "rest") if chosen else None
