"""A reading of the rollback clock against one plain pass over all tasks: 50 steps on 500 hosts, one host at a time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from msgspec.structs import replace

from upgrade_tui.plan.model import Plan
from upgrade_tui.plan.reader import parse_plan
from upgrade_tui.window import clock
from upgrade_tui.window.state import WindowState, initial
from upgrade_tui.window.step_state import Stage

Row = tuple[str, str, str, str]  # what, measured, goal, "met" or "missed"

HOSTS, STEPS, ROUNDS = 500, 50, 15
NOW = 1_795_300_000.0
MOST = 3.0  # passes over all tasks


def run() -> list[Row]:
    """Rounds interleaved, medians; the window half done, which is when the clock has the most to look at."""
    state = _half_done(_plan())
    plain: list[float] = []
    first: list[float] = []
    after_one: list[float] = []
    again: list[float] = []
    for _ in range(ROUNDS):
        plain.append(_took(lambda: _one_pass(state)))
        unseen = _fresh(state, *state.steps)
        first.append(_took(lambda unseen=unseen: clock.read(unseen, NOW)))  # type: ignore[misc]
        changed = _fresh(unseen, state.current)
        after_one.append(_took(lambda changed=changed: clock.read(changed, NOW)))  # type: ignore[misc]
        again.append(_took(lambda changed=changed: clock.read(changed, NOW + 1)))  # type: ignore[misc]
    one = statistics.median(plain)
    return [
        (f"clock: one pass over {HOSTS * STEPS:,} tasks", f"{one * 1e3:.2f} ms", "", ""),
        _row("clock: the first reading of a state", statistics.median(first), one),
        _row("clock: a reading after an event", statistics.median(after_one), one),
        _row("clock: a reading with nothing new", statistics.median(again), one),
    ]


def _row(what: str, seconds: float, one: float) -> Row:
    share = seconds / one
    met = "met" if share <= MOST else "missed"
    return what, f"{seconds * 1e3:.2f} ms, {share:.2f} passes", f"at most {MOST:.0f} passes", met


def _took(job: Callable[[], object]) -> float:
    began = time.perf_counter()
    job()
    return time.perf_counter() - began


def _one_pass(state: WindowState) -> int:
    """The shortest of the clock's questions, task by task: in how many batches was something changed?"""
    return sum(step.touched() for step in state.steps.values())


def _fresh(state: WindowState, *steps: str) -> WindowState:
    """The same state as if events had just changed these steps: nothing is kept of them."""
    return replace(state, steps={**state.steps, **{s: replace(state.steps[s]) for s in steps}})


def _plan() -> Plan:
    hosts = "".join(
        f'[hosts.h{n}]\naddress = "10.0.{n // 250}.{n % 250 + 1}"\ngroups = ["all-of-them"]\n' for n in range(HOSTS)
    )
    steps = "".join(
        f'[[steps]]\nid = "s{n}"\ntitle = "Step {n}"\non = "all-of-them"\nrun = "true"\nbatches = [1]\n'
        'estimate = "1s"\nrollback = { run = "true", estimate = "1s" }\n'
        for n in range(STEPS)
    )
    return parse_plan(f'[window]\nid = "w"\ntitle = "W"\nstart = "now"\nduration = "6d"\n{hosts}{steps}', "bench.toml")


def _half_done(plan: Plan) -> WindowState:
    """The first half of the steps done on all hosts, the next on half of them."""
    state = replace(initial(plan), phase="open", start=NOW - 3600, end=NOW + 500_000)
    steps = dict(state.steps)
    for number, (step_id, step) in enumerate(state.steps.items()):
        done = HOSTS if number < STEPS // 2 else HOSTS // 2 if number == STEPS // 2 else 0
        tasks = dict(step.tasks)
        for host in list(tasks)[:done]:
            tasks[host] = replace(
                tasks[host], state="done", attempt=1, started=NOW - 100, finished=NOW - 99, seconds=1.0,
                touched=True
            )  # fmt: skip
        stage: Stage = "ended" if done == HOSTS else "under way" if done else "not begun"
        steps[step_id] = replace(
            step, stage=stage, attempt=min(done, 1), batch=done - 1, tasks=tasks, started=NOW - 100
        )
    return replace(state, steps=steps)
