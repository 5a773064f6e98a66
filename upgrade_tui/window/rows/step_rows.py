"""Rows of what happens to steps, to their tasks on hosts, and to gates."""

from __future__ import annotations

from upgrade_tui.units import duration_text
from upgrade_tui.window import events as ev
from upgrade_tui.window import fold_hold
from upgrade_tui.window import fold_steps as fold
from upgrade_tui.window.event_row import Notice, Row, quiet, rings, told
from upgrade_tui.window.rows.phrases import because, in_batches, named


def _claimed(e: ev.StepClaimed) -> str:
    return f"{e.by} takes {e.step}" if e.by else f"gave {e.step} back"


def _intent(e: ev.StepIntent) -> str:
    where = f" on {named(e.hosts)} alone" if e.hosts else in_batches(e.batches)
    again = f" again (attempt {e.attempt})" if e.attempt > 1 else ""
    return f"started {e.step}{again}{where}{because(e.override, '; override: ')}"


def _held(e: ev.StepHeld) -> str:
    slack = f" (slack after it: {duration_text(e.slack)})" if e.slack is not None and e.slack < 0 else ""
    return f"held {e.step} before batch {e.batch + 1}: {e.reason}{slack}"


def _released(e: ev.StepReleased) -> str:
    if e.override:
        return f"let batch {e.batch + 1} of {e.step} go{' and all after it' * e.rest}; override: {e.override}"
    return f"{e.step} goes on with batch {e.batch + 1}{because(e.reason)}"


def _batch(e: ev.BatchStarted) -> str:
    return f"{e.step}: batch {e.batch + 1} starts"


_Task = (
    ev.TaskStarted | ev.TaskBegun | ev.TaskFinished | ev.TaskChecked | ev.TaskUnknown | ev.TaskFound
    | ev.TaskUnreachable | ev.TaskSettled | ev.OutputWithheld | ev.OutputKept
)  # fmt: skip


def _task(e: _Task) -> str:
    """``api on web1``, or its rollback there."""
    return f"{'rollback of ' if e.undo else ''}{e.step} on {e.host}"


def _task_started(e: ev.TaskStarted) -> str:
    what = f"{_task(e)} runs" if e.undo else f"{e.step} runs on {e.host}"
    at = because(e.place, ", from ")
    return f"{what}{at}{f' (attempt {e.attempt})' if e.attempt > 1 else ''}"


def _task_finished(e: ev.TaskFinished) -> str:
    took = f"after {duration_text(e.seconds)}"
    last = because(f"{e.bytes:,} bytes of output are withheld: {e.withheld}" if e.withheld else e.last_line)
    if e.early:
        return f"{_task(e)} ended early {took}: {e.early}{last}"
    if e.timed_out:
        return f"{_task(e)} timed out {took}{last}"
    if e.exit is None:
        return f"{_task(e)} was ended by signal {e.signal or '?'} {took}{last}"
    if e.exit:
        return f"{_task(e)} failed with exit {e.exit} {took}{last}"
    return f"{_task(e)} done {took}{last}"


def _output_withheld(e: ev.OutputWithheld) -> str:
    return f"what {_task(e)} printed is withheld, {e.bytes:,} bytes so far: {e.why}"


def _output_kept(e: ev.OutputKept) -> str:
    return f"what {_task(e)} had printed was fetched: {e.bytes:,} bytes, its secrets masked" + (
        f"; the last line: {e.last_line}" if e.last_line else ""
    )


def _checked(e: ev.TaskChecked) -> str:
    if e.exit is None:
        return f"the check of {_task(e)} gave no answer"
    if e.exit == 0:
        nothing = f", nothing left to {'undo' if e.undo else 'run'}" if e.before else ""
        return f"{_task(e)}: check passed{nothing}"
    if e.before:
        return f"{_task(e)}: not done yet, as its check says (exit {e.exit})"
    return f"the check of {_task(e)} failed (exit {e.exit}){because(e.last_line)}"


def _task_unknown(e: ev.TaskUnknown) -> str:
    later = "; its job is looked for as soon as the host is back" if e.following else ""
    return f"{_task(e)} is UNKNOWN: {e.reason or 'no result is proven'}{later}"


def _task_begun(e: ev.TaskBegun) -> str:
    return f"{_task(e)} has reached its host"


def _found(e: ev.TaskFound) -> str:
    return f"{_task(e)} was found again: it still runs"


def _unreachable(e: ev.TaskUnreachable) -> str:
    return f"{_task(e)}: host unreachable, nothing was sent{because(e.reason)}"


_UNDONE = {"done": "rolled back", "skipped": "given up", "failed": "failed"}


def _settled(e: ev.TaskSettled) -> str:
    what = f"the {_task(e)} as {_UNDONE[e.outcome]}" if e.undo else f"{_task(e)} as {e.outcome}"
    return f"settled {what}{because(e.reason)}"


def _finished(e: ev.StepFinished) -> str:
    again = f"attempt {e.attempt} of " if e.attempt > 1 else ""
    return f"{again}{e.step} ended{because(e.reason, ' early: ')}"


def _decided(e: ev.GateDecided) -> str:
    return f"{e.step} is decided: {'GO' if e.go else 'NO-GO'}{because(e.reason, ', ')}"


def _baked(e: ev.BakeEnded) -> str:
    return f"{e.step} {'passed' if e.passed else 'did not pass'}{because(e.reason)}"


