"""``upgrade-tui verify WINDOW``: is the log as it was written?"""

from __future__ import annotations

import sys

import click

from upgrade_tui.cli.common import fail, find_window
from upgrade_tui.cli.exits import Exit


@click.command(short_help="Check that a window's log is intact.")
@click.argument("window")
@click.option("--json", "as_json", is_flag=True, help="The verdict as JSON.")
def verify(window: str, as_json: bool) -> None:
    """Check every line of WINDOW's log and the chain between them.

    Exit code 0: intact; 65: damaged, with the line and what is wrong with it.
    """
    from upgrade_tui.journal import JournalError
    from upgrade_tui.journal import verify as check

    directory = find_window(window)
    try:
        verdict = check(directory)
    except JournalError as error:
        fail(str(error), Exit.NO_INPUT)
    except OSError as error:
        fail(f"cannot read the log: {error}", Exit.NO_INPUT)
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(verdict).decode())
    else:
        click.echo(str(verdict))
        for note in verdict.notes:
            click.echo(f"  {note}")
    sys.exit(Exit.OK if verdict.intact else Exit.LOG_DAMAGED)
