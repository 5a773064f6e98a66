"""How long a step took: one figure on the screen, in ``status`` and in the report, without the wait for people."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.report.report_support import opened, small_plan, told
from tests.support_tui import Recording
from upgrade_tui.cli.status import as_data
from upgrade_tui.report.build import build_report
from upgrade_tui.tui.scene import scene_of
from upgrade_tui.tui.step.page import step_header
from upgrade_tui.tui.step.rows import step_row
from upgrade_tui.window import events as ev
from upgrade_tui.window.fold import fold_all

RUN = (
    (0.0, opened()),
    (1.0, ev.StepIntent(step="one", attempt=1, batches=(("web1",),))),
    (1.0, ev.TaskStarted(step="one", host="web1", attempt=1)),
)
SETTLED = (
    (3.0, ev.TaskUnknown(step="one", host="web1", attempt=1, reason="the link broke")),
    (3.0, ev.StepFinished(step="one", attempt=1)),
    (9.0, ev.TaskSettled(step="one", host="web1", outcome="done", reason="it came back")),
)
UNDONE = (
    (3.0, ev.TaskFinished(step="one", host="web1", attempt=1, exit=0, seconds=120)),
    (4.0, ev.StepFinished(step="one", attempt=1)),
    (7.0, ev.RollbackRequested(scope="step", undo=("one",), reason="slow")),
    (7.0, ev.RollbackStarted(step="one", attempt=1, reason="slow", batches=(("web1",),))),
    (7.0, ev.TaskStarted(step="one", host="web1", attempt=1, undo=True)),
    (9.0, ev.TaskFinished(step="one", host="web1", attempt=1, exit=0, seconds=120, undo=True)),
    (9.0, ev.RollbackFinished(step="one", outcome="done", seconds=120)),
)
FIRED = (
    (1.0, ev.DeadmanArmed(step="one", host="web1", attempt=1, seconds=300)),
    (3.0, ev.TaskFinished(step="one", host="web1", attempt=1, exit=0, seconds=120)),
    (8.0, ev.DeadmanFired(step="one", host="web1", exit=0)),
    (8.0, ev.StepFinished(step="one", attempt=1)),
)
JUMPED = (
    (62.0, ev.ClockJumped(seconds=3600.0)),
    (63.0, ev.TaskFinished(step="one", host="web1", attempt=1, exit=0, seconds=120)),
    (63.0, ev.StepFinished(step="one", attempt=1)),
)


@pytest.mark.parametrize(
    ("story", "took"), [(SETTLED, 120), (UNDONE, 120), (FIRED, 120), (JUMPED, 120)],
    ids=["settled later", "undone later", "undone by its host", "the clock was set"],
)  # fmt: skip
def test_screen_status_and_report_give_the_time_of_a_steps_own_work(story: tuple, took: float) -> None:  # type: ignore[type-arg]
    plan, records = small_plan(), told(*RUN, *story)
    state = fold_all(plan, records)
    now = records[-1].ts
    session = Recording.replayed(plan, records, frame=None, details={}, now=now, login="mei", role="lead")
    scene = scene_of(session)
    row, page = step_row(scene, plan.steps[0]), step_header(scene, plan.steps[0], 200)
    shown = as_data(Path("w"), state, None, now, running=False)["steps"][0]["took"]
    reported = build_report(plan, records).steps[0]
    assert (row.elapsed, shown, reported.seconds) == (took, took, took)
    assert "took 2 m, " in "".join(text for text, _ in page[2])
