"""The main screen under the keys: each verb sends its command, each key does what the help says."""

from __future__ import annotations

from typing import Any

import pytest
from textual.command import CommandPalette
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input, OptionList

from tests.support_tui import Recording, recorded
from tests.tui.small_app import shown, until
from upgrade_tui.attach import protocol
from upgrade_tui.plan.model import Role
from upgrade_tui.tui.app import UpgradeApp
from upgrade_tui.tui.screen import MainScreen
from upgrade_tui.tui.widgets.line_pane import LinePane
from upgrade_tui.window import commands as cmd
from upgrade_tui.window import events as ev
from upgrade_tui.window.commands import Refusal
from upgrade_tui.window.gates import open_gate


def main_screen(app: UpgradeApp) -> MainScreen:
    screen = app.screen_stack[0]
    assert isinstance(screen, MainScreen)
    return screen


def said(app: UpgradeApp) -> list[str]:
    return [f"{n.title}: {n.message}" for n in app._notifications]


async def on(pilot: Pilot[Any], step: str) -> None:
    """The cursor on a step."""
    assert isinstance(pilot.app, UpgradeApp)
    main_screen(pilot.app).steps.select(step)
    await pilot.pause()


async def type_in(pilot: Pilot[Any], *texts: str) -> None:
    """Each text and enter, dialog after dialog."""
    for text in texts:
        pilot.app.screen.query_one(Input).value = text
        await pilot.press("enter")
        await pilot.pause()


def running(moment: str, **session: Any) -> tuple[Recording, UpgradeApp]:
    made = recorded(moment, **session)
    return made, UpgradeApp(made)


def happens(session: Recording, event: ev.Event, actor: str = ev.SYSTEM) -> None:
    """An event arrives from the conductor."""
    session._fold(
        [ev.Record(seq=session.state.seq + 1, ts=session.now(), mono=0.0, boot="b", actor=actor, event=event)]
    )


# -- verbs --------------------------------------------------------------------------------------------------------


async def test_space_ticks_the_step_under_the_cursor() -> None:
    session, app = running("opened")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("space")
        await pilot.pause()
        assert session.sent == [cmd.Tick(step="announce")]


async def test_a_tick_from_another_pane_names_the_step_first() -> None:
    session, app = running("opened")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("3", "space")
        await pilot.pause()
        assert session.sent == []
        await pilot.press("enter")
        await pilot.pause()
        assert session.sent == [cmd.Tick(step="announce")]


async def test_a_question_is_about_the_step_it_named_wherever_the_cursor_went_since() -> None:
    session, app = running("opened")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("3", "space")
        await pilot.pause()
        happens(session, ev.StepTicked(step="announce"), "tom")
        app.changed()
        await until(pilot, lambda: app._main.step != "announce")
        await pilot.press("enter")
        await pilot.pause()
        assert session.sent == [cmd.Tick(step="announce")]


async def test_behind_a_question_the_window_goes_on() -> None:
    session, app = running("rollout")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("p")
        await pilot.pause()
        assert len(app.screen_stack) == 2
        rows = len(app._main.log_pane.rows)
        happens(session, ev.NoteAdded(text="the disk shelf hums"), "mei")
        app.changed()
        await until(pilot, lambda: len(app._main.log_pane.rows) > rows)


async def test_s_previews_and_enter_starts() -> None:
    session, app = running("opened")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("s")
        await pilot.pause()
        assert session.sent == []
        await pilot.press("enter")
        await pilot.pause()
        assert session.sent == [cmd.Start(step="announce")]


async def test_escape_in_the_preview_starts_nothing() -> None:
    session, app = running("opened")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("s")
        await pilot.pause()
        await pilot.press("escape")
        await pilot.pause()
        assert session.sent == []


