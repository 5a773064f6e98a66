"""Time: a window that has a length, steps that fit into it, and a way back that keeps its promise."""

from __future__ import annotations

from upgrade_tui.plan.diagnostics import KeyPath
from upgrade_tui.plan.estimate import Slot, batches_of, rollback_seconds, schedule, window_end, window_start
from upgrade_tui.plan.model import Plan
from upgrade_tui.plan.rules.rule_context import LONGEST_TIME, Context
from upgrade_tui.plan.shape import shown_toml
from upgrade_tui.units import duration_text


def check(context: Context) -> None:
    """Looks at the window, and at the schedule the estimates make in it."""
    sound = _window(context)
    findings = context.findings
    if not sound or findings.broken_field(
        "steps", "estimate", "batches", "bake", "kind", "on", "needs", "id", "rollback"
    ):
        return
    if findings.broken(("hosts",)) or not context.plan.steps or any(not s.batches for s in context.plan.steps):
        return
    if _fits(context):
        _way_back(context)
    _promise(context)


def _window(context: Context) -> bool:
    """Checks start, end, duration, margin and rto; True if the window has a length that can be counted on."""
    window, given = context.plan.window, context.written("window")
    end: KeyPath = ("window", "end")
    found = len(context.findings.found)
    if context.broken(("window",)) and not isinstance(context.data.get("window"), dict):
        return False
    if "end" in given and "duration" in given:
        context.error(
            ("window", "duration"), "a window has an `end` or a `duration`, not both", "drop one", at_key=True
        )
    elif "end" not in given and "duration" not in given:
        if not context.findings.lost(("window",)):
            context.error(("window",), "`end` is missing in [window]", 'write an `end`, or duration = "4h"')
        return False
    if window.end is not None and not context.broken(end):
        if window.end.at is None:
            context.error(end, '`end` cannot be "now"', "write a date-time with its offset")
        elif window.start.at is None:
            context.error(
                end, 'a window that starts "now" has a `duration`, not an `end`', 'write duration = "4h"', at_key=True
            )
        elif window.end.at <= window.start.at and not context.broken(("window", "start")):
            context.error(end, "the window ends before it starts", f"an end after {window.start.at.isoformat()}")
    for key, moment in (("start", window.start.at), ("end", window.end.at if window.end else None)):
        if moment is not None and not 2000 <= moment.year <= 9000:
            context.error(("window", key), f"`{key}` is in the year {moment.year}", "is the year mistyped?")
    context.positive(("window", "duration"), window.duration)
    context.positive(("window", "rto"), window.rto)
    if len(context.findings.found) > found or context.broken(
        end, ("window", "duration"), ("window", "start"), ("window", "margin")
    ):
        return False
    length = window_end(context.plan, 0.0) - window_start(context.plan, 0.0)
    if length > LONGEST_TIME:
        message = f"the window is {duration_text(length)} long, and a window has at most {duration_text(LONGEST_TIME)}"
        context.error(_length_path(context), message, "is a year or a month mistyped?")
        return False
    if window.margin >= length:
        where: KeyPath = ("window", "margin") if "margin" in given else _length_path(context)
        context.error(
            where,
            f"the margin ({duration_text(window.margin)}) leaves nothing of the window ({duration_text(length)})",
            "a longer window, or a shorter `margin`",
        )
        return False
    return True


def _length_path(context: Context) -> KeyPath:
    return ("window", "end" if "end" in context.written("window") else "duration")


def _fits(context: Context) -> bool:
    """The critical path and the margin must fit into the window."""
    plan = context.plan
    start = window_start(plan, 0.0)
    length = window_end(plan, 0.0) - start
    needed = max(slot.end for slot in schedule(plan, start)) - start
    if needed + plan.window.margin <= length:
        return True
    context.error(
        _length_path(context),
        f"the steps do not fit: they take {duration_text(needed)} by their estimates, with the margin "
        f"{duration_text(needed + plan.window.margin)}, and the window is {duration_text(length)}",
        "a longer window, shorter estimates, or steps side by side (`needs`)",
    )
    return False


def _way_back(context: Context) -> None:
    """Refuses a plan at the first step after which there is no time left to undo what was done, unless it says why.

    An acceptance is asked for its reason, and told where there is nothing to accept any more.
    """
    accepts, where = "accept_no_way_back" in context.written("window"), ("window", "accept_no_way_back")
    why = context.plan.window.accept_no_way_back
    if accepts and not why.strip() and not context.broken(where):
        context.error(where, "`accept_no_way_back` is empty", "say why: it is shown before the night, or drop it")
        return
    found = first_without_a_way_back(context.plan)
    if found is None:
        if accepts:
            message = "there is always time to go back: nothing has to be accepted"
            context.warn(where, message, "drop `accept_no_way_back`", at_key=True)
        return
    if not accepts:
        i, slot = found
        context.error(
            ("steps", i),
            f"after {shown_toml(slot.step)} there is no time left to go back: rolling back takes "
            f"{duration_text(slot.rollback)}, and had to begin {duration_text(-slot.slack)} before it is over",
            'a longer window, a faster rollback, or accept it in [window]: accept_no_way_back = "why"',
        )


def first_without_a_way_back(plan: Plan) -> tuple[int, Slot] | None:
    """The first step, by its end, after which a rollback would not fit any more, with its number; behind the point of
    no return nobody asks.
    """
    slots = schedule(plan, window_start(plan, 0.0))
    for i, slot in sorted(enumerate(slots), key=lambda entry: entry[1].end):
        if slot.irreversible:
            return None
        if slot.slack < 0:
            return i, slot
    return None


def _promise(context: Context) -> None:
    """The rollback of all that is done must stay within the promised recovery time, at every moment."""
    plan, rto = context.plan, context.plan.window.rto
    if rto is None or context.broken(("window", "rto")):
        return
    for i, slot in sorted(enumerate(schedule(plan, 0.0)), key=lambda entry: entry[1].end):
        if slot.irreversible:
            return
        if slot.rollback > rto:
            place: KeyPath = ("steps", i, "rollback") if plan.steps[i].rollback else ("steps", i)
            context.error(
                place,
                f"after {shown_toml(slot.step)} rolling back takes {_sum(plan, i)}, longer than the promised `rto` of "
                f"{duration_text(rto)}",
                "faster rollbacks, fewer batches, or a longer `rto`",
            )
            return


def _sum(plan: Plan, last: int) -> str:
    """``6 m + 3 × 4 m = 18 m``: what the rollback after this step is made of, in the order it would run."""
    ends = {slot.step: slot for slot in schedule(plan, 0.0)}
    until = ends[plan.steps[last].id]
    terms = [step for step in plan.steps if step.rollback and ends[step.id].end <= until.end]
    parts = []
    for step in reversed(terms):
        count = max(1, len(batches_of(plan, step)))
        assert step.rollback is not None
        one = duration_text(step.rollback.estimate)
        parts.append(one if count == 1 else f"{count} × {one}")
    total = duration_text(sum(rollback_seconds(plan, step) for step in terms))
    return total if len(parts) == 1 and "×" not in parts[0] else f"{' + '.join(parts)} = {total}"
