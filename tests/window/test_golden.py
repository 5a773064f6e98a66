"""The golden window is what the tests that share it take it for."""

from __future__ import annotations

import pytest

from tests.golden import MOMENTS, Golden, golden
from tests.golden_plan import NASTY, host_names
from upgrade_tui.foreign import harmless
from upgrade_tui.plan.reader import check_plan
from upgrade_tui.window import clock
from upgrade_tui.window import events as ev


@pytest.fixture(params=MOMENTS)
def told(request: pytest.FixtureRequest) -> Golden:
    return golden(request.param)


def test_its_plan_has_nothing_to_complain_about() -> None:
    assert check_plan(golden().plan_text, "plan.toml")[1] == ()


def test_its_log_counts_from_one_and_time_never_runs_back(told: Golden) -> None:
    assert [r.seq for r in told.records] == list(range(1, len(told.records) + 1))
    assert all(a.ts <= b.ts and a.mono <= b.mono for a, b in zip(told.records, told.records[1:], strict=False))
    assert told.records[-1].ts <= told.now == told.frame.ts


def test_its_frame_agrees_with_its_log(told: Golden) -> None:
    assert told.frame.hosts.keys() == told.plan.hosts.keys()
    assert {n: h.link for n, h in told.frame.hosts.items()} == {n: h.link for n, h in told.state.hosts.items()}
    assert {n: c.verdict for n, c in told.frame.canaries.items()} == {
        n: c.verdict for n, c in told.state.canaries.items()
    }
    running = {
        (s.id, t.host)
        for s in told.state.steps.values()
        for t in s.tasks.values()
        if t.state in ("running", "rolling back")
    }
    assert {(t.step, t.host) for t in told.frame.tasks} == running


def test_the_same_moment_is_always_the_same() -> None:
    from tests import golden as module

    first = golden("trouble")
    module._told.cache_clear()
    again = golden("trouble")
    assert (again.records, again.frame, again.details) == (first.records, first.frame, first.details)


def test_rollout_is_on_time_with_small_worries() -> None:
    told = golden("rollout")
    reading = clock.read(told.state, told.now)
    assert (told.state.current, told.state.steps["api"].batch, told.state.crossed) == ("api", 1, frozenset())
    assert reading.level == "good"
    assert {n for n, h in told.frame.hosts.items() if h.link == "lost" and (h.age or 0) > 30} == {"cache2"}
    assert list(told.state.hosts["cache1"].alerts) == ["memory"]
    assert [c.name for c in told.state.canaries.values() if c.verdict == "degraded"] == ["checkout latency"]
    assert {t.host for t in told.frame.tasks} == {"api3", "api4"}


def test_trouble_is_paused_unknown_failed_and_tight() -> None:
    told = golden("trouble")
    tasks = told.state.steps["api"].tasks
    assert (told.state.phase, tasks["api3"].state, tasks["api4"].state) == ("paused", "unknown", "failed")
    assert told.state.canaries["orders health"].verdict == "failing"
    assert clock.read(told.state, told.now).slack_level == "tight"


def test_rollback_has_one_back_one_under_way_and_one_failed() -> None:
    told = golden("rollback")
    tasks, rollback = told.state.steps["api"].tasks, told.state.rollback
    assert rollback is not None
    assert (rollback.active, rollback.scope) == (True, "step api")
    assert rollback.undo[0].batches == (("api2", "api3", "api4"), ("api1",))
    assert [tasks[f"api{i}"].state for i in (1, 2, 3, 4)] == ["done", "rolled back", "rolling back", "failed"]
    assert (told.state.shown("api"), told.state.phase) == ("rolling back", "paused")


def test_armed_has_six_minutes_left_on_two_hosts() -> None:
    told = golden("armed")
    assert check_plan(told.plan_text, "plan.toml")[1] == ()
    armed = told.state.steps["traffic"].armed
    assert {h: (a.state, round((a.until - told.now) / 60, 1)) for h, a in armed.items()} == {
        "lb1": ("armed", 6.0), "lb2": ("armed", 6.0),
    }  # fmt: skip
    assert (told.state.steps["traffic"].state, clock.read(told.state, told.now).level) == ("armed", "good")


def test_late_is_too_late_to_go_back() -> None:
    told = golden("late")
    slack = clock.read(told.state, told.now).slack
    assert slack is not None
    assert slack < 0
    assert "T-0" in told.state.crossed


def test_closed_has_something_of_everything() -> None:
    told = golden("closed")
    kinds = {type(r.event) for r in told.records}
    assert (told.state.phase, told.state.outcome, told.state.takeovers) == ("closed", "completed", 1)
    assert {n.mark for n in told.state.notes} == {"", "good", "bad", "lucky", "action"}
    assert {ev.GateVoted, ev.LimitCrossed, ev.LimitCleared, ev.HostRebooted, ev.TaskSettled, ev.WindowResumed} <= kinds
    assert {s.id for s in told.state.steps.values() if s.override} == {"api", "traffic"}
    assert all(s.state == "done" for s in told.state.steps.values())


@pytest.mark.parametrize("moment", ["rollout", "closed"])
def test_it_comes_in_sizes(moment: str) -> None:
    for hosts in (12, 60):
        told = golden(moment, hosts)
        assert len(told.plan.hosts) == hosts == len(host_names(hosts))
    with pytest.raises(ValueError, match="12 to 500 hosts, not 11"):
        golden(moment, 11)


def test_the_hostile_one_is_harmless_but_ugly(told: Golden) -> None:
    moment = next(m for m in MOMENTS if golden(m).now == told.now and len(golden(m).records) == len(told.records))
    ugly = golden(moment, hostile=True)
    assert ugly.plan.window.title == f"{NASTY['wide']} {NASTY['markup']}"
    assert all(harmless(text) == text for text in NASTY.values())
    assert [r.event.__class__ for r in ugly.records] == [r.event.__class__ for r in told.records]