async def test_an_irreversible_step_asks_for_its_id_and_is_sent_again() -> None:
    session, app = running("opened")
    session.answers = [Refusal('"announce" is irreversible', "confirm by typing its id", "confirm"), None]
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("s")
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()
        await type_in(pilot, "announce")
        assert session.sent == [cmd.Start(step="announce"), cmd.Start(step="announce", confirm="announce")]


async def test_no_time_to_undo_asks_for_a_reason_and_is_sent_again() -> None:
    session, app = running("opened")
    session.answers = [Refusal("no time to undo", "the lead can override with a reason", "override"), None]
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("space")
        await pilot.pause()
        await type_in(pilot, "vendor waits")
        assert session.sent == [cmd.Tick(step="announce"), cmd.Tick(step="announce", override="vendor waits")]


async def test_a_refusal_of_the_conductor_is_shown_with_its_hint() -> None:
    session, app = running("opened")
    session.answers = [Refusal("the window is paused: lunch", "resume it first")]
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("space")
        await pilot.pause()
        assert said(app) == ["Not done: the window is paused: lunch; resume it first"]


async def test_a_greyed_key_says_why_and_sends_nothing() -> None:
    session, app = running("opened")
    async with app.run_test(size=(120, 40)) as pilot:
        await on(pilot, "space")
        await pilot.press("space")
        await pilot.pause()
        assert session.sent == []
        assert said(app) == ['tick is not possible now: "space" is a command step, not a manual one; start it']
        assert main_screen(app).check_action("verb", ("tick",)) is None


async def test_destructive_verbs_need_a_reason_and_the_name_typed_out() -> None:
    session, app = running("opened")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("S")
        await pilot.pause()
        await type_in(pilot, "not tonight", "announce")
        assert session.sent == [cmd.Skip(step="announce", reason="not tonight")]


async def test_a_wrong_name_typed_out_skips_nothing() -> None:
    session, app = running("opened")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("S")
        await pilot.pause()
        await type_in(pilot, "not tonight", "annonce")
        await pilot.press("escape")
        await pilot.pause()
        assert session.sent == []


async def test_untick_takes_a_tick_back() -> None:
    session, app = running("preflight")
    async with app.run_test(size=(120, 40)) as pilot:
        await on(pilot, "announce")
        before = main_screen(app).refusal("untick")
        assert before is not None  # the next step runs already
        assert "space" in before
        assert session.sent == []


async def test_settle_asks_where_what_and_why() -> None:
    session, app = running("trouble")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("X")
        await pilot.pause()
        await pilot.press("down", "enter")  # only the first of the hosts
        await pilot.pause()
        await pilot.press("enter")  # done
        await pilot.pause()
        await type_in(pilot, "it is there", "api")
        assert len(session.sent) == 1
        settle = session.sent[0]
        assert isinstance(settle, cmd.Settle)
        assert (settle.step, settle.outcome, settle.reason) == ("api", "done", "it is there")
        assert settle.host in ("api3", "api4")


async def test_claim_takes_a_step_and_gives_it_back() -> None:
    session, app = running("opened")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("c")
        await pilot.pause()
        assert session.sent == [cmd.Claim(step="announce")]
        happens(session, ev.StepClaimed(step="announce", by="mei"), "mei")
        await pilot.press("c")
        await pilot.pause()
        assert session.sent[-1] == cmd.Claim(step="announce", release=True)


async def test_a_note_is_about_the_host_when_hosts_are_looked_at() -> None:
    session, app = running("rollout")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("3", "n")
        await pilot.pause()
        await type_in(pilot, "disk looks odd")
        await pilot.press("enter")
        await pilot.pause()
        assert session.sent == [cmd.Note(text="disk looks odd", host="cache2")]


