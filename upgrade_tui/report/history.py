"""One pass over the log: the fold, and with it what the final state no longer tells (stretches, attempts, slack).

Pure and total, like the fold: events about steps, hosts and canaries that the plan does not have are passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Struct

from upgrade_tui.plan.model import Plan
from upgrade_tui.report.times import elapsed
from upgrade_tui.window import clock
from upgrade_tui.window import events as ev
from upgrade_tui.window.event_table import moves_the_clock
from upgrade_tui.window.fold import fold
from upgrade_tui.window.fold_hosts import alert_key
from upgrade_tui.window.outcomes import outcome
from upgrade_tui.window.state import WindowState, initial

GOING_ON = ("open", "paused", "aborted")  # phases in which one can still go back, so that slack counts


class Stretch(Struct, kw_only=True):
    """A time in one state, from one record to another (None: until the log ends)."""

    state: str
    began: ev.Record
    ended: ev.Record | None = None
    worst: float = 0.0


class StepRun(Struct, kw_only=True):
    """An attempt of a step; a tick or skip without a start is one whose ``began`` is None."""

    step: str
    attempt: int
    began: ev.Record | None
    ended: ev.Record | None = None
    outcome: str = ""
    reason: str = ""
    override: str = ""
    overrides: int = 0
    taken_back: bool = False
    stopped: ev.Record | None = None  # where it first ended, before somebody settled it
    stopped_as: str = ""

    @property
    def evidence(self) -> tuple[int, ...]:
        """The seq numbers of its start and its end."""
        return tuple(dict.fromkeys(r.seq for r in (self.began, self.ended) if r is not None))


class SlackPoint(Struct, frozen=True):
    """Slack at a record, in seconds."""

    ts: float
    slack: float
    seq: int


class WindowHistory:
    """Feed it the records in order; its fields are then what happened."""

    def __init__(self, plan: Plan, records: Iterable[ev.Record] = ()) -> None:
        self.plan = plan
        self.state = initial(plan)
        self.records: list[ev.Record] = []
        self.outcomes: dict[int, str] = {}  # seq of an attempt's end -> what it brought its step to
        self.gaps = 0
        self.runs: list[StepRun] = []
        self.alerts: list[tuple[str, Stretch]] = []  # (host, stretch whose state is the metric)
        self.lost: dict[str, list[Stretch]] = {name: [] for name in plan.hosts}
        self.verdicts: dict[str, list[Stretch]] = {c.name: [] for c in plan.canaries}
        self.pauses: list[Stretch] = []
        self.rollbacks: list[StepRun] = []
        self.slack: list[SlackPoint] = []
        self.reboots: dict[str, list[ev.Record]] = {name: [] for name in plan.hosts}
        self.kernels: dict[str, list[str]] = {name: [] for name in plan.hosts}
        self.sent: dict[tuple[str, str], int] = {}  # (step, host) -> times the command was sent
        self.bad_ends: dict[tuple[str, str], list[str]] = {}  # (step, host) -> how tries ended that did not succeed
        self.answered: set[str] = set()  # hosts that were up at all
        self._up: set[str] = set()
        self._open_runs: dict[str, StepRun] = {}
        self._open_alerts: dict[tuple[str, str], Stretch] = {}
        self._costs: dict[str, float] = {}  # step -> rollback cost of what is done of it
        self._by: float | None = None  # "rollback by" since the last event that moved it
        for record in records:
            self.add(record)

    @property
    def last(self) -> ev.Record | None:
        """The newest record, None of an empty log."""
        return self.records[-1] if self.records else None

    @property
    def end(self) -> float:
        """Until when things that did not end are counted: the close of the window, else the last record."""
        if self.state.closed is not None:
            return self.state.closed
        return self.last.ts if self.last is not None else 0.0

    def seconds(self, stretch: Stretch) -> float:
        """How long a stretch lasted; one that did not end, until the log ends."""
        ended = stretch.ended or self.last
        return elapsed(stretch.began, ended) if ended is not None else 0.0

    def add(self, record: ev.Record) -> None:
        if self.records and record.seq > self.records[-1].seq + 1:
            self.gaps += record.seq - self.records[-1].seq - 1
        self._measure(record)
        handler = _HANDLERS.get(type(record.event))
        if handler is not None and self.state.phase != "closed":
            handler(self, record, record.event)
        before, self.state = self.state, fold(self.state, record)
        self.records.append(record)
        if came := outcome(self.state, record):
            self.outcomes[record.seq] = came
        self._ends(record, before)
        if moves_the_clock(record.event):
            self._read_clock(record, getattr(record.event, "step", ""))

    def _measure(self, record: ev.Record) -> None:
        """Slack shrinks between events, so its lowest values stand right before the next one."""
        if self._by is not None and self.state.phase in GOING_ON:
            self.slack.append(SlackPoint(record.ts, self._by - record.ts, record.seq))

    def _read_clock(self, record: ev.Record, step: str) -> None:
        """The clock after an event about ``step``, or about any; what the others would cost to undo is as it was."""
        for spec in self.plan.steps:
            if spec.id == step or not step or spec.id not in self._costs:
                self._costs[spec.id] = clock.step_rollback_cost(spec, self.state.steps[spec.id])
        if self.state.phase not in GOING_ON:
            return
        deadline = self.state.end - float(self.plan.window.margin)
        self._by = None if self.state.no_return else deadline - sum(self._costs.values())
        self._measure(record)

    # -- the handlers see the state from before their record -----------------------------------------------------

    def paused(self, r: ev.Record, e: ev.WindowPaused) -> None:
        if not self.pauses or self.pauses[-1].ended is not None:
            self.pauses.append(Stretch(state=e.reason, began=r))

    def resumed(self, r: ev.Record, e: ev.WindowResumed | ev.WindowAborted | ev.WindowClosed) -> None:
        if self.pauses and self.pauses[-1].ended is None:
            self.pauses[-1].ended = r

    def closed(self, r: ev.Record, e: ev.WindowClosed) -> None:
        """Nothing that stood open is ended by the close but the pause: an alert that still stood is left open."""
        self.resumed(r, e)

    def link(self, r: ev.Record, e: ev.HostLink) -> None:
        """Lost is what was up and is not. ``connecting`` by itself is not: so a new conductor begins with each host."""
        lost = self.lost.get(e.host)
        if lost is None:
            return
        if e.link == "up":
            if lost and lost[-1].ended is None:
                lost[-1].ended = r
            self._up.add(e.host)
            self.answered.add(e.host)
        elif e.link != "connecting" and e.host in self._up:
            self._up.discard(e.host)
            lost.append(Stretch(state=e.link, began=r))

    def facts(self, r: ev.Record, e: ev.HostFacts) -> None:
        if e.host in self.kernels:
            self.kernels[e.host].append(e.kernel)

    def rebooted(self, r: ev.Record, e: ev.HostRebooted) -> None:
        if e.host in self.reboots:
            self.reboots[e.host].append(r)

    def limit_crossed(self, r: ev.Record, e: ev.LimitCrossed) -> None:
        standing = self._open_alerts.get((e.host, alert_key(e)))
        if standing is not None:
            standing.worst = max(standing.worst, e.value)
            return
        stretch = Stretch(state=alert_key(e), began=r, worst=e.value)
        self._open_alerts[e.host, alert_key(e)] = stretch
        self.alerts.append((e.host, stretch))

    def limit_cleared(self, r: ev.Record, e: ev.LimitCleared) -> None:
        stretch = self._open_alerts.pop((e.host, alert_key(e)), None)
        if stretch is not None:
            stretch.ended = r

    def verdict(self, r: ev.Record, e: ev.CanaryVerdict) -> None:
        stretches = self.verdicts.get(e.canary)
        if stretches is None:
            return
        if stretches:
            stretches[-1].ended = r
        stretches.append(Stretch(state=e.verdict, began=r, worst=e.latency or 0.0))

    def task(self, r: ev.Record, e: ev.TaskStarted | ev.TaskFinished | ev.TaskUnknown | ev.TaskUnreachable) -> None:
        where = (e.step, e.host)
        match e:
            case ev.TaskStarted():
                self.sent[where] = self.sent.get(where, 0) + 1
            case ev.TaskFinished(exit=code, timed_out=late, early=early, signal=signal, last_line=last):
                if code != 0 or late or early:
                    end = early or (
                        "timed out" if late else f"signal {signal or '?'}" if code is None else f"exit {code}"
                    )
                    self.bad_ends.setdefault(where, []).append(f"{end} ({last})" if last else end)
            case ev.TaskUnknown(reason=reason):
                self.bad_ends.setdefault(where, []).append(f"unknown ({reason})" if reason else "unknown")
            case ev.TaskUnreachable():
                self.bad_ends.setdefault(where, []).append("unreachable")

    def intent(self, r: ev.Record, e: ev.StepIntent) -> None:
        run = StepRun(step=e.step, attempt=e.attempt, began=r, override=e.override, overrides=int(bool(e.override)))
        self._open_runs[e.step] = run
        self.runs.append(run)

    def let_go(self, r: ev.Record, e: ev.StepReleased) -> None:
        """The lead's word for one more batch is another override; the reasons stand side by side."""
        run = self._open_runs.get(e.step)
        if run is not None and e.override:
            run.override = "; ".join(filter(None, (run.override, e.override)))
            run.overrides += 1

    def _end_run(self, r: ev.Record, step: str, outcome: str, reason: str, override: str = "") -> None:
        run = self._open_runs.pop(step, None)
        if run is None:
            run = StepRun(step=step, attempt=0, began=None)
            self.runs.append(run)
        run.ended, run.outcome, run.reason, run.override = r, outcome, reason, override or run.override
        run.overrides = max(run.overrides, int(bool(override)))
        run.stopped, run.stopped_as = r, outcome

    def _ends(self, r: ev.Record, before: WindowState) -> None:
        """The end of an attempt; or, where it had ended already, what it came to since: settled, undone, confirmed."""
        for step_id, step in self.state.steps.items():
            was = before.steps[step_id]
            if step is was or step.kind == "manual" or step.stage != "ended":
                continue
            if was.stage == "under way":
                self._end_run(r, step_id, step.state, step.reason)
            elif was.stage == "ended" and was.state != step.state and (earlier := self.runs_of(step_id)):
                earlier[-1].ended, earlier[-1].outcome = r, step.state

    def ticked(self, r: ev.Record, e: ev.StepTicked) -> None:
        self._end_run(r, e.step, "done", "", e.override)

    def skipped(self, r: ev.Record, e: ev.StepSkipped) -> None:
        self._end_run(r, e.step, "skipped", e.reason)

    def unticked(self, r: ev.Record, e: ev.StepUnticked) -> None:
        for run in self.runs:
            if run.step == e.step:
                run.taken_back = True

    def rolling_back(self, r: ev.Record, e: ev.RollbackStarted) -> None:
        self.rollbacks.append(StepRun(step=e.step, attempt=0, began=r, reason=e.reason))

    def rolled_back(self, r: ev.Record, e: ev.RollbackFinished) -> None:
        for run in reversed(self.rollbacks):
            if run.step == e.step and run.ended is None:
                run.ended, run.outcome = r, e.outcome
                return

    # -- questions the builders ask ------------------------------------------------------------------------------

    def runs_of(self, step: str) -> list[StepRun]:
        """The attempts of a step that were not taken back, in order."""
        return [run for run in self.runs if run.step == step and not run.taken_back]

    def running_at(self, record: ev.Record) -> tuple[str, ...]:
        """Ids of the steps that were running when ``record`` was written."""
        return tuple(
            dict.fromkeys(
                run.step
                for run in self.runs
                if run.began is not None
                and run.began.seq <= record.seq
                and (run.ended is None or run.ended.seq >= record.seq)
            )
        )

    def lowest_slack(self) -> SlackPoint | None:
        """The least time there was to begin a rollback; None if it was never measured."""
        return min(self.slack, key=lambda p: (p.slack, p.seq), default=None)


