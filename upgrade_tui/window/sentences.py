"""Every event as a sentence that people read: the log pane, ``upgrade-tui log`` and the report say the same. Pure.

A sentence goes behind the actor's name: "mei · ticked backup". It is one line without a full stop.
"""

from __future__ import annotations

from collections.abc import Callable
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


def _millis(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


# -- the window ---------------------------------------------------------------------------------------------------


def _opened(e: ev.WindowOpened) -> str:
    return f"opened the window {e.window} for {duration_text(e.end - e.start)}; conductor on {e.host} (pid {e.pid})"


def _conductor(e: ev.ConductorStarted) -> str:
    return f"a new conductor took over on {e.host} (pid {e.pid}, version {e.version})"


def _paused(e: ev.WindowPaused) -> str:
    return f"paused the window{_why(e.reason)}; no new task starts"


def _resumed(e: ev.WindowResumed) -> str:
    return f"resumed the window{_why(e.reason)}"


def _closed(e: ev.WindowClosed) -> str:
    return f"closed the window as {e.outcome}{_why(e.reason)}"


def _recovered(e: ev.LogRecovered) -> str:
    return f"set aside a torn tail of the log ({bytes_text(e.bytes)}) as {e.file}"


def _fenced(e: ev.LogFenced) -> str:
    return f"FENCED the log: {e.error}; it goes on in {e.segment}"


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
    hosts = sum(map(len, e.batches))
    where = f" on {_count(hosts, 'host')} in {_count(len(e.batches), 'batch', 'batches')}" if hosts else ""
    again = f" again (attempt {e.attempt})" if e.attempt > 1 else ""
    return f"started {e.step}{again}{where}{_why(e.override, '; override: ')}"


def _batch(e: ev.BatchStarted) -> str:
    return f"{e.step}: batch {e.batch + 1} starts"


def _task_started(e: ev.TaskStarted) -> str:
    return f"{e.step} runs on {e.host}{f' (attempt {e.attempt})' if e.attempt > 1 else ''}"


def _task_finished(e: ev.TaskFinished) -> str:
    took = f"after {duration_text(e.seconds)}"
    last = _why(e.last_line)
    if e.timed_out:
        return f"{e.step} on {e.host} timed out {took}{last}"
    if e.exit is None:
        return f"{e.step} on {e.host} was ended by signal {e.signal or '?'} {took}{last}"
    if e.exit:
        return f"{e.step} on {e.host} failed with exit {e.exit} {took}{last}"
    return f"{e.step} on {e.host} done {took}{last}"


def _checked(e: ev.TaskChecked) -> str:
    if e.exit is None:
        return f"the check of {e.step} on {e.host} gave no answer"
    if e.exit == 0:
        return f"{e.step} on {e.host}: check passed{', nothing left to run' if e.before else ''}"
    if e.before:
        return f"{e.step} on {e.host}: not done yet, as its check says (exit {e.exit})"
    return f"the check of {e.step} on {e.host} failed (exit {e.exit}){_why(e.last_line)}"


def _task_unknown(e: ev.TaskUnknown) -> str:
    return f"{e.step} on {e.host} is UNKNOWN: {e.reason or 'no result is proven'}"


def _unreachable(e: ev.TaskUnreachable) -> str:
    return f"{e.step} on {e.host}: host unreachable, nothing was sent{_why(e.reason)}"


def _settled(e: ev.TaskSettled) -> str:
    return f"settled {e.step} on {e.host} as {e.outcome}{_why(e.reason)}"


def _finished(e: ev.StepFinished) -> str:
    return f"{e.step} is {e.outcome}{_why(e.reason)}"


def _ticked(e: ev.StepTicked) -> str:
    return f"ticked {e.step}{_why(e.override, '; override: ')}"


def _unticked(e: ev.StepUnticked) -> str:
    return f"took back {e.step}{_why(e.reason)}"


def _skipped(e: ev.StepSkipped) -> str:
    return f"skipped {e.step}{_why(e.reason)}"


def _voted(e: ev.GateVoted) -> str:
    return f"votes {'GO' if e.go else 'NO-GO'} on {e.step}{_why(e.reason)}"


def _rolling_back(e: ev.RollbackStarted) -> str:
    return f"started to roll back {e.step}{_why(e.reason)}"


def _rolled_back(e: ev.RollbackFinished) -> str:
    return f"rollback of {e.step} {e.outcome} after {duration_text(e.seconds)}{_why(e.reason)}"


_SENTENCES: dict[type, Callable[[Any], str]] = {
    ev.WindowOpened: _opened,
    ev.ConductorStarted: _conductor,
    ev.WindowPaused: _paused,
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
    ev.UnitChanged: _unit,
    ev.CanaryVerdict: _verdict,
    ev.StepClaimed: _claimed,
    ev.StepIntent: _intent,
    ev.BatchStarted: _batch,
    ev.TaskStarted: _task_started,
    ev.TaskFinished: _task_finished,
    ev.TaskChecked: _checked,
    ev.TaskUnknown: _task_unknown,
    ev.TaskUnreachable: _unreachable,
    ev.TaskSettled: _settled,
    ev.StepFinished: _finished,
    ev.StepTicked: _ticked,
    ev.StepUnticked: _unticked,
    ev.StepSkipped: _skipped,
    ev.GateVoted: _voted,
    ev.RollbackStarted: _rolling_back,
    ev.RollbackFinished: _rolled_back,
}
