"""The screens of a host and of a canary, the help and the guide, by keyboard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from textual.app import App
from textual.pilot import Pilot

from tests.golden import MOMENTS, golden
from tests.tui.conftest import Pictured
from tests.tui.detail_sessions import Answering, answering, session_of
from tests.tui.small_app import SIZES, SmallApp, open_canary, open_guide, open_help, open_host, open_step, shown, until
from upgrade_tui.attach import protocol as p
from upgrade_tui.tui.canary import page as canary_page
from upgrade_tui.tui.help import page as help_page
from upgrade_tui.tui.host import page as host_page
from upgrade_tui.tui.scene import scene_of
from upgrade_tui.tui.widgets.spans import length
from upgrade_tui.window.measurements import Link
from upgrade_tui.window.state_words import LEVELS, LINKS, TASKS, VERDICTS

Opener = Callable[[App[Any], Answering], None]


def db1(app: App[Any], session: Answering) -> None:
    open_host(app, session, "db1")


def cache2(app: App[Any], session: Answering) -> None:
    open_host(app, session, "cache2")


def checkout(app: App[Any], session: Answering) -> None:
    open_canary(app, session, "checkout latency")


async def opened(pilot: Pilot[Any], opener: Opener, session: Answering | None = None) -> Answering:
    """The screen, painted, its history there."""
    session = session or answering()
    opener(pilot.app, session)
    await until(pilot, lambda: "peak" in shown(pilot.app))
    return session


# -- host ---------------------------------------------------------------------------------------------------------


async def test_a_host_shows_link_numbers_charts_file_systems_and_facts() -> None:
    app = SmallApp()
    async with app.run_test(size=(200, 60)) as pilot:
        await opened(pilot, db1)
        text = shown(app)
        for part in ("● UP  db1", "memory", "limit 90 %", "disk  read", "network  in", "/var/lib/postgresql", "kernel"):
            assert part in text
        assert "postgresql@16-main active" in text
        assert "File systems (limit 85 %)" in text


async def test_a_lost_host_says_why_what_to_do_and_that_its_numbers_are_stale() -> None:
    app = SmallApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, cache2)
        text = shown(app)
        assert "✗ LOST  cache2" in text
        assert "r tries at once" in text
        assert "STALE, sampled" in text


def test_every_link_that_is_not_up_has_advice() -> None:
    links: tuple[Link, ...] = Link.__args__  # type: ignore[attr-defined]
    assert set(host_page.ADVICE) == set(links) - {"up"}


async def test_processes_are_asked_for_on_demand() -> None:
    app = SmallApp()
    async with app.run_test(size=(80, 24)) as pilot:
        session = await opened(pilot, db1)
        assert not [r for r in session.asked if isinstance(r, p.GetTop)]
        await pilot.press("t")
        await until(pilot, lambda: "postgres: 16/main: walwriter" in shown(app))
        assert "cpu in percent of one core" in shown(app)


async def test_why_there_are_no_processes_is_said() -> None:
    app = SmallApp()
    session = answering()
    session.answers[p.GetTop] = lambda r: "db1 is not connected; [b]r[/b] tries"
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, db1, session)
        await pilot.press("t")
        await until(pilot, lambda: "✗ db1 is not connected; [b]r[/b] tries" in shown(app))


async def test_r_reconnects_this_host() -> None:
    app = SmallApp()
    async with app.run_test(size=(80, 24)) as pilot:
        session = await opened(pilot, cache2)
        await pilot.press("r")
        await until(pilot, lambda: any(isinstance(r, p.Reconnect) and r.host == "cache2" for r in session.asked))


async def test_w_changes_how_far_back_the_charts_go() -> None:
    app = SmallApp()
    async with app.run_test(size=(80, 24)) as pilot:
        session = await opened(pilot, db1)
        assert "last 30 m" in shown(app)
        await pilot.press("w")
        await until(pilot, lambda: "whole window, 1 h 38 m" in shown(app))
        await until(pilot, lambda: session.asked[-1].seconds > 5000)
        await pilot.press("w")
        await until(pilot, lambda: "last 5 m" in shown(app) and "-5 m" in shown(app))
        assert session.asked[-1].seconds == 300


async def test_why_there_is_no_history_is_said() -> None:
    app = SmallApp()
    session = answering()
    del session.answers[p.GetHistory]
    async with app.run_test(size=(80, 24)) as pilot:
        open_host(app, session, "db1")
        await until(pilot, lambda: "✗ no history: there is no conductor" in shown(app))


async def test_a_lost_conductor_is_said_in_the_head() -> None:
    app = SmallApp()
    async with app.run_test(size=(80, 24)) as pilot:
        session = await opened(pilot, db1)
        session.trouble = "the conductor closed the connection"
        await until(pilot, lambda: "✗ no connection to the conductor: the conductor closed" in shown(app))


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("width", [40, 78, 200])
def test_every_host_and_canary_at_every_moment_fits_its_lines(moment: str, width: int) -> None:
    for hostile in (False, True):
        session = session_of(golden(moment, hostile=hostile))
        scene = scene_of(session)
        lines = []
        for host in session.plan.hosts:
            lines += host_page.host_header(scene, host, width) + host_page.state_lines(scene, host, width)
            lines += host_page.task_lines(scene, host, width)
        for canary in session.plan.canaries:
            lines += canary_page.canary_header(scene, canary, width) + canary_page.probe_lines(canary, width)
        assert all(length(line) <= width for line in lines)


# -- canary -------------------------------------------------------------------------------------------------------


async def test_a_canary_shows_verdict_probe_limits_and_results() -> None:
    app = SmallApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, checkout)
        text = shown(app)
        for part in ("▲ DEGRADED  checkout latency", "not yet enough of them to be failing", "limit 200 ms", "✓ good"):
            assert part in text
        assert "http://10.0.3.40:8080/checkout/ping" in text
        assert "Degraded at the first failure;" in text


async def test_p_probes_at_once_and_says_what_came_of_it() -> None:
    app = SmallApp()
    async with app.run_test(size=(80, 24)) as pilot:
        session = await opened(pilot, checkout)
        await pilot.press("p")
        await until(pilot, lambda: bool(app._notifications))
        assert next(iter(app._notifications)).message == "200 ok"
        assert any(isinstance(r, p.ProbeNow) and r.canary == "checkout latency" for r in session.asked)


def test_headers_of_a_probe_show_their_names_only() -> None:
    session = answering()
    spec = session.plan.canaries[0]
    from msgspec.structs import replace

    lines = canary_page.probe_lines(replace(spec, headers={"Authorization": "Bearer s3cret"}), 80)
    text = "\n".join("".join(part for part, _ in line) for line in lines)
    assert "Authorization" in text
    assert "s3cret" not in text


def test_results_say_good_bad_and_too_slow_newest_first() -> None:
    session = answering()
    spec = session.plan.canary("checkout latency")
    assert spec is not None
    series = {
        "ok": (p.Point(1.0, 1, 1, 1), p.Point(2.0, 0, 0, 0), p.Point(3.0, 0, 0.5, 1)),
        "latency": (p.Point(1.0, 0.1, 0.1, 0.1), p.Point(3.0, 0.3, 0.3, 0.3)),
    }
    lines = canary_page.result_lines(scene_of(session), spec, series, 80)
    text = ["".join(part for part, _ in line) for line in lines]
    assert "▲ mixed" in text[0]
    assert "too slow" in text[0]
    assert "✗ bad" in text[1]
    assert "✓ good" in text[2]
    assert "100 ms" in text[2]


def test_what_does_not_exist_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="no host"):
        open_host(SmallApp(), answering(), "nope")
    with pytest.raises(ValueError, match="no canary"):
        open_canary(SmallApp(), answering(), "nope")


# -- help and guide -----------------------------------------------------------------------------------------------


async def test_the_help_lists_the_keys_of_the_screen_below() -> None:
    app = SmallApp()
    async with app.run_test(size=(200, 60)) as pilot:
        open_step(app, answering(), "api")
        await until(pilot, lambda: "output on" in shown(app))
        await pilot.press("question_mark")
        await until(pilot, lambda: "On the step" in shown(app))
        text = shown(app)
        for part in ("Search the output", "Take the step over", "(not now)", "rollback by", "slack", "1-4"):
            assert part in text
        await pilot.press("escape")
        await until(pilot, lambda: "output on" in shown(app))


def test_the_legend_has_every_state_of_every_table() -> None:
    text = "\n".join("".join(part for part, _ in line) for line in help_page.glyph_lines(60))
    for table in (TASKS, LINKS, VERDICTS, LEVELS):
        for word in table.values():
            assert word.text in text


def test_keys_with_one_action_share_a_line_and_verbs_are_grouped() -> None:
    keys = [
        help_page.Key("q", "back", "back"),
        help_page.Key("esc", "back", "back"),
        *(help_page.Key(str(n), f"pane({n})", f"pane {n}") for n in range(1, 6)),
        help_page.Key("s", "verb('start')", "start", False),
    ]
    groups = dict(help_page.grouped(keys))
    assert [k.shown for k in groups["Move"]] == ["q esc", "1-5"]
    assert groups["On the step"][0].enabled is False


@pytest.mark.parametrize("key", ["enter", "escape", "space"])
async def test_the_guide_goes_at_a_key(key: str) -> None:
    app = SmallApp()
    async with app.run_test(size=(80, 24)) as pilot:
        open_guide(app)
        await until(pilot, lambda: "Press first" in shown(app))
        assert "…" not in shown(app)
        await pilot.press(key)
        await until(pilot, lambda: "Press first" not in shown(app))


async def test_the_guide_leads_to_the_help() -> None:
    app = SmallApp()
    async with app.run_test(size=(80, 24)) as pilot:
        open_guide(app)
        await until(pilot, lambda: "Press first" in shown(app))
        await pilot.press("question_mark")
        await until(pilot, lambda: "Help" in shown(app))
        await pilot.press("escape")
        await until(pilot, lambda: "The screen below." in shown(app))
        assert "Press first" not in shown(app)


# -- pictures -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[0]}x{s[1]}")
@pytest.mark.parametrize("opener", [db1, cache2, checkout], ids=lambda o: o.__name__)
async def test_pictures(pictured: Pictured, opener: Opener, size: tuple[int, int]) -> None:
    app = SmallApp(light=opener is cache2)

    async def before(pilot: Pilot[Any]) -> None:
        await opened(pilot, opener)

    await pictured(app, size, before)


@pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[0]}x{s[1]}")
@pytest.mark.parametrize("what", ["help", "guide"])
async def test_pictures_of_help_and_guide(pictured: Pictured, what: str, size: tuple[int, int]) -> None:
    app = SmallApp()

    async def before(pilot: Pilot[Any]) -> None:
        if what == "guide":
            open_guide(app)
            await until(pilot, lambda: "Press first" in shown(app))
            return
        open_host(app, answering(), "db1")
        await until(pilot, lambda: "peak" in shown(app))
        open_help(app)
        await until(pilot, lambda: "On the host" in shown(app))

    await pictured(app, size, before)
