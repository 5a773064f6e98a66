"""One thing in full, each on its own screen: a step, a host, a canary; the help and the first screen of a tour.

The functions push the screen and return at once; escape leads back.
"""

from __future__ import annotations

from typing import Any

from textual.app import App

from upgrade_tui.conductor.session import Session

__all__ = ["open_canary", "open_guide", "open_help", "open_host", "open_step"]


def open_step(app: App[Any], session: Session, step_id: str) -> None:
    """A step: what runs, its tasks, live output, events. Raises ValueError if the plan has no such step."""
    from upgrade_tui.tui.detail.step import StepScreen

    app.push_screen(StepScreen(session, step_id))


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
