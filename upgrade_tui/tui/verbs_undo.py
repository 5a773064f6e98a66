"""Verbs that stop, undo and try again: abort, exclude, retry, roll back, and those of the dead-man rollback."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from upgrade_tui.tui.sending import refused, send
from upgrade_tui.units import Duration, count_text, countdown_text, duration_text, few_text
from upgrade_tui.window import commands as cmd
from upgrade_tui.window.state import Armed
from upgrade_tui.window.undo import undo_plan

if TYPE_CHECKING:
    from textual.app import App

    from upgrade_tui.conductor.session import Session

DEADMAN = frozenset({"confirm", "extend", "revert"})
_RETRIED = frozenset({"failed", "unreachable"})  # unknown: somebody looks first
MORE_TIME = "10m"


# -- try again, leave out, stop -----------------------------------------------------------------------------------


def to_retry(session: Session, step: str, host: str = "") -> tuple[str, ...]:
    """Hosts that a retry is for, where the step failed or was not reached: ``host`` if it is one of them, else all."""
    state = session.state.steps.get(step)
    if state is None:
        return ()
    every = tuple(t.host for t in state.tasks.values() if t.state in _RETRIED and not t.undo)
    return (host,) if host in every else every


async def retry(app: App[Any], session: Session, step: str, host: str = "") -> None:
    """Where it failed, once more: on the host that is looked at or, if that is fine, on all where it failed."""
    hosts = to_retry(session, step, host)
    if not hosts:
        refused(app, "nothing failed there, so there is nothing to retry")
        return
    await retry_all(app, session, {step: hosts})


async def retry_all(app: App[Any], session: Session, wanted: dict[str, tuple[str, ...]]) -> None:
    """Steps on hosts, once more, after a look at what that runs."""
    from upgrade_tui.tui.dialogs import ask_choice
    from upgrade_tui.tui.preview import runs_lines

    lines = []
    for step, hosts in wanted.items():
        spec, attempt = session.plan.step(step), session.state.steps[step].attempt + 1
        lines.append(f"{step} on {', '.join(hosts)} (attempt {attempt})")
        lines += runs_lines(spec) if spec is not None else []
    title = f"Retry {', '.join(wanted)}?"
    choices = [("retry", "Try again there, and nowhere else"), ("wait", "Not yet")]
    if await ask_choice(app, title, "\n".join(lines), choices) != "retry":
        return
    for step, hosts in wanted.items():
        if not await send(app, session, cmd.Start(step=step, hosts=hosts)):
            return


async def exclude(app: App[Any], session: Session, host: str) -> None:
    """The host takes no part any more, and why."""
    from upgrade_tui.tui.dialogs import ask_text, ask_typed

    reason = await ask_text(app, f"Exclude {host}", "It takes no part in the rest of the window. Why?")
    body = f"Nothing is begun on {host} any more: {reason}\nWhat was done there stays, and can be rolled back."
    if reason and await ask_typed(app, f"Exclude {host}", body, host):
        await send(app, session, cmd.Exclude(host=host, reason=reason))


async def abort(app: App[Any], session: Session) -> None:
    """Asked once, and meant: the window's id, typed out."""
    from upgrade_tui.tui.dialogs import ask_typed

    state, window = session.state, session.plan.window.id
    running = [f"{s.id} on {t.host}" for s in state.steps.values() for t in s.tasks.values() if t.state == "running"]
    ends = f"These tasks are ENDED on their hosts: {few_text(running, 6)}." if running else "No task is running now."
    body = f"{ends}\nNothing more starts; rolling back stays possible (R). Pausing (p) would let tasks finish."
    if await ask_typed(app, "ABORT the window", body, window):
        await send(app, session, cmd.Abort(confirm=window))


# -- roll back ----------------------------------------------------------------------------------------------------


def no_preview(session: Session) -> str | None:
    """Why there is nothing to look at, or None."""
    state = session.state
    if state.phase in ("new", "closed"):
        return "the window is not open yet" if state.phase == "new" else f"the window is closed ({state.outcome})"
    if state.rolling_back:
        return None
    plan = undo_plan(state)
    return None if plan.steps or plan.cannot else "nothing was done yet that would have to be undone"


def scopes(session: Session, step: str = "", hosts: tuple[str, ...] = ()) -> list[tuple[cmd.Rollback, str]]:
    """What could be undone, as commands without reason and confirmation, each with its label: the widest first."""
    state = session.state
    spec = state.plan.step(step)
    wanted = [cmd.Rollback(confirm="")]
    phases = dict.fromkeys(s.phase for s in state.plan.steps if s.phase)
    wanted += [cmd.Rollback(confirm="", phase=phase) for phase in reversed(phases)]
    wanted += [cmd.Rollback(confirm="", step=step)] if spec is not None else []
    wanted += [cmd.Rollback(confirm="", hosts=hosts)] if hosts else []
    wanted += [cmd.Rollback(confirm="", step=step, hosts=hosts)] if hosts and spec is not None else []
    out = []
    for command in wanted:
        plan = undo_plan(state, phase=command.phase, step=command.step, hosts=command.hosts)
        if plan.steps or (plan.cannot and not (command.phase or command.step or command.hosts)):
            count = count_text(len(plan.steps), "step")
            out.append(
                (command, f"{plan.scope[:1].upper()}{plan.scope[1:]}\n{count}, about {duration_text(plan.seconds)}")
            )
    return out


