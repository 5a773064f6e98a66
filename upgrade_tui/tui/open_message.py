"""How anything below the app has a screen opened: it posts ``Open``, and the app knows which screen that is."""

from __future__ import annotations

from textual.message import Message

from upgrade_tui.window.commands import StartRollback


class Open(Message):
    """A screen of a kind, about ``name``. ``host``: of a step, whose output comes first; of the matrix, its row.

    ``scope``: of a rollback, what would be undone; without it, the rollback that is under way.
    """

    def __init__(self, kind: str, name: str = "", host: str = "", scope: StartRollback | None = None) -> None:
        super().__init__()
        self.kind, self.name, self.host, self.scope = kind, name, host, scope
