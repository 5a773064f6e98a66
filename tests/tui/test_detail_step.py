"""The step's screen by keyboard: output that follows, search, another host, verbs, what runs exactly."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.golden import MOMENTS, golden
from tests.tui.conftest import TICK, Pictured
from tests.tui.detail_sessions import OUTPUT, Answering, answering, session_of
from tests.tui.small_app import SIZES, SmallApp, open_step, shown, until
from upgrade_tui.attach import protocol as p
from upgrade_tui.tui import sections
from upgrade_tui.tui.dialogs.text import TextDialog
from upgrade_tui.tui.scene import scene_of
from upgrade_tui.tui.step import page as step_page
from upgrade_tui.tui.step.output_log import OutputLog
from upgrade_tui.tui.step.screen import StepScreen
from upgrade_tui.tui.widgets.spans import length


async def opened(pilot: Pilot[Any], session: Answering, step: str) -> StepScreen:
    """The step's screen, painted; with tasks, its output there."""
    open_step(pilot.app, session, step)
    await until(pilot, lambda: isinstance(pilot.app.screen, StepScreen) and pilot.app.screen.is_mounted)
    screen = pilot.app.screen
    assert isinstance(screen, StepScreen)
    if screen.runs and any(t.attempt for t in screen.step.tasks.values()):
        await until(pilot, lambda: bool(screen.query_one(OutputLog).buffer.lines))
        await until(pilot, lambda: "KiB" in shown(pilot.app) or "MiB" in shown(pilot.app))
    await pilot.pause()
    return screen


def long_output(lines: int) -> bytes:
    return b"".join(b"line %d of many\n" % n for n in range(lines))


def answers_with(session: Answering, data: bytes, *, running: bool = True) -> dict[str, bytes]:
    """Every task's output is what ``box["data"]`` is at that moment."""
    box = {"data": data}

    def answer(r: p.GetOutput) -> p.Output:
        piece = box["data"][r.offset : r.offset + r.limit]
        return p.Output(id=0, data=piece, offset=r.offset, size=len(box["data"]), running=running)

    session.answers[p.GetOutput] = answer
    return box


async def test_the_head_says_state_people_times_and_the_clock_after_it() -> None:
    app = SmallApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, answering(), "api")
        head = shown(app).splitlines()[:4]
        assert "► RUNNING  API 4.2 in batches" in head[0]
        assert "owner tom · started by tom · batch 2/3" in head[1]
        assert "planned 28 m (3 batches) · running 13 m 30 s" in head[2]
        assert "after it: slack" in head[3]


async def test_commands_are_shown_letter_by_letter() -> None:
    app = SmallApp()
    async with app.run_test(size=(200, 60)) as pilot:
        session = answering()
        await opened(pilot, session, "api")
        spec = session.plan.step("api")
        assert spec is not None
        assert spec.run is not None
        assert spec.check is not None
        assert spec.rollback is not None
        assert spec.rollback.run is not None
        lines = step_page.spec_lines(scene_of(session), spec, 60)
        text = "".join(line[1][0] for line in lines if line and line[0][0] in ("│ ", "… "))
        assert text == spec.run + spec.check + spec.rollback.run
        assert spec.check in shown(app)


async def test_output_is_fetched_in_pieces_until_it_is_whole() -> None:
    app = SmallApp()
    session = answering()
    answers_with(session, long_output(60_000))
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, session, "api")
        log = screen.query_one(OutputLog)
        await until(pilot, lambda: log.buffer.lines[-1] == "line 59999 of many")
        asked = [r for r in session.asked if isinstance(r, p.GetOutput)]
        assert [r.offset for r in asked[:3]] == [0, asked[0].limit, 2 * asked[0].limit]
        assert log.buffer.dropped + len(log.buffer.lines) == 60_000
        assert len(log.buffer.lines) <= 52_500


async def test_of_a_flood_only_the_end_is_fetched() -> None:
    app = SmallApp()
    session = answering()
    size = 10**9

    def flood(r: p.GetOutput) -> p.Output:
        return p.Output(
            id=0, data=b"y\n" * (min(r.limit, size - r.offset) // 2), offset=r.offset, size=size, running=True
        )

    session.answers[p.GetOutput] = flood
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, session, "api")
        await until(pilot, lambda: session.asked[-1].offset == size)
        assert sum(1 for r in session.asked if isinstance(r, p.GetOutput)) < 40
        assert len(screen.query_one(OutputLog).buffer.lines) < 53_000
        assert "the last 4.8 MiB of it" in shown(app)


async def test_the_end_stays_in_view_until_somebody_moves_up() -> None:
    app = SmallApp()
    session = answering()
    box = answers_with(session, long_output(500))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, session, "api")
        log = screen.query_one(OutputLog)
        await until(pilot, lambda: "line 499 of many" in shown(app))
        box["data"] = long_output(520)
        await until(pilot, lambda: "line 519 of many" in shown(app))
        log.focus()
        await pilot.press("pageup")
        assert not log.following
        top = log.scroll_offset.y
        box["data"] = long_output(900)
        await until(pilot, lambda: len(log.buffer.lines) == 900)
        assert log.scroll_offset.y == top
        assert "not following" in shown(app)
        await pilot.press("f")
        await until(pilot, lambda: "line 899 of many" in shown(app))
        await pilot.press("up", "end")
        assert log.following


