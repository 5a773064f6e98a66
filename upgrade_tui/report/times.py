"""Moments and durations for the report. Pure: no clock and no machine's time zone is read, so reports reproduce."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Literal

from upgrade_tui.plan.model import Plan
from upgrade_tui.report.model import Moment
from upgrade_tui.units import duration_text
from upgrade_tui.window.events import Record

_EARLIEST, _LATEST = 0.0, 253_370_764_800.0  # 1970 to year 9999 less two days: what datetime can hold in any offset


def zone_of(plan: Plan) -> tuple[tzinfo, Literal["plan", "none"]]:
    """The offset the operators agreed on: the one the plan writes its start (or end) in; UTC where it writes none."""
    for when in (plan.window.start, plan.window.end):
        if when is not None and when.at is not None:
            offset = when.at.utcoffset() or timedelta(0)
            return timezone(offset), "plan"
    return UTC, "none"


def moment(ts: float, zone: tzinfo) -> Moment:
    """``ts`` (epoch seconds) with its two readings; out of every calendar's range it is moved to the range's edge."""
    inside = min(max(ts, _EARLIEST), _LATEST) if ts == ts else _EARLIEST
    at = datetime.fromtimestamp(round(inside, 3), UTC)
    return Moment(round(inside, 3), _iso(at).replace("+00:00", "Z"), _iso(at.astimezone(zone)))


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds" if at.microsecond else "seconds")


def zone_name(zone: tzinfo) -> str:
    """``UTC``, ``UTC+08:00`` or a zone's own name such as ``Asia/Shanghai``."""
    name = getattr(zone, "key", None)
    return str(name) if name else str(zone)


def elapsed(began: Record, ended: Record) -> float:
    """Seconds between two records: by the monotonic clock within one boot, so that a jump of the wall clock is not
    counted as time; by the wall clock across boots. Never negative.
    """
    if began.boot == ended.boot and began.boot:
        return max(0.0, ended.mono - began.mono)
    return max(0.0, ended.ts - began.ts)


def time_of(at: Moment | None, *, local: bool = True) -> str:
    """``22:04:11``, or a dash."""
    return "–" if at is None else (at.local if local else at.utc)[11:19]


def between(first: Moment | None, last: Moment | None) -> str:
    """``22:04:11–22:06:00``, ``from 22:04:11`` of what is not over, the moment alone of what has no length."""
    if first is not None and last is not None:
        return f"{time_of(first)}–{time_of(last)}"
    return f"from {time_of(first)}" if first is not None else time_of(last)


def date_time(at: Moment | None, *, local: bool = True) -> str:
    """``2026-11-21 22:04:11``, or a dash."""
    return "–" if at is None else (at.local if local else at.utc)[:19].replace("T", " ")


def deviation(seconds: float | None) -> str:
    """``+2 m 5 s``, ``-40 s``, ``on time`` within a second."""
    if seconds is None:
        return "–"
    if abs(seconds) < 1:
        return "on time"
    return ("+" if seconds > 0 else "") + duration_text(seconds)
