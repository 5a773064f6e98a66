"""Abort, exclude, retry, evidence, and the dead-man rollback: each key sends its command, and what is armed is loud."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from textual.pilot import Pilot
from textual.widgets import Input

from tests.support_tui import Recording, recorded
from tests.tui.small_app import open_step, shown, until
from tests.tui.undo_sessions import armed, does, happens
from upgrade_tui.plan.model import Role
from upgrade_tui.tui import alarms, key_hints
from upgrade_tui.tui.app import UpgradeApp
from upgrade_tui.tui.help.page import SCOPES, Key, grouped
from upgrade_tui.tui.scene import scene_of
from upgrade_tui.tui.step.screen import StepScreen
from upgrade_tui.tui.verbs.verb import Target
from upgrade_tui.tui.verbs.verb_table import VERBS
from upgrade_tui.tui.widgets.spans import Line
from upgrade_tui.units import countdown_text
from upgrade_tui.window import commands as cmd
from upgrade_tui.window import events as ev
from upgrade_tui.window import going_back
from upgrade_tui.window.notifications import Notification, Notifier, notification


def text(lines: list[Line]) -> str:
    return "\n".join("".join(t for t, _ in line) for line in lines)


def said(app: UpgradeApp) -> list[str]:
    return [f"{n.title}: {n.message}" for n in app._notifications]


async def type_in(pilot: Pilot[Any], *texts: str) -> None:
    for each in texts:
        pilot.app.screen.query_one(Input).value = each
        await pilot.press("enter")
        await pilot.pause()


# -- abort --------------------------------------------------------------------------------------------------------


async def test_abort_asks_once_names_what_it_ends_and_means_it() -> None:
    session = recorded("rollout")
    app = UpgradeApp(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("A")
        await until(pilot, lambda: "ABORT the window" in shown(app))
        assert "api on api3, api on api4" in shown(app)
        await type_in(pilot, "orders-pg16")
        assert session.sent == [cmd.Abort(confirm="orders-pg16")]


async def test_only_the_lead_aborts() -> None:
    role: Role = "engineer"
    session = recorded("rollout", login="tom", role=role)
    app = UpgradeApp(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("A")
        await pilot.pause()
        assert said(app) == [
            "abort is not possible now: only the lead can abort the window; anybody can pause it: upgrade-tui pause"
        ]


async def test_an_aborted_window_is_loud_everywhere_and_p_takes_it_back_with_a_reason() -> None:
    session = recorded("rollout")
    happens(session, ev.WindowAborted(reason="wrong cluster"), "mei")
    app = UpgradeApp(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        lines = shown(app).splitlines()
        assert "✗ aborted" in lines[0]
        assert "ABORTED by mei  wrong cluster" in lines[1]
        assert "ABORTED by mei" in lines[3]
        assert "The window is aborted. " in text([key_hints.guide(scene_of(session))])
        open_step(app, session, "api")
        await until(pilot, lambda: isinstance(app.screen, StepScreen) and "ABORTED by mei" in shown(app))
        await pilot.press("escape", "p")
        await pilot.pause()
        await type_in(pilot, "the right one after all")
        assert session.sent == [cmd.Resume(reason="the right one after all")]


# -- retry, exclude, evidence -------------------------------------------------------------------------------------


async def test_r_on_a_step_retries_the_host_that_is_looked_at() -> None:
    session = recorded("trouble")
    does(session, "mei", cmd.Settle(step="api", host="api3", outcome="done", reason="looked"))
    does(session, "mei", cmd.Resume(reason="go on"))
    app = UpgradeApp(session)
    async with app.run_test(size=(120, 40)) as pilot:
        open_step(app, session, "api", "api4")
        await until(pilot, lambda: isinstance(app.screen, StepScreen) and "r retry" in shown(app))
        await pilot.press("r")
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()
        assert session.sent == [cmd.Start(step="api", hosts=("api4",))]


async def test_exclude_takes_the_host_under_the_cursor_out() -> None:
    session = recorded("rollout")
    async with UpgradeApp(session).run_test(size=(120, 40)) as pilot:
        await pilot.press("3", "E")
        await pilot.pause()
        await type_in(pilot, "disk is dying", "cache2")
        assert session.sent == [cmd.Exclude(host="cache2", reason="disk is dying")]


def wants_evidence(session: Recording, step: str) -> None:
    """The plan asks what was seen."""
    steps = tuple(replace(s, evidence=s.id == step) for s in session.plan.steps)
    session.plan = replace(session.plan, steps=steps)
    session.state = replace(session.state, plan=session.plan)


async def test_a_tick_that_needs_evidence_asks_what_was_seen() -> None:
    session = recorded("opened")
    wants_evidence(session, "announce")
    async with UpgradeApp(session).run_test(size=(120, 40)) as pilot:
        await pilot.press("space")
        await pilot.pause()
        assert session.sent == []
        await type_in(pilot, "posted at 22:01, pipeline locked")
        assert session.sent == [cmd.Tick(step="announce", evidence="posted at 22:01, pipeline locked")]


async def test_without_evidence_nothing_is_ticked() -> None:
    session = recorded("opened")
    wants_evidence(session, "announce")
    async with UpgradeApp(session).run_test(size=(120, 40)) as pilot:
        await pilot.press("space")
        await pilot.pause()
        await pilot.press("escape")
        await pilot.pause()
        assert session.sent == []


# -- the dead-man rollback ----------------------------------------------------------------------------------------


def test_what_is_armed_counts_down_by_the_second() -> None:
    session = armed()
    scene = scene_of(session)
    found = going_back.armed_steps(scene)
    assert [(a.step, [h for h, _ in a.hosts]) for a in found] == [("pg-switch", ["db1", "db2"])]
    assert going_back.armed_text(found[0], scene.now) == "db1 and 1 more undo pg-switch in 5:42 unless confirmed"
    assert going_back.armed_text(found[0], scene.now + 301) == "db1 and 1 more undo pg-switch in 0:41 unless confirmed"
    late = going_back.armed_text(found[0], scene.now + 350)
    assert late == "db1 was to undo pg-switch 8 s ago, and nothing was heard of it yet"


@pytest.mark.parametrize(
    ("seconds", "reads"), [(0, "0:00"), (5, "0:05"), (65, "1:05"), (3665, "1:01:05"), (-3, "0:00")]
)
def test_a_countdown_reads_as_a_clock(seconds: float, reads: str) -> None:
    assert countdown_text(seconds) == reads


def test_what_was_asked_of_the_host_is_told_until_it_answered() -> None:
    session = armed()
    does(session, "mei", cmd.Confirm(step="pg-switch"))
    found = going_back.armed_steps(scene_of(session))
    assert "being told that it stays" in going_back.armed_text(found[0], session.now())
    for host in ("db1", "db2"):
        happens(session, ev.DeadmanConfirmed(step="pg-switch", host=host))
    assert not going_back.armed_steps(scene_of(session))
    assert not alarms.alarms(scene_of(session))


async def test_the_banner_and_the_clock_say_what_is_armed_and_go_on_counting() -> None:
    session = armed()
    app = UpgradeApp(session)
    async with app.run_test(size=(200, 60)) as pilot:
        await pilot.pause()
        assert "ARMED  db1 and 1 more undo pg-switch in 5:42" in shown(app).splitlines()[1]
        assert "K keeps it" in shown(app).splitlines()[1]
        assert shown(app).count("undo pg-switch in 5:42") == 2, "banner, and go back"
        at = session.now() + 2.0
        session._clock = lambda: at
        app.tick()
        await until(pilot, lambda: shown(app).count("undo pg-switch in 5:40") == 2)


async def test_k_keeps_it_on_all_armed_hosts_wherever_the_cursor_is() -> None:
    session = armed()
    app = UpgradeApp(session)
    async with app.run_test(size=(120, 40)) as pilot:
        assert app._main.step == "api"
        await pilot.press("K")
        await until(pilot, lambda: "Keep pg-switch?" in shown(app))
        await pilot.press("enter")
        await pilot.pause()
        assert session.sent == [cmd.Confirm(step="pg-switch")]


async def test_x_gives_one_host_more_time() -> None:
    session = armed()
    async with UpgradeApp(session).run_test(size=(120, 40)) as pilot:
        await pilot.press("x")
        await pilot.pause()
        await pilot.press("3")
        await pilot.pause()
        await type_in(pilot, "25m")
        assert session.sent == [cmd.Extend(step="pg-switch", host="db2", seconds=1500.0)]


async def test_a_time_that_is_none_is_refused_in_words() -> None:
    session = armed()
    app = UpgradeApp(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("x")
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()
        await type_in(pilot, "a while")
        assert session.sent == []
        assert "a while" in said(app)[0]


async def test_v_undoes_it_now_after_a_reason_and_the_steps_id() -> None:
    session = armed()
    async with UpgradeApp(session).run_test(size=(120, 40)) as pilot:
        await pilot.press("V")
        await pilot.pause()
        await pilot.press("2")
        await pilot.pause()
        await type_in(pilot, "lag grows", "pg-switch")
        assert session.sent == [cmd.Revert(step="pg-switch", reason="lag grows", host="db1")]


@pytest.mark.parametrize("name", ["confirm", "extend", "revert"])
def test_where_nothing_is_armed_the_keys_are_grey(name: str) -> None:
    why = VERBS[name].refusal(Target(session=recorded("rollout"), step="api"))
    assert why == 'nothing is armed by "api"; no dead-man rollback'


class Heard:
    """A sink that remembers."""

    def __init__(self) -> None:
        self.all: list[Notification] = []

    def notify(self, told: Notification) -> None:
        self.all.append(told)


def test_arming_and_firing_are_heard_of_and_the_last_minute_once() -> None:
    session = armed(100.0)
    record = session.records[-1]
    heard = notification(record, {})
    assert heard is not None
    assert (heard.title, heard.bad) == ("Armed", False)
    heard_of = Heard()
    notifier, scene = Notifier([heard_of]), scene_of(session)
    for seconds in (0.0, 45.0, 46.0):
        notifier.look(replace(scene, now=scene.now + seconds))
        notifier.tell()
    assert [(each.title, each.confirm) for each in heard_of.all] == [("About to be undone", "pg-switch")]
    happens(session, ev.DeadmanFired(step="pg-switch", host="db1", exit=0))
    fired = notification(session.records[-1], {})
    assert fired is not None
    assert (fired.title, fired.bad) == ("Undone by the host itself", True)


async def test_firing_rings_and_the_step_says_why() -> None:
    session = armed()
    app = UpgradeApp(session)
    rung: list[bool] = []
    async with app.run_test(size=(120, 40)) as pilot:
        app.bell = lambda: rung.append(True)  # type: ignore[method-assign]
        for host in ("db1", "db2"):
            happens(session, ev.DeadmanFired(step="pg-switch", host=host, exit=0))
        app.changed()
        app.tick()
        await pilot.pause()
        assert rung
        assert "Undone by the host itself" in said(app)[0]
        assert session.state.steps["pg-switch"].state == "rolled back"
        assert "nobody confirmed in time" in shown(app)


# -- help ---------------------------------------------------------------------------------------------------------


def test_the_help_lists_every_verb_under_what_it_acts_on() -> None:
    listed = [Key(v.key, f"verb('{v.name}')", v.help) for v in VERBS.values()]
    groups = dict(grouped(listed))
    for scope, title in SCOPES.items():
        assert {k.text for k in groups[title]} == {v.help for v in VERBS.values() if v.scope == scope}, title


def test_no_two_verbs_of_a_screen_share_a_key() -> None:
    for screen in {screen for verb in VERBS.values() for screen in verb.on}:
        keys = [verb.key for verb in VERBS.values() if screen in verb.on]
        assert len(keys) == len(set(keys)), screen
