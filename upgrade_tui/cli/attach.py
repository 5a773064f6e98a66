"""``upgrade-tui attach``: look on and take part from another terminal."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from upgrade_tui.cli.common import fail, find_window, not_answering, not_running, talk
from upgrade_tui.cli.exits import Exit


@click.command(short_help="Attach to a running window from this terminal.")
@click.argument("window", metavar="[WINDOW]", required=False)
@click.option("--ascii", "ascii_only", is_flag=True, help="Draw with ASCII characters only.")
@click.option("--plain", is_flag=True, help="Lines instead of the dashboard.")
def attach(window: str | None, ascii_only: bool, plain: bool) -> None:
    """Show WINDOW (the only open one if not named). Leaving never stops it."""
    show(find_window(window), ascii_only=ascii_only, plain=plain)


def show(
    directory: Path,
    *,
    ascii_only: bool = False,
    plain: bool = False,
    demo: bool = False,
    guide: bool = False,
    linger: float | None = None,
) -> None:
    """The dashboard where there is a terminal for it, else the log as lines until the window is closed.

    ``demo``: leaving it ends the window. ``guide``: it says what to press. ``linger``: seconds that it stays
    once the window is closed; left out, until it is left.
    """
    from upgrade_tui.directory.windows import is_running

    if not is_running(directory):
        not_running(directory)
    if plain or not (sys.stdin.isatty() and sys.stdout.isatty()) or os.environ.get("TERM", "dumb") == "dumb":
        from upgrade_tui.cli.log import follow

        then = "and ends the demo" if demo else "the window goes on"
        click.echo(f"{directory.name}: following its log; ctrl+c leaves, {then}", err=True)
        talk(directory, lambda client: follow(client, as_json=False), since=0, attach=True)
        return
    from upgrade_tui.attach.client import Lost, NotAnswering, NotRunning
    from upgrade_tui.attach.session import Session
    from upgrade_tui.attach.source import LiveSource
    from upgrade_tui.tui.run import run_dashboard

    try:
        code = run_dashboard(
            lambda: Session.of(LiveSource(directory)), ascii=ascii_only, guide=guide, exporter=export_report,
            silent=demo, linger=linger,
        )  # fmt: skip
        _report_at_the_end(directory, silent=demo)
        sys.exit(code)
    except NotAnswering as silent:
        not_answering(directory, silent)
    except (NotRunning, Lost) as error:
        fail(str(error), Exit.UNAVAILABLE)


def _report_at_the_end(directory: Path, *, silent: bool) -> None:
    """Whoever leaves a window that was closed has its report; the demo writes its own."""
    from upgrade_tui.directory.paths import REPORT
    from upgrade_tui.directory.windows import look

    if silent or (directory / REPORT).exists():
        return
    state = look(directory).state
    if state is not None and state.phase == "closed":
        click.echo(export_report(directory), err=True)


def export_report(directory: Path) -> str:
    """Write the report of the window in ``directory``; one line saying where, or why not. The dashboard's ``e``.

    A line more for each output that is still on its host alone.
    """
    from upgrade_tui.directory.paths import REPORT
    from upgrade_tui.journal import JournalError
    from upgrade_tui.plan.diagnostics import PlanError
    from upgrade_tui.report.load import load
    from upgrade_tui.report.write import save

    try:
        made = load(directory)
        files = save(made, directory / REPORT)
    except (JournalError, PlanError, OSError) as error:
        return f"no report: {error}"
    early = f"; it ends early: {made.integrity.damage}" if made.integrity.damage else ""
    withheld = "".join(f"\noutput that was withheld and not fetched: {each}" for each in made.integrity.withheld)
    return f"report written to {files[0].parent}{early}{withheld}"
