"""``upgrade-tui verify WINDOW``: is the log as it was written?"""

from __future__ import annotations

import sys
from pathlib import Path

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
    from upgrade_tui.conductor.recorded import Recorded
    from upgrade_tui.journal import JournalError
    from upgrade_tui.journal import verify as check

    directory = find_window(window)
    try:
        recorded = Recorded()
        verdict = check(directory, recorded.take)
    except JournalError as error:
        fail(str(error), Exit.NO_INPUT)
    except OSError as error:
        fail(f"cannot read the log: {error}", Exit.NO_INPUT)
    elsewhere = _elsewhere(directory)
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


def _elsewhere(directory: Path) -> str:
    """What is to be said of events that are not in the log yet, or empty."""
    from upgrade_tui.conductor.paths import kept_directory
    from upgrade_tui.journal import JournalError

    place = kept_directory(directory)
    if not place.is_dir():
        return ""
    from upgrade_tui.journal.kept import kept_lines

    try:
        count = len(kept_lines(place))
    except (JournalError, OSError) as error:
        return f"what is kept in {place} cannot be read: {error}"
    return f"{count} events are kept in {place}, and are not in the log yet" if count else ""
