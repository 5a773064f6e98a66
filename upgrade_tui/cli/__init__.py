"""The command line: one small file a command, imported when it is called."""

from __future__ import annotations

import importlib
import sys

import click

from upgrade_tui import __version__

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
