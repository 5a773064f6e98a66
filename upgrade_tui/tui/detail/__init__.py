"""One thing in full, each on its own screen: a step, a host, a canary; the help and the first screen of a tour.

The functions push the screen and return at once; escape leads back.
"""

from __future__ import annotations

from typing import Any

from textual.app import App

from upgrade_tui.conductor.session import Session
from upgrade_tui.window.commands import Rollback

__all__ = [
    "open_canary",
    "open_gate",
    "open_guide",
    "open_help",
    "open_host",
    "open_matrix",
    "open_rollback",
    "open_step",
]


def open_step(app: App[Any], session: Session, step_id: str, host: str = "") -> None:
    """A step: what runs, its tasks, live output (of ``host`` first), events. Raises ValueError if there is no such."""
    from upgrade_tui.tui.detail.step import StepScreen

    app.push_screen(StepScreen(session, step_id, host))


def open_gate(app: App[Any], session: Session, step_id: str) -> None:
    """A gate's card: everything it is decided on; votes. Raises ValueError if the plan has no such gate."""
    from upgrade_tui.tui.detail.gate import GateScreen

    app.push_screen(GateScreen(session, step_id))


def open_rollback(app: App[Any], session: Session, command: Rollback | None) -> None:
    """What a rollback of that scope would run, exactly, then how it goes; None: the one that is under way."""
    from upgrade_tui.tui.detail.rollback import RollbackScreen

    app.push_screen(RollbackScreen(session, command))


def open_matrix(app: App[Any], session: Session, step: str = "", host: str = "") -> None:
    """Every step on every host; the cursor on ``step`` and ``host`` if they are there."""
    from upgrade_tui.tui.detail.matrix import MatrixScreen

    app.push_screen(MatrixScreen(session, step, host))


def open_host(app: App[Any], session: Session, host: str) -> None:
    """A host: link, facts, charts, file systems, units, processes. Raises ValueError if the plan has no such host."""
    from upgrade_tui.tui.detail.host import HostScreen

    app.push_screen(HostScreen(session, host))


def open_canary(app: App[Any], session: Session, name: str) -> None:
    """A canary: its probe, its verdict, latencies, results. Raises ValueError if the plan has no such canary."""
    from upgrade_tui.tui.detail.canary import CanaryScreen

    app.push_screen(CanaryScreen(session, name))


def open_help(app: App[Any]) -> None:
    """All keys that do something here, what the words mean, what the glyphs are."""
    from upgrade_tui.tui.detail.help import HelpScreen

    app.push_screen(HelpScreen.of(app))


def open_guide(app: App[Any]) -> None:
    """What is on the screen and what to press first."""
    from upgrade_tui.tui.detail.guide import GuideScreen

    app.push_screen(GuideScreen())
