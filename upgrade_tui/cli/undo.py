"""``upgrade-tui rollback``, and ``confirm``, ``extend``, ``revert`` for the dead-man rollback."""

from __future__ import annotations

from typing import Any

import click

from upgrade_tui.cli.common import fail, find_window, live_state, talk, window_option
from upgrade_tui.cli.exits import Exit
from upgrade_tui.cli.verbs import print_answer, reason_option, send_command
from upgrade_tui.window import commands as cmd

host_option = click.option("--host", "-H", default="", help="On this host only; else on all that are armed.")


@click.command()
@click.option("--phase", default="", help="Only what was done in this phase.")
@click.option("--step", default="", help="Only this step.")
@click.option("--host", "-H", "hosts", multiple=True, help="Only on this host; may be given several times.")
@click.option("--preview", is_flag=True, help="Show what would run, in its order, and what cannot be undone.")
@click.option("--confirm", default="", metavar="ID", help="Repeat the plan's window id.")
@click.option("--wait", is_flag=True, help="Wait until it ended; exit 0 only if everything was undone.")
@click.option("--not-recorded", default="", metavar="REASON", help="Go on although nothing can be recorded anywhere.")
@reason_option
@window_option
def rollback(
    phase: str, step: str, hosts: tuple[str, ...], preview: bool, confirm: str, wait: bool, not_recorded: str,
    reason: str, window: str | None,
) -> None:  # fmt: skip
    """Undo what was done, in reverse order, batch by batch. Lead only."""
    if preview:
        state = talk(find_window(window), live_state)
        for text in rollback_preview(state, phase=phase, step=step, hosts=hosts):
            click.echo(text)
        return
    command = cmd.StartRollback(
        phase=phase, step=step, hosts=hosts, confirm=confirm, reason=reason, unrecorded=not_recorded
    )
    answer, stuck = talk(find_window(window), lambda client: _asked(client, command))
    print_answer(answer, "rolling back")
    for text in stuck:
        click.echo(f"cannot be undone now: {text}")
    if wait:
        _wait(window)


async def _asked(client: Any, command: cmd.StartRollback) -> tuple[Any, list[str]]:
    """The answer, and what of it cannot be undone now."""
    from upgrade_tui.directory.job_room import without_room
    from upgrade_tui.window.undo import undo_plan

    state = await live_state(client)
    plan = undo_plan(state, phase=command.phase, step=command.step, hosts=command.hosts)
    return await client.do(command), without_room(state, plan.steps)


def rollback_preview(state: Any, *, phase: str, step: str, hosts: tuple[str, ...]) -> list[str]:
    """What a rollback would run, exactly, and what stays."""
    from upgrade_tui.directory.job_room import without_room
    from upgrade_tui.units import duration_text
    from upgrade_tui.window.undo import undo_plan

    plan = undo_plan(state, phase=phase, step=step, hosts=hosts)
    rto = state.plan.window.rto
    promised = f", promised {duration_text(rto)}" if rto is not None else ""
    lines = [f"rolling back {plan.scope}: about {duration_text(plan.seconds)}{promised}"]
    if plan.stops and plan.steps:
        lines.append(f"  stops first: {', '.join(plan.stops)}")
    for undo in plan.steps:
        spec = state.plan.step(undo.step)
        lines.append(f"  {undo.step}: {spec.title}")
        lines += [f"    batch {i}: {', '.join(batch)}" for i, batch in enumerate(undo.batches, 1)]
        lines += [f"    | {text}" for text in (spec.rollback.run or spec.rollback.manual or "").strip().splitlines()]
    lines += [f"  cannot be undone: {name}: {why}" for name, why in plan.cannot]
    lines += [f"  cannot be undone now: {text}" for text in without_room(state, plan.steps)]
    if not plan.steps:
        lines.append("  nothing that can be undone was done")
    return lines


def _wait(window: str | None) -> None:
    """Until the rollback ended; its outcome is the exit code."""
    from upgrade_tui.units import duration_text

    state, _, _ = talk(find_window(window), lambda client: client.state(back=True))
    ended = state.rollback
    if ended is None or ended.outcome != "done":
        fail(f"the rollback stopped: {ended.trouble if ended else 'unknown'}", Exit.FAILED)
    click.echo(f"rolled back in {duration_text(ended.seconds)}")


@click.command()
@click.argument("step")
@host_option
@window_option
def confirm(step: str, host: str, window: str | None) -> None:
    """STEP stays: the hosts it armed will not undo it by themselves."""
    send_command(window, cmd.Confirm(step=step, host=host), f"{step}: confirming")


@click.command()
@click.argument("step")
@click.argument("duration")
@host_option
@window_option
def extend(step: str, duration: str, host: str, window: str | None) -> None:
    """The hosts armed by STEP wait for DURATION ("10m") from now on."""
    from upgrade_tui.units import Duration

    try:
        seconds = float(Duration.parse(duration))
    except ValueError as error:
        fail(str(error), Exit.USAGE)
    send_command(window, cmd.Extend(step=step, host=host, seconds=seconds), f"{step}: extending to {duration} from now")


@click.command()
@click.argument("step")
@host_option
@reason_option
@window_option
def revert(step: str, host: str, reason: str, window: str | None) -> None:
    """The hosts armed by STEP undo it now instead of waiting; needs a reason."""
    send_command(window, cmd.Revert(step=step, host=host, reason=reason), f"{step}: reverting")
