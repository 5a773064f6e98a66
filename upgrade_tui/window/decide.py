"""``decide(state, command, actor, now) -> events | Refusal``: the only place that says yes or no. Pure and total."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from upgrade_tui.plan.model import Step
from upgrade_tui.plan.step_kinds import STEP_KINDS
from upgrade_tui.window import commands as cmd
from upgrade_tui.window import decide_clock, decide_undo
from upgrade_tui.window import events as ev
from upgrade_tui.window.clock import crossings, read
from upgrade_tui.window.commands import Actor, Need, Refusal
from upgrade_tui.window.decide_undo import Decision
from upgrade_tui.window.gates import approvers, asked_for_it, open_gate
from upgrade_tui.window.state import OVER, UNSETTLED, Armed, StepState, Task, WindowState
from upgrade_tui.window.step_state import UNCONFIRMED


def decide(state: WindowState, command: cmd.AnyCommand, actor: Actor, now: float) -> Decision:
    """Events that carry out ``command``, or why not. ``now`` in epoch seconds."""
    if state.phase == "new":
        return Refusal("the window is not open yet", "wait a moment")
    if state.phase == "closed":
        return Refusal(f"the window is closed ({state.outcome})", "its report: upgrade-tui report")
    if actor.role == "observer" and not isinstance(command, cmd.Note):
        return Refusal(
            f"{actor.login} is an observer here", "the plan's [people] gives roles; observers can look and add notes"
        )
    step_id = getattr(command, "step", None)
    about_the_window = step_id is None or (step_id == "" and isinstance(command, cmd.Note | cmd.StartRollback))
    if not about_the_window and step_id not in state.steps:
        return Refusal(f'there is no step "{step_id}"', f"steps: {', '.join(state.steps)}")
    return _HANDLERS[type(command)](state, command, actor, now)


def _spec(state: WindowState, step_id: str) -> Step:
    spec = state.plan.step(step_id)
    assert spec is not None, "state.steps and plan.steps have the same ids"
    return spec


def _not_theirs(state: WindowState, step_id: str, actor: Actor) -> Refusal | None:
    """Engineers act on their own, claimed or unowned steps; a lead on all. A claim hands a step over, visibly."""
    step = state.steps[step_id]
    holder = step.claimed_by or _spec(state, step_id).owner
    if actor.role == "lead" or holder in ("", actor.login):
        return None
    return Refusal(f'"{step_id}" is {holder}\'s step', f"claim it first: upgrade-tui claim {step_id}")


def _locked(state: WindowState, step: StepState) -> Refusal | None:
    """While something is rolled back nothing goes forward; what was rolled back stays so unless it is started anew."""
    if state.rolling_back or step.state == "rolling back":
        return Refusal("a rollback is under way", "forward steps are locked until it ended")
    if step.state == "rolled back":
        return Refusal(f'"{step.id}" is rolled back', f"to do it again: upgrade-tui start {step.id}")
    return None


def _stopped(state: WindowState) -> Refusal | None:
    """Paused and aborted windows start nothing."""
    if state.phase in ("paused", "aborted"):
        return Refusal(f"the window is {state.phase}: {state.reason or 'no reason given'}", "resume it first")
    return None


def _not_ready(state: WindowState, step_id: str) -> Refusal | None:
    missing = state.missing(step_id)
    if not missing:
        return None
    waits = ", ".join(f"{m} ({state.shown(m)})" for m in missing)
    return Refusal(f'"{step_id}" is not ready', f"it waits for {waits}")


def _start(state: WindowState, c: cmd.Start, actor: Actor, now: float) -> Decision:
    step, spec = state.steps[c.step], _spec(state, c.step)
    if step.state == "running" and step.held is not None:
        return decide_clock.release_held(state, step, c, actor)
    if step.state == "running":
        return Refusal(f'"{c.step}" is already running', f"started by {step.by or 'somebody'}")
    if step.state in OVER:
        return Refusal(f'"{c.step}" is already {step.state}', "nothing to start")
    if step.state in UNCONFIRMED:
        return Refusal(f'"{c.step}" is {step.state}: {step.reason}', f"keep it: upgrade-tui confirm {c.step}")
    locked = _locked(state, step) if step.state != "rolled back" or state.rolling_back else None
    stopped = (
        locked
        or _stopped(state)
        or _nowhere(state, spec, step)
        or _not_its_hosts(state, step, c.hosts)
        or _still_at_it(step)
    )
    if stopped is not None:
        return stopped
    unsettled = [t.host for t in step.tasks.values() if t.state == "unknown" and (not c.hosts or t.host in c.hosts)]
    if unsettled:
        return Refusal(
            f'"{c.step}" is unknown on {", ".join(unsettled)}: it may have run there',
            "look at the host, then say what is so: upgrade-tui settle STEP done|failed --reason TEXT",
        )
    refusal = (
        _not_theirs(state, c.step, actor)
        or _not_ready(state, c.step)
        or decide_clock.dangerous(state, spec, c, actor, now)
    )
    if refusal is not None:
        return refusal
    if spec.kind == "gate":
        return open_gate(state, c.step, now)
    batches = step.batches if spec.kind == "command" else ()
    override = decide_clock.override(state, spec, c, now)
    intent = ev.StepIntent(
        step=c.step, attempt=step.attempt + 1, batches=batches, override=override, rest=c.rest and bool(override),
        hosts=c.hosts,
    )  # fmt: skip
    return (intent,)


def _nowhere(state: WindowState, spec: Step, step: StepState) -> Refusal | None:
    """A step whose place, or whose every host, takes no part any more: it would be done without having run."""
    places = [spec.run_on] if spec.run_on else list(step.tasks)
    if not places or any(place not in state.excluded for place in places):
        return None
    said = ", ".join(dict.fromkeys(state.excluded[place] for place in places))
    return Refusal(
        f'"{step.id}" has nowhere to run: {", ".join(places)} takes no part any more',
        f"excluded: {said}; skip the step",
    )


def _not_its_hosts(state: WindowState, step: StepState, hosts: tuple[str, ...]) -> Refusal | None:
    """A retry names hosts of the step where it was tried and is neither done nor under way."""
    out = [h for h in hosts if h in state.excluded]
    if out:
        return Refusal(f"{', '.join(out)} takes no part any more", f"excluded: {state.excluded[out[0]]}")
    wrong = [h for h in hosts if h not in step.tasks or not _to_retry(step.tasks[h])]  # batches keep their order
    if not wrong:
        return None
    return Refusal(
        f'nothing to retry of "{step.id}" on {", ".join(wrong)}', "retry hosts that failed or were not reached"
    )


def _to_retry(task: Task) -> bool:
    tried = task.state == "pending" and task.attempt > 0  # a retry that ended before it came to this host
    return tried or task.state in ("failed", "unknown", "unreachable", "rolled back")


def _still_at_it(step: StepState) -> Refusal | None:
    """A job that was found again after its step had ended: a second one must not run beside it."""
    busy = [t.host for t in step.tasks.values() if t.state in ("running", "rolling back")]
    return Refusal(f'"{step.id}" still runs on {", ".join(busy)}', "wait for its result") if busy else None


def _tick(state: WindowState, c: cmd.Tick, actor: Actor, now: float) -> Decision:
    step, spec = state.steps[c.step], _spec(state, c.step)
    what = spec.kind
    if step.state == "rolling back" and _by_hand(_spec(state, c.step)):
        return _not_theirs(state, c.step, actor) or _undone_by_hand(step, now)
    if what != "manual":
        return Refusal(f'"{c.step}" is a {what} step, not a manual one', STEP_KINDS[what].instead)
    if step.state in OVER:
        return Refusal(
            f'"{c.step}" is already {step.state}', f"by {step.by}; untick it with a reason to take that back"
        )
    if _spec(state, c.step).evidence and not c.evidence.strip():
        return Refusal(f'"{c.step}" asks what you saw', "say it: --evidence TEXT", "evidence")
    refusal = _locked(state, step) or _not_theirs(state, c.step, actor) or _not_ready(state, c.step)
    if refusal is not None or step.state == "running":  # a running step was asked about when it was started
        return refusal or (ev.StepTicked(step=c.step, evidence=c.evidence.strip()),)
    override = decide_clock.override(state, spec, c, now)
    ticked = ev.StepTicked(step=c.step, override=override, evidence=c.evidence.strip())
    return decide_clock.dangerous(state, spec, c, actor, now) or (ticked,)


def _by_hand(spec: Step) -> bool:
    """A person undoes it: also where a command did it."""
    return spec.rollback is None or spec.rollback.run is None


def _undone_by_hand(step: StepState, now: float) -> Decision:
    """The tick of a manual rollback: it holds for every host that was to be undone."""
    seconds = max(0.0, now - step.undo_started) if step.undo_started is not None else 0.0
    hosts = [h for batch in step.undo_batches for h in batch if h in step.tasks]
    settled = [ev.TaskSettled(step=step.id, host=h, outcome="done", reason="undone by hand", undo=True) for h in hosts]
    batches = max(1, len(step.undo_batches))
    ended = ev.RollbackFinished(step=step.id, outcome="done", seconds=round(seconds, 1), batches=batches)
    return (*settled, ended)


def _untick(state: WindowState, c: cmd.Untick, actor: Actor, now: float) -> Decision:
    step = state.steps[c.step]
    if _spec(state, c.step).kind != "manual" and step.state != "skipped":
        return Refusal(f'"{c.step}" is not a manual step', "only ticks and skips can be taken back")
    if step.state not in OVER:
        return Refusal(f'"{c.step}" is {state.shown(c.step)}', "there is no tick or skip to take back")
    if not c.reason.strip():
        return Refusal("taking back a tick needs a reason", "say why: --reason TEXT", "reason")
    begun = [
        s for s in state.steps.values() if c.step in state.plan.needs(_spec(state, s.id)) and s.stage != "not begun"
    ]
    if begun:
        return Refusal(f'"{begun[0].id}", which needs "{c.step}", is {begun[0].state}', "take that back first")
    return _not_theirs(state, c.step, actor) or (ev.StepUnticked(step=c.step, reason=c.reason.strip()),)


def _skip(state: WindowState, c: cmd.Skip, actor: Actor, now: float) -> Decision:
    step = state.steps[c.step]
    if step.state == "rolling back" and _by_hand(_spec(state, c.step)):
        return _given_up(state, c, actor)
    if step.state in OVER or step.state == "rolling back":
        return Refusal(f'"{c.step}" is already {step.state}', "nothing to skip")
    if step.state == "running" and _spec(state, c.step).kind == "command":
        return Refusal(f'"{c.step}" is running', "wait until its tasks ended")
    armed = [host for host, a in step.armed.items() if a.state == "armed"]
    if armed:
        return Refusal(f'"{c.step}" is armed on {", ".join(armed)}', "confirm it, or have it undone, first")
    if any(t.state == "unknown" for t in step.tasks.values()):
        return Refusal(f'"{c.step}" is unknown on some hosts: it may have run there', "settle those first")
    if _spec(state, c.step).kind == "gate" and actor.role != "lead":
        return Refusal("only the lead can skip a gate", "vote on it instead")
    if not c.reason.strip():
        return Refusal("skipping needs a reason", "say why: --reason TEXT", "reason")
    return _not_theirs(state, c.step, actor) or (ev.StepSkipped(step=c.step, reason=c.reason.strip()),)


def _given_up(state: WindowState, c: cmd.Skip, actor: Actor) -> Decision:
    """A rollback by hand that cannot be done ends the rollback as failed; else it would wait for its tick for ever."""
    if actor.role != "lead":
        return Refusal("only the lead can give up a rollback by hand", "say what is in the way: upgrade-tui note TEXT")
    if not c.reason.strip():
        return Refusal("giving up a rollback needs a reason", "say why: --reason TEXT", "reason")
    reason = f"given up by {actor.login}: {c.reason.strip()}"
    step = state.steps[c.step]
    hosts = [h for batch in step.undo_batches for h in batch if h in step.tasks]
    settled = [ev.TaskSettled(step=step.id, host=h, outcome="failed", reason=reason, undo=True) for h in hosts]
    return (*settled, ev.RollbackFinished(step=c.step, outcome="failed", seconds=0.0, reason=reason))


def _claim(state: WindowState, c: cmd.Claim, actor: Actor, now: float) -> Decision:
    step = state.steps[c.step]
    if step.state in OVER:
        return Refusal(f'"{c.step}" is already {step.state}', "nothing to claim")
    if c.release:
        if not step.claimed_by:
            return Refusal(f'"{c.step}" is claimed by nobody', "nothing to give back")
        if step.claimed_by != actor.login and actor.role != "lead":
            return Refusal(f'"{c.step}" is not claimed by {actor.login}', "nothing to give back")
        return (ev.StepClaimed(step=c.step, by=""),)
    if step.claimed_by == actor.login:
        return Refusal(f'"{c.step}" is claimed by {actor.login} already')
    return (ev.StepClaimed(step=c.step, by=actor.login),)


def _note(state: WindowState, c: cmd.Note, actor: Actor, now: float) -> Decision:
    if not c.text.strip():
        return Refusal("the note is empty", "write what the others should know")
    if c.host and c.host not in state.hosts:
        return Refusal(f'there is no host "{c.host}"', f"hosts: {', '.join(state.hosts)}")
    return (ev.NoteAdded(text=c.text.strip(), step=c.step, host=c.host, mark=c.mark),)


def _settle(state: WindowState, c: cmd.Settle, actor: Actor, now: float) -> Decision:
    step = state.steps[c.step]
    if c.host and c.host not in step.tasks:
        return Refusal(f'"{c.step}" does not run on "{c.host}"', f"its hosts: {', '.join(step.tasks) or 'none'}")
    under_way = step.state in ("running", "rolling back")
    settled = {"unknown"} if under_way else UNSETTLED  # what still runs may retry by itself; what is lost may not
    hosts = [t.host for t in step.tasks.values() if t.state in settled and c.host in ("", t.host)]
    if not hosts:
        return Refusal(
            f'nothing to settle on "{c.step}"',
            "only failed, unknown and unreachable tasks are settled by hand; of a running step, unknown ones",
        )
    if not c.reason.strip():
        return Refusal("settling needs a reason: what did you see?", "say it: --reason TEXT", "reason")
    theirs = _not_theirs(state, c.step, actor)
    if theirs is not None:
        return theirs
    out: list[ev.Event] = [
        ev.TaskSettled(step=c.step, host=h, outcome=c.outcome, reason=c.reason.strip(), undo=step.tasks[h].undo > 0)
        for h in hosts
    ]
    return tuple(out)


def _vote(state: WindowState, c: cmd.Vote, actor: Actor, now: float) -> Decision:
    spec, step = _spec(state, c.step), state.steps[c.step]
    refusal = _no_vote(state, spec, c, actor, now)
    if refusal is not None or step.gate is None:
        return refusal or Refusal(f'"{c.step}" is not open', f"ask for a decision: upgrade-tui start {c.step}")
    votes = {login for login, vote in step.votes.items() if vote.go} | {actor.login}
    out: list[ev.Event] = [ev.GateVoted(step=c.step, go=c.go, reason=c.reason.strip(), digest=step.gate.digest)]
    if not c.go:
        reason = f"no-go by {actor.login}: {c.reason.strip()}"
        out.append(ev.GateDecided(step=c.step, attempt=step.attempt, go=False, reason=reason))
    elif len(votes) >= spec.approvals:
        reason = "go by " + ", ".join(sorted(votes))
        out.append(ev.GateDecided(step=c.step, attempt=step.attempt, go=True, reason=reason))
    return tuple(out)


def _no_vote(state: WindowState, spec: Step, c: cmd.Vote, actor: Actor, now: float) -> Refusal | None:
    """Why a vote does not count."""
    step = state.steps[c.step]
    if spec.kind != "gate":
        return Refusal(f'"{c.step}" is a {spec.kind} step, not a gate', "only gates are voted on")
    if step.state in OVER:
        return Refusal(f'"{c.step}" is already {step.state}', "the vote is over")
    if actor.login not in approvers(state, spec) and (spec.by or actor.role != "lead"):
        names = ", ".join(sorted(approvers(state, spec)))
        return Refusal(f"{actor.login} has no vote on this gate", f"it is decided by {names}")
    if not c.go and not c.reason.strip():
        return Refusal("a no-go needs a reason", "say why: --reason TEXT", "reason")
    not_ready = _not_ready(state, c.step)
    if not_ready is not None:
        return not_ready
    if step.state != "running" or step.gate is None:
        return Refusal(f'"{c.step}" is not open', f"ask for a decision: upgrade-tui start {c.step}")
    if step.gate.until is not None and now > step.gate.until:
        return Refusal(f'the time to decide on "{c.step}" is over', f"ask again: upgrade-tui start {c.step}")
    if not c.go:
        return None
    if c.digest != step.gate.digest:
        return Refusal("this go is for other evidence than what is open now", "look at the gate's card again")
    if state.phase != "open":
        return Refusal(f"the window is {state.phase}: {state.reason or 'no reason given'}", "resume it first")
    if state.rolling_back:
        return _locked(state, step)
    if asked_for_it(state, spec, actor.login):
        return Refusal("nobody approves their own request", "somebody else has to say go")
    return None


def _pause(state: WindowState, c: cmd.Pause, actor: Actor, now: float) -> Decision:
    if state.phase in ("paused", "aborted"):
        return Refusal(f"the window is {state.phase} already, by {state.paused_by}", "resume it to go on")
    return (ev.WindowPaused(reason=c.reason.strip()),)


def _resume(state: WindowState, c: cmd.Resume, actor: Actor, now: float) -> Decision:
    if state.phase not in ("paused", "aborted"):
        return Refusal("the window is not paused", "nothing to resume")
    if state.phase == "aborted" and (actor.role != "lead" or not c.reason.strip()):
        needs: Need = "reason" if actor.role == "lead" else ""
        return Refusal("the window was aborted", "only the lead can take that back, with a reason", needs)
    return (ev.WindowResumed(reason=c.reason.strip()),)


def _close(state: WindowState, c: cmd.Close, actor: Actor, now: float) -> Decision:
    if actor.role != "lead":
        return Refusal("only the lead can close the window", "leaving with q never stops it")
    if c.confirm != state.plan.window.id:
        return Refusal(
            "closing ends the window for everybody", f"confirm by typing its id: {state.plan.window.id}", "confirm"
        )
    if state.rolling_back:
        return Refusal("a rollback is under way", "wait until it ended")
    armed = [f"{s.id} on {h}" for s in state.steps.values() for h, a in s.armed.items() if _counts(a, c, now)]
    if armed:
        return Refusal(f"armed, and would be undone: {', '.join(armed)}", "confirm it, or revert it, first")
    running = [s.id for s in state.steps.values() if s.state in ("running", "rolling back") or _still_at_it(s)]
    if running:
        return Refusal(f"still running: {', '.join(running)}", "wait for them, settle or skip them, or abort first")
    unfinished = [s.id for s in state.steps.values() if s.state not in OVER]
    if c.outcome == "completed" and unfinished:
        return Refusal(
            f"not completed: {', '.join(f'{i} ({state.shown(i)})' for i in unfinished)}",
            'skip what will not be done, or close it as "abandoned" or "rolled back"',
        )
    if c.outcome != "completed" and not c.reason.strip():
        return Refusal(f'closing a window as "{c.outcome}" needs a reason', "say why: --reason TEXT", "reason")
    crossed = crossings(state, read(state, now))  # by what was done a moment ago: nobody looks at the clock any more
    return (*crossed, ev.WindowClosed(outcome=c.outcome, reason=c.reason.strip()))


def _counts(armed: Armed, c: cmd.Close, now: float) -> bool:
    """A host that may still undo something. Its time over and never heard of again, a window can be abandoned."""
    return armed.state == "armed" and (c.outcome == "completed" or now < armed.until)


_HANDLERS: dict[type, Callable[[WindowState, Any, Actor, float], Decision]] = {
    cmd.Start: _start,
    cmd.Tick: _tick,
    cmd.Untick: _untick,
    cmd.Skip: _skip,
    cmd.Claim: _claim,
    cmd.Note: _note,
    cmd.Settle: _settle,
    cmd.Vote: _vote,
    cmd.Pause: _pause,
    **decide_undo.HANDLERS,
    cmd.Resume: _resume,
    cmd.Close: _close,
}