def _ticked(e: ev.StepTicked) -> str:
    return f"ticked {e.step}{because(e.evidence)}{because(e.override, '; override: ')}"


def _unticked(e: ev.StepUnticked) -> str:
    return f"took back {e.step}{because(e.reason)}"


def _skipped(e: ev.StepSkipped) -> str:
    return f"skipped {e.step}{because(e.reason)}"


def _gate_opened(e: ev.GateOpened) -> str:
    """What is decided, and all of the evidence that is not as it should be."""
    odd = [f"{name} {verdict}" for name, verdict in e.canaries.items() if verdict != "healthy"]
    facts = [f"next {', '.join(e.next)}"] if e.next else []
    if e.slack is not None:
        then = f", after it {duration_text(e.slack_after)}" if e.slack_after is not None else ""
        facts.append(f"slack {duration_text(e.slack)}{then}")
    facts.append(f"canaries: {', '.join(odd)}" if odd else "canaries healthy" if e.canaries else "no canaries")
    facts += [f"over limits: {', '.join(e.alerts)}"] if e.alerts else []
    return f"go or no-go on {e.step}? {'; '.join(facts)}"


def _voted(e: ev.GateVoted) -> str:
    return f"votes {'GO' if e.go else 'NO-GO'} on {e.step}{because(e.reason)}"


def _how_begun(e: ev.StepIntent) -> Notice:
    return told("run", decision=bool(e.override))


def _how_released(e: ev.StepReleased) -> Notice:
    return told("tight", decision=True) if e.override else told("good")


def _how_it_ended(e: ev.TaskFinished) -> Notice:
    return rings("Task failed") if e.exit != 0 or e.timed_out or e.early else quiet("plain")


def _how_checked(e: ev.TaskChecked) -> Notice:
    return quiet() if e.exit == 0 or e.before else rings("Check failed")


def _how_it_went(e: ev.StepFinished) -> Notice:
    return rings("Step stopped") if e.reason else told()


def _how_voted(e: ev.GateVoted) -> Notice:
    return told("good" if e.go else "bad", decision=True)


def _how_decided(e: ev.GateDecided) -> Notice:
    return told("good") if e.go else rings("No-go")


def _how_baked(e: ev.BakeEnded) -> Notice:
    return told("good") if e.passed else rings("Bake failed")


ROWS = (
    Row(event=ev.StepClaimed, say=_claimed, fold=fold.claimed, notice=quiet("plain")),
    Row(event=ev.StepIntent, say=_intent, fold=fold.intent, notice=_how_begun, moves_the_clock=True),
    Row(event=ev.StepHeld, say=_held, fold=fold_hold.held, notice=rings("Held by the clock", "tight")),
    Row(event=ev.StepReleased, say=_released, fold=fold_hold.released, notice=_how_released),
    Row(event=ev.BatchStarted, say=_batch, fold=fold.batch, notice=quiet()),
    Row(event=ev.TaskStarted, say=_task_started, fold=fold.task_started, notice=quiet(), moves_the_clock=True),
    Row(event=ev.TaskBegun, say=_task_begun, fold=fold.begun, notice=quiet()),
    Row(event=ev.TaskFinished, say=_task_finished, fold=fold.finished_task, notice=_how_it_ended, moves_the_clock=True),
    Row(event=ev.OutputWithheld, say=_output_withheld, fold=fold.output_withheld, notice=told("tight")),
    Row(event=ev.OutputKept, say=_output_kept, fold=fold.output_kept, notice=told("good")),
    Row(event=ev.TaskChecked, say=_checked, fold=fold.checked, notice=_how_checked, moves_the_clock=True),
    Row(
        event=ev.TaskUnknown, say=_task_unknown, fold=fold.task_unknown, notice=rings("Result unknown", "unknown"),
        moves_the_clock=True, v=2,
        changed="it says what a timeout left running: that is ended before a retry or a rollback",
    ),
    Row(event=ev.TaskFound, say=_found, fold=fold.found, notice=told("good"), moves_the_clock=True),
    Row(
        event=ev.TaskUnreachable, say=_unreachable, fold=fold.unreachable, notice=rings("Host unreachable"),
        moves_the_clock=True,
    ),
    Row(event=ev.TaskSettled, say=_settled, fold=fold.settled, notice=told(decision=True), moves_the_clock=True),
    Row(
        event=ev.StepFinished, say=_finished, fold=fold.step_finished, notice=_how_it_went, moves_the_clock=True, v=2,
        changed="it says that an attempt of a command ended, never how; gates and bakes end by events of their own",
    ),
    Row(event=ev.StepTicked, say=_ticked, fold=fold.ticked, notice=told("good"), moves_the_clock=True),
    Row(event=ev.StepUnticked, say=_unticked, fold=fold.unticked, notice=told(decision=True), moves_the_clock=True),
    Row(event=ev.StepSkipped, say=_skipped, fold=fold.skipped, notice=told(decision=True), moves_the_clock=True),
    Row(event=ev.GateOpened, say=_gate_opened, fold=fold.opened_gate, notice=rings("Go or no-go?", "run")),
    Row(event=ev.GateVoted, say=_voted, fold=fold.voted, notice=_how_voted),
    Row(event=ev.GateDecided, say=_decided, fold=fold.decided, notice=_how_decided, moves_the_clock=True),
    Row(event=ev.BakeEnded, say=_baked, fold=fold.baked, notice=_how_baked, moves_the_clock=True),
)  # fmt: skip
