"""``upgrade-tui log``: the event log as lines or as JSON, to the end or followed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from upgrade_tui.cli.common import fail, find_window, talk, window_option
from upgrade_tui.cli.exits import Exit


@click.command(short_help="Print a window's event log.")
@click.option("--follow", "-f", "following", is_flag=True, help="Go on with what happens, until the window is closed.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--since", type=int, default=0, metavar="SEQ", help="Only events after this one.")
@window_option
def log(following: bool, as_json: bool, since: int, window: str | None) -> None:
    """Print the event log: of a running window or of an old one."""
    directory = find_window(window)
    if following:
        talk(directory, lambda client: follow(client, as_json, since))
        return
    from upgrade_tui.directory.paths import PLAN
    from upgrade_tui.directory.windows import kept_elsewhere, records_of
    from upgrade_tui.journal import JournalError

    outcomes = Outcomes(directory / PLAN)
    try:
        for record, elsewhere in records_of(directory):
            outcomes.take(record)
            if record.seq > since:
                click.echo(log_line(record, as_json, outcomes.found, elsewhere=elsewhere))
        if note := kept_elsewhere(directory):
            click.echo(f"upgrade-tui: {note}", err=True)
    except JournalError as error:
        fail(str(error), Exit.LOG_DAMAGED)
    except OSError as error:
        fail(f"cannot read the log: {error}", Exit.NO_INPUT)


class Outcomes:
    """What attempts came to, by the ``seq`` of their end; nothing without a plan. For that all of the log is folded."""

    def __init__(self, plan: Path | str) -> None:
        """A plan's file, or its text."""
        from upgrade_tui.plan.reader import PlanError, parse_plan
        from upgrade_tui.window.state import initial

        self.found: dict[int, str] = {}
        try:
            text = plan.read_text(encoding="utf-8") if isinstance(plan, Path) else plan
            self._state: Any = initial(parse_plan(text, "plan.toml"))
        except (PlanError, OSError, UnicodeDecodeError):  # the log can be read without
            self._state = None

    def take(self, record: Any) -> None:
        """Records in their order, from the first."""
        from upgrade_tui.window.fold import fold
        from upgrade_tui.window.outcomes import outcome

        if self._state is not None:
            self._state = fold(self._state, record)
            if came := outcome(self._state, record):
                self.found[record.seq] = came


def log_line(record: Any, as_json: bool, outcomes: Mapping[int, str], *, elsewhere: bool = False) -> str:
    """A record as a line: local time, actor, sentence; or its fields as JSON.

    ``outcomes``: what attempts came to. ``elsewhere``: it is not in the log yet.
    """
    if as_json:
        import msgspec

        fields = msgspec.to_builtins(record)
        fields |= fields.pop("event")
        if elsewhere:
            fields["elsewhere"] = True
        return msgspec.json.encode(fields).decode()
    from upgrade_tui.window.event_table import notice
    from upgrade_tui.window.outcomes import NOT_IN_THE_LOG, outcome_sentence

    at = datetime.fromtimestamp(record.ts).astimezone()
    said = outcome_sentence(record, outcomes) + NOT_IN_THE_LOG * elsewhere
    return f"{at:%H:%M:%S} {record.actor:<12} {painted(said, notice(record.event).tone)}"


STYLES: dict[str, dict[str, Any]] = {
    "bad": {"fg": "red", "bold": True}, "unknown": {"fg": "magenta", "bold": True},
    "tight": {"fg": "yellow", "bold": True}, "watch": {"fg": "yellow"}, "run": {"fg": "cyan"}, "good": {"fg": "green"},
    "strong": {"bold": True}, "muted": {"dim": True},
}  # fmt: skip
"""How a terminal shows each tone; the sentence says all of it without."""


def painted(text: str, tone: str) -> str:
    """``text`` in its tone's colour; ``click.echo`` takes it off again where the output is no terminal."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return text if plain else click.style(text, **STYLES.get(tone, {}))


async def follow(client: Any, as_json: bool, since: int = 0) -> None:
    """Print what happened behind ``since`` and what happens, until the window is closed."""
    from upgrade_tui.attach.protocol import Happened
    from upgrade_tui.window.events import WindowClosed

    outcomes = Outcomes(client.welcome.plan_text)
    async for message in client.stream():
        if isinstance(message, Happened):
            for record in message.records:
                outcomes.take(record)
                if record.seq > since:
                    click.echo(log_line(record, as_json, outcomes.found))
                if isinstance(record.event, WindowClosed):
                    return
