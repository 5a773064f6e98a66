"""``steps.csv`` and ``timeline.csv``: RFC 4180, UTF-8. No cell that a spreadsheet would run as a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from upgrade_tui.report.model import Moment, Report

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_Cell = str | int | float | None


def neutral(text: str) -> str:
    """``text`` with an apostrophe before what a spreadsheet would take for a formula (its own sign for "this is text").

    As OWASP's "CSV Injection" describes it, with the full-width signs and leading blanks that some programs let pass.
    """
    return "'" + text if text.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA) else text


def _written(head: Sequence[str], rows: Iterable[Sequence[_Cell]]) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(head)
    for row in rows:
        writer.writerow([neutral(cell) if isinstance(cell, str) else cell for cell in row])
    return out.getvalue()


def _both(at: Moment | None) -> tuple[str, str]:
    return ("", "") if at is None else (at.utc, at.local)


_STEPS = (
    "number", "phase", "id", "title", "kind", "owner", "state", "planned_start_utc", "planned_start_local",
    "planned_end_utc", "planned_end_local", "planned_seconds", "started_utc", "started_local", "finished_utc",
    "finished_local", "seconds", "start_deviation_seconds", "deviation_seconds", "attempts", "by", "hosts",
    "hosts_done", "reason", "override", "irreversible", "evidence",
)  # fmt: skip


def steps_csv(report: Report) -> str:
    """A line a step. Times in ISO 8601, durations in seconds, ``evidence`` the log's seq numbers."""
    return _written(_STEPS, (
        (
            r.number, r.phase, r.id, r.title, r.kind, r.owner, r.state, *_both(r.planned_start), *_both(r.planned_end),
            r.planned_seconds, *_both(r.started), *_both(r.finished), r.seconds, r.start_deviation, r.deviation,
            r.attempts, r.by, r.hosts, r.hosts_done, r.reason, r.override, "yes" if r.irreversible else "no",
            " ".join(map(str, r.evidence)),
        )
        for r in report.steps
    ))  # fmt: skip


def timeline_csv(report: Report) -> str:
    """A line an event, all of them."""
    return _written(("seq", "utc", "local", "actor", "kind", "weight", "text"), (
        (e.seq, e.at.utc, e.at.local, e.actor, e.kind, e.weight, e.text) for e in report.timeline
    ))  # fmt: skip
