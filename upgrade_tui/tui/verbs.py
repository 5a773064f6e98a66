"""What an operator can do: every key, palette entry and detail screen ends in one of these.

Whether a verb is possible is asked of ``decide`` itself, with every confirmation already given: what it refuses even
then is greyed out, with its reason. The conductor decides again when the verb is sent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from upgrade_tui.conductor import protocol
from upgrade_tui.window import commands as cmd
from upgrade_tui.window.card import card, card_lines
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
    scope: str  # step, host, window
    help: str


VERBS: dict[str, Verb] = {
    v.name: v
    for v in (
        Verb("tick", "space", "space", "tick", "step", "Manual step: it is done"),
        Verb("start", "s", "s", "start", "step", "Start the step, after a preview of what runs where"),
        Verb("go", "g", "g", "go", "step", "Gate: vote go"),
        Verb("nogo", "G", "G", "no-go", "step", "Gate: vote no-go, with a reason"),
        Verb("claim", "c", "c", "claim", "step", "Take the step over, or give it back"),
        Verb("note", "n", "n", "note", "step", "Note for everybody and for the report"),
        Verb("skip", "S", "S", "skip", "step", "The step will not be done, with a reason"),
        Verb("untick", "U", "U", "untick", "step", "Take back a tick or a skip, with a reason"),
        Verb("settle", "X", "X", "settle", "step", "Say what is so where a result is failed or unknown"),
        Verb("reconnect", "r", "r", "reconnect", "host", "Try the connection to the host again, at once"),
        Verb("pause", "p", "p", "pause", "window", "Pause: no new task starts; or resume"),
        Verb("close", "C", "C", "close", "window", "End the window for everybody, by typing its id"),
    )
}


def refusal(session: Session, name: str, step: str = "", host: str = "") -> str | None:
    """Why a verb is not possible now, or None."""
    verb = VERBS[name]
    if session.trouble is not None:
        return f"the conductor does not answer: {session.trouble}"
    if verb.scope == "step" and name != "note" and step not in session.state.steps:
        return "no step is selected"
    if verb.scope == "host":
        return None if host in session.state.hosts else "no host is selected"
    command = _probe(session, name, step)
    decision = decide(session.state, command, Actor(session.login, session.role), session.now())
    return str(decision) if isinstance(decision, Refusal) else None


def _probe(session: Session, name: str, step: str) -> AnyCommand:
    """The command with everything said that ``decide`` could ask for."""
    state, why = session.state, "-"
    mine = step in state.steps and state.steps[step].claimed_by == session.login
    makers: dict[str, Callable[[], AnyCommand]] = {
        "tick": lambda: cmd.Tick(step=step, confirm=step, override=why),
        "start": lambda: cmd.Start(step=step, confirm=step, override=why),
        "go": lambda: cmd.Vote(step=step, go=True, digest=_digest(session, step)),
        "nogo": lambda: cmd.Vote(step=step, go=False, reason=why, digest=_digest(session, step)),
        "claim": lambda: cmd.Claim(step=step, release=mine),
        "note": lambda: cmd.Note(text=why),
        "skip": lambda: cmd.Skip(step=step, reason=why),
        "untick": lambda: cmd.Untick(step=step, reason=why),
        "settle": lambda: cmd.Settle(step=step, outcome="done", reason=why),
        "pause": lambda: cmd.Resume() if state.phase == "paused" else cmd.Pause(),
        "close": lambda: cmd.Close(confirm=state.plan.window.id, outcome="abandoned", reason=why),
    }
    return makers[name]()


def _digest(session: Session, step: str) -> str:
    """Of the evidence that is open: a vote is for that, and for no other."""
    state = session.state.steps.get(step)
    return state.gate.digest if state is not None and state.gate is not None else ""


# -- sending ------------------------------------------------------------------------------------------------------


def refused(app: App[Any], reason: str, title: str = "Not done") -> None:
    """Says why not, loudly enough to be read."""
    app.notify(reason, title=title, severity="warning", timeout=8, markup=False)


async def send(app: App[Any], session: Session, command: AnyCommand) -> bool:
    """Sends a command. A refusal that asks for a confirmation or an override is turned into that question."""
    answer = await session.do(command)
    if answer is None:
        return True
    if isinstance(command, cmd.Start | cmd.Tick):
        more = await _dangerous(app, session, command, answer)
        if more is not None:
            return await send(app, session, more)
        if "--confirm" in answer.hint or "--override" in answer.hint:
            return False  # the operator gave up in the dialog
    refused(app, str(answer))
    return False


async def _dangerous(
    app: App[Any], session: Session, command: cmd.Start | cmd.Tick, answer: Refusal
) -> cmd.Start | cmd.Tick | None:
    """The command again with what ``decide`` asked for, or None."""
    from upgrade_tui.tui.dialogs import ask_text, ask_typed

    if "--confirm" in answer.hint and not command.confirm:
        body = f"{answer.reason}.\nThere is no rollback behind this point."
        if await ask_typed(app, "Point of no return", body, command.step):
            return replace(command, confirm=command.step)
    elif "--override" in answer.hint and not command.override:
        prompt = f"{answer.reason}. As the lead, why do it all the same?"
        reason = await ask_text(app, "No time to undo", prompt)
        if reason:
            return replace(command, override=reason)
    return None


# -- the verbs ----------------------------------------------------------------------------------------------------


async def tick(app: App[Any], session: Session, step: str) -> None:
    """A manual step is done."""
    await send(app, session, cmd.Tick(step=step))


async def start(app: App[Any], session: Session, step: str) -> None:
    """Preview, then start."""
    from upgrade_tui.tui.preview import confirm_start

    if await confirm_start(app, session, step):
        await send(app, session, cmd.Start(step=step))


async def go(app: App[Any], session: Session, step: str) -> None:
    """A go on a gate, after a second look."""
    from upgrade_tui.tui.dialogs import ask_choice

    body, digest = _gate_body(session, step), _digest(session, step)  # what was read is what is voted on
    if await ask_choice(app, f"Go on {step}?", body, [("go", "GO: my vote is yes"), ("wait", "Not yet")]) == "go":
        await send(app, session, cmd.Vote(step=step, go=True, digest=digest))


async def nogo(app: App[Any], session: Session, step: str) -> None:
    """A no-go on a gate, with its reason."""
    from upgrade_tui.tui.dialogs import ask_text

    digest = _digest(session, step)
    reason = await ask_text(app, f"NO-GO on {step}", f"{_gate_body(session, step)}\nWhy not?")
    if reason:
        await send(app, session, cmd.Vote(step=step, go=False, reason=reason, digest=digest))


def _gate_body(session: Session, step: str) -> str:
    """The gate's card: everything the go / no-go is decided on."""
    found = card(session.state, step, session.now())
    return "\n".join(card_lines(found, session.now())) if found is not None else ""


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


