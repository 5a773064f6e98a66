"""Runs the dashboard in this terminal. What the command line calls."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from upgrade_tui.attach.session import Session
    from upgrade_tui.tui.app import Exporter


def run_dashboard(
    session: Callable[[], Awaitable[Session]],
    *,
    ascii: bool = False,  # noqa: A002
    theme: str | None = None,
    guide: bool = False,
    exporter: Exporter | None = None,
    silent: bool = False,
    linger: float | None = None,
) -> int:
    """Attaches with ``session()`` and shows the dashboard until the operator leaves it; the window goes on.

    With ``linger`` it also leaves by itself, that many seconds after the window was closed.
    What became of it is then said in a line on stderr, unless ``silent``: who called has more to say.

    Returns the exit code: 0, or 1 where the dashboard itself failed (Textual has said why). Raises what ``session``
    raises: NotRunning, Lost.
    """
    return asyncio.run(_dashboard(session, ascii, theme, guide, exporter, silent, linger))


async def _dashboard(
    attach: Callable[[], Awaitable[Session]],
    ascii_only: bool,
    theme: str | None,
    guide: bool,
    exporter: Exporter | None,
    silent: bool,
    linger: float | None,
) -> int:
    loading = asyncio.create_task(asyncio.to_thread(_load), name="load-textual")  # while the conductor answers
    try:
        session = await attach()
    finally:
        await loading
    from upgrade_tui.tui.app import UpgradeApp

    app = UpgradeApp(session, ascii=ascii_only, theme=theme, guide=guide, exporter=exporter, linger=linger)
    await app.run_async()
    if not app.return_code and not silent:
        sys.stderr.write(farewell(session) + "\n")
    return app.return_code or 0


def _load() -> None:
    importlib.import_module("upgrade_tui.tui.app")


def farewell(session: Session) -> str:
    """What stays on the terminal: leaving never stops a window."""
    state, window = session.state, session.plan.window.id
    name = state.window or window
    if state.phase == "closed":
        return f"{window}: {state.outcome}. Its report: upgrade-tui report {name}"
    if session.trouble is not None:
        return f"{window}: the conductor did not answer ({session.trouble}). Start it again: upgrade-tui run PLAN"
    return f"{window} goes on without this dashboard. Come back with: upgrade-tui attach --window {name}"