async def test_search_goes_from_match_to_match_and_escape_ends_it_first() -> None:
    app = SmallApp()
    session = answering()
    answers_with(session, long_output(300) + b"Error: one\n" + long_output(300) + b"error: two\n" + long_output(50))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, session, "api")
        log = screen.query_one(OutputLog)
        await pilot.press("slash")
        assert isinstance(app.focused, Input)
        await pilot.press(*"ERROR", "enter")
        assert len(log.matches) == 2
        await until(pilot, lambda: "2 of 2 lines" in shown(app))
        await pilot.press("n")
        await until(pilot, lambda: "1 of 2 lines" in shown(app) and "Error: one" in shown(app))
        await pilot.press("N")
        await until(pilot, lambda: "error: two" in shown(app))
        await pilot.press("escape")
        assert not log.needle
        assert app.screen is screen
        await pilot.press("escape")
        assert app.screen is not screen


async def test_a_search_without_a_match_says_so() -> None:
    app = SmallApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, answering(), "api")
        await pilot.press("slash", *"zzz", "enter")
        await until(pilot, lambda: '"zzz" not found' in shown(app))


async def test_the_arrows_choose_whose_output_is_shown() -> None:
    app = SmallApp()
    session = answering()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, session, "api")
        hosts = list(screen.step.tasks)
        assert screen.chosen is not None
        assert screen.chosen.state == "running"
        await pilot.press("home")
        await until(pilot, lambda: f"output on {hosts[0]}" in shown(app))
        asked = [r.host for r in session.asked if isinstance(r, p.GetOutput)]
        assert asked[-1] == hosts[0]


async def test_nothing_is_asked_while_another_screen_is_on_top() -> None:
    app = SmallApp()
    session = answering()
    answers_with(session, b"some\n")
    async with app.run_test(size=(120, 40)) as pilot:
        await opened_any(pilot, session)
        await until(pilot, lambda: "output on" in shown(app))
        await pilot.press("question_mark")
        await until(pilot, lambda: "On the step" in shown(app))
        count = len(session.asked)
        for _ in range(20):
            await pilot.pause(TICK)
        assert len(session.asked) <= count + 1  # one may have been under way
        await pilot.press("escape")
        await until(pilot, lambda: len(session.asked) > count + 1)


async def opened_any(pilot: Pilot[Any], session: Answering) -> None:
    open_step(pilot.app, session, "api")
    await until(pilot, lambda: bool(session.asked))


async def test_why_there_is_no_output_is_said() -> None:
    app = SmallApp()
    session = answering()
    del session.answers[p.GetOutput]
    async with app.run_test(size=(120, 40)) as pilot:
        open_step(app, session, "api")
        await until(pilot, lambda: "there is no conductor: this is a replay" in shown(app))


async def test_a_verb_acts_on_this_step_and_an_impossible_one_says_why() -> None:
    app = SmallApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, answering(), "api")
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, TextDialog))
        assert "Note on api" in shown(app)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, StepScreen))
        await pilot.press("S")
        await until(pilot, lambda: bool(app._notifications))
        said = next(iter(app._notifications))
        assert said.title == "skip is not possible now"
        assert "is running" in said.message


async def test_a_gate_shows_votes_the_clock_and_the_canaries() -> None:
    app = SmallApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, answering(), "go-api")
        text = shown(app)
        assert "✓ go" in text
        assert "Rollback clock now" in text
        assert "▲ checkout latency" in text


async def test_tabs_lead_to_one_pane_at_a_time_where_it_is_narrow() -> None:
    app = SmallApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, answering(), "api")
        assert "1 output" in shown(app)
        assert "Then checked by" not in shown(app)
        await pilot.press("2")
        await until(pilot, lambda: "Then checked by" in shown(app))
        await pilot.press("3")
        await until(pilot, lambda: "started api on 6 hosts" in shown(app))


async def test_zoom_gives_one_pane_the_whole_screen_and_takes_it_back() -> None:
    app = SmallApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, answering(), "api")
        await pilot.press("2", "z")
        await until(pilot, lambda: "output on" not in shown(app))
        await pilot.press("z")
        await until(pilot, lambda: "output on" in shown(app))


async def test_copy_puts_the_output_on_the_clipboard() -> None:
    app = SmallApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, answering(), "api")
        await pilot.press("y")
        assert app.clipboard.splitlines()[0] == OUTPUT.decode().splitlines()[0]


async def test_a_step_that_does_not_exist_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="no step"):
        open_step(SmallApp(), answering(), "nope")


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("width", [40, 78, 200])
def test_every_step_at_every_moment_fits_its_lines(moment: str, width: int) -> None:
    for hostile in (False, True):
        session = session_of(golden(moment, hostile=hostile))
        scene = scene_of(session)
        for spec in session.plan.steps:
            step = session.state.steps[spec.id]
            lines = [*step_page.step_header(scene, spec, width), *step_page.spec_lines(scene, spec, width)]
            lines += step_page.tasks(scene, step, width)
            assert all(length(line) <= width for line in lines)


def test_folding_a_command_leaves_nothing_out() -> None:
    for text in ("x" * 200, "sudo -n  apt-get   install -y a b c d e f", "延" * 50, "", "   lead", "a" * 10):
        for width in (8, 10, 33):
            assert "".join(sections.folded(text, width)) == text


async def test_hostile_texts_are_shown_and_harmless() -> None:
    app = SmallApp()
    async with app.run_test(size=(120, 40)) as pilot:
        session = answering(hostile=True)
        answers_with(session, b"[/b] \x1b]52;c;x\x07 [red]text[/red]\n" + bytes(range(256)))
        await opened_any(pilot, session)
        await until(pilot, lambda: "[red]text[/red]" in shown(app))
        assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(shown(app))
        for key in ("2", "3", "1"):
            await pilot.press(key)


@pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[0]}x{s[1]}")
@pytest.mark.parametrize("step", ["api", "go-api", "traffic"])
async def test_pictures(pictured: Pictured, step: str, size: tuple[int, int]) -> None:
    app = SmallApp(light=step == "traffic")

    async def before(pilot: Pilot[Any]) -> None:
        await opened(pilot, answering(), step)

    await pictured(app, size, before)
