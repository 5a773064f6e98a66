"""``upgrade-tui status``: the four answers on one screen, or everything as JSON for a script."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from upgrade_tui.cli.common import fail, find_window, talk
from upgrade_tui.cli.exits import Exit
from upgrade_tui.cli.guards import armed_lines
from upgrade_tui.units import count_text


@click.command(short_help="Where are we, is it healthy, can we still go back, until when.")
@click.argument("window", metavar="[WINDOW]", required=False)
@click.option("--window", "-w", "named", metavar="ID", help="The same as the argument.")
@click.option("--json", "as_json", is_flag=True, help="Everything, as JSON.")
def status(window: str | None, named: str | None, as_json: bool) -> None:
    """Show the state of WINDOW: live from its conductor, or from its log where none is running."""
    from upgrade_tui.directory.windows import is_running, look

    directory = find_window(window or named)
    if is_running(directory):
        state, frame, now = talk(directory, lambda client: client.state())
        running, problem = True, ""
    else:
        info = look(directory)
        if info.state is None:
            fail(f"{info.name}: {info.problem}", Exit.LOG_DAMAGED)
        state, frame, running, problem = info.state, None, False, info.problem
        now = state.closed or time.time()
    if as_json:
        import msgspec

        data = as_data(directory, state, frame, now, running)
        click.echo(msgspec.json.format(msgspec.json.encode(data), indent=2).decode())
    else:
        for text in as_lines(state, frame, now, running, whole=not problem):
            click.echo(text)
    if problem:
        fail(f"this ends early: {problem}", Exit.LOG_DAMAGED)


def glance(state: Any, frame: Any, now: float, running: bool) -> Any:
    """What the answers go by. Without a conductor nothing is measured, and the log tells of the past."""
    from upgrade_tui.window.glance import Glance

    return Glance(
        state=state, now=now, frame=frame, frame_age=None if frame is None else 0.0,
        details=frame.details if frame is not None else {}, lost=None if running else "no conductor is running",
    )  # fmt: skip


def as_data(directory: Path, state: Any, frame: Any, now: float, running: bool) -> dict[str, Any]:
    """Everything a script may want to know. Moments are epoch seconds, durations seconds, shares percent."""
    from upgrade_tui.window.answers import answers, looks

    said = answers(at := glance(state, frame, now, running))
    return {
        "window": directory.name, "id": state.plan.window.id, "title": state.plan.window.title,
        "phase": state.phase, "reason": state.reason, "outcome": state.outcome, "conductor": running,
        "seq": state.seq, "now": now, "trouble": list(frame.trouble) if frame else [],
        "answers": said.texts(), "needs_a_look": looks(at),
        "clock": {**_fields(said.reading), "level": said.reading.level},
        "current": state.current,
        "rollback": _rollback(state),
        "steps": [_step(state, s.id) for s in state.plan.steps],
        "hosts": [_host(state, name, frame) for name in state.hosts],
        "canaries": [
            {**_fields(c), "last": _fields(frame.canaries[name]) if frame and name in frame.canaries else None}
            for name, c in state.canaries.items()
        ],
        "operators": [_fields(o) for o in state.operators.values()],
    }  # fmt: skip


def _fields(struct: Any) -> dict[str, Any]:
    return {name: getattr(struct, name) for name in struct.__struct_fields__}


def _step(state: Any, step_id: str) -> dict[str, Any]:
    from upgrade_tui.window.armed import unconfirmed

    step, spec = state.steps[step_id], state.plan.step(step_id)
    return {
        "id": step.id, "title": spec.title, "phase": spec.phase, "kind": spec.kind, "owner": spec.owner,
        "state": state.shown(step_id), "waits_for": list(state.missing(step_id)), "attempt": step.attempt,
        "started": step.started, "finished": step.finished, "took": step.took,
        "by": step.by, "claimed_by": step.claimed_by, "reason": step.reason,
        "batch": step.batch, "batches": step.batches,
        "held": _fields(step.held) if step.held else None,
        "tasks": [{**_fields(t), "state": step.host_state(t.host)} for t in step.tasks.values()],
        "armed": [_guard(host, a) for host, a in unconfirmed(step)],
    }  # fmt: skip


def _guard(host: str, armed: Any) -> dict[str, Any]:
    """What would undo a step on a host. One that is gone has no deadline any more."""
    return {"host": host, **_fields(armed), **({} if armed.state == "armed" else {"until": None})}


def _rollback(state: Any) -> dict[str, Any] | None:
    """The rollback that was asked for last, and what it still waits for."""
    from upgrade_tui.window.on_fail import waits_for

    asked = state.rollback
    return None if asked is None else {**_fields(asked), "active": asked.active, "waits_for": waits_for(state)}


def _host(state: Any, name: str, telemetry: Any) -> dict[str, Any]:
    from upgrade_tui.window.health import units_of

    host, frame = state.hosts[name], telemetry.hosts.get(name) if telemetry else None
    detail = telemetry.details.get(name) if telemetry else None
    sample = frame.sample if frame else None
    return {
        "name": host.name, "link": frame.link if frame else host.link, "detail": frame.detail if frame else host.detail,
        "age": frame.age if frame else None, "reboots": host.reboots,
        "alerts": [_fields(a) for a in host.alerts.values()],
        "cpu": sample.cpu if sample else None, "memory": sample.memory if sample else None,
        "disk": sample.disk if sample else None, "load1": sample.load1 if sample else None,
        "tcp": sample.tcp if sample else None, "units": units_of(state, name, detail),
        "unit_restarts": detail.restarts if detail else {},
    }  # fmt: skip


def as_lines(state: Any, frame: Any, now: float, running: bool, *, whole: bool = True) -> list[str]:
    """The four answers, a line each or a few."""
    from upgrade_tui.foreign import one_line
    from upgrade_tui.window.answers import QUESTIONS, answers, looks

    def at(moment: float) -> str:
        return f"{datetime.fromtimestamp(moment).astimezone():%H:%M:%S}"

    said = answers(seen := glance(state, frame, now, running))
    over = sum(s.state in ("done", "skipped") for s in state.steps.values())
    phase = state.phase if running or state.phase == "closed" else f"{state.phase}, but no conductor is running"
    if not whole:
        phase = f"{state.phase} at #{state.seq}; what came after it cannot be read"
    lines = [f"{state.plan.window.title} [{phase}]: {over} of {count_text(len(state.steps), 'step')} over"]
    for name, text in said.texts().items():
        lines.append(f"{QUESTIONS[name]:<10}{text}")
        lines += [f"          {each}" for each in looks(seen)] if name == "healthy" else []
    if state.closed is None:
        lines += armed_lines(state, frame, now, at)
    lines += _held(state)
    lines += _undoing(state)
    lines += [f"trouble   {text}" for text in (frame.trouble if frame else ())]
    lines.append("")
    width = max((len(s) for s in state.steps), default=0)
    for spec in state.plan.steps:
        reason = _why(state, spec.id)
        lines.append(
            f"  {_shown(state, spec.id):<12} {spec.id:<{width}}  {spec.title}" + (f" ({reason})" if reason else "")
        )
    return [one_line(line) for line in lines]


def _why(state: Any, step_id: str) -> str:
    """Why a step stands as it does, and of one in trouble on which hosts."""
    from upgrade_tui.window.step_state import trouble_text

    step, shown = state.steps[step_id], state.shown(step_id)
    trouble = trouble_text(step.tasks) if shown in ("running", "failed", "unknown") else ""
    return "; ".join(part for part in (step.reason, trouble) if part)


def _shown(state: Any, step_id: str) -> str:
    """A step's state, or that it is held: it runs, and waits."""
    return "held" if state.steps[step_id].held is not None else str(state.shown(step_id))


def _held(state: Any) -> list[str]:
    """What the clock holds, why, and what the lead types to let it go."""
    from upgrade_tui.window import hold

    return [
        f"held      {s.id} is {hold.held_where(s.held, len(s.batches))}; the lead lets it go: "
        f"{hold.what_to_type(s.held)}"
        for s in state.steps.values()
        if s.held is not None
    ]


def _undoing(state: Any) -> list[str]:
    """A rollback that is under way, why, and what it waits for."""
    from upgrade_tui.window.on_fail import waits_for

    if not state.rolling_back:
        return []
    waits = ", ".join(waits_for(state))
    line = f"undoing   {state.rollback.scope}, asked for by {state.rollback.by}: {state.rollback.reason}"
    return [line, *([f"          it waits until this has ended: {waits}"] if waits else [])]