async def settle(app: App[Any], session: Session, step: str) -> None:
    """Which hosts, what is so, what was seen."""
    from upgrade_tui.tui.dialogs import ask_choice, ask_text, ask_typed

    tasks = [t for t in session.state.steps[step].tasks.values() if t.state in UNSETTLED]
    listed = "\n".join(f"{t.host}: {t.state}{': ' + t.reason if t.reason else ''}" for t in tasks)
    host: str | None = ""
    if len(tasks) > 1:
        choices = [("", f"All {len(tasks)} of them"), *((t.host, f"Only {t.host} ({t.state})") for t in tasks)]
        host = await ask_choice(app, f"Settle {step}: where?", listed, choices)
    if host is None:
        return
    outcomes = [("done", "Done: the work is there"), ("failed", "Failed: it is not"), ("skipped", "Skip it there")]
    outcome = await ask_choice(app, f"Settle {step} on {host or 'all'}", f"{listed}\nWhat is so?", outcomes)
    if outcome is None:
        return
    reason = await ask_text(app, f"Settle {step} as {outcome}", "What did you see on the host?")
    body = f"{step} on {host or 'all listed hosts'} counts as {outcome}: {reason}"
    if reason and await ask_typed(app, f"Settle {step}", body, step):
        await send(app, session, cmd.Settle(step=step, host=host, outcome=outcome, reason=reason))  # type: ignore[arg-type]


async def pause(app: App[Any], session: Session) -> None:
    """Pause with a reason, or resume."""
    from upgrade_tui.tui.dialogs import ask_text

    if session.state.phase == "paused":
        await send(app, session, cmd.Resume())
        return
    reason = await ask_text(app, "Pause the window", "Running tasks finish, no new one starts. Why?", required=False)
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