async def ask_scope(
    app: App[Any], session: Session, *, step: str = "", hosts: tuple[str, ...] = ()
) -> cmd.Rollback | None:
    """How much is to be undone, not confirmed yet; None if the operator gave up or there is nothing."""
    from upgrade_tui.tui.dialogs import ask_choice

    found = scopes(session, step, hosts)
    if not found:
        refused(app, no_preview(session) or "nothing that can be undone was done", title="Nothing to roll back")
        return None
    body = "Nothing is undone yet: next comes exactly what would run."
    choices = [(str(i), label) for i, (_, label) in enumerate(found)]
    chosen = await ask_choice(app, "Roll back: how much?", body, choices) if len(found) > 1 else "0"
    return None if chosen is None else found[int(chosen)][0]


async def roll_back(
    app: App[Any], session: Session, *, step: str = "", host: str = "", hosts: tuple[str, ...] = ()
) -> None:
    """Asks how much, then shows exactly what that runs; while one is under way, how it goes."""
    from upgrade_tui.tui.detail import open_rollback

    if session.state.rolling_back:
        open_rollback(app, session, None)
        return
    command = await ask_scope(app, session, step=step, hosts=hosts or ((host,) if host else ()))
    if command is not None:
        open_rollback(app, session, command)


async def ask_rollback(app: App[Any], session: Session, command: cmd.Rollback) -> bool:
    """The reason, and the window's id typed out; True once it was sent."""
    from upgrade_tui.tui.dialogs import ask_text, ask_typed

    window = session.plan.window.id
    plan = undo_plan(session.state, phase=command.phase, step=command.step, hosts=command.hosts)
    what = f"{plan.scope}: {', '.join(u.step for u in plan.steps)}, about {duration_text(plan.seconds)}"
    reason = await ask_text(app, "Roll back", f"This undoes {what}.\nWhy?")
    if not reason or not await ask_typed(app, "ROLL BACK", f"This undoes {what}.\nReason: {reason}", window):
        return False
    sent = cmd.Rollback(
        confirm=window, reason=reason, phase=command.phase, step=command.step, hosts=command.hosts
    )  # fmt: skip
    return await send(app, session, sent)


# -- the dead-man rollback ----------------------------------------------------------------------------------------


_ARMED = ("armed",)
_NOT_CONFIRMED = ("armed", "gone")


def armed_step(session: Session, step: str, states: tuple[str, ...] = _ARMED) -> str:
    """The step that is meant: the one that is looked at if it armed hosts, else the first that did."""
    steps = session.state.steps
    armed = [s.id for s in steps.values() if any(a.state in states for a in s.armed.values())]
    return step if step in armed or not armed else armed[0]


def _armed(session: Session, step: str, states: tuple[str, ...] = _ARMED) -> dict[str, Armed]:
    return {h: a for h, a in session.state.steps[step].armed.items() if a.state in states}


def _when(armed: Armed, now: float) -> str:
    return (
        f"undoes it in {countdown_text(armed.until - now)}" if armed.state == "armed" else "nothing will undo it there"
    )


async def _which(
    app: App[Any], session: Session, step: str, title: str, said: str, states: tuple[str, ...] = _ARMED
) -> str | None:
    """All armed hosts (``""``) or one; None if the operator gave up."""
    from upgrade_tui.tui.dialogs import ask_choice

    armed, now = _armed(session, step, states), session.now()
    if not armed:
        refused(app, f'nothing is armed by "{step}" any more')
        return None
    each = [(h, f"Only {h}\n{_when(a, now)}") for h, a in armed.items()]
    if len(each) == 1:
        host, first = next(iter(armed.items()))
        choices = [(host, f"Yes, on {host}\n{_when(first, now)}"), ("\0", "No")]
    else:
        choices = [("", f"On all {len(each)} armed hosts"), *each]
    found = await ask_choice(app, title, said, choices)
    return None if found == "\0" else found


async def confirm(app: App[Any], session: Session, step: str) -> None:
    """It stays: the hosts are told not to undo it."""
    step = armed_step(session, step, _NOT_CONFIRMED)
    said = f"{step} stays as it is now: the host will not undo it by itself any more."
    host = await _which(app, session, step, f"Keep {step}?", said, _NOT_CONFIRMED)
    if host is not None:
        await send(app, session, cmd.Confirm(step=step, host=host))


async def extend(app: App[Any], session: Session, step: str) -> None:
    """More time before the hosts undo it."""
    from upgrade_tui.tui.dialogs import ask_text

    step = armed_step(session, step)
    host = (
        await _which(app, session, step, f"More time for {step}?", "Where?") if len(_armed(session, step)) > 1 else ""
    )
    if host is None:
        return
    prompt = f"How long from NOW on until {host or 'the host'} undoes it, unless somebody confirms?"
    said = await ask_text(app, f"More time for {step}", prompt, initial=MORE_TIME)
    if not said:
        return
    try:
        seconds = float(Duration.parse(said))
    except ValueError as error:
        refused(app, str(error))
        return
    await send(app, session, cmd.Extend(step=step, host=host, seconds=seconds))


async def revert(app: App[Any], session: Session, step: str) -> None:
    """The hosts undo it now: a reason, and the step's id typed out."""
    from upgrade_tui.tui.dialogs import ask_text, ask_typed

    step = armed_step(session, step)
    host = await _which(app, session, step, f"Undo {step} now?", "The host runs the rollback itself, at once.")
    if host is None:
        return
    reason = await ask_text(app, f"Undo {step} now", "Why?")
    if reason and await ask_typed(app, f"Undo {step} now", f"On {host or 'all armed hosts'}: {reason}", step):
        await send(app, session, cmd.Revert(step=step, host=host, reason=reason))
