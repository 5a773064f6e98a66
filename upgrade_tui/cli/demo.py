"""``upgrade-tui demo``: eight embedded hosts, a plan for them, and then what ``run`` does with any plan."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from upgrade_tui.cli.common import fail
from upgrade_tui.cli.exits import Exit

if TYPE_CHECKING:
    from upgrade_tui.demo.start import DemoHosts


LAST_LOOK = 15.0  # seconds that a tour's dashboard stays after the end


@click.command(short_help="Eight embedded hosts and a window to try everything on.")
@click.option("--auto", is_flag=True, help="Play it through by itself (about five minutes); exit 0 if it completed.")
@click.option("--speed", type=click.FloatRange(0.2, 20), default=1.0, show_default=True, metavar="N",
              help="How fast its hosts and its tour are.")  # fmt: skip
@click.option("--ascii", "ascii_only", is_flag=True, help="Draw with ASCII characters only.")
@click.option("--plain", is_flag=True, help="Lines instead of the dashboard.")
@click.option("--keep", is_flag=True, help="Keep the hosts' directories (they are printed) when the demo ends.")
def demo(auto: bool, speed: float, ascii_only: bool, plain: bool, keep: bool) -> None:
    """Try everything on eight hosts of this machine: SSH servers on loopback, each with a small service to upgrade.

    Needs no root, no sshd and nothing that is not Python. The window is a window like any other: from a second
    terminal, `upgrade-tui attach`, `status`, `tick STEP` and all the others work on it. Leaving the dashboard ends the
    demo: its window is closed as abandoned, unless you have closed it yourself, and its hosts are gone.

    Without a terminal nobody could leave it: then it plays itself through, as with --auto.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    if not auto and not (sys.stdin.isatty() and sys.stdout.isatty()):
        click.echo(
            "No terminal: the demo plays itself through, in about five minutes, and ends with the report.", err=True
        )
        auto = True
    hosts = _hosts(1 / speed, keep)
    window: Path | None = None
    code = 0
    try:
        window = _launched(hosts)
        code = _shown(window, auto, 1 / speed, ascii_only, plain)
    except KeyboardInterrupt:
        code = 130
    finally:
        outcome = _left(hosts, window)
    sys.exit((Exit.OK if outcome == "completed" else Exit.FAILED) if auto else code)


def _hosts(pace: float, keep: bool) -> DemoHosts:
    """The hosts, up. Ends the command where that fails."""
    from upgrade_tui.demo.start import DemoCannotStart, DemoHosts, claim_directory, lost_windows, remove_leftovers
    from upgrade_tui.directory.windows import all_windows

    try:
        remove_leftovers()
        for window in lost_windows(all_windows()):
            click.echo(f"{window.name}: an earlier demo that was cut off; closing it", err=True)
            _close(window.directory, "the demo was cut off")
        hosts = DemoHosts(claim_directory(all_windows()), pace=pace, keep=keep)
    except OSError as error:
        fail(f"cannot make the demo's directory: {error}", Exit.CANNOT_WRITE, "is the disk full or read-only?")
    click.echo("Starting eight hosts on this machine …", err=True)
    try:
        hosts.wait()
    except DemoCannotStart as error:
        fail(f"the demo's hosts did not come up: {error}", Exit.UNAVAILABLE)
    except BaseException:
        hosts.leave()
        raise
    return hosts


def _launched(hosts: DemoHosts) -> Path:
    """The window of their plan, started as ``run`` starts any."""
    from upgrade_tui.cli.run import launch

    directory = launch(hosts.plan)
    hosts.opened(directory)
    click.echo(f"The window is {directory.name}. From another terminal: upgrade-tui attach {directory.name}", err=True)
    return directory


def _shown(window: Path, auto: bool, pace: float, ascii_only: bool, plain: bool) -> int:
    """The dashboard, with the tour beside it if asked for; the exit code of the dashboard."""
    from upgrade_tui.cli.attach import show

    if auto:
        lines = plain or not sys.stdout.isatty()
        player = threading.Thread(target=_play, args=(window, pace, lines), name="tour", daemon=True)
        player.start()
    try:
        show(window, ascii_only=ascii_only, plain=plain, demo=True, guide=not auto, linger=LAST_LOOK if auto else None)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    return 0


def _play(window: Path, pace: float, lines: bool) -> None:
    """The tour, in a thread. Over ``lines`` it says what it is refused, and ends them should it give up."""
    from upgrade_tui.demo.tour import tour

    def say(text: str) -> None:
        if lines:  # else the dashboard has the screen
            click.echo(f"tour: {text}", err=True)

    if not asyncio.run(tour(window, pace, say)) and lines:
        os.kill(os.getpid(), signal.SIGINT)  # as ctrl+c would


def _left(hosts: DemoHosts, window: Path | None) -> str:
    """End the demo, write the report; the window's outcome."""
    from upgrade_tui.directory.windows import look

    click.echo("Ending the demo: closing its window, stopping its hosts …", err=True)
    hosts.leave()
    if hosts.kept:
        click.echo(f"hosts:  {hosts.kept}")
    if window is None:
        return ""
    _close(window, "the demo was left")  # nothing to do, unless its hosts died before
    info = look(window)
    outcome = info.state.outcome if info.state is not None else ""
    click.echo(f"window: {window.name}, {outcome or 'not closed'}")
    _report(window)
    return outcome


def _close(window: Path, reason: str) -> None:
    from upgrade_tui.attach.launch import CannotStart
    from upgrade_tui.demo.leave import leave
    from upgrade_tui.journal import JournalError

    try:
        asyncio.run(leave(window, reason))
    except (CannotStart, JournalError, OSError) as error:
        click.echo(f"upgrade-tui: {window.name} could not be closed: {error}", err=True)


def _report(window: Path) -> None:
    from upgrade_tui.journal import JournalError
    from upgrade_tui.report.write import write_report

    try:
        paths = write_report(window)
    except (OSError, JournalError) as error:
        click.echo(f"upgrade-tui: the report cannot be written: {error}", err=True)
        return
    shown = next((path for path in paths if path.suffix == ".html"), paths[0])
    click.echo(f"report: {shown}")
    click.echo(f"look at it again: upgrade-tui report {window.name} · upgrade-tui log --window {window.name}")
