"""``upgrade-tui report WINDOW``: the retrospective, made from the log."""

from __future__ import annotations

import sys
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from upgrade_tui.cli.common import fail, find_window
from upgrade_tui.cli.exits import Exit

if TYPE_CHECKING:
    from upgrade_tui.report.model import Report
    from upgrade_tui.report.write import Format

_FORMATS = ("md", "html", "json", "csv")


def _formats(_context: click.Context, _parameter: click.Parameter, value: str) -> tuple[str, ...]:
    asked = tuple(part.strip() for part in value.split(",") if part.strip())
    wrong = [part for part in asked if part not in _FORMATS]
    if wrong or not asked:
        raise click.BadParameter(f"{', '.join(wrong) or 'nothing'}: choose from {', '.join(_FORMATS)}")
    return asked


def _zone(_context: click.Context, _parameter: click.Parameter, value: str | None) -> tzinfo | None:
    if value is None:
        return None
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise click.BadParameter(f'"{value}" is not a time zone; such as Asia/Shanghai, Europe/Berlin or UTC') from None


@click.command(short_help="Make the retrospective from a window's log.")
@click.argument("window", required=False)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Where to; the window's report/ if not.")
@click.option("--format", "formats", default=",".join(_FORMATS), callback=_formats, show_default=True, metavar="LIST",
              help="Which files.")  # fmt: skip
@click.option("--stdout", "to_stdout", type=click.Choice(("md", "json")), help="Print it instead; write no file.")
@click.option("--zone", callback=_zone, metavar="NAME", help="Local time; the plan's own offset if not.")
def report(
    window: str | None, out: Path | None, formats: tuple[str, ...], to_stdout: str | None, zone: tzinfo | None
) -> None:
    """Make the report on WINDOW (a directory, or a window's id; left out: the only one open).

    Also of a window that still runs: an interim report, which says so. Exit code 65 where the log is damaged (the
    report then ends before the damage) or the frozen plan is not the one that the log records (its first line says so).
    """
    from upgrade_tui.report.write import rendered, save

    directory = find_window(window)
    made = _made(directory, zone)
    if to_stdout:
        for _, text in rendered(made, cast("Format", to_stdout)):
            click.echo(text, nl=False)
    else:
        try:
            paths = save(made, out or directory / "report", cast("tuple[Format, ...]", formats))
        except OSError as error:
            fail(f"cannot write the report: {error}", Exit.CANNOT_WRITE, "choose another place: --out DIR")
        for path in paths:
            click.echo(path)
        if made.interim and not made.integrity.damage:
            click.echo("interim report: the window is not closed", err=True)
    if made.integrity.plan_differs:
        click.echo(f"upgrade-tui: not the recorded plan: {made.integrity.plan_differs}", err=True)
    if made.integrity.damage:
        click.echo(f"upgrade-tui: the report ends early: {made.integrity.damage}", err=True)
    if made.integrity.damage or made.integrity.plan_differs:
        sys.exit(Exit.LOG_DAMAGED)


def _made(directory: Path, zone: tzinfo | None) -> Report:
    """The report, or the end of the command with one clear line."""
    from upgrade_tui.journal import JournalError
    from upgrade_tui.plan.reader import PlanError
    from upgrade_tui.report.load import load

    try:
        return load(directory, zone=zone)
    except (PlanError, UnicodeDecodeError) as error:
        fail(f"the window's plan cannot be read: {error}", Exit.NO_INPUT)
    except JournalError as error:
        fail(str(error), Exit.NO_INPUT)
    except OSError as error:
        fail(f"cannot read the window: {error}", Exit.NO_INPUT)
