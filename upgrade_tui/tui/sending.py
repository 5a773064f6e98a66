"""A command goes to the conductor; a refusal is shown, or turned into the question that it asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from upgrade_tui.window import commands as cmd
from upgrade_tui.window.commands import AnyCommand, Refusal

if TYPE_CHECKING:
    from textual.app import App

    from upgrade_tui.conductor.session import Session


def refused(app: App[Any], reason: str, title: str = "Not done") -> None:
    """Says why not, loudly enough to be read."""
    app.notify(reason, title=title, severity="warning", timeout=8, markup=False)


async def send(app: App[Any], session: Session, command: AnyCommand) -> bool:
    """Sends a command. A refusal that asks for a confirmation or an override is turned into that question."""
    answer = await session.do(command)
    if answer is None:
        if session.kept:
            app.notify(session.kept, title="Carried out", severity="warning", timeout=8, markup=False)
        return True
    if isinstance(command, cmd.Rollback) and "--not-recorded" in answer.hint and not command.unrecorded:
        from upgrade_tui.tui.dialogs import ask_text

        prompt = f"{answer.reason}. As the lead, why roll back without any record?"
        reason = await ask_text(app, "NOT RECORDED", prompt)
        return bool(reason) and await send(app, session, replace(command, unrecorded=str(reason)))
    if isinstance(command, cmd.Start | cmd.Tick):
        more = await _dangerous(app, session, command, answer)
        if more is not None:
            return await send(app, session, more)
        if "--confirm" in answer.hint or "--override" in answer.hint:
            return False  # the operator gave up in the dialog
    refused(app, str(answer))
    return False


async def _dangerous(
    app: App[Any], session: Session, command: cmd.Start | cmd.Tick, answer: Refusal
) -> cmd.Start | cmd.Tick | None:
    """The command again with what ``decide`` asked for, or None."""
    from upgrade_tui.tui.dialogs import ask_choice, ask_text, ask_typed

    if "--confirm" in answer.hint and not command.confirm:
        body = f"{answer.reason}.\nThere is no rollback behind this point."
        if await ask_typed(app, "Point of no return", body, command.step):
            return replace(command, confirm=command.step)
    elif "--override" in answer.hint and not command.override:
        prompt = f"{answer.reason}. As the lead, why do it all the same?"
        reason = await ask_text(app, "Held by the clock", prompt)
        if reason and isinstance(command, cmd.Start) and "--rest" in answer.hint:
            how_much = [("batch", "This batch, and no other"), ("rest", "All batches of the step that are left")]
            chosen = await ask_choice(app, "How much of it?", f"The log will say: {reason}", how_much)
            return replace(command, override=reason, rest=chosen == "rest") if chosen else None
        if reason:
            return replace(command, override=reason)
    return None
