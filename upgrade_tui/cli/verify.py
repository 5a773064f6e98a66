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
    """Check every line of WINDOW's log and the chain between them, and the files whose hashes it records.

    Exit code 0: all is as it was written; 65: the log is damaged, with the line and what is wrong with it, or the
    frozen plan or a task's output is not what the log recorded, by name.
    """
    from upgrade_tui.directory.recorded import Recorded
    from upgrade_tui.directory.windows import kept_elsewhere
    from upgrade_tui.journal import JournalError
    from upgrade_tui.journal import verify_log as check

    directory = find_window(window)
    try:
        recorded = Recorded()
        verdict = check(directory, recorded.take)
    except JournalError as error:
        fail(str(error), Exit.NO_INPUT)
    except OSError as error:
        fail(f"cannot read the log: {error}", Exit.NO_INPUT)
    elsewhere = kept_elsewhere(directory)
    plan = recorded.plan_difference(directory)
    differs = ((plan,) if plan else ()) + recorded.output_differences(directory)
    if as_json:
        import msgspec

        found = {**msgspec.structs.asdict(verdict), "differs": differs, "elsewhere": elsewhere}
        click.echo(msgspec.json.encode(found).decode())
    else:
        for line in (*differs, f"log {verdict}" if differs else str(verdict)):
            click.echo(line)
        for note in (recorded.accepted, *verdict.notes, elsewhere):
            if note:
                click.echo(f"  {note}")
    sys.exit(Exit.OK if verdict.intact and not differs else Exit.LOG_DAMAGED)
