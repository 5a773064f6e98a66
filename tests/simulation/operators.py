"""Operators: what somebody who looks at the state of a window does next. Mostly sense, sometimes nonsense."""

from __future__ import annotations

from random import Random

from tests.simulation.truth import Truth
from upgrade_tui.window import commands as cmd
from upgrade_tui.window.state import StepState, WindowState

NONSENSE = 0.12  # share of moments in which somebody types something wrong

Wish = tuple[float, cmd.AnyCommand]


def choose(state: WindowState, login: str, lead: bool, seed: int, truth: Truth) -> cmd.AnyCommand | None:
    """What this operator does now, or nothing."""
    if seed < 0:  # of a narrow night: the first step is started, and there is noise
        return cmd.Start(step=next(iter(state.steps))) if seed == -1 else cmd.Note(text="noise")
    rng = Random(seed)
    if rng.random() < NONSENSE:
        return _nonsense(state, rng)
    wishes: list[Wish] = [(0.15, cmd.Note(text="looks calm"))]
    for step in state.steps.values():
        wishes += _about_step(state, step, login, rng, truth)
    wishes += _about_window(state, lead, rng)
    if rng.random() < 0.25:
        return None
    return rng.choices([w for _, w in wishes], [weight for weight, _ in wishes])[0]


def _about_window(state: WindowState, lead: bool, rng: Random) -> list[Wish]:
    out: list[Wish] = []
    if state.phase == "paused":
        out.append((2.0, cmd.Resume(reason="looked at it")))
    if state.phase == "aborted":
        out.append((1.0, cmd.Resume(reason="it was nothing")))
    if state.phase == "open":
        out.append((0.12, cmd.Pause(reason="phone")))
        out.append((0.015, cmd.Abort(confirm=state.plan.window.id, reason="too much")))
    if lead and not state.rolling_back:
        done = [s.id for s in state.steps.values() if s.state in ("done", "failed", "unknown")]
        out.append((0.04 if state.phase != "aborted" else 0.5, _rollback(state, rng, done)))
    out.append((0.02, cmd.Exclude(host=rng.choice(list(state.hosts)), reason="its disk is broken")))
    return out


def _rollback(state: WindowState, rng: Random, done: list[str]) -> cmd.StartRollback:
    which = rng.random()
    step = rng.choice(done) if done and which < 0.5 else ""
    hosts = (rng.choice(list(state.hosts)),) if which > 0.8 else ()
    return cmd.StartRollback(confirm=state.plan.window.id, reason="it went wrong", step=step, hosts=hosts)


def _about_step(state: WindowState, step: StepState, login: str, rng: Random, truth: Truth) -> list[Wish]:
    spec = state.plan.step(step.id)
    assert spec is not None
    shown, out = state.shown(step.id), []
    confirm = spec.id if spec.irreversible else ""
    override = "we have to" if rng.random() < 0.2 else ""
    tick = cmd.Tick(step=step.id, confirm=confirm, override=override, evidence="saw it")
    start = cmd.Start(step=step.id, confirm=confirm, override=override)
    if shown == "ready":
        out.append((3.0, tick if spec.kind == "manual" else start))
        out.append((0.1, cmd.Skip(step=step.id, reason="not needed")))
        out.append((0.1, cmd.Claim(step=step.id, release=rng.random() < 0.4)))
    elif step.state == "failed":
        out.append((1.5, start))
        bad = tuple(t.host for t in step.tasks.values() if t.state in ("failed", "unreachable"))
        if bad:
            out.append(
                (1.0, cmd.Start(step=step.id, confirm=confirm, override=override, hosts=bad[: rng.randint(1, 2)]))
            )
        out.append((0.3, cmd.Skip(step=step.id, reason="will not be done")))
    elif step.state == "rolled back":
        out.append((0.7, start))
    elif step.state == "rolling back" and (spec.rollback is None or spec.rollback.run is None):
        out.append((2.0, tick))
        out.append((0.1, cmd.Skip(step=step.id, reason="cannot be put back")))
    elif step.state == "running" and spec.kind == "manual":
        out.append((2.0, tick))
    if spec.kind == "gate" and step.gate is not None and step.state == "running":
        out.append((4.0, cmd.Vote(step=step.id, go=True, digest=step.gate.digest)))
        out.append((0.3, cmd.Vote(step=step.id, go=False, reason="not now")))
    if step.held is not None:
        rest = rng.random() < 0.3
        out.append((0.5, cmd.Start(step=step.id, confirm=confirm, override="we have to", rest=rest)))
    out += _about_tasks(step, rng, truth)
    return out


