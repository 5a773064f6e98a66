"""What ``status`` says of hosts that undo a step by themselves: until when, and what is in the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from upgrade_tui.units import few_text

_MANY = 10  # hosts that are named


def armed_lines(state: Any, frame: Any, now: float, at: Callable[[float], str]) -> list[str]:
    """A line for each step with what is armed, its hosts by deadline below; a line for each where nothing will."""
    return [line for step in state.steps.values() for line in (*_armed(state, step, frame, now, at), *_gone(step))]


def _armed(state: Any, step: Any, frame: Any, now: float, at: Callable[[float], str]) -> list[str]:
    from upgrade_tui.window.armed import armed_words, unconfirmed

    said = armed_words(step, at)
    if not said:
        return []
    groups: dict[tuple[str, str], list[str]] = {}
    for host, armed in unconfirmed(step):
        if armed.state == "armed":
            groups.setdefault((at(armed.until), _in_the_way(state, step, host, frame, now)), []).append(host)
    out = [f"armed     {step.id} is {said}: upgrade-tui confirm {step.id}"]
    if len(groups) > 1 or any(way for _, way in groups):
        out += [
            f"          {few_text(hosts, _MANY)}: {until}{f'; {way}' * bool(way)}"
            for (until, way), hosts in groups.items()
        ]
    return out


_ASKED = {
    "confirm": "is being told that it stays",
    "extend": "is being told to wait longer",
    "cancel": "is being told to undo it",
}


def _in_the_way(state: Any, step: Any, host: str, frame: Any, now: float) -> str:
    """Why a confirmation may not come through in time, or what was asked of the host already."""
    armed, spec = step.armed[host], state.plan.step(step.id)
    at = spec.run_on or host
    seen = frame.hosts.get(at) if frame is not None else None
    known = state.hosts.get(at)
    link = seen.link if seen is not None else known.link if known is not None else "up"
    task = step.tasks[host].state
    parts = [
        _ASKED.get(armed.asked, ""),
        f"AT RISK: {armed.risk}" if armed.risk else "",
        f"{at} is {link}: it cannot be told" if link != "up" else "",
        "its time is over, and what it did is not known yet" if now >= armed.until else "",
        f"the step is {task} there" if task not in ("done", "pending") else "",
    ]
    return "; ".join(part for part in parts if part)


def _gone(step: Any) -> list[str]:
    from upgrade_tui.window.armed import unconfirmed, unprotected

    reasons: dict[str, list[str]] = {}
    for host in unprotected(step):
        reasons.setdefault(step.armed[host].reason, []).append(host)
    others = len(unconfirmed(step)) > len(unprotected(step))
    return [
        f"no undo   NOTHING will undo {step.id} on {few_text(hosts, _MANY)}{f' ({why})' * bool(why)}, and nobody "
        f"confirmed it there: upgrade-tui confirm {step.id}{f' --host {hosts[0]}' * others}, "
        f"or upgrade-tui rollback --step {step.id}"
        for why, hosts in reasons.items()
    ]
