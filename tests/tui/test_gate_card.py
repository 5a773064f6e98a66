"""The gate's card: all the evidence on one screen, and votes for exactly the evidence that was read."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.support_tui import Recording, recorded
from tests.tui.conftest import Pictured
from tests.tui.small_app import SIZES, shown, until
from tests.tui.undo_sessions import GATE, asks_again, at_the_gate, does, happens
from upgrade_tui.tui.app import UpgradeApp
from upgrade_tui.tui.gate import page as gate_page
from upgrade_tui.tui.gate.screen import GateScreen
from upgrade_tui.tui.scene import scene_of
from upgrade_tui.tui.widgets.spans import Line, length
from upgrade_tui.window import commands as cmd
from upgrade_tui.window import events as ev
from upgrade_tui.window.gate_card import Card, gate_card


def text(lines: list[Line]) -> str:
    return "\n".join("".join(t for t, _ in line) for line in lines)


def the_card(session: Recording) -> Card:
    found = gate_card(session.state, GATE, session.now())
    assert found is not None
    return found


def digest(session: Recording) -> str:
    gate = session.state.steps[GATE].gate
    assert gate is not None
    return gate.digest


def votes(session: Recording, login: str) -> None:
    does(session, login, cmd.Vote(step=GATE, go=True, digest=digest(session)))


async def opened(pilot: Pilot[Any], *keys: str) -> GateScreen:
    """The card, painted, by these keys."""
    await pilot.press(*(keys or ("g",)))
    await until(pilot, lambda: isinstance(pilot.app.screen, GateScreen) and "A GO LETS" in shown(pilot.app))
    screen = pilot.app.screen
    assert isinstance(screen, GateScreen)
    return screen


# -- what it says -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [78, 118, 198])
def test_everything_a_go_is_decided_on_is_there(width: int) -> None:
    session = at_the_gate()
    happens(session, ev.HostLink(host="api6", link="lost", detail="cut"))
    lines = gate_page.gate_page(scene_of(session), the_card(session), width)
    said = text(lines)
    for part in (
        "api  API 4.2 in batches", "batch 1 of 3  api1", "3 hosts: api2, api3, api4", "sudo -n apt-get install",
        "curl -fsS localhost:8080/version", "--allow-downgrades", "After it: slack 1 h 2", "was healthy",
        "api6 lost", "The replica falls behind", "watched by tom", "SHOWS NOW: checkout latency", "not voted yet",
        "Needs 2 go", digest(session), "on time: can still go back",
    ):  # fmt: skip
        assert part in said, part
    assert max(length(line) for line in lines) <= width


def test_commands_are_whole_letter_by_letter() -> None:
    session = at_the_gate()
    spec = session.plan.step("api")
    assert spec is not None
    assert spec.run is not None
    lines = gate_page.next_lines(scene_of(session), the_card(session), 40)
    folded = "".join(line[1][0] for line in lines if line and line[0][0] in ("│ ", "… "))
    assert spec.run in folded


def test_what_is_wrong_stands_in_the_head() -> None:
    session = at_the_gate()
    spec = session.plan.step(GATE)
    assert spec is not None
    head = text(gate_page.gate_header(scene_of(session), spec, the_card(session), None, 200))
    assert "▲ checkout latency degraded" in head
    assert "14 m 40 s left to decide" in head
    assert "0 of 2 go" in head


def test_votes_so_far_and_who_is_missing() -> None:
    session = at_the_gate()
    votes(session, "tom")
    said = text([gate_page.votes(scene_of(session), the_card(session), None)])
    assert "1 of 2 go: tom" in said
    assert "waits for mei" in said


def test_who_asked_and_must_leave_it_to_others_is_told_so() -> None:
    session = at_the_gate("tom")
    refused = "nobody approves their own request; somebody else has to say go"
    said = text([gate_page.votes(scene_of(session), the_card(session), refused)])
    assert "your go: nobody approves their own request" in said


def test_an_irreversible_step_is_called_so() -> None:
    session = at_the_gate()
    found = the_card(session)
    step = type(found.steps[0])(
        id="drop", title="Drop", kind="command", batches=(("db1",),), command="x", check="", rollback="",
        slack_after=None, irreversible=True,
    )  # fmt: skip
    said = text(gate_page._next(scene_of(session), step, 60))
    assert "IRREVERSIBLE" in said
    assert "no rollback" not in said


# -- keys ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["g", "enter"])
async def test_the_card_is_opened_by_g_and_by_enter_and_votes_nothing_yet(key: str) -> None:
    session = at_the_gate()
    async with UpgradeApp(session).run_test(size=(120, 40)) as pilot:
        await opened(pilot, key)
        assert session.sent == []
        await pilot.press("escape")
        await pilot.pause()
        assert not isinstance(pilot.app.screen, GateScreen)


async def test_a_go_is_for_the_evidence_that_was_shown() -> None:
    session = at_the_gate()
    async with UpgradeApp(session).run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("g")
        await pilot.pause()
        assert session.sent == []
        await pilot.press("enter")
        await pilot.pause()
        assert session.sent == [cmd.Vote(step=GATE, go=True, digest=digest(session))]


async def test_a_no_go_needs_its_reason() -> None:
    session = at_the_gate()
    async with UpgradeApp(session).run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("G")
        await pilot.pause()
        pilot.app.screen.query_one(Input).value = "the lag grows"
        await pilot.press("enter")
        await pilot.pause()
        assert session.sent == [cmd.Vote(step=GATE, go=False, reason="the lag grows", digest=digest(session))]


async def test_changed_evidence_is_loud_and_no_go_by_reflex_counts_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    session = at_the_gate()
    app = UpgradeApp(session)
    rung: list[bool] = []
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot)
        monkeypatch.setattr(app, "bell", lambda: rung.append(True))
        before = digest(session)
        asks_again(session)
        assert digest(session) != before
        await until(pilot, lambda: "THE EVIDENCE CHANGED" in shown(app))
        assert rung
        await pilot.press("g")
        await pilot.pause()
        assert pilot.app.screen is screen, "no question: nothing to vote on before it was read"
        assert session.sent == []
        await pilot.press("enter")
        await until(pilot, lambda: "THE EVIDENCE CHANGED" not in shown(app))
        await pilot.press("g")
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()
        assert session.sent == [cmd.Vote(step=GATE, go=True, digest=digest(session))]


async def test_a_go_that_would_not_count_says_why() -> None:
    session = at_the_gate("ana")
    app = UpgradeApp(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, "enter")
        await pilot.press("g")
        await pilot.pause()
        assert session.sent == []
        assert any("ana has no vote on this gate" in n.message for n in app._notifications)


async def test_a_gate_that_is_not_open_says_how_to_open_it() -> None:
    session = recorded("opened")
    app = UpgradeApp(session)
    async with app.run_test(size=(120, 40)) as pilot:
        app._main.steps.select("go-begin")
        await pilot.pause()
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, GateScreen) and "PENDING" in shown(app))
        assert "waits for replica" in shown(app)


async def test_at_80x24_the_whole_card_can_be_scrolled_to() -> None:
    session = at_the_gate()
    async with UpgradeApp(session).run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        assert digest(session) not in shown(pilot.app)
        await pilot.press("end")
        await until(pilot, lambda: digest(session) in shown(pilot.app))


@pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[0]}x{s[1]}")
async def test_pictures_of_the_card(pictured: Pictured, size: tuple[int, int]) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        await opened(pilot)

    await pictured(UpgradeApp(at_the_gate()), size, before)


async def test_picture_of_changed_evidence(pictured: Pictured, monkeypatch: pytest.MonkeyPatch) -> None:
    session = at_the_gate()
    monkeypatch.setattr(UpgradeApp, "notify", lambda *args, **more: None)  # a notification slides in, in its own time

    async def before(pilot: Pilot[Any]) -> None:
        await opened(pilot)
        asks_again(session)
        await until(pilot, lambda: "THE EVIDENCE CHANGED" in shown(pilot.app))
        await pilot.pause()

    await pictured(UpgradeApp(session), (120, 40), before)
