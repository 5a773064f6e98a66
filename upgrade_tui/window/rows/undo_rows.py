"""Rows of rollbacks and of the dead-man rollback."""

from __future__ import annotations

from upgrade_tui.units import count_text, duration_text, few_text
from upgrade_tui.window import events as ev
from upgrade_tui.window import fold_undo as fold
from upgrade_tui.window.event_row import Notice, Row, Tone, rings, told, warns
from upgrade_tui.window.rows.phrases import because, in_batches, named


def _asked_back(e: ev.RollbackRequested) -> str:
    size = f"{count_text(len(e.undo), 'step')}, about {duration_text(e.estimate)}"
    if not (e.canary or e.failed):
        return f"asked to roll back {e.scope}: {size}{because(e.reason)}"
    waits = f"; it begins when this has ended: {few_text(e.waits, 3)}" if e.waits else ""
    return f"rolls back {e.scope} by itself, as the plan says: {size}{because(e.reason)}{waits}"


def _rolling_back(e: ev.RollbackStarted) -> str:
    again = f" again (rollback {e.attempt})" if e.attempt > 1 else ""
    return f"started to roll back {e.step}{again}{in_batches(e.batches)}{because(e.reason)}"


def _rolled_back(e: ev.RollbackFinished) -> str:
    took = f" after {duration_text(e.seconds)}" if e.seconds else ""
    return f"rollback of {e.step} {_outcome(e.outcome)}{took}{because(e.reason)}"


def _back(e: ev.RollbackEnded) -> str:
    how = "is over: done" if e.outcome == "done" else f"STOPPED: {_outcome(e.outcome)}"
    return f"the rollback {how} after {duration_text(e.seconds)}{because(e.reason)}"


def _outcome(outcome: str) -> str:
    return "UNKNOWN" if outcome == "unknown" else outcome


def _armed(e: ev.DeadmanArmed) -> str:
    risk = f"; AT RISK: {e.risk}" if e.risk else ""
    return f"{e.host} will undo {e.step} by itself in {duration_text(e.seconds)} unless somebody confirms{risk}"


def _dead_man_asked(e: ev.DeadmanAsked) -> str:
    what = {
        "confirm": f"confirms {e.step}: it is to stay",
        "extend": f"gives {e.step} {duration_text(e.seconds)} from now to be confirmed",
        "cancel": f"wants {e.step} undone now",
    }[e.what]
    return f"{what}{because(named(e.hosts), ' on ')}{because(e.reason)}"


def _confirmed(e: ev.DeadmanConfirmed) -> str:
    return f"{e.step} stays on {e.host}: it will not be undone by itself any more"


def _extended(e: ev.DeadmanExtended) -> str:
    return f"{e.host} waits: it will undo {e.step} in {duration_text(e.seconds)} from now unless somebody confirms"


def _gone(e: ev.DeadmanGone) -> str:
    before = "; whether it was undone before is not known" if e.maybe_fired else "; what it changed stands"
    return f"NOTHING will undo {e.step} on {e.host}{because(e.reason)}{before}: confirm it or roll it back"


def _fired(e: ev.DeadmanFired) -> str:
    why = because(e.reason or "nobody confirmed in time")
    if e.exit is None:
        return f"{e.host} began to undo {e.step} by itself, and no result is known{why}"
    if e.exit:
        return f"{e.host} FAILED to undo {e.step} by itself (exit {e.exit}{because(e.last_line)}){why}"
    return f"{e.host} undid {e.step} by itself{why}"


def _tone(outcome: str) -> Tone:
    return "good" if outcome == "done" else "bad" if outcome == "failed" else "unknown"


def _how_undone(e: ev.RollbackFinished) -> Notice:
    return told("good") if e.outcome == "done" else warns(_tone(e.outcome))


def _how_it_is_over(e: ev.RollbackEnded) -> Notice:
    return rings("Rollback ended", _tone(e.outcome))


def _how_safe(e: ev.DeadmanArmed) -> Notice:
    return rings("Armed, and at risk", "tight") if e.risk else rings("Armed", "watch")


ROWS = (
    Row(
        event=ev.RollbackRequested, say=_asked_back, of_rollback=True, fold=fold.requested,
        notice=rings("Rolling back", "tight", decision=True),
    ),
    Row(
        event=ev.RollbackStarted, say=_rolling_back, fold=fold.rollback_started, notice=rings("Rolling back", "tight"),
        of_rollback=True, moves_the_clock=True,
    ),
    Row(
        event=ev.RollbackFinished, say=_rolled_back, fold=fold.undo_finished, notice=_how_undone, of_rollback=True,
        moves_the_clock=True,
    ),
    Row(event=ev.RollbackEnded, say=_back, of_rollback=True, fold=fold.rollback_ended, notice=_how_it_is_over),
    Row(event=ev.DeadmanArmed, say=_armed, fold=fold.armed, notice=_how_safe),
    Row(event=ev.DeadmanAsked, say=_dead_man_asked, fold=fold.asked, notice=told("run", decision=True)),
    Row(event=ev.DeadmanConfirmed, say=_confirmed, fold=fold.deadman_confirmed, notice=told("good")),
    Row(event=ev.DeadmanExtended, say=_extended, fold=fold.extended, notice=told("watch")),
    Row(
        event=ev.DeadmanGone, say=_gone, fold=fold.gone, notice=rings("NOTHING will undo it"), moves_the_clock=True,
    ),
    Row(
        event=ev.DeadmanFired, say=_fired, fold=fold.fired, notice=rings("Undone by the host itself"),
        moves_the_clock=True, v=3, changed="one that was gone was written as fired; what it left running is told",
    ),
)  # fmt: skip
