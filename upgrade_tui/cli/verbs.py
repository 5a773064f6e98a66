"""The dashboard's verbs as commands: each sends one command to the window's conductor and says what came of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from upgrade_tui.cli.common import fail, find_window, talk, window_option
from upgrade_tui.cli.exits import Exit
from upgrade_tui.window import commands as cmd
from upgrade_tui.window.commands import Refusal

ENDS_WITHIN = 10.0  # seconds that a conductor gets to end, once its window is closed

rest_option = click.option("--rest", is_flag=True, help="With --override: for all batches that are left.")
reason_option = click.option("--reason", "-r", default="", metavar="TEXT", help="Why; goes into the log.")


def send_command(window: str | None, command: Any, said: str) -> None:
    """Carry out ``command``; print ``said``, or why not (exit 78)."""
    print_answer(talk(find_window(window), lambda client: client.do(command)), said)


def print_answer(answer: Any, said: str) -> None:
    """Print ``said``, or why the command was refused (exit 78)."""
    if isinstance(answer, Refusal):
        fail(answer.reason, Exit.REFUSED, answer.hint)
    click.echo(f"{said} ({answer.kept})" if answer.kept else said)


@click.command()
@click.argument("step")
@click.option("--confirm", default="", metavar="STEP", help="Repeat the id of an irreversible step.")
@click.option(
    "--override",
    default="",
    metavar="REASON",
    help="Lead only: begin the batch that the clock holds, the first or next.",
)
@rest_option
@click.option("--wait", is_flag=True, help="Wait until the step ended, is armed or held; exit 0 only if it is done.")
@window_option
def start(step: str, confirm: str, override: str, rest: bool, wait: bool, window: str | None) -> None:
    """Start STEP: run a command step, open a gate, begin a bake, mark a manual step as under way.

    With --override also: let go of a step that runs and is held by the clock.
    """
    _rest_of_what(rest, override)
    send_command(window, cmd.Start(step=step, confirm=confirm, override=override, rest=rest), f"{step}: started")
    if wait:
        _wait(window, step)


def _rest_of_what(rest: bool, override: str) -> None:
    if rest and not override.strip():
        raise click.UsageError("--rest says how much an override is for: --override REASON --rest")


def _wait(window: str | None, step_id: str, hosts: tuple[str, ...] = ()) -> None:
    """Until the step's attempt (at ``hosts``, if not at all) ended, or it is held or armed."""
    from upgrade_tui.window import armed, hold
    from upgrade_tui.window.step_state import UNCONFIRMED

    state, _, _ = talk(find_window(window), lambda client: client.state(over=step_id))
    step = state.steps[step_id]
    if step.held is not None:
        where = hold.place(step.held, len(step.batches))
        fail(
            f"{step_id}: held before {where}: {hold.held_words(step.held)}",
            Exit.HELD,
            f"the lead lets it go: {hold.what_to_type(step.held)}",
        )
    said = armed.protection_words(step, lambda moment: f"{datetime.fromtimestamp(moment).astimezone():%H:%M:%S}")
    if said and step.state in (*UNCONFIRMED, "running"):
        fail(f"{step_id}: {step.state}, {said}", Exit.ARMED, f"keep it: upgrade-tui confirm {step_id}")
    if any(a.state == "fired" for a in step.armed.values()) and step.state != "done":
        fail(f"{step_id}: {step.state}, undone by its hosts: {step.reason}", Exit.UNDONE)
    if step.state in ("done", "skipped", "rolled back"):
        click.echo(f"{step_id}: {step.state}")
        return
    if hosts and step.state == "pending" and all(step.tasks[host].state == "done" for host in hosts):
        click.echo(f"{step_id}: done on {', '.join(hosts)}; {step.reason}")
        return
    fail(f"{step_id}: {step.state}: {step.reason}" + (f"; {said}" if said else ""), Exit.FAILED)


@click.command()
@click.argument("step")
@click.option("--confirm", default="", metavar="STEP", help="Repeat the id of an irreversible step.")
@click.option("--override", default="", metavar="REASON", help="Lead only: tick although the clock holds it.")
@click.option("--evidence", default="", metavar="TEXT", help="What you saw, where the plan asks for it.")
@window_option
def tick(step: str, confirm: str, override: str, evidence: str, window: str | None) -> None:
    """STEP, a manual one, is done."""
    command = cmd.Tick(step=step, confirm=confirm, override=override, evidence=evidence)
    send_command(window, command, f"{step}: done")


@click.command()
@click.argument("step")
@reason_option
@window_option
def untick(step: str, reason: str, window: str | None) -> None:
    """Take back the tick or the skip of STEP; needs a reason."""
    send_command(window, cmd.Untick(step=step, reason=reason), f"{step}: taken back")


@click.command()
@click.argument("step")
@reason_option
@window_option
def skip(step: str, reason: str, window: str | None) -> None:
    """STEP will not be done; needs a reason."""
    send_command(window, cmd.Skip(step=step, reason=reason), f"{step}: skipped")


