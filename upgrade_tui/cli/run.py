"""``upgrade-tui run PLAN``: start a window, go on with one, or attach to it if it is running."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from upgrade_tui.cli.common import fail, find_window, not_running
from upgrade_tui.cli.exits import Exit


@click.command(short_help="Run a plan's window (or go on with it, or attach to it).")
@click.argument("plan", metavar="PLAN")
@click.option("--detach", "-d", is_flag=True, help="Only start the window; print its name.")
@click.option("--ascii", "ascii_only", is_flag=True, help="Draw with ASCII characters only.")
@click.option("--plain", is_flag=True, help="Lines instead of the dashboard.")
def run(plan: str, detach: bool, ascii_only: bool, plain: bool) -> None:
    """Start the window of PLAN (a plan file) and show it.

    A window of this plan that is already open is attached to; if its conductor is gone (a crash, a reboot), it is
    started again and goes on from its log. PLAN may also be the name or the folder of a window.
    """
    directory = _directory(plan)
    if detach:
        click.echo(directory.name)
        return
    from upgrade_tui.cli.attach import show

    show(directory, ascii_only=ascii_only, plain=plain)


def _directory(plan: str) -> Path:
    """The directory of a window whose conductor answers."""
    from upgrade_tui.conductor.paths import PLAN
    from upgrade_tui.conductor.windows import look

    path = Path(plan)
    if path.is_file():
        return launch(path)
    if (path / PLAN).is_file():
        return ensure(look(path.resolve()))
    if path.suffix == ".toml" or "/" in plan:
        fail(f"cannot read {plan}: no such file", Exit.NO_INPUT)
    return ensure(look(find_window(plan)))


def launch(path: Path) -> Path:
    """Check the plan, then start its window or find the open one. Ends the command where that fails."""
    from upgrade_tui.cli.check import read_or_fail
    from upgrade_tui.conductor.launch import freeze, launching, open_window_of
    from upgrade_tui.plan.estimate import window_end
    from upgrade_tui.units import duration_text

    plan, text = read_or_fail(path)
    try:
        with launching():
            info = open_window_of(plan)
            if info is not None:
                if (info.directory / "plan.toml").read_text(encoding="utf-8") != text:
                    click.echo(
                        f"upgrade-tui: {info.name} is open and keeps the plan as it was frozen; "
                        f"{path} has changed since",
                        err=True,
                    )
                return ensure(info)
            over = time.time() - window_end(plan, time.time())
            if over > 0:
                fail(f"this window ended {duration_text(over)} ago", Exit.WRONG_PLAN, "give it a new start and end")
            directory = freeze(plan, text)
            return _start(directory, path.resolve().parent)
    except OSError as error:
        fail(f"cannot write the window's directory: {error}", Exit.CANNOT_WRITE, "is the disk full or read-only?")


def ensure(info: object) -> Path:
    """Make sure that a conductor runs for an open window."""
    from upgrade_tui.conductor.windows import WindowInfo

    assert isinstance(info, WindowInfo)
    if info.running:
        return info.directory
    if info.state is None:
        fail(f"{info.name}: {info.problem}", Exit.LOG_DAMAGED)
    if info.state.phase == "closed":
        not_running(info.directory)
    return _start(info.directory, None)


def _start(directory: Path, origin: Path | None) -> Path:
    from upgrade_tui.conductor.launch import CannotStart, start_conductor

    try:
        start_conductor(directory, origin)
    except CannotStart as error:
        click.echo(f"upgrade-tui: {error}", err=True)
        sys.exit(error.code)
    return directory
