"""What went well, what did not, where we got lucky, what is left to do. Pure.

Two sources only: notes that people marked, and facts that the log proves; each with the ``seq`` numbers that show it.
Nothing is guessed: a fact says what happened, not why.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from upgrade_tui.plan.estimate import step_seconds
from upgrade_tui.plan.model import Plan
from upgrade_tui.report.history import StepRun, Stretch, WindowHistory
from upgrade_tui.report.model import Lesson, Lessons, NoteRow
from upgrade_tui.report.signals import stretch_evidence
from upgrade_tui.report.step_table import span
from upgrade_tui.units import count_text, duration_text, percent_text
from upgrade_tui.window import events as ev
from upgrade_tui.window.health import unit_is_good
from upgrade_tui.window.sentences import sentence
from upgrade_tui.window.state import OVER

OFF_BY = 0.2  # an estimate that was off by more than this share ...
OFF_SECONDS = 60.0  # ... and by more than this is worth a line
CLOSE_CALL = 600.0  # seconds of slack
JUST_NOW = 300.0  # seconds in which a host goes away after it was asked to reboot
_REBOOT = re.compile(r"\b(reboot|kexec|shutdown\s+-\w*r|init\s+6)\b")

Fact = tuple[str, tuple[int, ...]]


def lessons(plan: Plan, history: WindowHistory, notes: tuple[NoteRow, ...]) -> Lessons:
    """The four lists: people's own words first, then the facts in the log's order."""
    return Lessons(
        well=_list(
            notes, "good", [*_went_well(plan, history), *_promised(plan, history, kept=True), *_faster(plan, history)]
        ),
        badly=_list(
            notes,
            "bad",
            [
                *_steps_trouble(history),
                *_promised(plan, history, kept=False),
                *_slower(plan, history),
                *_signals_trouble(history),
                *_reboots(plan, history),
                *_machinery(history),
            ],
        ),
        lucky=_list(notes, "lucky", [*_lucky_overrides(history), *_lucky_unknowns(history), *_close_calls(history)]),
        actions=_list(notes, "action", _left_open(plan, history)),
    )


def _list(notes: tuple[NoteRow, ...], mark: str, facts: Iterator[Fact] | list[Fact]) -> tuple[Lesson, ...]:
    said = [
        Lesson(text=f"{n.text} ({n.about})" if n.about else n.text, source="note", who=n.who, evidence=(n.seq,))
        for n in notes
        if n.mark == mark
    ]
    proven = [Lesson(text=text, source="log", who="", evidence=seqs) for text, seqs in facts]
    return (*said, *sorted(proven, key=lambda lesson: lesson.evidence[:1]))


# -- well -----------------------------------------------------------------------------------------------------------


def _went_well(plan: Plan, history: WindowHistory) -> Iterator[Fact]:
    state = history.state
    closing = [r.seq for r in history.records if isinstance(r.event, ev.WindowClosed)]
    if not closing or state.closed is None:
        return
    closed = (closing[0],)
    before = state.end - state.closed
    if state.outcome == "completed" and before >= 0:
        yield f"Completed inside the window, {duration_text(before)} before its end", closed
    rolled = [run for run in history.rollbacks if run.outcome == "done"]
    if state.outcome == "rolled back" and before >= 0 and rolled:
        yield f"Rolled back inside the window, {duration_text(before)} before its end", (
            *(seq for run in rolled for seq in run.evidence), *closed,
        )  # fmt: skip
    runs = [run for run in history.runs if run.stopped is not None and run.began is not None]
    if runs and all(run.stopped_as == "done" for run in runs):
        seqs = tuple(run.stopped.seq for run in runs if run.stopped is not None)
        yield f"Every step that was started was done at the first attempt ({len(runs)} of {len(runs)})", seqs
    low = history.lowest_slack()
    if low is not None and low.slack >= CLOSE_CALL and not state.no_return:
        yield f"There was always time to go back: slack was never below {duration_text(low.slack)}", (low.seq,)


def _promised(plan: Plan, history: WindowHistory, *, kept: bool) -> Iterator[Fact]:
    """Rollbacks against the time that was promised for one, and those that stopped."""
    rto = plan.window.rto
    for record in history.records:
        match record.event:
            case ev.RollbackEnded(outcome="done", seconds=seconds) if rto is not None and kept == (seconds <= rto):
                how = "within" if kept else "longer than"
                yield (
                    f"A rollback took {duration_text(seconds)}, {how} the {duration_text(rto)} promised",
                    (record.seq,),
                )
            case ev.RollbackEnded(outcome="failed" | "unknown", reason=reason) if not kept:
                yield f"A rollback stopped: {reason}", (record.seq,)


def _lengths(plan: Plan, history: WindowHistory) -> Iterator[tuple[str, float, float, tuple[int, ...]]]:
    """Steps that were done at the first go, and measured: id, planned and actual seconds, evidence. A second attempt
    only does what is left, which no estimate is for.
    """
    for spec in plan.steps:
        runs = history.runs_of(spec.id)
        began, ended = span(runs)
        step = history.state.steps[spec.id]
        if began is None or ended is None or len(runs) > 1 or step.took is None or step.state != "done":
            continue
        yield spec.id, step_seconds(plan, spec), step.took, (began.seq, ended.seq)


def _faster(plan: Plan, history: WindowHistory) -> Iterator[Fact]:
    for step, planned, took, seqs in _lengths(plan, history):
        if planned - took > max(OFF_SECONDS, OFF_BY * planned):
            yield f"{step} was faster than planned: {duration_text(took)} instead of {duration_text(planned)}", seqs


# -- badly ----------------------------------------------------------------------------------------------------------


def _slower(plan: Plan, history: WindowHistory) -> Iterator[Fact]:
    for step, planned, took, seqs in _lengths(plan, history):
        if took - planned > max(OFF_SECONDS, OFF_BY * planned):
            yield f"{step} took longer than planned: {duration_text(took)} instead of {duration_text(planned)}", seqs
    end = history.state.end
    late = [run.ended for run in history.runs if run.ended is not None and run.began is not None and run.ended.ts > end]
    if history.state.opened is not None and late:
        last = max(late, key=lambda r: r.ts)
        yield f"Work went on {duration_text(last.ts - end)} past the end of the window", (last.seq,)


def _steps_trouble(history: WindowHistory) -> Iterator[Fact]:
    for run in history.runs:
        if run.stopped is not None and run.stopped_as in ("failed", "unknown"):
            attempt = f" (attempt {run.attempt})" if run.attempt > 1 else ""
            why = f": {run.reason}" if run.reason else ""
            yield f"{run.step}{attempt} ended {run.stopped_as}{why}", _with(run.evidence, run.stopped.seq)
    for run in history.rollbacks:
        why = f": {run.reason}" if run.reason else ""
        ended = f", which ended {run.outcome}" if run.outcome not in ("", "done") else ""
        yield f"{run.step} had to be rolled back{ended}{why}", run.evidence


def _with(seqs: tuple[int, ...], seq: int) -> tuple[int, ...]:
    return tuple(sorted({*seqs, seq}))


def _signals_trouble(history: WindowHistory) -> Iterator[Fact]:
    for name, stretches in history.verdicts.items():
        bad = [s for s in stretches if s.state == "failing"]
        if bad:
            yield f'Canary "{name}" was failing {_times(history, bad)}', _seqs(bad)
    for name, stretches in history.lost.items():
        if stretches:
            yield f"{name} was lost {_times(history, stretches)}", _seqs(stretches)
    for (host, metric), stretches in _by_limit(history).items():
        event = stretches[0].began.event
        limit = percent_text(event.limit) if isinstance(event, ev.LimitCrossed) else ""
        worst = percent_text(max(s.worst for s in stretches))
        text = f"{host}: {metric} was over its limit of {limit} {_times(history, stretches)}, at worst {worst}"
        yield text, _seqs(stretches)


def _by_limit(history: WindowHistory) -> dict[tuple[str, str], list[Stretch]]:
    out: dict[tuple[str, str], list[Stretch]] = {}
    for host, stretch in history.alerts:
        out.setdefault((host, stretch.state), []).append(stretch)
    return out


def _times(history: WindowHistory, stretches: list[Stretch]) -> str:
    """``once, for 4 m 10 s`` or ``3 times, for 12 m in all``."""
    total = duration_text(sum(history.seconds(s) for s in stretches))
    return f"once, for {total}" if len(stretches) == 1 else f"{count_text(len(stretches), 'time')}, for {total} in all"


def _seqs(stretches: list[Stretch]) -> tuple[int, ...]:
    return tuple(sorted({seq for s in stretches for seq in stretch_evidence(s)}))


def _reboots(plan: Plan, history: WindowHistory) -> Iterator[Fact]:
    """Reboots that no step stands behind: none ran there as the host went away, none that reboots had just ended."""
    running: set[tuple[str, str]] = set()
    ended: dict[str, tuple[str, float]] = {}  # host -> the step that ended there last, when
    away: dict[str, float] = {}  # host -> when it went away last
    for record in history.records:
        match record.event:
            case ev.TaskStarted(step=step, host=host):
                running.add((step, host))
            case ev.TaskFinished(step=step, host=host) | ev.TaskSettled(step=step, host=host):
                running.discard((step, host))
                ended[host] = (step, record.ts)
            case ev.HostLink(host=host, link=link) if link not in ("up", "connecting"):
                away[host] = record.ts
            case ev.HostRebooted(host=host):
                step, at = ended.pop(host, ("", 0.0))
                before = away.pop(host, record.ts) - at
                if any(host == other for _, other in running) or (step and before <= 0):
                    continue  # it ran as the host went away: its own end says what became of it
                if not step or before > JUST_NOW:
                    yield f"{host} rebooted while no step was running on it", (record.seq,)
                elif not _reboots_hosts(plan, step):
                    yield f"{host} rebooted {duration_text(before)} after {step} had ended on it", (record.seq,)


def _reboots_hosts(plan: Plan, step: str) -> bool:
    """Whether its commands say that they reboot the host they run on."""
    spec = plan.step(step)
    undo = spec.rollback.run if spec is not None and spec.rollback is not None else None
    return spec is not None and _REBOOT.search(f"{spec.run or ''}\n{undo or ''}") is not None


def _machinery(history: WindowHistory) -> Iterator[Fact]:
    """What went wrong with the clock, the log, the conductor and the votes."""
    for record in history.records:
        match record.event:
            case ev.ClockCrossed(what="T-0"):
                yield "The last moment to go back inside the window passed", (record.seq,)
            case ev.ClockCrossed(what="window end"):
                yield "The window's end was reached before it was closed", (record.seq,)
            case ev.ClockJumped(seconds=seconds):
                way = "forward" if seconds > 0 else "back"
                yield f"The wall clock jumped {way} by {duration_text(abs(seconds))}", (record.seq,)
            case ev.LogFenced(error=error):
                yield f"Writing the log failed: {error}", (record.seq,)
            case ev.ConductorStarted():
                yield "The conductor ended and another one had to take over", (record.seq,)
            case ev.GateVoted(step=step, go=False, reason=reason):
                why = f": {reason}" if reason else ""
                yield f"{record.actor} voted no-go on {step}{why}", (record.seq,)
            case ev.WindowAborted(reason=reason):
                yield f"The window was aborted: {reason}", (record.seq,)
            case ev.HostExcluded(host=host, reason=reason):
                yield f"{host} was excluded: {reason}", (record.seq,)
            case ev.DeadmanFired() | ev.DeadmanGone():
                yield sentence(record.event), (record.seq,)
            case ev.UnitChanged(host=host, unit=unit, after="failed"):
                yield f"{host}: unit {unit} failed", (record.seq,)
            case ev.UnitChanged(after="restarting"):
                yield sentence(record.event), (record.seq,)


# -- lucky ----------------------------------------------------------------------------------------------------------


def _lucky_overrides(history: WindowHistory) -> Iterator[Fact]:
    """What was begun although the clock held it, and then did not have to be undone."""
    undone = {run.step for run in history.rollbacks}
    for run in history.runs:
        if run.override and run.outcome == "done" and run.step not in undone and not run.taken_back:
            yield f"{run.step} went on against the rollback clock, and did not have to be undone", run.evidence


def _lucky_unknowns(history: WindowHistory) -> Iterator[Fact]:
    """Tasks whose result nobody knew and that turned out done."""
    waiting: dict[tuple[str, str], int] = {}
    for record in history.records:
        event = record.event
        match event:
            case ev.TaskUnknown(step=step, host=host):
                waiting[step, host] = record.seq
            case ev.TaskSettled(step=step, host=host, outcome="done") if (step, host) in waiting:
                yield f"{step} on {host} was unknown and turned out done", (waiting.pop((step, host)), record.seq)
            case (
                ev.TaskFinished(step=step, host=host)
                | ev.TaskStarted(step=step, host=host)
                | ev.TaskSettled(step=step, host=host)
            ):
                waiting.pop((step, host), None)


def _close_calls(history: WindowHistory) -> Iterator[Fact]:
    low = history.lowest_slack()
    if low is None or history.rollbacks or low.slack >= CLOSE_CALL or history.state.phase != "closed":
        return
    if low.slack >= 0:
        yield f"Slack fell to {duration_text(low.slack)}; no rollback was needed", (low.seq,)
    else:
        text = f"For a while a rollback would have run {duration_text(-low.slack)} past the window; none was needed"
        yield text, (low.seq,)


# -- left to do -----------------------------------------------------------------------------------------------------


def _left_open(plan: Plan, history: WindowHistory) -> Iterator[Fact]:
    """What was not in order when the log ended. For a window that goes on, that is simply its state."""
    if history.state.phase == "new":
        return
    yield from _unfinished(plan, history)
    for host, stretch in history.alerts:
        if stretch.ended is None:
            yield f"Still open: {host}, {stretch.state} is over its limit", (stretch.began.seq,)
    yield from _never_answered(history)
    for name, stretches in history.verdicts.items():
        if stretches and stretches[-1].state != "healthy":
            yield f'Still open: canary "{name}" is {stretches[-1].state}', (stretches[-1].began.seq,)
    for name, stretches in history.lost.items():
        if stretches and stretches[-1].ended is None:
            state = history.state.hosts[name].link
            yield f"Still open: {name} is {state}, it did not come back", (stretches[-1].began.seq,)
    units: dict[tuple[str, str], tuple[str, int]] = {}
    for record in history.records:
        if isinstance(record.event, ev.UnitChanged):
            units[record.event.host, record.event.unit] = (record.event.after, record.seq)
    for (host, unit), (after, seq) in units.items():
        if not unit_is_good(after):
            yield f"Still open: {host}, unit {unit} is {after}", (seq,)


def _never_answered(history: WindowHistory) -> Iterator[Fact]:
    """Hosts and canaries that nothing was ever heard of since the window was opened."""
    opened = tuple(r.seq for r in history.records[:1])
    for name in history.state.hosts:
        if name not in history.answered and name not in history.state.excluded:
            yield f"Still open: host {name} never answered", opened
    for name, stretches in history.verdicts.items():
        if not stretches:
            yield f'Still open: canary "{name}" never answered', opened


def _unfinished(plan: Plan, history: WindowHistory) -> Iterator[Fact]:
    for spec in plan.steps:
        step = history.state.steps[spec.id]
        runs: list[StepRun] = history.runs_of(spec.id)
        seqs = tuple(seq for run in runs[-1:] for seq in run.evidence)
        if step.state == "skipped" and seqs:
            yield f"{spec.id} was skipped{f': {step.reason}' if step.reason else ''}", seqs[-1:]
        elif step.state in ("failed", "unknown", "unprotected") and seqs:
            yield f"Still open: {spec.id} is {step.state}{f': {step.reason}' if step.reason else ''}", seqs[-1:]
        elif step.state == "done":
            for task in step.tasks.values():
                if task.state not in OVER and task.state != "pending":
                    yield f"Still open: {spec.id} on {task.host} is {task.state}: {task.reason}", seqs[-1:]
