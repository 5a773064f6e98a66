"""A host whose dead-man is gone is not armed: nothing will undo the step there, and every place says so."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.support_tui import Recording, recorded
from tests.tui.undo_sessions import happens
from upgrade_tui.cli.status import as_data, as_lines
from upgrade_tui.report.build import build_report
from upgrade_tui.report.markdown import render_markdown
from upgrade_tui.tui.details.pane import detail_lines
from upgrade_tui.tui.matrix import page as matrix_page
from upgrade_tui.tui.scene import scene_of
from upgrade_tui.tui.step import rows as step_rows
from upgrade_tui.tui.widgets.spans import Line
from upgrade_tui.window import commands as cmd
from upgrade_tui.window import events as ev
from upgrade_tui.window.commands import Actor, Refusal
from upgrade_tui.window.decide import decide

WHY = "the host rebooted"


@pytest.fixture
def gone() -> Recording:
    """Both balancers are armed, and of lb1 the dead-man is gone."""
    session = recorded("armed")
    happens(session, ev.DeadmanGone(step="traffic", host="lb1", reason=WHY))
    return session


def text(lines: list[Line]) -> str:
    return "\n".join("".join(t for t, _ in line) for line in lines)


def test_the_step_and_the_host_are_unprotected_and_the_other_host_is_armed(gone: Recording) -> None:
    step = gone.state.steps["traffic"]
    assert (step.state, step.host_state("lb1"), step.host_state("lb2")) == ("unprotected", "unprotected", "armed")
    assert step.reason == "not confirmed yet on lb1, lb2; NOTHING will undo it on lb1"


def test_the_json_has_the_word_and_no_deadline_that_does_not_count(gone: Recording, tmp_path: Path) -> None:
    data = msgspec.json.decode(msgspec.json.encode(as_data(tmp_path, gone.state, None, gone.now(), True)))
    step = next(step for step in data["steps"] if step["id"] == "traffic")
    assert (step["state"], [t["state"] for t in step["tasks"]]) == ("unprotected", ["unprotected", "armed"])
    by_host = {a["host"]: a for a in step["armed"]}
    assert (by_host["lb1"]["state"], by_host["lb1"]["until"]) == ("gone", None)
    assert by_host["lb2"]["until"] > gone.now()


def test_status_tells_the_armed_host_and_the_unprotected_one_apart(gone: Recording) -> None:
    lines = as_lines(gone.state, None, gone.now(), True)
    assert any(line.startswith("  unprotected  traffic") for line in lines)
    said = next(line for line in lines if line.startswith("no undo "))
    assert said.startswith(f"no undo   NOTHING will undo traffic on lb1 ({WHY}), and nobody confirmed it there: ")
    assert said.endswith("upgrade-tui confirm traffic --host lb1, or upgrade-tui rollback --step traffic")
    armed = next(line for line in lines if line.startswith("armed "))
    assert "lb2" in armed
    assert "lb1" not in armed


def test_the_screen_says_unprotected_on_the_step_its_card_and_in_the_matrix(gone: Recording) -> None:
    scene = scene_of(gone)
    spec = scene.plan.step("traffic")
    assert spec is not None
    assert step_rows.step_row(scene, spec).word.text == "⊗ unprotected"
    assert "⊗ lb1" in text(detail_lines(scene, "step", spec.id, 100))
    assert "⊗ traffic" in text(detail_lines(scene, "host", "lb1", 100))
    m = matrix_page.matrix(scene)
    assert matrix_page.cell(scene, m, spec, "lb1", 12, marked=False, plain=False)[0].strip().startswith("⊗")
    said = text(matrix_page.cell_lines(scene, m, spec, "lb1", 200))
    assert "traffic on lb1: UNPROTECTED" in said
    assert f"nothing will undo it ({WHY})" in said
    assert next(row.rank for row in m.hosts if row.name == "lb1") < next(r.rank for r in m.hosts if r.name == "lb2")


def test_the_report_says_unprotected_of_the_step_and_of_the_task(gone: Recording) -> None:
    report = build_report(gone.plan, gone.records)
    assert report.numbers.steps_unprotected == 1
    assert report.numbers.steps_armed == 0
    assert [t.state for t in report.tasks if t.step == "traffic"] == ["unprotected", "armed"]
    assert "unprotected" in render_markdown(report)
    assert any("traffic is unprotected" in lesson.text for lesson in report.lessons.actions)


def test_it_is_no_more_done_than_what_is_armed_and_a_person_makes_it_stay(gone: Recording) -> None:
    lead = Actor(login="mei", role="lead")
    started = decide(gone.state, cmd.Start(step="traffic"), lead, gone.now())
    assert isinstance(started, Refusal)
    assert started.reason.startswith('"traffic" is unprotected: ')
    assert "traffic" in gone.state.missing("soak")
    for host in ("lb1", "lb2"):
        happens(gone, ev.DeadmanConfirmed(step="traffic", host=host))
    assert gone.state.steps["traffic"].state == "done"


def test_what_was_rolled_back_since_is_not_called_unprotected(gone: Recording) -> None:
    happens(gone, ev.TaskSettled(step="traffic", host="lb1", outcome="done", reason="by hand", undo=True))
    assert not any(line.startswith("no undo ") for line in as_lines(gone.state, None, gone.now(), True))