_HANDLERS: dict[type, Callable[[WindowHistory, ev.Record, Any], None]] = {
    ev.WindowPaused: WindowHistory.paused,
    ev.WindowResumed: WindowHistory.resumed,
    ev.WindowAborted: WindowHistory.resumed,
    ev.WindowClosed: WindowHistory.closed,
    ev.HostLink: WindowHistory.link,
    ev.HostFacts: WindowHistory.facts,
    ev.HostRebooted: WindowHistory.rebooted,
    ev.LimitCrossed: WindowHistory.limit_crossed,
    ev.LimitCleared: WindowHistory.limit_cleared,
    ev.CanaryVerdict: WindowHistory.verdict,
    ev.TaskStarted: WindowHistory.task,
    ev.TaskFinished: WindowHistory.task,
    ev.TaskUnknown: WindowHistory.task,
    ev.TaskUnreachable: WindowHistory.task,
    ev.StepIntent: WindowHistory.intent,
    ev.StepReleased: WindowHistory.let_go,
    ev.StepTicked: WindowHistory.ticked,
    ev.StepSkipped: WindowHistory.skipped,
    ev.StepUnticked: WindowHistory.unticked,
    ev.RollbackStarted: WindowHistory.rolling_back,
    ev.RollbackFinished: WindowHistory.rolled_back,
}
