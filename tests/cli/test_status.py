"""``status`` says what is so: nothing that nobody knows, nothing that is over, and silence is not health."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.golden import golden
from tests.window.small import Log, plan_of, small_plan
from upgrade_tui.cli.status import as_data, as_lines
from upgrade_tui.window import clock
from upgrade_tui.window import commands as cmd
from upgrade_tui.window import events as ev
from upgrade_tui.window.measurements import CanaryFrame, Frame, HostDetail, HostFrame
from upgrade_tui.window.state import WindowState, initial

PLAIN = '[[steps]]\nid = "one"\ntitle = "One"\non = "a"\nrun = "true"\nrollback = { run = "true", estimate = "5m" }\n'


def answer(name: str, state: WindowState, frame: Frame | None, now: float, running: bool = True) -> str:
    """A line of ``status`` by its first word."""
    return next(text[10:] for text in as_lines(state, frame, now, running) if text.startswith(name))


def up(**hosts: dict[str, str]) -> Frame:
    """Every host of ``hosts`` is up and measured; the values are its units."""
    sample = next(h.sample for h in golden("rollout").frame.hosts.values() if h.sample is not None)
    return Frame(
        ts=0.0, hosts={name: HostFrame("up", "", 0.5, sample) for name in hosts}, canaries={},
        details={name: HostDetail(units=units) for name, units in hosts.items()},
    )  # fmt: skip


def test_a_closed_window_offers_no_way_back(tmp_path: Path) -> None:
    log = Log(plan_of(PLAIN)).wait(10).does("mei", cmd.Close(confirm="small", outcome="abandoned", reason="storm"))
    log.wait(600)
    assert answer("go back", log.state, None, log.state.closed or 0, False) == "the window is over"
    assert answer("finish", log.state, None, log.state.closed or 0, False).startswith("closed 3 h")
    data = as_data(tmp_path, log.state, None, log.now, False)
    assert (data["clock"]["by"], data["clock"]["slack"]) == (None, None)


def test_before_the_first_event_nothing_is_read_from_a_window_that_is_not_open() -> None:
    plan = small_plan()
    state = initial(plan)
    start = plan.window.start.at
    assert start is not None
    reading = clock.read(state, start.timestamp() - 600)
    assert (reading.by, reading.slack, reading.no_return, reading.level) == (None, None, "", "good")
    assert (reading.start, reading.end) == (start.timestamp(), start.timestamp() + 4 * 3600)
    assert reading.words == "the window is not open yet"
    assert answer("go back", state, None, start.timestamp() - 600) == "the window is not open yet"


def test_while_something_is_undone_no_time_is_given_to_decide_on_it() -> None:
    log = Log().copied().does("mei", cmd.StartRollback(confirm="small", reason="p95"))
    assert answer("go back", log.state, None, log.now).startswith("going back now: 0 s of about")


def test_without_a_conductor_nobody_knows_whether_it_is_healthy() -> None:
    log = Log(plan_of(PLAIN))
    for host in "abcd":
        log.happens(ev.HostLink(host=host, link="up"))
    said = answer("healthy", log.state, None, log.now, running=False)
    assert said == "not known: no measurements, no conductor is running"


def test_what_never_answered_is_not_healthy() -> None:
    log = Log()
    frame = up(a={}, b={}, c={}, d={})
    frame = replace(frame, canaries={"health": CanaryFrame("healthy", True, 0.1, None, "", 1.0)})
    assert answer("healthy", log.state, frame, log.now) == "port no data · 4 hosts up"
    assert "          canary port no data" in as_lines(log.state, frame, log.now, True)
    silent = replace(frame, hosts={**frame.hosts, "b": HostFrame("up", "", None, None)})
    assert "1 host needs a look: b no sample yet" in answer("healthy", log.state, silent, log.now)


@pytest.mark.parametrize(
    ("units", "said"),
    [
        ({"x": "active", "y": "active"}, []),
        ({"x": "failed", "y": "active"}, ["a: x failed"]),
        ({"x": "unknown", "y": "active"}, ["a: x: unknown"]),
        ({"x": "not found", "y": "inactive"}, ["a: x not found; y inactive"]),
        ({}, ["a: x: no answer; y: no answer"]),
    ],
)
def test_a_unit_is_healthy_only_where_systemd_says_so(units: dict[str, str], said: list[str], tmp_path: Path) -> None:
    plan = plan_of(PLAIN, "a")
    plan = replace(
        plan, hosts={"a": replace(plan.hosts["a"], units=("x", "y"))}, canaries=(),
    )  # fmt: skip
    log = Log(plan)
    data = as_data(tmp_path, log.state, up(a=units), log.now, True)
    assert data["needs_a_look"] == said
    assert data["answers"]["healthy"].startswith("1 host needs a look: a x" if said else "1 host up")
    host = data["hosts"][0]
    assert host["units"] == {"x": "no answer", "y": "no answer"} | units


TWO = PLAIN + '[[steps]]\nid = "two"\ntitle = "Two"\non = "a"\nrun = "true"\nchanges = false\n'


def test_a_step_that_waits_for_one_that_was_rolled_back_says_so_and_that_one_says_why() -> None:
    log = Log(plan_of(TWO)).does("mei", cmd.Start(step="one")).batch("one", 0).ends("one", "a")
    log.happens(ev.StepFinished(step="one", attempt=1))
    log.asks_back("p95 doubled").undoing("one").undo_starts("one", "a").undo_ends("one", "a").undone("one").back()
    assert answer("where", log.state, None, log.now).endswith("two waits for one, which is rolled back")
    lines = as_lines(log.state, None, log.now, True)
    assert any(line.startswith("  rolled back  one") and line.endswith("(p95 doubled)") for line in lines)
    log.does("mei", cmd.Skip(step="one", reason="not tonight"))
    assert log.state.missing("two") == ()


def test_with_the_last_step_rolled_back_nobody_is_told_that_all_is_over() -> None:
    log = Log(plan_of(PLAIN)).does("mei", cmd.Start(step="one")).batch("one", 0).ends("one", "a")
    log.happens(ev.StepFinished(step="one", attempt=1))
    log.asks_back("p95 doubled").undoing("one").undo_starts("one", "a").undo_ends("one", "a").undone("one").back()
    assert answer("where", log.state, None, log.now).endswith("one rolled back: start again, skip, or close the window")


def test_a_step_in_trouble_names_its_hosts_and_why() -> None:
    log = Log(plan_of(PLAIN)).does("mei", cmd.Start(step="one")).batch("one", 0)
    log.happens(ev.TaskUnknown(step="one", host="a", attempt=1, reason="the link broke"))
    assert any("unknown on a: the link broke" in line for line in as_lines(log.state, None, log.now, True))