async def test_go_and_no_go_vote_on_the_evidence_that_was_shown() -> None:
    session, app = running("preflight")
    gate = "go-begin"
    happens(session, ev.StepFinished(step="space", attempt=1))
    happens(session, ev.StepSkipped(step="replica", reason="x"))
    for event in open_gate(session.state, gate, session.now()):
        happens(session, event)
    opened = session.state.steps[gate].gate
    assert opened is not None
    async with app.run_test(size=(120, 40)) as pilot:
        await on(pilot, gate)
        await pilot.press("g")  # the card first
        await pilot.pause()
        assert session.sent == []
        await until(pilot, lambda: "GO OR NO-GO?" in shown(app))
        await pilot.press("g")
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()
        await pilot.press("escape", "G")
        await pilot.pause()
        await type_in(pilot, "lag")
        assert session.sent == [
            cmd.Vote(step=gate, go=True, digest=opened.digest),
            cmd.Vote(step=gate, go=False, reason="lag", digest=opened.digest),
        ]


async def test_an_aborted_window_says_so_first() -> None:
    session, app = running("rollout")
    happens(session, ev.WindowAborted(reason="wrong cluster"), "mei")
    async with app.run_test(size=(120, 40)):
        view = main_screen(app).clock.view
        assert view is not None
        first = view.said.where[0]
        assert (first.glyph, first.text) == ("✗", "ABORTED by mei")


async def test_p_pauses_with_a_reason_and_resumes() -> None:
    session, app = running("rollout")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("p")
        await pilot.pause()
        await type_in(pilot, "look at the lag")
        assert session.sent == [cmd.Pause(reason="look at the lag")]
    session, app = running("trouble")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("p")
        await pilot.pause()
        assert session.sent == [cmd.Resume()]


async def test_closing_the_window_needs_its_id() -> None:
    session, app = running("preflight")
    happens(session, ev.StepFinished(step="space", attempt=1), "mei")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("C")
        await pilot.pause()
        await pilot.press("down", "down", "enter")
        await pilot.pause()
        await type_in(pilot, "out of time", "orders-pg16")
        assert session.sent == [cmd.Close(confirm="orders-pg16", outcome="abandoned", reason="out of time")]


async def test_closing_says_beforehand_which_output_stays_on_its_host_alone() -> None:
    session, app = running("preflight")
    happens(session, ev.StepFinished(step="space", attempt=1), "mei")
    host = next(iter(session.state.steps["space"].tasks))
    why = "no value for DB_PASSWORD"
    happens(session, ev.OutputWithheld(step="space", host=host, attempt=1, bytes=46, why=why), "mei")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("C")
        await pilot.pause()
        await pilot.press("down", "down", "enter")
        await pilot.pause()
        await type_in(pilot, "out of time")
        told = " ".join(shown(app).replace("│", " ").split())
        assert f"Withheld output stays on {host}" in told
        assert "all job directories of the window stay there" in told


async def test_r_asks_for_the_host_under_the_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    session, app = running("rollout")

    async def ask(request: Any, answer: type[Any]) -> Any:
        session.asked.append(request)
        return protocol.Ok(id=1, text="connecting to cache2")

    monkeypatch.setattr(session, "ask", ask)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("3", "r")
        await pilot.pause()
        assert session.asked == [protocol.Reconnect(id=0, host="cache2")]
        assert said(app) == ["Reconnect: connecting to cache2"]


@pytest.mark.parametrize("key", ["space", "s", "c", "S", "p", "C"])
async def test_an_observer_is_told_so_and_nothing_is_sent(key: str) -> None:
    role: Role = "observer"
    session, app = running("opened", login="guest", role=role)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press(key)
        await pilot.pause()
        assert session.sent == []
        assert "guest is an observer here" in said(app)[0]


async def test_the_palette_runs_the_same_guarded_action_once() -> None:
    session, app = running("opened")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press(":")
        await pilot.pause()
        assert isinstance(app.screen, CommandPalette)
        await pilot.press(*"tick")
        await until(pilot, lambda: app.screen.query_one(OptionList).option_count > 0)
        await pilot.press("enter")
        await until(pilot, lambda: bool(session.sent))
        await pilot.pause()
        assert session.sent == [cmd.Tick(step="announce")]


# -- moving about -------------------------------------------------------------------------------------------------


