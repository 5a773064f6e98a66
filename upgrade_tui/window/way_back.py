"""What still goes on where the log cannot be written: a rollback, and what belongs to it. Pure."""

from __future__ import annotations

from upgrade_tui.window import commands as cmd
from upgrade_tui.window.commands import Actor, AnyCommand
from upgrade_tui.window.state import WindowState

_ALWAYS = (cmd.StartRollback, cmd.Revert, cmd.Abort, cmd.Pause, cmd.Settle, cmd.Note)


def asks_for_it(state: WindowState, command: AnyCommand, actor: Actor) -> bool:
    """Whether this is worth keeping events elsewhere for: an undo, asked for in earnest by who may.

    Whether it is possible now is decided after that: what was reported meanwhile may matter, and waits for the log too.
    """
    if isinstance(command, cmd.Revert):
        return actor.role != "observer" and bool(command.reason.strip())
    if not isinstance(command, cmd.StartRollback):
        return False
    return actor.role == "lead" and command.confirm == state.plan.window.id and bool(command.reason.strip())


def belongs_to_it(state: WindowState, command: AnyCommand) -> bool:
    """Whether a command may be carried out while events are kept elsewhere."""
    if isinstance(command, cmd.Tick | cmd.Skip):  # a person undoes a step, or gives that up
        step = state.steps.get(command.step)
        return step is not None and step.state == "rolling back"
    return isinstance(command, _ALWAYS)
