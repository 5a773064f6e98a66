"""Before a step starts: what runs, where, in which batches, and what the clock will read after it."""

from __future__ import annotations

from typing import Any

from textual.app import App

from upgrade_tui.attach.session import Session
from upgrade_tui.plan.command_text import what_runs
from upgrade_tui.plan.estimate import step_seconds
from upgrade_tui.plan.model import Plan, Step
from upgrade_tui.plan.step_kinds import STEP_KINDS, may_change
from upgrade_tui.tui.dialogs import ask_choice
from upgrade_tui.units import duration_text, few_text
from upgrade_tui.window import clock, hold
from upgrade_tui.window.state import OVER, StepState, WindowState


async def confirm_start(app: App[Any], session: Session, step: str) -> bool:
    """Shows the preview; True if the operator starts it."""
    spec = session.plan.step(step)
    if spec is None:
        return False
    body = "\n".join(preview_lines(session.state, spec, session.now()))
    choices = [("start", f"Start {step} now"), ("cancel", "Not now")]
    return await ask_choice(app, f"Start {step}: {spec.title}", body, choices) == "start"


def preview_lines(state: WindowState, spec: Step, now: float) -> list[str]:
    """The preview as text: kind, hosts by batch, command and check, what watches it, the clock after it."""
    step = state.steps[spec.id]
    out: list[str] = []
    kind = STEP_KINDS[spec.kind]
    out += _command_lines(spec, step) if kind.on_hosts else [kind.before(spec)]
    if spec.canaries:
        out.append("Watched by: " + ", ".join(f"{c} ({_verdict(state, c)})" for c in spec.canaries))
    out += ["", *clock_lines(state.plan, state, spec, now)]
    return out


def _command_lines(spec: Step, step: StepState) -> list[str]:
    out = runs_lines(spec)
    if spec.confirm_within is not None:
        within = duration_text(float(spec.confirm_within))
        out.append(f"each host undoes it by itself after {within} unless it is confirmed")
    if spec.check:
        out.append(f"then checks: {spec.check}")
    out.append("")
    for i, batch in enumerate(step.batches):
        left = [h for h in batch if step.tasks[h].state not in OVER]
        over = f" ({len(batch) - len(left)} over already)" if len(left) < len(batch) else ""
        out.append(f"batch {i + 1} of {len(step.batches)}: {few_text(left, 8) or 'nothing left'}{over}")
    if spec.bake and len(step.batches) > 1:
        out.append(f"{duration_text(float(spec.bake))} of quiet between batches")
    if spec.timeout:
        out.append(f"Each host has at most {duration_text(spec.timeout)}")
    return out


def runs_lines(spec: Step) -> list[str]:
    """The command, or what its ready-made checks look at."""
    if spec.run is not None:
        return [f"$ {spec.run}"]
    return ["checks", *(f"  {said}" for said in what_runs(spec).splitlines())]


def _verdict(state: WindowState, canary: str) -> str:
    return state.canaries[canary].verdict if canary in state.canaries else "no data"


def clock_lines(plan: Plan, state: WindowState, spec: Step, now: float) -> list[str]:
    """How long it takes, how it is undone, and the rollback clock after it."""
    preview, held = clock.after(state, spec, now), hold.before_start(state, spec, now)
    out = [f"Takes about {duration_text(step_seconds(plan, spec))}."]
    if held is not None and held.reason != hold.NO_TIME:
        out.append(f"▲ {held.reason.upper()}: the lead is asked for a reason.")
    if spec.irreversible:
        return [*out, "▲ IRREVERSIBLE: past this step there is only forward. You will be asked to type its id."]
    if spec.rollback is not None:
        batches = max(1, len(state.steps[spec.id].batches))
        each = f" ({batches} batches)" if batches > 1 else ""
        out.append(f"Undone in {duration_text(float(spec.rollback.estimate) * batches)}{each}.")
    elif may_change(spec):
        out.append("The plan has no rollback for it.")
    if preview.irreversible:
        out.append("The point of no return is passed already: forward only.")
    elif preview.slack is not None:
        out.append(f"Slack after this step: {duration_text(preview.slack)}.")
        if held is not None and held.reason == hold.NO_TIME:
            out.append("▲ NO TIME TO UNDO IT: the lead is asked for a reason.")
    return out
