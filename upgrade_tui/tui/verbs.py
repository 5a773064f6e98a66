"""What an operator can do: every key, palette entry and detail screen ends in one of these.

Whether a verb is possible is asked of ``decide`` itself, with every confirmation already given: what it refuses even
then is greyed out, with its reason. The conductor decides again when the verb is sent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from upgrade_tui.conductor import protocol
from upgrade_tui.tui import verbs_undo
from upgrade_tui.tui.sending import refused, send
from upgrade_tui.window import commands as cmd
from upgrade_tui.window.commands import Actor, AnyCommand, Refusal
from upgrade_tui.window.decide import decide
from upgrade_tui.window.state import UNSETTLED

if TYPE_CHECKING:
    from textual.app import App

    from upgrade_tui.conductor.session import Session


class Verb(Struct, frozen=True):
    """A verb as keys and palette name it. ``scope``: what it acts on."""

    name: str
    key: str  # as Textual names it
    shown: str  # as the screen names it
    label: str
    scope: str  # step, host, window; task: a step on a host, where one is shown
    help: str


VERBS: dict[str, Verb] = {
    v.name: v
    for v in (
        Verb("tick", "space", "space", "tick", "step", "Manual step: it is done"),
        Verb("start", "s", "s", "start", "step", "Start the step, after a preview of what runs where"),
        Verb("go", "g", "g", "go", "step", "Gate: its card with all the evidence, and there the vote go"),
        Verb("nogo", "G", "G", "no-go", "step", "Gate: vote no-go, with a reason"),
        Verb("claim", "c", "c", "claim", "step", "Take the step over, or give it back"),
        Verb("note", "n", "n", "note", "step", "Note for everybody and for the report"),
        Verb("skip", "S", "S", "skip", "step", "The step will not be done, with a reason"),
        Verb("untick", "U", "U", "untick", "step", "Take back a tick or a skip, with a reason"),
        Verb("settle", "X", "X", "settle", "step", "Say what is so where a result is failed or unknown"),
        Verb("confirm", "K", "K", "keep", "step", "Armed hosts: the step stays, they will not undo it by themselves"),
        Verb("extend", "x", "x", "more time", "step", "Armed hosts: they wait longer before they undo the step"),
        Verb("revert", "V", "V", "undo now", "step", "Armed hosts: they undo the step now instead of waiting"),
        Verb("retry", "r", "r", "retry", "task", "Try again where it failed or was not reached, and nowhere else"),
        Verb("reconnect", "r", "r", "reconnect", "host", "Try the connection to the host again, at once"),
        Verb("exclude", "E", "E", "exclude", "host", "Take the host out of the rest of the window, with a reason"),
        Verb("pause", "p", "p", "pause", "window", "Pause: running tasks finish, none starts; or resume"),
        Verb("rollback", "R", "R", "roll back", "window", "What undoing would run, then do it; or how a rollback goes"),
        Verb("abort", "A", "A", "abort", "window", "End running tasks on the hosts, start nothing more"),
        Verb("close", "C", "C", "close", "window", "End the window for everybody, by typing its id"),
    )
}


def of_action(action: str) -> Verb | None:
    """The verb that a binding stands for: its action is ``verb('tick')``."""
    name, _, argument = action.partition("(")
    return VERBS.get(argument.strip("')\"")) if name == "verb" else None


def refusal(session: Session, name: str, step: str = "", host: str = "") -> str | None:
    """Why a verb is not possible now, or None."""
    verb = VERBS[name]
    if session.trouble is not None:
        return f"the conductor does not answer: {session.trouble}"
    if name in verbs_undo.DEADMAN:
        step = verbs_undo.armed_step(session, step)
    if verb.scope in ("step", "task") and name != "note" and step not in session.state.steps:
        return "no step is selected"
    if verb.scope == "host" and host not in session.state.hosts:
        return "no host is selected"
    if name == "reconnect":
        return None
    if name == "rollback":  # it looks first; what is looked at can be done or not
        return verbs_undo.no_preview(session)
    if name == "retry" and not verbs_undo.to_retry(session, step, host):
        return "nothing failed here, so there is nothing to retry"
    command = _probe(session, name, step, host)
    decision = decide(session.state, command, Actor(session.login, session.role), session.now())
    return str(decision) if isinstance(decision, Refusal) else None


def _probe(session: Session, name: str, step: str, host: str) -> AnyCommand:
    """The command with everything said that ``decide`` could ask for."""
    state, why = session.state, "-"
    window = state.plan.window.id
    mine = step in state.steps and state.steps[step].claimed_by == session.login
    makers: dict[str, Callable[[], AnyCommand]] = {
        "tick": lambda: cmd.Tick(step=step, confirm=step, override=why, evidence=why),
        "start": lambda: cmd.Start(step=step, confirm=step, override=why),
        "go": lambda: cmd.Vote(step=step, go=True, digest=_digest(session, step)),
        "nogo": lambda: cmd.Vote(step=step, go=False, reason=why, digest=_digest(session, step)),
        "claim": lambda: cmd.Claim(step=step, release=mine),
        "note": lambda: cmd.Note(text=why),
        "skip": lambda: cmd.Skip(step=step, reason=why),
        "untick": lambda: cmd.Untick(step=step, reason=why),
        "settle": lambda: cmd.Settle(step=step, outcome="done", reason=why),
        "retry": lambda: cmd.Start(
            step=step, hosts=verbs_undo.to_retry(session, step, host), confirm=step, override=why
        ),
        "confirm": lambda: cmd.Confirm(step=step),
        "extend": lambda: cmd.Extend(step=step, seconds=600.0),
        "revert": lambda: cmd.Revert(step=step, reason=why),
        "exclude": lambda: cmd.Exclude(host=host, reason=why),
        "pause": lambda: cmd.Resume(reason=why) if state.phase in ("paused", "aborted") else cmd.Pause(),
        "abort": lambda: cmd.Abort(confirm=window),
        "close": lambda: cmd.Close(confirm=window, outcome="abandoned", reason=why),
    }
    return makers[name]()


def _digest(session: Session, step: str) -> str:
    """Of the evidence that is open: a vote is for that, and for no other."""
    state = session.state.steps.get(step)
    return state.gate.digest if state is not None and state.gate is not None else ""


# -- the verbs ----------------------------------------------------------------------------------------------------


async def perform(app: App[Any], session: Session, name: str, *, step: str = "", host: str = "") -> None:
    """The verb on what it acts on. From a worker: it may ask first."""
    if name == "note":
        await note(app, session, step=step, host=host)
    elif name == "retry":
        await verbs_undo.retry(app, session, step, host)
    elif name == "rollback":
        await verbs_undo.roll_back(app, session, step=step, host=host)
    elif VERBS[name].scope == "window":
        await _ON_WINDOW[name](app, session)
    else:
        await _ON_ONE[name](app, session, host if VERBS[name].scope == "host" else step)


async def tick(app: App[Any], session: Session, step: str) -> None:
    """A manual step, or the manual rollback of a step, is done. Where the plan asks for it: what was seen."""
    from upgrade_tui.tui.dialogs import ask_text

    spec, evidence = session.plan.step(step), ""
    if spec is not None and spec.evidence and session.state.steps[step].state != "rolling back":
        said = await ask_text(app, f"Tick {step}", f"{spec.title}\nThe plan asks for evidence. What did you see?")
        if not said:
            return
        evidence = said
    await send(app, session, cmd.Tick(step=step, evidence=evidence))


async def start(app: App[Any], session: Session, step: str) -> None:
    """Preview, then start."""
    from upgrade_tui.tui.preview import confirm_start

    held = session.state.steps[step].held is not None  # what it runs was shown as it began
    if held or await confirm_start(app, session, step):
        await send(app, session, cmd.Start(step=step))


async def go(app: App[Any], session: Session, step: str) -> None:
    """The gate's card: it is read before anybody votes."""
    from upgrade_tui.tui.detail import open_gate

    open_gate(app, session, step)


