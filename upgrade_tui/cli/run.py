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
@click.option(
    "--plan",
    "given",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Put this file in the place of a window's frozen plan that was changed: it has to be the same plan.",
)
@click.option("--accept-plan", "accept", default="", metavar="REASON",
              help="Lead only: go on with a frozen plan that was changed.")  # fmt: skip
def run(plan: str, detach: bool, ascii_only: bool, plain: bool, given: Path | None, accept: str) -> None:
    """Start the window of PLAN (a plan file) and show it.

    A window of this plan that is already open is attached to; if its conductor is gone (a crash, a reboot), it is
    started again and goes on from its log. PLAN may also be the name or the folder of a window.
    """
    directory = _directory(plan, given, accept)
    if detach:
        click.echo(directory.name)
        return
    from upgrade_tui.cli.attach import show

    show(directory, ascii_only=ascii_only, plain=plain)


def _directory(plan: str, given: Path | None = None, accept: str = "") -> Path:
    """The directory of a window whose conductor answers."""
    from upgrade_tui.directory.windows import look

    path = Path(plan)
    if path.is_file():
        if given is not None or accept:
            fail("--plan and --accept-plan are about a window that was begun, not about a plan", Exit.USAGE)
        return launch(path)
    if path.is_dir() and any(path.glob("log*.jsonl")):
        return ensure(look(_restored(path.resolve(), given)), accept)
    if path.suffix == ".toml" or "/" in plan:
        fail(f"cannot read {plan}: no such file", Exit.NO_INPUT)
    return ensure(look(_restored(find_window(plan), given)), accept)


def _restored(directory: Path, given: Path | None) -> Path:
    """The window, with ``given`` as its frozen plan where that is the one which its log records."""
    from upgrade_tui.attach.launch import put_back
    from upgrade_tui.directory.paths import PLAN
    from upgrade_tui.directory.recorded import Recorded, digest
    from upgrade_tui.journal import JournalError, read_log

    if given is None:
        return directory
    recorded = Recorded()
    try:
        data = given.read_bytes()
        for record in read_log(directory):
            recorded.take(record)
    except OSError as error:
        fail(f"cannot read {error.filename or given}: {error.strerror}", Exit.NO_INPUT)
    except JournalError as error:
        fail(str(error), Exit.LOG_DAMAGED)
    if digest(data) != recorded.plan:
        fail(
            f"{given} is not the plan of {directory.name}: its SHA-256 is {digest(data)[:16]}…, the log records "
            f"{recorded.plan[:16]}…", Exit.LOG_DAMAGED,
            f"a lead can go on with the plan as it is: upgrade-tui run {directory.name} --accept-plan REASON",
        )  # fmt: skip
    try:
        put_back(directory, data)
    except OSError as error:
        fail(f"{directory.name}: {PLAN} cannot be written: {error.strerror}", Exit.CANNOT_WRITE, "is the disk full?")
    click.echo(f"{directory.name}: {PLAN} is {given} again", err=True)
    return directory


def launch(path: Path) -> Path:
    """Check the plan, then start its window or find the open one. Ends the command where that fails."""
    from upgrade_tui.attach.launch import freeze, launching, open_window_of
    from upgrade_tui.cli.check import read_or_fail
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


def ensure(info: object, accept: str = "") -> Path:
    """Make sure that a conductor runs for an open window."""
    from upgrade_tui.directory.windows import WindowInfo

    assert isinstance(info, WindowInfo)
    if info.running:
        return info.directory
    if info.state is None:
        back = f"if the frozen plan was changed or lost: upgrade-tui run {info.directory} --plan FILE"
        fail(f"{info.name}: {info.problem}", Exit.LOG_DAMAGED, back)
    if info.state.phase == "closed":
        not_running(info.directory)
    return _start(info.directory, None, accept)


def _start(directory: Path, origin: Path | None, accept: str = "") -> Path:
    from upgrade_tui.attach.launch import CannotStart, start_conductor

    try:
        start_conductor(directory, origin, accept)
    except CannotStart as error:
        click.echo(f"upgrade-tui: {error}", err=True)
        sys.exit(error.code)
    return directory
