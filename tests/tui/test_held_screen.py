"""What the clock holds, on the screen: glyph, word and reason; and how the lead lets it go."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support_tui import Recording, recorded
from upgrade_tui.cli import status
from upgrade_tui.tui import key_hints
from upgrade_tui.tui.app import UpgradeApp
from upgrade_tui.tui.scene import Scene
from upgrade_tui.tui.step import page as step_page
from upgrade_tui.tui.step import rows as step_rows
from upgrade_tui.tui.verbs.verb import Look, Target
from upgrade_tui.tui.verbs.verb_table import VERBS, offered
from upgrade_tui.window import commands as cmd
from upgrade_tui.window import events as ev
from upgrade_tui.window.commands import Refusal
from upgrade_tui.window.glance import plan_zone

WHY = "held before batch 3 of 3: no time to undo it (slack after it when held: -7 m)"


def held(**session: Any) -> Recording:
    """api has done its second batch, and waits before its third."""
    made = recorded("rollout", **session)
    step = made.state.steps["api"]
    ends: list[ev.Event] = [
        ev.TaskFinished(step="api", host=t.host, attempt=t.attempt, exit=0, seconds=200.0, last_line="restarted")
        for t in step.tasks.values()
        if t.state == "running"
    ]
    ends += [
        ev.TaskChecked(step="api", host=t.host, attempt=t.attempt, exit=0)
        for t in step.tasks.values()
        if t.state == "running"
    ]
    ends.append(ev.StepHeld(step="api", attempt=step.attempt, batch=2, reason="no time to undo it", slack=-420.0))
    for event in ends:
        made._fold([
            ev.Record(seq=made.state.seq + 1, ts=made.now(), mono=0.0, boot="b", actor=ev.SYSTEM, event=event)
        ])  # fmt: skip
    return made


def _scene(session: Recording) -> Scene:
    return Scene(
        state=session.state, records=session.records, frame=session.frame, frame_age=0.2, details=session.details,
        now=session.now(), login="mei", role="lead", zone=plan_zone(session.plan),
    )  # fmt: skip


def test_a_held_step_says_so_with_glyph_word_reason_and_what_to_do() -> None:
    scene = _scene(held())
    spec = scene.plan.step("api")
    assert spec is not None
    row = step_rows.step_row(scene, spec)
    assert (row.state, row.word.glyph, row.word.word, row.word.tone) == ("running", "‖", "held", "tight")
    assert f"{WHY}; s lets it go, as the lead" in row.remark
    outlook = step_page._outlook(scene, spec, scene.state.steps["api"], "running")
    assert outlook == ((f"‖ {WHY}; s lets it go, as the lead", "tight"),)


def test_status_says_what_is_held_why_and_what_to_type() -> None:
    session = held()
    lines = status.as_lines(session.state, session.frame, session.now(), True)
    assert f"held      api is {WHY}; the lead lets it go: upgrade-tui start api --override REASON" in lines
    assert any("api is held" in line for line in lines)
    assert any(line.startswith("  held         api ") for line in lines)


def test_json_has_the_hold_beside_the_state() -> None:
    api, backup = (status._step(held().state, step) for step in ("api", "backup"))
    assert (api["state"], backup["held"]) == ("running", None)
    assert (api["held"]["why"], api["held"]["reason"], api["held"]["batch"], api["held"]["slack"]) == (
        "clock", "no time to undo it", 2, -420.0,
    )  # fmt: skip


def test_the_bar_and_the_guide_name_the_key() -> None:
    scene = _scene(held())
    look = Look(scene=scene, spec=scene.plan.step("api"), step=scene.state.steps["api"])
    assert VERBS["start"] in offered("main", look)
    assert "s lets it go" in "".join(said for said, _ in key_hints.guide(scene))


def test_only_the_lead_can_press_it() -> None:
    start = VERBS["start"]
    assert start.refusal(Target(session=held(), step="api")) is None
    refused = start.refusal(Target(session=held(login="tom", role="engineer"), step="api"))
    assert refused is not None
    assert "only the lead can let go of" in refused


@pytest.mark.parametrize(("chosen", "rest"), [(("enter",), False), (("down", "enter"), True)])
async def test_letting_go_asks_why_and_how_much_of_it(chosen: tuple[str, ...], rest: bool) -> None:
    session = held()
    app = UpgradeApp(session)
    session.answers = [Refusal(f'"api" is {WHY}', "the lead can override", "override of batches"), None]
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        await pilot.press("s")
        await pilot.pause()
        await pilot.press(*"half", "enter")
        await pilot.pause()
        await pilot.press(*chosen)
        await pilot.pause()
        assert session.sent == [cmd.Start(step="api"), cmd.Start(step="api", override="half", rest=rest)]