async def vote_go(app: App[Any], session: Session, step: str, digest: str) -> bool:
    """A go on the evidence that was read."""
    from upgrade_tui.tui.dialogs import ask_choice

    body = f"{next_line(session, step)}\nYour go counts for evidence {digest} and for no other."
    choices = [("go", "GO: my vote is yes"), ("wait", "Not yet")]
    if await ask_choice(app, f"Go on {step}?", body, choices) != "go":
        return False
    return await send(app, session, cmd.Vote(step=step, go=True, digest=digest))


async def nogo(app: App[Any], session: Session, step: str, digest: str = "") -> None:
    """A no-go on a gate, with its reason."""
    from upgrade_tui.tui.dialogs import ask_text

    digest = digest or _digest(session, step)
    reason = await ask_text(app, f"NO-GO on {step}", f"{next_line(session, step)}\nOne no-go stops it. Why not?")
    if reason:
        await send(app, session, cmd.Vote(step=step, go=False, reason=reason, digest=digest))


def next_line(session: Session, step: str) -> str:
    """What a gate lets go on, in a line."""
    opened = session.state.steps[step].gate
    following = ", ".join(opened.next) if opened is not None else ""
    return f"What runs next: {following or 'nothing'}."


async def claim(app: App[Any], session: Session, step: str) -> None:
    """Take a step over, or give it back."""
    mine = session.state.steps[step].claimed_by == session.login
    await send(app, session, cmd.Claim(step=step, release=mine))


