"""Questions to the operator, one modal screen each: a line of text, a typed confirmation, a choice.

Each function gives the answer, or None (False) where the operator said no with escape. They are awaited from a worker
(``@work``): an action or a handler that waited for an answer would keep the very pump busy that has to deliver the
keys, so asking there raises RuntimeError at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textual.app import App

from upgrade_tui.tui.dialogs.choice import ChoiceDialog
from upgrade_tui.tui.dialogs.dialog import ask_dialog
from upgrade_tui.tui.dialogs.text import TextDialog
from upgrade_tui.tui.dialogs.typed import TypedDialog

__all__ = ["ask_choice", "ask_text", "ask_typed"]


async def ask_text(app: App[Any], title: str, prompt: str, *, initial: str = "", required: bool = True) -> str | None:
    """One line of text, without blanks around it; None if the operator gave up.

    ``required``: an empty line is not accepted. Without it, an empty answer is ``""``, which is not None.
    """
    return await ask_dialog(app, TextDialog(title, prompt, initial=initial, required=required))


async def ask_typed(app: App[Any], title: str, body: str, expect: str) -> bool:
    """True once the operator typed exactly ``expect`` and pressed enter: for what cannot be taken back."""
    confirmed: bool | None = await ask_dialog(app, TypedDialog(title, body, expect))
    return confirmed is True


async def ask_choice(app: App[Any], title: str, body: str, choices: Sequence[tuple[str, str]]) -> str | None:
    """The value of the ``(value, label)`` that was chosen; None if the operator gave up.

    A label may go on after a newline with a line that explains it. Raises ValueError without choices.
    """
    if not choices:
        raise ValueError("a choice needs something to choose from")
    return await ask_dialog(app, ChoiceDialog(title, body, choices))
