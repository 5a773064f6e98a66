"""Every event as a sentence that people read: the log pane, ``upgrade-tui log`` and the report say the same. Pure.

A sentence goes behind the actor's name: "mei · ticked backup". It is one line without a full stop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from upgrade_tui.foreign import one_line
from upgrade_tui.units import bytes_text, duration_text
from upgrade_tui.window import events as ev


def sentence(event: ev.Event) -> str:
    """What happened, on one line."""
    say = _SENTENCES.get(type(event))
    return one_line(say(event) if say is not None else f"an event this version does not know: {type(event).__name__}")


def about(event: ev.Event) -> tuple[str, str]:
    """What an event is about: ("step", id), ("host", name), ("canary", name), or ("", "") for the window itself."""
    for what in ("step", "host", "canary"):
        name = getattr(event, what, "")
        if name and not isinstance(event, ev.WindowOpened | ev.ConductorStarted):
            return what, str(name)
    return "", ""


def _why(text: str, joint: str = ": ") -> str:
    return f"{joint}{text}" if text else ""


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def _names(names: Sequence[str]) -> str:
    """All of a few, the number of many."""
    return ", ".join(names) if len(names) <= 3 else _count(len(names), "host")


def _batches(batches: Sequence[Sequence[str]]) -> str:
    hosts = sum(map(len, batches))
    return f" on {_count(hosts, 'host')} in {_count(len(batches), 'batch', 'batches')}" if hosts else ""


def _millis(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


# -- the window ---------------------------------------------------------------------------------------------------


def _opened(e: ev.WindowOpened) -> str:
    return f"opened the window {e.window} for {duration_text(e.end - e.start)}; conductor on {e.host} (pid {e.pid})"


def _accepted(e: ev.PlanAccepted) -> str:
    return f"goes on with a plan that was CHANGED since it was frozen (SHA-256 {e.sha256[:16]}…){_why(e.reason)}"


def _conductor(e: ev.ConductorStarted) -> str:
    return f"a new conductor took over on {e.host} (pid {e.pid}, version {e.version})"


def _paused(e: ev.WindowPaused) -> str:
    return f"paused the window{_why(e.reason)}; no new task starts"


def _aborted(e: ev.WindowAborted) -> str:
    return f"ABORTED the window{_why(e.reason)}; running tasks are ended, nothing more starts"


def _resumed(e: ev.WindowResumed) -> str:
    return f"resumed the window{_why(e.reason)}"


def _closed(e: ev.WindowClosed) -> str:
    return f"closed the window as {e.outcome}{_why(e.reason)}"


def _recovered(e: ev.LogRecovered) -> str:
    return f"set aside a torn tail of the log ({bytes_text(e.bytes)}) as {e.file}"


def _fenced(e: ev.LogFenced) -> str:
    return f"FENCED the log: {e.error}; it goes on in {e.into or f'a new segment after {e.segment}'}"


# -- people and the clock -----------------------------------------------------------------------------------------


def _attached(e: ev.OperatorAttached) -> str:
    return f"{e.login} ({e.role}) attached{_why(e.terminal, ' from ')}"


def _detached(e: ev.OperatorDetached) -> str:
    return f"{e.login} left"


_MARKS = {"good": "went well", "bad": "did not go well", "lucky": "we were lucky", "action": "to do"}


def _noted(e: ev.NoteAdded) -> str:
    mark = f" [{_MARKS[e.mark]}]" if e.mark else ""
    place = f" on {e.step or e.host}" if e.step or e.host else ""
    return f"noted{place}{mark}: {e.text}"


def _crossed(e: ev.ClockCrossed) -> str:
    if e.what == "point of no return":
        return f"point of no return passed{_why(e.step, ' at ')}: forward only"
    if e.what == "window end":
        return "the end of the window is reached"
    if e.what == "T-0":
        return "rollback by is NOW: from here on a rollback runs past the window"
    return f"{e.what} min: any rollback must start within {duration_text(e.slack or 0.0)}"


def _jumped(e: ev.ClockJumped) -> str:
    way = "forward" if e.seconds > 0 else "back"
    return f"the wall clock jumped {way} by {duration_text(abs(e.seconds))}; deadlines were worked out again"


# -- hosts --------------------------------------------------------------------------------------------------------


def _link(e: ev.HostLink) -> str:
    return f"{e.host} is {e.link}{_why(e.detail)}"


def _facts(e: ev.HostFacts) -> str:
    skew = f", clock off by {e.skew:+.1f} s" if e.skew is not None and abs(e.skew) >= 1 else ""
    memory = bytes_text(e.memory)
    return f"{e.host}: Linux {e.kernel}, {_count(e.cores, 'core')}, {memory} memory, sampled by {e.sampler}{skew}"


def _rebooted(e: ev.HostRebooted) -> str:
    return f"{e.host} was rebooted"


def _limit_crossed(e: ev.LimitCrossed) -> str:
    return f"{e.host}: {_metric(e)} at {e.value:.0f} % is over its limit of {e.limit:.0f} %"


def _limit_cleared(e: ev.LimitCleared) -> str:
    return f"{e.host}: {_metric(e)} is down to {e.value:.0f} % again (limit {e.limit:.0f} %)"


def _metric(e: ev.LimitCrossed | ev.LimitCleared) -> str:
    return f"{e.metric.replace('_', ' ')} {e.what}".strip()


def _excluded(e: ev.HostExcluded) -> str:
    return f"took {e.host} out of the rest of the window{_why(e.reason)}"


def _unit(e: ev.UnitChanged) -> str:
    return f"{e.host}: unit {e.unit} is {e.after}{_why(e.before, ', was ')}"


def _verdict(e: ev.CanaryVerdict) -> str:
    failures = f" after {_count(e.failures, 'failure')} in a row" if e.failures > 1 and e.verdict == "failing" else ""
    slow = f" ({_millis(e.latency)})" if e.latency is not None else ""
    return f'canary "{e.canary}" is {e.verdict}{failures}, was {e.before}{slow}{_why(e.detail)}'


# -- steps and tasks ----------------------------------------------------------------------------------------------


def _claimed(e: ev.StepClaimed) -> str:
    return f"{e.by} takes {e.step}" if e.by else f"gave {e.step} back"


def _intent(e: ev.StepIntent) -> str:
    where = f" on {_names(e.hosts)} alone" if e.hosts else _batches(e.batches)
    again = f" again (attempt {e.attempt})" if e.attempt > 1 else ""
    return f"started {e.step}{again}{where}{_why(e.override, '; override: ')}"


def _batch(e: ev.BatchStarted) -> str:
    return f"{e.step}: batch {e.batch + 1} starts"


_Task = (
    ev.TaskStarted | ev.TaskBegun | ev.TaskFinished | ev.TaskChecked | ev.TaskUnknown | ev.TaskFound
    | ev.TaskUnreachable | ev.TaskSettled
)  # fmt: skip


def _task(e: _Task) -> str:
    """``api on web1``, or its rollback there."""
    return f"{'rollback of ' if e.undo else ''}{e.step} on {e.host}"


def _task_started(e: ev.TaskStarted) -> str:
    what = f"{_task(e)} runs" if e.undo else f"{e.step} runs on {e.host}"
    at = _why(e.place, ", from ")
    return f"{what}{at}{f' (attempt {e.attempt})' if e.attempt > 1 else ''}"


def _task_finished(e: ev.TaskFinished) -> str:
    took = f"after {duration_text(e.seconds)}"
    last = _why(e.last_line)
    if e.timed_out:
        return f"{_task(e)} timed out {took}{last}"
    if e.exit is None:
        return f"{_task(e)} was ended by signal {e.signal or '?'} {took}{last}"
    if e.exit:
        return f"{_task(e)} failed with exit {e.exit} {took}{last}"
    return f"{_task(e)} done {took}{last}"


def _checked(e: ev.TaskChecked) -> str:
    if e.exit is None:
        return f"the check of {_task(e)} gave no answer"
    if e.exit == 0:
        nothing = f", nothing left to {'undo' if e.undo else 'run'}" if e.before else ""
        return f"{_task(e)}: check passed{nothing}"
    if e.before:
        return f"{_task(e)}: not done yet, as its check says (exit {e.exit})"
    return f"the check of {_task(e)} failed (exit {e.exit}){_why(e.last_line)}"


def _task_unknown(e: ev.TaskUnknown) -> str:
    later = "; its job is looked for as soon as the host is back" if e.following else ""
    return f"{_task(e)} is UNKNOWN: {e.reason or 'no result is proven'}{later}"


def _begun(e: ev.TaskBegun) -> str:
    return f"{_task(e)} has reached its host"


def _found(e: ev.TaskFound) -> str:
    return f"{_task(e)} was found again: it still runs"


def _unreachable(e: ev.TaskUnreachable) -> str:
    return f"{_task(e)}: host unreachable, nothing was sent{_why(e.reason)}"


_UNDONE = {"done": "rolled back", "skipped": "given up", "failed": "failed"}


def _settled(e: ev.TaskSettled) -> str:
    what = f"the {_task(e)} as {_UNDONE[e.outcome]}" if e.undo else f"{_task(e)} as {e.outcome}"
    return f"settled {what}{_why(e.reason)}"


def _finished(e: ev.StepFinished) -> str:
    return f"{e.step} is {e.outcome}{_why(e.reason)}"


def _ticked(e: ev.StepTicked) -> str:
    return f"ticked {e.step}{_why(e.evidence)}{_why(e.override, '; override: ')}"


def _unticked(e: ev.StepUnticked) -> str:
    return f"took back {e.step}{_why(e.reason)}"


def _skipped(e: ev.StepSkipped) -> str:
    return f"skipped {e.step}{_why(e.reason)}"


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
    return f"votes {'GO' if e.go else 'NO-GO'} on {e.step}{_why(e.reason)}"


# -- rollback -----------------------------------------------------------------------------------------------------


def _asked_back(e: ev.RollbackRequested) -> str:
    size = f"{_count(len(e.undo), 'step')}, about {duration_text(e.estimate)}"
    return f"asked to roll back {e.scope}: {size}{_why(e.reason)}"


def _rolling_back(e: ev.RollbackStarted) -> str:
    again = f" again (rollback {e.attempt})" if e.attempt > 1 else ""
    return f"started to roll back {e.step}{again}{_batches(e.batches)}{_why(e.reason)}"


def _rolled_back(e: ev.RollbackFinished) -> str:
    took = f" after {duration_text(e.seconds)}" if e.seconds else ""
    return f"rollback of {e.step} {_outcome(e.outcome)}{took}{_why(e.reason)}"


def _back(e: ev.RollbackEnded) -> str:
    how = "is over: done" if e.outcome == "done" else f"STOPPED: {_outcome(e.outcome)}"
    return f"the rollback {how} after {duration_text(e.seconds)}{_why(e.reason)}"


def _outcome(outcome: str) -> str:
    return "UNKNOWN" if outcome == "unknown" else outcome


def _armed(e: ev.DeadmanArmed) -> str:
    return f"{e.host} will undo {e.step} by itself in {duration_text(e.seconds)} unless somebody confirms"


def _dead_man_asked(e: ev.DeadmanAsked) -> str:
    what = {
        "confirm": f"confirms {e.step}: it is to stay",
        "extend": f"gives {e.step} {duration_text(e.seconds)} from now to be confirmed",
        "cancel": f"wants {e.step} undone now",
    }[e.what]
    return f"{what}{_why(_names(e.hosts), ' on ')}{_why(e.reason)}"


def _confirmed(e: ev.DeadmanConfirmed) -> str:
    return f"{e.step} stays on {e.host}: it will not be undone by itself any more"


def _extended(e: ev.DeadmanExtended) -> str:
    return f"{e.host} waits: it will undo {e.step} in {duration_text(e.seconds)} from now unless somebody confirms"


def _fired(e: ev.DeadmanFired) -> str:
    why = _why(e.reason or "nobody confirmed in time")
    if e.exit is None:
        return f"{e.host} undoes {e.step} by itself, no result is known yet{why}"
    if e.exit:
        return f"{e.host} FAILED to undo {e.step} by itself (exit {e.exit}{_why(e.last_line)}){why}"
    return f"{e.host} undid {e.step} by itself{why}"


_SENTENCES: dict[type, Callable[[Any], str]] = {
    ev.WindowOpened: _opened,
    ev.PlanAccepted: _accepted,
    ev.ConductorStarted: _conductor,
    ev.WindowPaused: _paused,
    ev.WindowAborted: _aborted,
    ev.WindowResumed: _resumed,
    ev.WindowClosed: _closed,
    ev.LogRecovered: _recovered,
    ev.LogFenced: _fenced,
    ev.OperatorAttached: _attached,
    ev.OperatorDetached: _detached,
    ev.NoteAdded: _noted,
    ev.ClockCrossed: _crossed,
    ev.ClockJumped: _jumped,
    ev.HostLink: _link,
    ev.HostFacts: _facts,
    ev.HostRebooted: _rebooted,
    ev.LimitCrossed: _limit_crossed,
    ev.LimitCleared: _limit_cleared,
    ev.HostExcluded: _excluded,
    ev.UnitChanged: _unit,
    ev.CanaryVerdict: _verdict,
    ev.StepClaimed: _claimed,
    ev.StepIntent: _intent,
    ev.BatchStarted: _batch,
    ev.TaskStarted: _task_started,
    ev.TaskFinished: _task_finished,
    ev.TaskChecked: _checked,
    ev.TaskUnknown: _task_unknown,
    ev.TaskBegun: _begun,
    ev.TaskFound: _found,
    ev.TaskUnreachable: _unreachable,
    ev.TaskSettled: _settled,
    ev.StepFinished: _finished,
    ev.StepTicked: _ticked,
    ev.StepUnticked: _unticked,
    ev.StepSkipped: _skipped,
    ev.GateOpened: _gate_opened,
    ev.GateVoted: _voted,
    ev.RollbackRequested: _asked_back,
    ev.RollbackStarted: _rolling_back,
    ev.RollbackFinished: _rolled_back,
    ev.RollbackEnded: _back,
    ev.DeadmanArmed: _armed,
    ev.DeadmanAsked: _dead_man_asked,
    ev.DeadmanConfirmed: _confirmed,
    ev.DeadmanExtended: _extended,
    ev.DeadmanFired: _fired,
}
