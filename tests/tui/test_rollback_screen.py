"""Rolling back from the screen: how much, exactly what, typed for; then how it goes and what it stopped at."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from textual.pilot import Pilot
from textual.widgets import Input

from tests.golden import golden
from tests.support_tui import feed, recorded
from tests.tui.conftest import Pictured
from tests.tui.small_app import SIZES, shown, until
from tests.tui.undo_sessions import back, does, happens, rolling_back
from upgrade_tui.plan.model import Role
from upgrade_tui.tui import alarms, undo_lines
from upgrade_tui.tui.app import UpgradeApp
from upgrade_tui.tui.rollback import page as rollback_page
from upgrade_tui.tui.rollback.screen import RollbackScreen
from upgrade_tui.tui.scene import scene_of
from upgrade_tui.tui.step.rows import step_row
from upgrade_tui.tui.verbs.undo_verbs import scopes
from upgrade_tui.tui.verbs.verb import Target
from upgrade_tui.tui.verbs.verb_table import VERBS
from upgrade_tui.tui.widgets.spans import Line, length
from upgrade_tui.window import commands as cmd
from upgrade_tui.window import events as ev
from upgrade_tui.window import going_back
from upgrade_tui.window.undo import undo_plan


def text(lines: list[Line]) -> str:
    return "\n".join("".join(t for t, _ in line) for line in lines)


def said(app: UpgradeApp) -> list[str]:
    return [f"{n.title}: {n.message}" for n in app._notifications]


async def type_in(pilot: Pilot[Any], *texts: str) -> None:
    for each in texts:
        pilot.app.screen.query_one(Input).value = each
        await pilot.press("enter")
        await pilot.pause()


async def previewed(pilot: Pilot[Any], *keys: str) -> RollbackScreen:
    """The preview, by these keys after ``R``."""
    await pilot.press("R")
    await pilot.pause()
    await pilot.press(*keys)
    await until(pilot, lambda: isinstance(pilot.app.screen, RollbackScreen) and "ROLL" in shown(pilot.app))
    screen = pilot.app.screen
    assert isinstance(screen, RollbackScreen)
    return screen


# -- the preview --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [78, 118, 198])
def test_the_preview_is_the_undo_plan_letter_by_letter(width: int) -> None:
    session = recorded("trouble")
    plan = undo_plan(session.state)
    lines = rollback_page.undo_preview_lines(scene_of(session), plan, width)
    page = text(lines)
    at = [page.index(f"{i}. undo {each.step}") for i, each in enumerate(plan.steps, 1)]
    assert at == sorted(at)
    for each in plan.steps:
        spec = session.plan.step(each.step)
        assert spec is not None
        assert spec.rollback is not None
        assert (spec.rollback.run or spec.rollback.manual or "") in page
        for number, batch in enumerate(each.batches, 1):
            assert f"batch {number} of {len(each.batches)}  {', '.join(batch)}" in page
    assert max(length(line) for line in lines) <= width


def test_the_preview_weighs_its_time_against_the_promise_and_the_window() -> None:
    session = recorded("trouble")
    head = text(rollback_page.preview_header(scene_of(session), undo_plan(session.state), None, 200))
    assert "6 steps on 6 hosts · about 37 m · ✓ within the 45 m promised · over at 01:38" in head
    assert rollback_page.promise(3000.0, scene_of(session)) == ("✗ 5 m OVER the 45 m promised", "bad")


def test_what_cannot_be_undone_comes_first_with_its_reason() -> None:
    session = recorded("late")
    for event in (
        ev.StepTicked(step="traffic"), ev.BakeEnded(step="soak", attempt=1, passed=True),
        ev.StepIntent(step="drop-15", attempt=1, batches=(("db1", "db2"),)),
        ev.TaskStarted(step="drop-15", host="db1", attempt=1),
        ev.TaskFinished(step="drop-15", host="db1", attempt=1, exit=0, seconds=3.0),
    ):  # fmt: skip
        happens(session, event)
    plan = undo_plan(session.state)
    assert plan.cannot
    page = text(rollback_page.undo_preview_lines(scene_of(session), plan, 100))
    assert page.startswith("CANNOT BE UNDONE")
    assert "point of no return" in page


async def test_what_has_nowhere_to_be_written_on_this_machine_is_told_before_and_after_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = recorded("trouble")
    step = undo_plan(session.state).steps[0]
    host = step.batches[0][0]
    here = replace(session.plan.hosts[host], address="local")
    plan = replace(session.plan, hosts={**session.plan.hosts, host: here})
    session.state = replace(session.state, plan=plan, places={host: str(tmp_path)})
    read_only = os.statvfs_result((*os.statvfs(tmp_path)[:8], os.ST_RDONLY, 255))
    monkeypatch.setattr(os, "statvfs", lambda path: read_only)
    app = UpgradeApp(session)
    async with app.run_test(size=(200, 40)) as pilot:
        await previewed(pilot, "enter")
        await until(pilot, lambda: "CANNOT BE UNDONE NOW" in shown(app))
        assert f"{step.step} on {host}: its jobs are kept in {tmp_path}, which is read-only" in shown(app)
        await pilot.press("enter")
        await pilot.pause()
        await type_in(pilot, "health fails", "orders-pg16")
        assert any(f"Cannot be undone now: {step.step} on {host}" in each for each in said(app))


def test_scopes_are_offered_with_what_they_cost_and_empty_ones_are_not() -> None:
    session = recorded("trouble")
    labels = [label for _, label in scopes(session, "api", ("api1",))]
    assert labels[0] == "Everything\n6 steps, about 37 m"
    assert any(label.startswith("Phase Rollout\n3 steps") for label in labels)
    assert any(label.startswith("Step api\n1 step") for label in labels)
    assert any(label.startswith("Everything on api1\n1 step") for label in labels)
    assert not any("Preflight" in label or "Verify" in label for label in labels)


async def test_everything_is_rolled_back_after_reason_and_the_windows_id() -> None:
    session = recorded("trouble")
    app = UpgradeApp(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await previewed(pilot, "enter")
        assert session.sent == []
        await pilot.press("enter")
        await pilot.pause()
        await type_in(pilot, "health fails", "orders-pg16")
        assert session.sent == [cmd.StartRollback(confirm="orders-pg16", reason="health fails")]


async def test_a_wrong_id_rolls_nothing_back() -> None:
    session = recorded("trouble")
    async with UpgradeApp(session).run_test(size=(120, 40)) as pilot:
        await previewed(pilot, "enter")
        await pilot.press("enter")
        await pilot.pause()
        await type_in(pilot, "health fails", "orders-pg15")
        await pilot.press("escape")
        await pilot.pause()
        assert session.sent == []


@pytest.mark.parametrize(("key", "expected"), [
    ("2", cmd.StartRollback(confirm="orders-pg16", reason="x", phase="Rollout")),
    ("4", cmd.StartRollback(confirm="orders-pg16", reason="x", step="api")),
])  # fmt: skip
async def test_less_than_everything(key: str, expected: cmd.StartRollback) -> None:
    session = recorded("trouble")
    async with UpgradeApp(session).run_test(size=(120, 40)) as pilot:
        await previewed(pilot, key)
        await pilot.press("enter")
        await pilot.pause()
        await type_in(pilot, "x", "orders-pg16")
        assert session.sent == [expected]


async def test_on_the_host_under_the_cursor() -> None:
    session = recorded("trouble")
    app = UpgradeApp(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("3")
        app._main.hosts.select("db2")
        await pilot.pause()
        screen = await previewed(pilot, "4")
        assert screen.command is not None
        assert screen.command.hosts == ("db2",)


async def test_an_engineer_sees_the_preview_and_why_it_is_not_theirs_to_do() -> None:
    role: Role = "engineer"
    session = recorded("trouble", login="tom", role=role)
    app = UpgradeApp(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await previewed(pilot, "enter")
        assert "not possible now: only the lead can roll back" in shown(app)
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, RollbackScreen)
        assert session.sent == []
        assert any("only the lead" in s for s in said(app))


async def test_while_tasks_run_the_preview_says_to_wait_or_abort() -> None:
    app = UpgradeApp(recorded("rollout"))
    async with app.run_test(size=(120, 40)) as pilot:
        await previewed(pilot, "enter")
        assert "still running: api; wait for it, or abort first" in shown(app)


async def test_nothing_done_nothing_to_roll_back() -> None:
    session = recorded("opened")
    app = UpgradeApp(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("R")
        await pilot.pause()
        assert "nothing was done yet" in said(app)[0]


# -- under way ----------------------------------------------------------------------------------------------------


def test_progress_counts_steps_batches_and_time() -> None:
    p = going_back.progress(scene_of(rolling_back()))
    assert p is not None
    assert (p.number, len(p.states), p.step, p.batch, p.batches) == (1, 6, "api", 1, 2)
    assert p.spent == pytest.approx(156.0)
    assert p.total == pytest.approx(37 * 60 + 1.0)
    assert p.promised == 2700.0
    assert not p.late
    assert [state for _, state in p.states] == ["rolling back", *["pending"] * 5]


def test_progress_says_when_the_promise_will_be_broken() -> None:
    session = rolling_back()
    at = session.now() + 1200.0
    session._clock = lambda: at
    p = going_back.progress(scene_of(session))
    assert p is not None
    assert p.late
    assert "OVER the 45 m promised" in going_back.going_text(p)
    assert p.tone == "bad"


def test_while_other_hosts_go_on_a_failure_is_told_beside_and_nothing_is_cut_short() -> None:
    scene = scene_of(recorded("rollback"))
    p = going_back.progress(scene)
    assert p is not None
    assert [state for _, state in p.states] == ["rolling back"]
    assert p.left > 0
    assert going_back.stuck_text(p).startswith("api failed on api4")
    assert undo_lines.possible_decisions(scene, p) == "it stops after this batch; then X says what is so"
    assert "ROLLING BACK step api" in text(alarms.alarms(scene))


def test_the_clock_alone_adds_up_how_long_going_back_takes() -> None:
    scene = scene_of(rolling_back(by_hand=True))
    p = going_back.progress(scene)
    assert p is not None
    page = text(undo_lines.sums(scene, p))
    assert "undo pg-switch (rolled back)" in page
    assert "+ still to do                               4 m" in page
    assert "= in all                                    32 m 32 s, 45 m promised" in page


def test_measured_steps_are_counted_as_measured() -> None:
    p = going_back.progress(scene_of(rolling_back(by_hand=True)))
    assert p is not None
    assert [state for _, state in p.states[:4]] == ["rolled back", "rolled back", "rolled back", "rolling back"]
    assert p.left == pytest.approx(60 + 60 + 120)


def test_a_scope_of_hosts_counts_as_undone_though_the_step_stands_elsewhere() -> None:
    session = recorded("trouble")
    does(session, "mei", cmd.StartRollback(confirm="orders-pg16", reason="x", step="api", hosts=("api1",)))
    happens(session, ev.RollbackStarted(step="api", reason="x", batches=(("api1",),)), after=1.0)
    happens(session, ev.TaskStarted(step="api", host="api1", attempt=1, undo=True))
    back(session, "api", "api1", after=5.0)
    happens(session, ev.RollbackFinished(step="api", outcome="done", seconds=5.0, batches=1))
    p = going_back.progress(scene_of(session))
    assert p is not None
    assert [state for _, state in p.states] == ["rolled back"]


async def test_the_main_screen_is_loud_and_forward_verbs_are_greyed() -> None:
    app = UpgradeApp(rolling_back())
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        screen = shown(app)
        assert "ROLLING BACK everything" in screen.splitlines()[1]
        assert "step 1 of 6: api" in screen.splitlines()[1]
        assert "45 m promised" in screen.splitlines()[1]
        assert "back at 01:38" in screen
        app._main.steps.select("traffic")
        await pilot.pause()
        for verb in ("start", "tick"):
            assert app._main.check_action("verb", (verb,)) is None
        assert "rollback is under way" in str(app._main.refusal("start"))
        assert app._main.check_action("verb", ("rollback",)) is True


async def test_r_shows_how_it_goes_and_asks_nothing() -> None:
    session = rolling_back()
    app = UpgradeApp(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await previewed(pilot)
        await until(pilot, lambda: "1. api" in shown(app))
        assert "being undone" in shown(app)
        assert "forward steps are locked" in shown(app)
        await pilot.press("enter")
        await pilot.pause()
        assert session.sent == []


async def test_what_it_stopped_at_is_said_with_the_decisions() -> None:
    session = rolling_back(stuck=True)
    app = UpgradeApp(session)
    async with app.run_test(size=(200, 60)) as pilot:
        await pilot.pause()
        banner = shown(app).splitlines()[1]
        assert "ROLLBACK STOPPED" in banner
        assert "api unknown on api3: the link broke while the rollback ran" in banner
        assert "api failed on api4" in banner
        assert "X says what is so, R goes on" in banner
        await pilot.press("X")
        await pilot.pause()
        await pilot.press("enter")  # all of them
        await pilot.pause()
        assert "Rolled back: nothing is left of it there" in shown(app)
        await pilot.press("enter")
        await pilot.pause()
        await type_in(pilot, "looked: 4.1.7 on both", "api")
        assert session.sent == [cmd.Settle(step="api", outcome="done", reason="looked: 4.1.7 on both")]


def test_a_stopped_rollback_is_loud_until_somebody_decided() -> None:
    session = rolling_back(stuck=True)
    assert going_back.stopped(scene_of(session))
    does(session, "mei", cmd.Settle(step="api", outcome="done", reason="looked"))
    scene = scene_of(session)
    assert going_back.stopped(scene), "five steps were not undone yet"
    assert "R goes on with what is left" in text(alarms.alarms(scene))
    does(session, "mei", cmd.StartRollback(confirm="orders-pg16", reason="on with it"))
    assert not going_back.stopped(scene_of(session))


async def test_space_ticks_the_step_that_is_undone_by_hand() -> None:
    session = rolling_back(by_hand=True)
    app = UpgradeApp(session)
    async with app.run_test(size=(120, 40)) as pilot:
        spec = session.plan.step("restore-check")
        assert spec is not None
        remark = step_row(scene_of(session), spec).remark
        assert remark == "undo it by hand, then space ticks that: remove the restored copy"
        app._main.steps.select("restore-check")
        await pilot.press("space")
        await pilot.pause()
        assert session.sent == [cmd.Tick(step="restore-check")]


async def test_space_ticks_it_on_the_rollbacks_own_screen_too() -> None:
    session = rolling_back(by_hand=True)
    app = UpgradeApp(session)
    async with app.run_test(size=(80, 24)) as pilot:
        await previewed(pilot)
        await until(pilot, lambda: "do it by hand, then space" in shown(app))
        await pilot.press("space")
        await pilot.pause()
        assert session.sent == [cmd.Tick(step="restore-check")]


def test_done_says_how_long_it_took_against_the_promise() -> None:
    session = rolling_back(by_hand=True)
    happens(session, ev.RollbackEnded(outcome="done", seconds=1800.0), after=1.0)
    assert not alarms.window_alarms(scene_of(session))
    p = going_back.progress(scene_of(session))
    assert p is not None
    head = text(rollback_page.progress_header(scene_of(session), p, 200))
    assert "✓ ROLLED BACK  everything · after 30 m" in head
    assert "within what was promised" in head


def test_verbs_of_a_replay_without_a_conductor_stay_refused() -> None:
    session = recorded("rollback")
    session.trouble = "gone"
    assert "does not answer" in str(VERBS["rollback"].refusal(Target(session=session)))


# -- pictures -----------------------------------------------------------------------------------------------------


def with_history(session: Any, **more: Any) -> UpgradeApp:
    app = UpgradeApp(session, **more)
    feed(app.history, session.frame)
    return app


@pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[0]}x{s[1]}")
async def test_pictures_of_the_preview(pictured: Pictured, size: tuple[int, int]) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        await previewed(pilot, "enter")
        await until(pilot, lambda: "1. undo api" in shown(pilot.app))

    await pictured(with_history(recorded("trouble")), size, before)


@pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[0]}x{s[1]}")
async def test_pictures_of_how_it_goes(pictured: Pictured, size: tuple[int, int]) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        await previewed(pilot)
        await until(pilot, lambda: "1. api" in shown(pilot.app))

    await pictured(with_history(rolling_back(by_hand=True)), size, before)


def test_the_golden_rollback_is_one_of_a_step() -> None:
    state = golden("rollback").state
    assert state.rollback is not None
    assert state.rollback.scope == "step api"