async def note(app: App[Any], session: Session, step: str = "", host: str = "") -> None:
    """A note on a step, a host or the window."""
    from upgrade_tui.tui.dialogs import ask_choice, ask_text

    place = step or host or "the window"
    text = await ask_text(app, f"Note on {place}", "What should the others know?")
    if not text:
        return
    marks: list[tuple[str, str]] = [
        ("", "Just a note"),
        ("good", "Went well"),
        ("bad", "Did not go well"),
        ("lucky", "We were lucky"),
        ("action", "Something to do afterwards"),
    ]
    mark = await ask_choice(app, "In the report", "Where does the note belong?", marks)
    if mark is not None:
        await send(app, session, cmd.Note(text=text, step=step, host=host, mark=mark))  # type: ignore[arg-type]


async def skip(app: App[Any], session: Session, step: str) -> None:
    """Not this step, and why."""
    from upgrade_tui.tui.dialogs import ask_text, ask_typed

    reason = await ask_text(app, f"Skip {step}", "Why will it not be done?")
    if reason and await ask_typed(app, f"Skip {step}", f"It will not be done: {reason}", step):
        await send(app, session, cmd.Skip(step=step, reason=reason))


async def untick(app: App[Any], session: Session, step: str) -> None:
    """Take a tick or a skip back, and why."""
    from upgrade_tui.tui.dialogs import ask_text, ask_typed

    reason = await ask_text(app, f"Take back {step}", "Why is it open again?")
    if reason and await ask_typed(app, f"Take back {step}", f"It is open again: {reason}", step):
        await send(app, session, cmd.Untick(step=step, reason=reason))


