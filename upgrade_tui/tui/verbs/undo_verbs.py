"""Rolling back: how much, exactly what that runs, the reason and the window's id."""

from __future__ import annotations

from typing import Any

from textual.app import App

from upgrade_tui.attach.session import Session
from upgrade_tui.directory.job_room import without_room
from upgrade_tui.tui.dialogs import ask_choice, ask_text, ask_typed
from upgrade_tui.tui.open_message import Open
from upgrade_tui.tui.sending import refused, send
from upgrade_tui.tui.verbs.verb import Look, Target
from upgrade_tui.tui.verbs.window_verbs import WindowVerb
from upgrade_tui.units import count_text, duration_text
from upgrade_tui.window import commands as cmd
from upgrade_tui.window.undo import undo_plan


class RollbackVerb(WindowVerb):
    """Asks how much, then shows exactly what that runs; while one is under way, how it goes."""

    name, key, label = "rollback", "R", "roll back"
    help = "What undoing would run, then do it; or how a rollback goes"
    on = ("main", "step", "host", "matrix")
    loose = True

    def rank(self, look: Look) -> int | None:
        """Before other things of the window, once one is under way."""
        if look.host:
            return 42 if look.alone else None
        return 27 if look.undoing else 42

    def says(self, look: Look) -> str:
        """The same key shows it."""
        return "how it goes" if look.scene.state.rolling_back else self.label

    def decided(self, at: Target) -> str | None:
        """It looks first; what is looked at can be done or not."""
        return no_preview(at.session)

    async def perform(self, app: App[Any], at: Target) -> bool:
        if at.session.state.rolling_back:
            app.post_message(Open("rollback"))
            return True
        hosts = tuple(dict.fromkeys(host for _, host in at.cells)) or ((at.host,) if at.host else ())
        scope = await ask_scope(app, at.session, step="" if at.cells else at.step, hosts=hosts)
        if scope is not None:
            app.post_message(Open("rollback", scope=scope))
        return scope is not None


def no_preview(session: Session) -> str | None:
    """Why there is nothing to look at, or None."""
    state = session.state
    if state.phase in ("new", "closed"):
        return "the window is not open yet" if state.phase == "new" else f"the window is closed ({state.outcome})"
    if state.rolling_back:
        return None
    plan = undo_plan(state)
    return None if plan.steps or plan.cannot else "nothing was done yet that would have to be undone"


def scopes(session: Session, step: str = "", hosts: tuple[str, ...] = ()) -> list[tuple[cmd.StartRollback, str]]:
    """What could be undone, as commands without reason and confirmation, each with its label: the widest first."""
    state = session.state
    spec = state.plan.step(step)
    wanted = [cmd.StartRollback(confirm="")]
    phases = dict.fromkeys(s.phase for s in state.plan.steps if s.phase)
    wanted += [cmd.StartRollback(confirm="", phase=phase) for phase in reversed(phases)]
    wanted += [cmd.StartRollback(confirm="", step=step)] if spec is not None else []
    wanted += [cmd.StartRollback(confirm="", hosts=hosts)] if hosts else []
    wanted += [cmd.StartRollback(confirm="", step=step, hosts=hosts)] if hosts and spec is not None else []
    out = []
    for command in wanted:
        plan = undo_plan(state, phase=command.phase, step=command.step, hosts=command.hosts)
        if plan.steps or (plan.cannot and not (command.phase or command.step or command.hosts)):
            count = count_text(len(plan.steps), "step")
            said = f"{plan.scope[:1].upper()}{plan.scope[1:]}\n{count}, about {duration_text(plan.seconds)}"
            out.append((command, said))
    return out


async def ask_scope(
    app: App[Any], session: Session, *, step: str = "", hosts: tuple[str, ...] = ()
) -> cmd.StartRollback | None:
    """How much is to be undone, not confirmed yet; None if the operator gave up or there is nothing."""
    found = scopes(session, step, hosts)
    if not found:
        refused(app, no_preview(session) or "nothing that can be undone was done", title="Nothing to roll back")
        return None
    body = "Nothing is undone yet: next comes exactly what would run."
    choices = [(str(i), label) for i, (_, label) in enumerate(found)]
    chosen = await ask_choice(app, "Roll back: how much?", body, choices) if len(found) > 1 else "0"
    return None if chosen is None else found[int(chosen)][0]


async def ask_rollback(app: App[Any], session: Session, command: cmd.StartRollback) -> bool:
    """The reason, and the window's id typed out; True once it was sent."""
    window = session.plan.window.id
    plan = undo_plan(session.state, phase=command.phase, step=command.step, hosts=command.hosts)
    what = f"{plan.scope}: {', '.join(u.step for u in plan.steps)}, about {duration_text(plan.seconds)}"
    reason = await ask_text(app, "Roll back", f"This undoes {what}.\nWhy?")
    if not reason or not await ask_typed(app, "ROLL BACK", f"This undoes {what}.\nReason: {reason}", window):
        return False
    sent = cmd.StartRollback(
        confirm=window, reason=reason, phase=command.phase, step=command.step, hosts=command.hosts
    )  # fmt: skip
    stuck = without_room(session.state, plan.steps)
    done = await send(app, session, sent)
    if done and stuck:
        app.notify("\n".join(stuck), title="Cannot be undone now", severity="warning", timeout=20, markup=False)
    return done