def _about_tasks(step: StepState, rng: Random, truth: Truth) -> list[Wish]:
    out: list[Wish] = []
    for task in step.tasks.values():
        if task.state == "unknown" and not (truth.busy((step.id, task.host)) and not task.following):
            out.append((0.3 if task.following else 1.5, settle(step, task.host, truth)))
        elif task.state in ("failed", "unreachable") and step.state not in ("running", "rolling back"):
            out.append((0.15, settle(step, task.host, truth)))
    armed = [h for h, a in step.armed.items() if a.state == "armed"]
    if armed:
        host = rng.choice([armed[0], ""])
        out.append((0.6, cmd.Confirm(step=step.id, host=host)))
        out.append((0.2, cmd.Extend(step=step.id, host=host, seconds=float(rng.choice([10, 60, 300])))))
        out.append((0.1, cmd.Revert(step=step.id, host=host, reason="it is wrong")))
    return out


def settle(step: StepState, host: str, truth: Truth) -> cmd.Settle:
    """What somebody says who looked on the host."""
    where, undo = (step.id, host), step.tasks[host].undo > 0
    good = where not in truth.dirty if undo else where in truth.applied
    return cmd.Settle(step=step.id, host=host, outcome="done" if good else "failed", reason="looked on the host")


def _nonsense(state: WindowState, rng: Random) -> cmd.AnyCommand:
    step = rng.choice([*state.steps, "nothing", ""])
    host = rng.choice([*state.hosts, "nowhere", ""])
    window = state.plan.window.id
    typed: list[cmd.AnyCommand] = [
        cmd.Start(step=step), cmd.Start(step=step, hosts=(host,)), cmd.Tick(step=step),
        cmd.Untick(step=step, reason="no"), cmd.Skip(step=step, reason="because"), cmd.Vote(step=step, go=True),
        cmd.Vote(step=step, go=True, digest="0"), cmd.Settle(step=step, host=host, outcome="failed", reason="so I say"),
        cmd.Confirm(step=step, host=host), cmd.Extend(step=step, host=host, seconds=1.0),
        cmd.StartRollback(confirm="wrong"),
        cmd.Revert(step=step, host=host, reason="x"), cmd.StartRollback(confirm=window), cmd.Abort(confirm="wrong"),
        cmd.Exclude(host="nowhere", reason="x"), cmd.Close(confirm=window), cmd.Resume(), cmd.Claim(step=step),
        cmd.Note(text=""),
    ]  # fmt: skip
    return rng.choice(typed)


def bring_to_a_close(state: WindowState, rounds: int, truth: Truth) -> cmd.AnyCommand:
    """What a lead does in the morning: end, settle and confirm what is left, then close the window."""
    if state.phase in ("open", "paused") and rounds > 60:
        return cmd.Abort(confirm=state.plan.window.id, reason="morning")
    for step in state.steps.values():
        spec = state.plan.step(step.id)
        assert spec is not None
        if any(a.state == "armed" and not a.asked for a in step.armed.values()):
            return cmd.Confirm(step=step.id)
        if step.state == "rolling back" and (spec.rollback is None or spec.rollback.run is None):
            return cmd.Tick(step=step.id, evidence="put back")
        unknown = [t.host for t in step.tasks.values() if t.state == "unknown"]
        if unknown and (rounds > 5 or step.state not in ("running", "rolling back")):
            return settle(step, unknown[0], truth)
        if step.state == "running" and spec.kind == "gate":
            return cmd.Vote(step=step.id, go=False, reason="morning")
        if step.state == "running" and spec.kind == "manual":
            return cmd.Skip(step=step.id, reason="morning")
    return cmd.Close(confirm=state.plan.window.id, outcome="abandoned", reason="morning")