async def settle(app: App[Any], session: Session, step: str, hosts: tuple[str, ...] = ()) -> None:
    """Which hosts (unless they are given), what is so, what was seen."""
    from upgrade_tui.tui.dialogs import ask_choice, ask_text, ask_typed

    tasks = [t for t in session.state.steps[step].tasks.values() if t.state in UNSETTLED]
    tasks = [t for t in tasks if not hosts or t.host in hosts]
    listed = "\n".join(f"{t.host}: {t.state}{': ' + t.reason if t.reason else ''}" for t in tasks)
    where: str | None = tasks[0].host if len(tasks) == 1 else ""
    if len(tasks) > 1 and not hosts:
        choices = [("", f"All {len(tasks)} of them"), *((t.host, f"Only {t.host} ({t.state})") for t in tasks)]
        where = await ask_choice(app, f"Settle {step}: where?", listed, choices)
    if where is None:
        return
    chosen = [t for t in tasks if where in ("", t.host)]
    undoing = any(t.undo for t in chosen)
    names = ", ".join(t.host for t in chosen)
    outcome = await ask_choice(app, f"Settle {step} on {names}", f"{listed}\nWhat is so?", _outcomes(undoing))
    if outcome is None:
        return
    reason = await ask_text(app, f"Settle {step} as {outcome}", "What did you see on the host?")
    what = f"the rollback of {step}" if undoing else step
    body = f"{what} on {names} counts as {outcome}: {reason}"
    if reason and await ask_typed(app, f"Settle {step}", body, step):
        for host in [where] if not hosts else [t.host for t in chosen]:
            if not await send(app, session, cmd.Settle(step=step, host=host, outcome=outcome, reason=reason)):  # type: ignore[arg-type]
                return


def _outcomes(undoing: bool) -> list[tuple[str, str]]:
    """What can be so; of a rollback, done means that nothing is left of the step."""
    if undoing:
        return [
            ("done", "Rolled back: nothing is left of it there"),
            ("failed", "Failed: it still stands there"),
            ("skipped", "Give it up there: it stays as it is"),
        ]
    return [("done", "Done: the work is there"), ("failed", "Failed: it is not"), ("skipped", "Skip it there")]


async def pause(app: App[Any], session: Session) -> None:
    """Pause with a reason, or resume; out of an abort the lead says why."""
    from upgrade_tui.tui.dialogs import ask_text

    if session.state.phase == "paused":
        await send(app, session, cmd.Resume())
    elif session.state.phase == "aborted":
        reason = await ask_text(app, "Take the abort back", "The window goes on. Why is that right now?")
        if reason:
            await send(app, session, cmd.Resume(reason=reason))
    else:
        prompt = "Running tasks finish, no new one starts. Why?"
        reason = await ask_text(app, "Pause the window", prompt, required=False)
        if reason is not None:
            await send(app, session, cmd.Pause(reason=reason))


async def close(app: App[Any], session: Session) -> None:
    """How it ended, why, and the window's id typed out."""
    from upgrade_tui.tui.dialogs import ask_choice, ask_text, ask_typed

    window = session.plan.window.id
    outcomes = [
        ("completed", "Completed: every step is over"),
        ("rolled back", "Rolled back"),
        ("abandoned", "Abandoned: it is left as it is"),
    ]
    outcome = await ask_choice(app, "Close the window", "For everybody, for good. How did it end?", outcomes)
    if outcome is None:
        return
    reason = await ask_text(app, f"Close as {outcome}", "Why, in a line?", required=outcome != "completed")
    if reason is None:
        return
    if await ask_typed(app, f"Close as {outcome}", "This ends the window for everybody.", window):
        await send(app, session, cmd.Close(confirm=window, outcome=outcome, reason=reason))  # type: ignore[arg-type]


async def reconnect(app: App[Any], session: Session, host: str) -> None:
    """Ask the conductor to try a host again."""
    answer = await session.ask(protocol.Reconnect(id=0, host=host), protocol.Ok)
    if isinstance(answer, str):
        refused(app, answer, title=f"Reconnect {host}")
    else:
        app.notify(answer.text or f"trying {host} again", title="Reconnect", markup=False)


_ON_ONE: dict[str, Callable[[App[Any], Session, str], Awaitable[None]]] = {
    "tick": tick,
    "start": start,
    "go": go,
    "nogo": nogo,
    "claim": claim,
    "skip": skip,
    "untick": untick,
    "settle": settle,
    "confirm": verbs_undo.confirm,
    "extend": verbs_undo.extend,
    "revert": verbs_undo.revert,
    "reconnect": reconnect,
    "exclude": verbs_undo.exclude,
}
_ON_WINDOW: dict[str, Callable[[App[Any], Session], Awaitable[None]]] = {
    "pause": pause,
    "abort": verbs_undo.abort,
    "close": close,
}
