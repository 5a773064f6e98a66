"""The demo played through by itself: an operator that looks at the window's state and does what comes next.

``next_move`` is the whole of it, a pure function of what any dashboard shows; ``play`` carries it out over the socket
like any other client. Nothing here knows what will happen on the hosts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

from msgspec import Struct

from upgrade_tui.attach.client import Lost, NotRunning
from upgrade_tui.attach.session import Session
from upgrade_tui.attach.source import LiveSource
from upgrade_tui.demo.site import SHAKY_HOST, SLOW_HOST
from upgrade_tui.window import commands as cmd
from upgrade_tui.window.commands import AnyCommand, Refusal
from upgrade_tui.window.events import CanaryVerdict, HostLink, Record
from upgrade_tui.window.state import WindowState

ATTEMPTS = 4  # of one step before the tour gives up
_LIMIT = 900.0  # seconds of the script, five minutes of which are expected
READING = 10.0  # seconds before a move: somebody looks on


class Move(Struct, frozen=True):
    """What to do next, after ``pause`` seconds in which somebody may read."""

    command: AnyCommand
    pause: float = READING


_NOTES = {
    "cold": cmd.Note(
        text=f"{SLOW_HOST} answers 503 since its restart: it fills its cache. The other hosts still run version 1",
        host=SLOW_HOST, mark="bad",
    ),
    "warm": cmd.Note(
        text="One host first paid off: the cold cache cost us one host of three for some seconds, not the shop",
        step="app", mark="good",
    ),
    "shaky": cmd.Note(
        text=f"The link to {SHAKY_HOST} dropped and came back while nothing ran there", host=SHAKY_HOST, mark="lucky"
    ),
    "action": cmd.Note(text="Warm the cache before a web host takes traffic again", mark="action"),
}  # fmt: skip


def remarks(records: Iterable[Record]) -> set[str]:
    """Names of the notes that what has happened so far gives reason for."""
    found: set[str] = set()
    was_lost = False
    for record in records:
        event = record.event
        if isinstance(event, CanaryVerdict) and event.canary == f"{SLOW_HOST} health":
            if event.verdict == "failing":
                found |= {"cold", "action"}
            elif event.verdict == "healthy" and event.before == "failing":
                found.add("warm")
        elif isinstance(event, HostLink) and event.host == SHAKY_HOST:
            was_lost = was_lost or event.link == "lost"
            if was_lost and event.link == "up":
                found.add("shaky")
    return found


def next_move(state: WindowState) -> Move | None:
    """What an operator would do now; None: wait and see."""
    if state.phase in ("new", "closed"):
        return None
    healthy = all(canary.verdict == "healthy" for canary in state.canaries.values())
    if state.phase == "paused":
        return Move(cmd.Resume(reason="every canary is healthy again")) if healthy else None
    if not state.current:
        close = cmd.Close(confirm=state.plan.window.id, reason="every step is done, every canary is healthy")
        return Move(close) if healthy else None
    return _step(state, state.current, healthy)


def _step(state: WindowState, step_id: str, healthy: bool) -> Move | None:
    step, spec = state.steps[step_id], state.plan.step(step_id)
    assert spec is not None
    confirm = step_id if spec.irreversible else ""
    shown = state.shown(step_id)
    if shown == "unknown":
        return Move(cmd.Settle(step=step_id, outcome="failed", reason="the link broke; this step can be run again"))
    if shown == "failed" and step.attempt >= ATTEMPTS:
        return Move(
            cmd.Close(
                confirm=state.plan.window.id, outcome="abandoned", reason=f"{step_id} failed {step.attempt} times"
            )
        )
    if shown == "running" and spec.kind == "gate" and healthy:
        digest = step.gate.digest if step.gate is not None else ""  # of the evidence that the vote is about
        return Move(cmd.Vote(step=step_id, go=True, reason="backup is whole, canaries are healthy", digest=digest))
    if shown == "ready" and spec.kind == "manual":
        return Move(cmd.Tick(step=step_id, confirm=confirm))
    if shown in ("ready", "failed") and spec.kind != "manual" and healthy:
        return Move(cmd.Start(step=step_id, confirm=confirm))
    return None


async def play(directory: Path, pace: float, say: Callable[[str], None]) -> str:
    """Hold the window to its end; its outcome, empty if the tour did not get there. ``say``: one line for a person."""
    session = await Session.of(LiveSource(directory))
    changed = asyncio.Event()
    session.listener = changed.set
    following = asyncio.create_task(session.run(), name="tour: follow")
    try:
        async with asyncio.timeout(max(60.0, _LIMIT * pace)):
            await _act(session, changed, pace, say)
    except TimeoutError:
        say("the tour took too long and gives up")
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    return session.state.outcome


async def _act(session: Session, changed: asyncio.Event, pace: float, say: Callable[[str], None]) -> None:
    told: set[str] = set()
    while session.state.phase != "closed":
        for name in sorted(remarks(session.records) - told) if session.live else ():
            told.add(name)
            await session.do(_NOTES[name])
        move = next_move(session.state) if session.live else None
        if move is not None and await _still(session, move, changed, move.pause * pace):
            answer = await session.do(move.command)
            if isinstance(answer, Refusal):
                say(f"refused: {answer}")
                await asyncio.sleep(max(0.3, pace))
            continue
        changed.clear()
        try:
            async with asyncio.timeout(1.0):
                await changed.wait()
        except TimeoutError:
            continue


async def _still(session: Session, move: Move, changed: asyncio.Event, seconds: float) -> bool:
    """Wait ``seconds``; False as soon as something happens that makes another move the right one."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while (left := until - loop.time()) > 0:
        changed.clear()
        try:
            async with asyncio.timeout(left):
                await changed.wait()
        except TimeoutError:
            break
        if next_move(session.state) != move:
            return False
    return next_move(session.state) == move


async def tour(directory: Path, pace: float, say: Callable[[str], None]) -> str:
    """``play``, for a thread of its own: what goes wrong is said, not raised."""
    try:
        return await play(directory, pace, say)
    except (NotRunning, Lost) as error:
        say(str(error))
        return ""
