"""What a command step's state is, and why: worked out from its tasks, its armed hosts and the stage of its attempt.

Pure, and the only place that says it. No event carries how an attempt ended: whatever happens to a host behind its end
(it undoes the step by itself, a person settles it, its lost job is found) is then said of the step as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

from upgrade_tui.units import few_text
from upgrade_tui.window.task import Armed, Task

Stage = Literal["not begun", "under way", "undoing", "ended", "skipped"]
StepName = Literal[
    "pending", "ready", "running", "armed", "unprotected", "done", "failed", "unknown", "skipped", "rolling back",
    "rolled back",
]  # fmt: skip

OPEN: Mapping[Stage, StepName] = {
    "not begun": "pending", "under way": "running", "undoing": "rolling back", "skipped": "skipped",
}  # fmt: skip
"""States that follow from the stage alone."""

UNCONFIRMED: frozenset[str] = frozenset({"armed", "unprotected"})
"""The work was done, and somebody has yet to say that it stays; unprotected: on some host nothing will undo it."""

_NAMED = 3  # hosts that a reason names


class StepVerdict(Struct, frozen=True):
    """The state of a step and why it is so; the reason is empty where the state says it all."""

    state: StepName
    reason: str = ""


def ended_state(
    tasks: Mapping[str, Task], armed: Mapping[str, Armed], allowed: int, cause: str, void: str
) -> StepVerdict:
    """The state of a command step whose attempt, or its rollback, has ended.

    ``allowed``: how many hosts may be bad. ``cause``: why the attempt ended before it was through, or empty. ``void``:
    why what it ran on is no longer so, or empty. Unknown is never borne: nobody knows what it would be.
    """
    every = list(tasks.values())
    if every and not (armed or void) and all(t.state == "done" and not (t.undone or t.settled_by) for t in every):
        return StepVerdict("done", cause)  # how most end, in one look: the clock asks of hundreds of hosts
    wrong = bad(every)
    waits = [t.host for t in every if t.state == "pending"]
    many = count_reason(every, allowed)
    if any(t.state in ("unknown", "running", "rolling back") for t in every):
        return StepVerdict("unknown", _told(cause, many or _at_work(every)))
    if any(t.undone for t in every) and not any(t.changed for t in every):
        return StepVerdict("rolled back", _why_undone(every))
    if len(wrong) > allowed or any(t.undo and t.state in ("failed", "unreachable") for t in every):
        begun = f"{len(waits)} not begun" if waits else ""
        return StepVerdict("failed", _told(cause, _why_undone(every), many, begun))
    if waits:
        rest = f"{len(waits)} of {len(every)} not begun: start the step to go on"
        return StepVerdict("failed", _told(cause, many)) if cause else StepVerdict("pending", _told(many, rest))
    if void:
        return StepVerdict("failed", void)
    if all(t.state == "skipped" for t in every):
        nowhere = all(t.excluded for t in every)  # nothing proved it: what needs it waits until a person skips it
        return (
            StepVerdict("failed", "no host of it is left: skip the step") if nowhere else StepVerdict("skipped", cause)
        )
    unconfirmed = [host for host, task in tasks.items() if host in armed and armed[host].waits_for(task)]
    if unconfirmed:
        gone = [host for host in unconfirmed if armed[host].state == "gone"]
        nothing = f"NOTHING will undo it on {names_text(gone)}" if gone else ""
        return StepVerdict(
            "unprotected" if gone else "armed",
            _told(cause, many, f"not confirmed yet on {names_text(unconfirmed)}", nothing),
        )
    return StepVerdict("done", _told(cause, many, _by_hand(every), _without(every)))


def bad(tasks: Sequence[Task]) -> list[str]:
    """Hosts that count against ``max_fail``: also those where it was undone, by themselves or by a rollback."""
    return [t.host for t in tasks if t.undone or t.state in ("failed", "unknown", "unreachable", "rolled back")]


def count_reason(tasks: Sequence[Task], allowed: int) -> str:
    """``2 of 8 failed or unreachable, 1 allowed: stopped``: why a step stopped or went on; empty where all is well."""
    wrong = bad(tasks)
    if not wrong:
        return ""
    found = [name for name in ("failed", "unreachable", "unknown", "rolled back") if _any(tasks, name)]
    found += ["given up"] if any(t.undone and t.state == "skipped" for t in tasks) else []
    undone = any(t.undone for t in tasks)
    stopped = "" if len(wrong) <= allowed or undone else ": stopped"
    return f"{len(wrong)} of {len(tasks)} {' or '.join(found)}, {allowed} allowed{stopped}"


def trouble_text(tasks: Mapping[str, Task]) -> str:
    """``unknown on db1, failed on api3: the link broke; exit 2``: what somebody must look at."""
    where, why = [], []
    for state in ("unknown", "failed", "unreachable"):
        found = [t for t in tasks.values() if t.state == state]
        if found:
            where.append(f"{state} on {few_text([t.host for t in found], _NAMED)}")
            why.append(found[0].reason or found[0].said)
    return ", ".join(where) + (": " if any(why) else "") + "; ".join(w for w in why if w)


def names_text(hosts: Sequence[str]) -> str:
    """All of a few hosts, the number of many."""
    return ", ".join(hosts) if len(hosts) <= _NAMED else f"{len(hosts)} hosts"


def _any(tasks: Sequence[Task], state: str) -> bool:
    return any(t.state == state for t in tasks)


def _told(*parts: str) -> str:
    return "; ".join(dict.fromkeys(part for part in parts if part))


def _at_work(tasks: Sequence[Task]) -> str:
    busy = [t.host for t in tasks if t.state in ("running", "rolling back")]
    return f"still at work on {names_text(busy)}" if busy else ""


def _why_undone(tasks: Sequence[Task]) -> str:
    """What is known of the hosts where it was undone, or where undoing it did not work."""
    back = [t for t in tasks if t.undo and (t.undone or t.state in ("failed", "unreachable"))]
    told = [f"{t.host}: {t.reason}" for t in back if t.reason]
    return few_text(told, _NAMED, "; ")


def _by_hand(tasks: Sequence[Task]) -> str:
    settled = [t.host for t in tasks if t.settled_by and t.state == "done"]
    return f"settled by hand on {names_text(settled)}" if settled else ""


def _without(tasks: Sequence[Task]) -> str:
    left_out = [t.host for t in tasks if t.state == "skipped" and not t.undone]
    return f"without {names_text(left_out)}" if left_out else ""
