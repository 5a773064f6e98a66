"""``upgrade-tui evidence``, ``go`` (or ``approve``), ``no-go``: gates from a shell."""

from __future__ import annotations

import sys
import time
from typing import Any

import click

from upgrade_tui.cli.common import fail, find_window, talk, window_option
from upgrade_tui.cli.exits import Exit
from upgrade_tui.cli.verbs import reason_option, send_command
from upgrade_tui.window import commands as cmd


def _card(window: str | None, step: str) -> Any:
    """The card of an open gate; ends the command where there is none."""
    from upgrade_tui.window.gate_card import gate_card

    state, _, now = talk(find_window(window), lambda client: client.state())
    if step not in state.steps:
        fail(f'there is no step "{step}"', Exit.REFUSED, f"steps: {', '.join(state.steps)}")
    found = gate_card(state, step, now)
    if found is None or state.steps[step].state != "running":
        fail(f'"{step}" is not an open gate', Exit.REFUSED, f"it is {state.shown(step)}")
    return found


def _show(card: Any) -> None:
    from upgrade_tui.window.gate_card import card_lines

    for text in card_lines(card, time.time()):
        click.echo(text)


@click.command()
@click.argument("step")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@window_option
def evidence(step: str, as_json: bool, window: str | None) -> None:
    """Show what the gate STEP is decided on: what runs next, where, canaries, limits, the clock, risks."""
    card = _card(window, step)
    if as_json:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode(card), indent=2).decode())
    else:
        _show(card)


@click.command()
@click.argument("step")
@click.option("--digest", default="", metavar="EVIDENCE", help="Vote on that evidence only; else on what is shown now.")
@reason_option
@window_option
def go(step: str, digest: str, reason: str, window: str | None) -> None:
    """Vote go on the gate STEP, on the evidence it shows (in a terminal it asks)."""
    card = _card(window, step)
    if not digest:
        _show(card)
        if sys.stdin.isatty() and not click.confirm("Go?"):
            fail("nothing was voted", Exit.FAILED, f"a no-go has a reason: upgrade-tui no-go {step} --reason TEXT")
    command = cmd.Vote(step=step, go=True, reason=reason, digest=digest or card.digest)
    send_command(window, command, f"{step}: go")


@click.command(name="no-go")
@click.argument("step")
@reason_option
@window_option
def no_go(step: str, reason: str, window: str | None) -> None:
    """Vote no-go on the gate STEP; needs a reason."""
    send_command(window, cmd.Vote(step=step, go=False, reason=reason), f"{step}: no-go")
