"""Readings that Markdown and HTML share, so that both say the same. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from upgrade_tui.report.model import (
    AlertSummary,
    CanarySummary,
    Numbers,
    Report,
    StepSummary,
    TaskSummary,
    TimelineEntry,
)
from upgrade_tui.report.times import date_time
from upgrade_tui.units import duration_text, percent_text

GLYPHS = {
    "done": "✓", "failed": "✗", "unknown": "?", "skipped": "»", "running": "▶", "pending": "·", "ready": "○",
    "armed": "◈", "unprotected": "⊗", "rolling back": "↶", "rolled back": "↺", "unreachable": "⌀",
    "completed": "✓", "abandoned": "✗", "aborted": "✗", "paused": "‖", "not opened": "·",
    "healthy": "✓", "degraded": "!", "failing": "✗", "no data": "?",
    "showed": "✗", "showed signs": "!", "did not show": "✓", "not known": "?", "not watched": "·",
    "good": "✓", "warning": "!", "bad": "✗", "decision": "◆", "normal": "·", "routine": "·",
}  # fmt: skip
"""A glyph for every state: never colour alone, and never a glyph without its word."""

TIMELINE_LIMIT = 100
"""Entries of a Markdown timeline; a longer one leaves entries out, and says so."""


def plan_line(report: Report) -> str:
    """That the plan is not the one that was frozen, for the very first line; empty where it is."""
    i = report.integrity
    if i.plan_differs:
        return f"NOT THE RECORDED PLAN: {i.plan_differs}. What was planned is read here from the changed file."
    return f"The plan was changed after it was frozen: {i.plan_accepted}" if i.plan_accepted else ""


def evidence_text(seqs: Sequence[int], limit: int = 6) -> str:
    """``#12``, ``#12, #40``: where in the log it stands; long lists keep their ends."""
    if len(seqs) > limit:
        return ", ".join(f"#{seq}" for seq in seqs[: limit - 1]) + f" … #{seqs[-1]}"
    return ", ".join(f"#{seq}" for seq in seqs)


def outcome_line(report: Report) -> str:
    """One sentence on how it ended, or how it stands."""
    summary = report.summary
    if summary.outcome == "not opened":
        return "The window was not opened."
    if report.interim and report.integrity.damage:
        until = date_time(report.as_of)
        stands = f"how the window stands since is not told here; until then it was {summary.outcome}"
        return f"The log could be read up to {until} only: {stands}. {report.integrity.damage}."
    if report.interim:
        why = f" ({summary.reason})" if summary.outcome in ("paused", "aborted") and summary.reason else ""
        return f"Interim report: the window is {summary.outcome}{why}; this is the log up to {date_time(report.as_of)}."
    why = f": {summary.reason}" if summary.reason else ""
    return f"Closed as {summary.outcome} at {date_time(summary.closed)}{why}."


def end_line(report: Report) -> str:
    """How the work's end stands to the window's."""
    before = report.summary.before_end
    if before is None:
        return "not yet" if report.summary.work_started else "–"
    if before < 0:
        return f"{duration_text(-before)} past the end of the window"
    inside = " (inside the margin)" if before < report.summary.margin else ""
    return f"{duration_text(before)} before the end of the window{inside}"


def slack_line(numbers: Numbers) -> str:
    """The lowest slack in words."""
    if numbers.lowest_slack is None:
        return "not measured"
    if numbers.lowest_slack < 0:
        return f"{duration_text(numbers.lowest_slack)}: a rollback would have run past the window"
    return duration_text(numbers.lowest_slack)


def steps_line(numbers: Numbers) -> str:
    """``14 of 14 done``, and what else there was."""
    parts = [f"{numbers.steps_done} of {numbers.steps} done"]
    for count, word in (
        (numbers.steps_armed, "armed"), (numbers.steps_unprotected, "unprotected"),
        (numbers.steps_skipped, "skipped"), (numbers.steps_failed, "failed"), (numbers.steps_unknown, "unknown"),
        (numbers.steps_rolled_back, "rolled back"), (numbers.steps_running, "running"),
        (numbers.steps_not_begun, "not begun"),
    ):  # fmt: skip
        if count:
            parts.append(f"{count} {word}")
    return ", ".join(parts)


def tasks_line(numbers: Numbers) -> str:
    """``20 of 21 done, 1 failed; 22 sent``."""
    parts = [f"{numbers.tasks_done} of {numbers.tasks} done"]
    parts += [f"{numbers.tasks_failed} failed"] if numbers.tasks_failed else []
    parts += [f"{numbers.tasks_unknown} unknown"] if numbers.tasks_unknown else []
    return f"{', '.join(parts)}; {numbers.attempts} sent to hosts"


def canary_line(row: CanarySummary) -> str:
    """How long it was what: ``failing 9 m, degraded 20 s``."""
    parts = [
        f"{word} {duration_text(seconds)}"
        for word, seconds in (
            ("failing", row.failing_seconds), ("degraded", row.degraded_seconds), ("no data", row.no_data_seconds),
            ("healthy", row.healthy_seconds),
        )
        if seconds
    ]  # fmt: skip
    return ", ".join(parts) or "no verdict"


def alert_line(alert: AlertSummary) -> str:
    """``memory over 90 %, at worst 92 %``."""
    return f"{alert.metric} over {percent_text(alert.limit)}, at worst {percent_text(alert.worst)}"


def why(row: StepSummary) -> str:
    """What is to be said of a step: its reason, the override, the point of no return."""
    parts = [row.reason] if row.reason else []
    if row.override:
        parts.append(f"override: {row.override}")
    if row.irreversible:
        parts.append("irreversible")
    return "; ".join(parts)


def timeline_for(entries: tuple[TimelineEntry, ...], limit: int) -> tuple[tuple[TimelineEntry, ...], int]:
    """The entries to show and how many were left out: with more than ``limit`` the routine ones go. Where a log is so
    long that even the rest are more than ten times as many, what is normal and good goes too, then the oldest.
    """
    kept = entries
    for lightest, most in (("routine", limit), ("normal", 10 * limit), ("good", 10 * limit)):
        if len(kept) > most:
            kept = tuple(entry for entry in kept if entry.weight != lightest)
    kept = kept[-10 * limit :]
    return kept, len(entries) - len(kept)


def tasks_to_tell(report: Report) -> tuple[TaskSummary, ...]:
    """The tasks that did not simply succeed: not done, tried again, or settled by hand."""
    return tuple(t for t in report.tasks if t.state != "done" or t.sent > 1 or t.settled_by)


def task_line(task: TaskSummary) -> str:
    """What became of a task and why."""
    parts = [f"before: {', then '.join(task.earlier)}"] if task.earlier else []
    parts += [task.reason] if task.reason else []
    if task.settled_by:
        parts.append(f"settled by {task.settled_by}")
    if task.exit not in (None, 0) and not any(f"exit {task.exit}" in part for part in parts):
        parts.append(f"exit {task.exit}")
    if task.last_line and task.state != "done":
        parts.append(f"last line: {task.last_line}")
    return "; ".join(parts)