def focused(app: UpgradeApp) -> str:
    assert isinstance(app.focused, LinePane)
    return app.focused.NAME


async def test_tab_and_numbers_go_round_the_panes() -> None:
    _, app = running("rollout")
    async with app.run_test(size=(120, 40)) as pilot:
        assert focused(app) == "steps"
        seen = []
        for _ in range(5):
            await pilot.press("tab")
            seen.append(focused(app))
        assert seen == ["hosts", "canaries", "log", "clock", "steps"]
        await pilot.press("shift+tab")
        assert focused(app) == "clock"
        await pilot.press("4")
        assert focused(app) == "canaries"


async def test_on_a_small_terminal_a_number_shows_that_pane_alone() -> None:
    _, app = running("rollout")
    async with app.run_test(size=(80, 24)) as pilot:
        screen = main_screen(app)
        await pilot.press("3")
        await pilot.pause()
        assert screen.hosts.display
        assert not screen.steps.display
        await pilot.press("1")
        await pilot.pause()
        assert screen.breakdown.display
        assert not screen.hosts.display


async def test_z_zooms_the_pane_under_the_clock_and_escape_leads_back() -> None:
    _, app = running("rollout")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = main_screen(app)
        await pilot.press("3", "z")
        await pilot.pause()
        assert screen.hosts.size.height > 25
        assert screen.clock.display
        assert not screen.log_pane.display
        await pilot.press("escape")
        await pilot.pause()
        assert screen.log_pane.display


async def test_a_resize_changes_the_layout_and_keeps_the_pane() -> None:
    _, app = running("rollout")
    async with app.run_test(size=(200, 60)) as pilot:
        screen = main_screen(app)
        await pilot.press("3")
        assert screen.details.display
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert screen.hosts.display
        assert not screen.details.display
        assert not screen.steps.display
        await pilot.resize_terminal(120, 40)
        await pilot.pause()
        assert screen.steps.display


async def test_slash_filters_the_focused_pane_and_escape_clears_it() -> None:
    _, app = running("rollout")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = main_screen(app)
        await pilot.press("3", "/", *"cache", "enter")
        await pilot.pause()
        assert screen.hosts.keys() == ["cache2", "cache1"]
        assert focused(app) == "hosts"
        await pilot.press("escape")
        await pilot.pause()
        assert len(screen.hosts.keys()) == 12


async def test_the_log_follows_until_somebody_looks_back() -> None:
    session, app = running("rollout")
    async with app.run_test(size=(120, 40)) as pilot:
        log = main_screen(app).log_pane
        await pilot.press("5", "up")
        assert not log.following
        happens(session, ev.NoteAdded(text="hello"), "tom")
        app.changed()
        app.tick()
        assert log.selected != str(session.state.seq)
        await pilot.press("end")
        assert log.following
        assert log.selected == str(session.state.seq)


@pytest.mark.parametrize(("keys", "screen"), [(("enter",), "StepScreen"), (("3", "enter"), "HostScreen"),
                                              (("4", "enter"), "CanaryScreen"), (("5", "enter"), "StepScreen"),
                                              (("?",), "HelpScreen")])  # fmt: skip
async def test_enter_opens_what_is_under_the_cursor(keys: tuple[str, ...], screen: str) -> None:
    _, app = running("rollout")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press(*keys)
        await pilot.pause()
        opened: Screen[Any] = app.screen
        assert type(opened).__name__ == screen
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(app.screen, MainScreen)


async def test_y_copies_what_is_under_the_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    _, app = running("rollout")
    copied: list[str] = []
    monkeypatch.setattr(app, "copy_to_clipboard", copied.append)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("y", "3", "y", "5", "y")
        assert copied == ["api", "10.0.3.22", "23:30:10 upgrade-tui: api on api2: check passed"]


async def test_t_switches_between_dark_and_light() -> None:
    _, app = running("rollout")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("t")
        assert app.theme == "upgrade-light"
        await pilot.press("t")
        assert app.theme == "upgrade-dark"


