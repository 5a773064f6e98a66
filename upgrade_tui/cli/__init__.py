"""The command line: one small file a command, imported when it is called."""

from __future__ import annotations

import contextlib
import importlib
import sys
from typing import NoReturn

import click

from upgrade_tui import __version__
from upgrade_tui.cli.exits import Exit

COMMANDS = {  # name -> module, attribute; the order is that of --help
    "check": ("check", "check"),
    "run": ("run", "run"),
    "attach": ("attach", "attach"),
    "windows": ("windows", "windows"),
    "status": ("status", "status"),
    "start": ("verbs", "start"),
    "tick": ("verbs", "tick"),
    "untick": ("verbs", "untick"),
    "skip": ("verbs", "skip"),
    "claim": ("verbs", "claim"),
    "note": ("verbs", "note"),
    "evidence": ("gates", "evidence"),
    "go": ("gates", "go"),
    "approve": ("gates", "go"),
    "no-go": ("gates", "no_go"),
    "retry": ("verbs", "retry"),
    "settle": ("verbs", "settle"),
    "exclude": ("verbs", "exclude"),
    "pause": ("verbs", "pause"),
    "resume": ("verbs", "resume"),
    "abort": ("verbs", "abort"),
    "rollback": ("undo", "rollback"),
    "confirm": ("undo", "confirm"),
    "extend": ("undo", "extend"),
    "revert": ("undo", "revert"),
    "close": ("verbs", "close"),
    "log": ("log", "log"),
    "report": ("report", "report"),
    "verify": ("verify", "verify"),
    "schema": ("schema", "schema"),
    "demo": ("demo", "demo"),
    "conductor": ("conductor", "conductor"),
}


class Commands(click.Group):
    """Loads a command's module when it is asked for, so that --help and small commands stay quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name in COMMANDS if name != "conductor"]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name]
        command = getattr(importlib.import_module(f"upgrade_tui.cli.{module}"), attribute)
        assert isinstance(command, click.Command)
        return command


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="upgrade-tui")
def cli() -> None:
    """Live upgrade windows in a terminal: steps, hosts, canaries, the rollback clock, and the report.

    Write a plan, check it, run it:

    \b
      upgrade-tui check plan.toml
      upgrade-tui run plan.toml
      upgrade-tui demo            (eight embedded hosts to try everything on)
    """


def main() -> None:
    """The ``upgrade-tui`` command."""
    try:
        cli(prog_name="upgrade-tui")
    except BrokenPipeError:
        sys.stderr.close()  # who read our output went away: no message, no traceback
        sys.exit(0)
    except PermissionError as error:
        _not_allowed(error)
    except Exception as error:  # noqa: BLE001 - the outermost edge: one line for the operator, the rest for us
        _fault(error)


def _not_allowed(error: PermissionError) -> NoReturn:
    """Another user's window, mostly: who owns it, and how to get in."""
    from pathlib import Path

    from upgrade_tui.cli.common import fail

    place = Path(str(error.filename)) if error.filename else None
    owner = ""
    for path in (place, *place.parents) if place else ():
        with contextlib.suppress(OSError, KeyError):
            owner = path.owner()
            break
    hint = f"{owner} can: sudo -iu {owner} upgrade-tui ..." if owner else ""
    fail(f"this user may not open {place or 'that'}: {error.strerror}", Exit.NO_PERMISSION, hint)


def _fault(error: Exception) -> NoReturn:
    """A mistake of ours. All of it goes to a file, so that what is on the screen stays readable at 2 a.m."""
    import traceback

    from upgrade_tui.cli.common import fail
    from upgrade_tui.directory.paths import state_directory

    said = "".join(traceback.format_exception(error))
    try:
        path = state_directory() / "fault.log"
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with path.open("a", encoding="utf-8") as file:
            file.write(f"upgrade-tui {__version__} {' '.join(sys.argv[1:])}\n{said}\n")
        hint = f"a mistake of ours, please report it; the details are in {path}"
    except OSError:
        hint = said
    fail(f"{type(error).__name__}: {error}", Exit.SOFTWARE, hint)