@click.command()
@click.argument("step")
@click.option("--release", is_flag=True, help="Give it back.")
@window_option
def claim(step: str, release: bool, window: str | None) -> None:
    """I do STEP."""
    send_command(window, cmd.Claim(step=step, release=release), f"{step}: {'given back' if release else 'claimed'}")


@click.command()
@click.argument("text")
@click.option("--step", default="", help="The step it is about.")
@click.option("--host", default="", help="The host it is about.")
@click.option("--mark", type=click.Choice(["good", "bad", "lucky", "action"]), help="Its section in the retrospective.")
@window_option
def note(text: str, step: str, host: str, mark: str | None, window: str | None) -> None:
    """Add TEXT to the log, for everybody and for the retrospective."""
    from upgrade_tui.foreign import one_line

    send_command(window, cmd.Note(text=one_line(text), step=step, host=host, mark=mark or ""), "noted")  # type: ignore[arg-type]


@click.command()
@click.argument("step")
@click.argument("outcome", type=click.Choice(["done", "failed", "skipped"]))
@click.option(
    "--host", default="", help="On this host only; else on all whose task failed, is unknown or was unreachable."
)
@reason_option
@window_option
def settle(step: str, outcome: str, host: str, reason: str, window: str | None) -> None:
    """Say what is so where a task of STEP failed, is unknown or was unreachable; needs a reason."""
    command = cmd.Settle(step=step, outcome=outcome, host=host, reason=reason)  # type: ignore[arg-type]
    send_command(window, command, f"{step}: settled as {outcome}")


@click.command()
@click.argument("step")
@click.option(
    "--host", "-H", "hosts", multiple=True, help="This host; may be given several times. Else all that are not done."
)
@click.option("--confirm", default="", metavar="STEP", help="Repeat the id of an irreversible step.")
@click.option(
    "--override", default="", metavar="REASON", help="Lead only: although the clock holds it; for this retry."
)
@rest_option
@click.option("--wait", is_flag=True, help="Wait until the step ended or is held; exit 0 only if it is done.")
@window_option
def retry(
    step: str, hosts: tuple[str, ...], confirm: str, override: str, rest: bool, wait: bool, window: str | None
) -> None:
    """Try STEP again where it failed or was not reached."""
    _rest_of_what(rest, override)
    command = cmd.Start(step=step, hosts=hosts, confirm=confirm, override=override, rest=rest)
    send_command(window, command, f"{step}: tried again{' on ' + ', '.join(hosts) if hosts else ''}")
    if wait:
        _wait(window, step, hosts)


@click.command()
@click.argument("host")
@reason_option
@window_option
def exclude(host: str, reason: str, window: str | None) -> None:
    """Take HOST out of the rest of the window; needs a reason."""
    send_command(window, cmd.Exclude(host=host, reason=reason), f"{host}: excluded")


@click.command()
@click.option("--confirm", default="", metavar="ID", help="Repeat the plan's window id.")
@reason_option
@window_option
def abort(confirm: str, reason: str, window: str | None) -> None:
    """End running tasks on the hosts and start nothing more. Lead only; rolling back stays possible."""
    send_command(window, cmd.Abort(confirm=confirm, reason=reason), "aborted")


@click.command()
@reason_option
@window_option
def pause(reason: str, window: str | None) -> None:
    """Let running tasks finish, start no new ones."""
    send_command(window, cmd.Pause(reason=reason), "paused")


@click.command()
@reason_option
@window_option
def resume(reason: str, window: str | None) -> None:
    """Let tasks start again."""
    send_command(window, cmd.Resume(reason=reason), "resumed")


@click.command()
@click.option("--confirm", default="", metavar="ID", help="Repeat the plan's window id.")
@click.option("--outcome", type=click.Choice(["completed", "rolled back", "abandoned"]), default="completed")
@reason_option
@window_option
def close(confirm: str, outcome: str, reason: str, window: str | None) -> None:
    """End the window, for everybody, and write its report. Lead only."""
    from upgrade_tui.cli.attach import export_report

    directory = find_window(window)
    command = cmd.Close(confirm=confirm, outcome=outcome, reason=reason)  # type: ignore[arg-type]
    print_answer(talk(directory, lambda client: _close(client, command)), f"closed: {outcome}")
    click.echo(export_report(directory))


async def _close(client: Any, command: cmd.Close) -> Any:
    """The answer, once the conductor has ended (within ``ENDS_WITHIN``): all that it measured is on the disk then."""
    import asyncio
    import contextlib

    from upgrade_tui.attach.client import Lost

    answer = await client.do(command)
    if not isinstance(answer, Refusal):
        with contextlib.suppress(Lost, TimeoutError):
            async with asyncio.timeout(ENDS_WITHIN):
                async for _ in client.stream():
                    pass
    return answer