async def test_q_leaves_without_a_word_to_the_conductor() -> None:
    session, app = running("rollout")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("q")
    assert session.sent == []
    assert app.return_code == 0


async def test_a_click_puts_the_cursor_there() -> None:
    _, app = running("rollout")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.click("#hosts", offset=(6, 3))
        await pilot.pause()
        assert main_screen(app).host == "cache1"
        assert focused(app) == "hosts"


# -- what must not be overlooked ----------------------------------------------------------------------------------


def banner(app: UpgradeApp) -> str:
    bar = main_screen(app).query_one("#banner")
    lines = getattr(bar, "lines", ())
    return "\n".join("".join(t for t, _ in line) for line in lines) if bar.display else ""


async def test_a_lost_conductor_is_loud_and_every_verb_refuses() -> None:
    session, app = running("rollout")
    async with app.run_test(size=(120, 40)) as pilot:
        assert banner(app) == ""
        session._gone("the conductor closed the connection")
        app.tick()
        await pilot.pause()
        assert "CONDUCTOR NOT ANSWERING" in banner(app)
        assert "may go on" in banner(app)
        await pilot.press("c")
        await pilot.pause()
        assert session.sent == []
        assert "does not answer" in said(app)[0]
        session.trouble = None
        app.changed()
        app.tick()
        assert banner(app) == ""


async def test_the_conductors_own_trouble_is_loud() -> None:
    session, app = running("rollout")
    assert session.frame is not None
    session.frame = type(session.frame)(
        ts=session.frame.ts, hosts=session.frame.hosts, canaries=session.frame.canaries, trouble=("log fenced: EIO",)
    )
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert "TROUBLE: log fenced: EIO" in banner(app)


async def test_new_alerts_ring_the_bell_once_and_are_told_together(monkeypatch: pytest.MonkeyPatch) -> None:
    session, app = running("rollout")
    rung: list[bool] = []
    monkeypatch.setattr(app, "bell", lambda: rung.append(True))
    async with app.run_test(size=(120, 40)) as pilot:
        for host in ("db1", "db2"):
            happens(session, ev.HostLink(host=host, link="lost", detail="cut"), ev.SYSTEM)
        app.tick()
        app.tick()
        await pilot.pause()
        assert rung == [True]
        assert said(app) == ["Host lost, and 1 more alert: db1 is lost: cut"]


async def test_e_writes_the_report_in_a_thread_and_says_where(tmp_path: Any) -> None:
    session = recorded("closed")
    wrote: list[Any] = []

    def exporter(directory: Any) -> str:
        wrote.append(directory)
        return f"{directory}/report"

    app = UpgradeApp(session, exporter=exporter)
    async with app.run_test(size=(120, 40)) as pilot:
        session.directory = tmp_path
        await pilot.press("e")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert wrote == [tmp_path]
        assert said(app) == [f"Report written: {tmp_path}/report"]


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60), (40, 12), (20, 5)])
async def test_hostile_text_and_tiny_terminals_do_no_harm(size: tuple[int, int]) -> None:
    _, app = running("trouble", hostile=True)
    async with app.run_test(size=size) as pilot:
        for key in ("1", "2", "3", "4", "5", "z", "tab"):
            await pilot.press(key)
        await pilot.pause()
        assert "\x1b" not in app.export_screenshot()
        assert isinstance(app.screen, MainScreen)


async def test_ascii_leaves_nothing_beyond_ascii_on_the_screen() -> None:
    session = recorded("trouble", hostile=True)
    app = UpgradeApp(session, ascii=True, guide=True)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        strips = app.screen._compositor.render_strips()
        filters = app.get_line_filters()
        for strip in strips:
            segments = list(strip)
            for each in filters:
                segments = each.apply(segments, app.screen.styles.background)
            assert all(segment.text.isascii() for segment in segments)
