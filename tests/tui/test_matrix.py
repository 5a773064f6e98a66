"""Steps by hosts: outliers first and no jumping, every state a glyph and a letter, retry and settle many at once."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from textual.pilot import Pilot
from textual.widgets import Input

from tests.support_tui import Recording, recorded
from tests.tui.conftest import Pictured
from tests.tui.small_app import SIZES, shown, until
from tests.tui.undo_sessions import armed, does, happens
from upgrade_tui.tui.app import UpgradeApp
from upgrade_tui.tui.host.rows import SteadyOrder
from upgrade_tui.tui.matrix import page as matrix_page
from upgrade_tui.tui.matrix.screen import MatrixScreen
from upgrade_tui.tui.scene import scene_of
from upgrade_tui.tui.step.screen import StepScreen
from upgrade_tui.tui.widgets.spans import Line, length
from upgrade_tui.window import commands as cmd
from upgrade_tui.window import events as ev
from upgrade_tui.window.measurements import TaskFrame
from upgrade_tui.window.state_words import TASKS


def text(lines: list[Line]) -> str:
    return "\n".join("".join(t for t, _ in line) for line in lines)


def said(app: UpgradeApp) -> list[str]:
    return [f"{n.title}: {n.message}" for n in app._notifications]


def cell(
    session: Recording, step: str, host: str, width: int = 14, *, marked: bool = False, plain: bool = False
) -> str:
    scene = scene_of(session)
    spec = session.plan.step(step)
    assert spec is not None
    return matrix_page.cell(scene, matrix_page.matrix(scene), spec, host, width, marked=marked, plain=plain)[0]


def failed(*hosts: str) -> Recording:
    """The API failed on these hosts; the window is open again."""
    session = recorded("trouble")
    does(session, "mei", cmd.Settle(step="api", host="api3", outcome="done", reason="looked"))
    for host in hosts:
        if host != "api4":
            happens(session, ev.TaskFinished(step="api", host=host, attempt=1, exit=7, seconds=5.0))
    does(session, "mei", cmd.Resume(reason="go on"))
    return session


async def opened(pilot: Pilot[Any]) -> MatrixScreen:
    await pilot.press("m")
    await until(pilot, lambda: isinstance(pilot.app.screen, MatrixScreen) and "steps" in shown(pilot.app))
    screen = pilot.app.screen
    assert isinstance(screen, MatrixScreen)
    await until(pilot, lambda: bool(screen.hosts))
    await pilot.pause()
    return screen


async def to(pilot: Pilot[Any], screen: MatrixScreen, step: str, host: str) -> None:
    """The cursor on a cell."""
    assert screen.matrix is not None
    screen.grid.action_side([s.id for s in screen.matrix.steps].index(step) - screen.grid.column)
    screen.grid.select(host)
    await pilot.pause()


# -- what it says -------------------------------------------------------------------------------------------------


def test_every_state_has_a_letter_of_its_own() -> None:
    states = set(TASKS) - {"ready"}
    assert set(matrix_page.LETTERS) == states
    assert len(set(matrix_page.LETTERS.values())) == len(states)
    assert all(letter.isascii() and len(letter) == 1 for letter in matrix_page.LETTERS.values())


def test_rows_that_need_a_look_are_the_unknown_and_the_failed() -> None:
    scene = scene_of(recorded("trouble"))
    rows = SteadyOrder().sorted(matrix_page.matrix(scene).hosts, scene.now)
    assert [row.name for row in rows[:4]] == ["api3", "api4", "db1", "db2"]


def test_a_row_that_got_better_stays_for_a_while() -> None:
    session = recorded("trouble")
    order = SteadyOrder()
    scene = scene_of(session)
    order.sorted(matrix_page.matrix(scene).hosts, scene.now)
    does(session, "mei", cmd.Settle(step="api", host="api3", outcome="done", reason="looked"))
    soon = scene_of(session)
    assert order.sorted(matrix_page.matrix(soon).hosts, soon.now)[0].name == "api3"
    assert order.sorted(matrix_page.matrix(soon).hosts, soon.now + 60.0)[0].name == "api4"


def test_silent_and_slow_tasks_are_outliers() -> None:
    session = recorded("rollout")
    assert session.frame is not None
    quiet = TaskFrame(step="api", host="api4", bytes=10, silent=240.0, last_line="Unpacking")
    session.frame = replace(session.frame, tasks=(quiet,))
    scene = scene_of(session)
    m = matrix_page.matrix(scene)
    assert SteadyOrder().sorted(m.hosts, scene.now)[0].name == "api4"
    spec = session.plan.step("api")
    assert spec is not None
    lines = text(matrix_page.cell_lines(scene, m, spec, "api4", 200))
    assert "silent 4 m" in lines
    assert "Unpacking" in lines
    assert "RUNNING" in lines


def test_a_cell_has_glyph_attempt_and_time() -> None:
    session = failed("api4")
    assert cell(session, "api", "api4") == " ✗  4m20s" + " " * 5
    happens(session, ev.StepIntent(step="api", attempt=2, batches=session.state.steps["api"].batches))
    happens(session, ev.TaskStarted(step="api", host="api4", attempt=2, batch=1))
    assert cell(session, "api", "api4").startswith(" ►2 0s")
    assert cell(session, "api", "api4", 4) == " ►2 "
    assert cell(session, "api", "api4", 4, marked=True) == "[►2]"
    assert cell(session, "api", "api4", 4, plain=True) == " r2 "
    assert cell(session, "api", "db1", 4) == "    "


def test_an_armed_cell_is_marked_so() -> None:
    session = armed()
    assert cell(session, "pg-switch", "db1", 4) == " ✓◈ "
    spec = session.plan.step("pg-switch")
    assert spec is not None
    scene = scene_of(session)
    assert "◈ armed, undoes it in 5:42" in text(
        matrix_page.cell_lines(scene, matrix_page.matrix(scene), spec, "db1", 200)
    )


def test_the_line_below_tells_actual_planned_and_why() -> None:
    session = recorded("trouble")
    scene = scene_of(session)
    spec = session.plan.step("api")
    assert spec is not None
    said_of = text(matrix_page.cell_lines(scene, matrix_page.matrix(scene), spec, "api4", 200))
    assert "api on api4: FAILED" in said_of
    assert "exit 100" in said_of
    assert "took 4 m 20 s · planned 6 m" in said_of
    ahead = text(matrix_page.cell_lines(scene, matrix_page.matrix(scene), spec, "api5", 200))
    assert "others took" in ahead
    nowhere = text(matrix_page.cell_lines(scene, matrix_page.matrix(scene), spec, "db1", 200))
    assert "does not run there" in nowhere


def test_an_excluded_host_is_called_so_and_goes_to_the_end() -> None:
    session = recorded("trouble")
    does(session, "mei", cmd.Exclude(host="api5", reason="disk is dying"))
    scene = scene_of(session)
    m = matrix_page.matrix(scene)
    assert SteadyOrder().sorted(m.hosts, scene.now)[-1].name == "api5"
    assert cell(session, "api", "api5", 4) == " ⊖  "
    assert "1 excluded" in text([matrix_page.summary(scene, m, 0)])
    spec = session.plan.step("api")
    assert spec is not None
    assert "api5 is excluded: disk is dying" in text(matrix_page.cell_lines(scene, m, spec, "api5", 200))


@pytest.mark.parametrize("width", [38, 78, 198])
def test_lines_fit(width: int) -> None:
    scene = scene_of(recorded("trouble", hostile=True))
    m = matrix_page.matrix(scene)
    for spec in m.steps:
        for host in m.hosts:
            assert all(length(line) <= width for line in matrix_page.cell_lines(scene, m, spec, host.name, width))


# -- keys ---------------------------------------------------------------------------------------------------------


async def test_it_begins_with_what_most_needs_a_look() -> None:
    app = UpgradeApp(recorded("trouble"))
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot)
        assert screen.host == "api3"
        assert screen.spec is not None
        assert screen.spec.id == "api"
        assert "api on api3: UNKNOWN" in shown(app)
        await pilot.press("down")
        await until(pilot, lambda: "api on api4: FAILED" in shown(app))


async def test_enter_opens_the_output_of_that_task() -> None:
    app = UpgradeApp(recorded("trouble"))
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot)
        await to(pilot, screen, "api", "api2")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, StepScreen) and app.screen.chosen is not None)
        assert isinstance(app.screen, StepScreen)
        assert app.screen.spec.id == "api"
        assert app.screen.chosen is not None
        assert app.screen.chosen.host == "api2"
        await app.screen.dismiss()
        await pilot.pause()
        assert screen.is_current
        assert screen.host == "api2"


async def test_r_retries_the_task_under_the_cursor() -> None:
    session = failed("api4")
    async with UpgradeApp(session).run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot)
        await to(pilot, screen, "api", "api4")
        await pilot.press("r")
        await pilot.pause()
        assert session.sent == []
        assert "apt-get install" in shown(pilot.app)
        await pilot.press("enter")
        await pilot.pause()
        assert session.sent == [cmd.Start(step="api", hosts=("api4",))]


async def test_r_retries_all_that_are_marked_in_one_go() -> None:
    session = failed("api2", "api4")
    async with UpgradeApp(session).run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot)
        await pilot.press("a")
        await pilot.pause()
        assert screen.marks == {("api", "api2"), ("api", "api4")}
        await pilot.press("r")
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()
        assert session.sent == [cmd.Start(step="api", hosts=("api2", "api4"))]
        assert screen.marks == set()


async def test_an_unknown_task_is_settled_and_never_retried() -> None:
    session = recorded("trouble")
    app = UpgradeApp(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("r")
        await pilot.pause()
        assert said(app) == ["retry is not possible now: nothing failed here, so there is nothing to retry"]
        await pilot.press("X", "enter")
        await pilot.pause()
        for each in ("4.2.0 is there", "api"):
            app.screen.query_one(Input).value = each
            await pilot.press("enter")
            await pilot.pause()
        assert session.sent == [cmd.Settle(step="api", host="api3", outcome="done", reason="4.2.0 is there")]


async def test_retry_says_why_not_in_a_paused_window() -> None:
    session = recorded("trouble")
    app = UpgradeApp(session)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot)
        await to(pilot, screen, "api", "api4")
        await pilot.press("r")
        await pilot.pause()
        assert session.sent == []
        assert "the window is paused" in said(app)[0]


async def test_space_marks_and_goes_on_and_escape_unmarks_first() -> None:
    app = UpgradeApp(recorded("trouble"))
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot)
        await pilot.press("space", "space")
        await until(pilot, lambda: "2 marked" in shown(app))
        assert screen.marks == {("api", "api3"), ("api", "api4")}
        await pilot.press("escape")
        await pilot.pause()
        assert screen.marks == set()
        assert app.screen is screen
        await pilot.press("escape")
        await pilot.pause()
        assert app.screen is not screen


async def test_e_excludes_the_host_of_the_row() -> None:
    session = recorded("trouble")
    async with UpgradeApp(session).run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot)
        await to(pilot, screen, "api", "api4")
        await pilot.press("E")
        await pilot.pause()
        for each in ("no space on /boot", "api4"):
            pilot.app.screen.query_one(Input).value = each
            await pilot.press("enter")
            await pilot.pause()
        assert session.sent == [cmd.Exclude(host="api4", reason="no space on /boot")]


async def test_500_hosts_scroll_to_the_last_and_the_heading_stays() -> None:
    app = UpgradeApp(recorded("trouble", 500))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        await pilot.press("end")
        await until(pilot, lambda: screen.hosts[-1].name in shown(app))
        assert shown(app).splitlines()[1].startswith(" ") or "host" in shown(app)
        assert "host" in shown(app)
        assert screen.host == screen.hosts[-1].name


async def test_many_steps_scroll_sideways_and_the_names_stay() -> None:
    session = recorded("trouble")
    spec = session.plan.step("space")
    assert spec is not None
    app = UpgradeApp(session)
    async with app.run_test(size=(40, 24)) as pilot:
        screen = await opened(pilot)
        assert screen.matrix is not None
        for _ in range(len(screen.matrix.steps)):
            await pilot.press("left")
        await pilot.pause()
        assert screen.grid.left == 0
        for _ in range(len(screen.matrix.steps)):
            await pilot.press("right")
        await pilot.pause()
        assert screen.spec is not None
        assert screen.spec.id == "drop-15"
        assert "api3" in shown(app)
        assert "◂" in shown(app)


async def test_the_cursor_stays_on_its_host_when_rows_move() -> None:
    session = recorded("rollout")
    app = UpgradeApp(session)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot)
        await to(pilot, screen, "api", "api1")
        happens(session, ev.TaskUnknown(step="api", host="api4", attempt=1, reason="cut"))
        await until(pilot, lambda: screen.hosts[0].name == "api4")
        assert screen.host == "api1"


# -- pictures -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[0]}x{s[1]}")
@pytest.mark.parametrize("hosts", [12, 500])
async def test_pictures_of_the_matrix(pictured: Pictured, hosts: int, size: tuple[int, int]) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        await opened(pilot)
        await pilot.press("down", "space")
        await until(pilot, lambda: "1 marked" in shown(pilot.app))

    await pictured(UpgradeApp(recorded("trouble", hosts)), size, before)


async def test_picture_of_the_matrix_in_ascii(pictured: Pictured) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        await opened(pilot)

    app = UpgradeApp(recorded("rollback"), ascii=True)
    await pictured(app, (120, 40), before)
