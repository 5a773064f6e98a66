"""What is armed is told by ``status``, and a step that only waits to be confirmed is not done."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import msgspec

from tests.golden import golden
from tests.support_tui import recorded
from tests.tui.undo_sessions import happens
from tests.window.small import Log, plan_of
from upgrade_tui.cli.exits import Exit
from upgrade_tui.cli.status import as_data, as_lines
from upgrade_tui.window import commands as cmd
from upgrade_tui.window import events as ev
from upgrade_tui.window.answers import batches_text
from upgrade_tui.window.armed import asks_for_a_person, protection_words, unconfirmed


def _at(moment: float) -> str:
    return f"{moment:.0f}"


def test_status_says_where_it_is_armed_until_when_and_what_to_type() -> None:
    told = golden("armed")
    lines = as_lines(told.state, None, told.now, True)
    armed = next(line for line in lines if line.startswith("armed "))
    assert armed.startswith("armed     traffic is armed on lb1, lb2: confirm by ")
    assert armed.endswith(", else its hosts undo it: upgrade-tui confirm traffic")
    assert any(line.startswith("  armed        traffic") for line in lines)


def test_status_as_json_has_the_deadline_of_each_armed_host(tmp_path: Path) -> None:
    told = golden("armed")
    data = msgspec.json.decode(msgspec.json.encode(as_data(tmp_path, told.state, None, told.now, True)))
    step = next(step for step in data["steps"] if step["id"] == "traffic")
    assert (step["state"], [t["state"] for t in step["tasks"]]) == ("armed", ["armed", "armed"])
    assert [(a["host"], round((a["until"] - told.now) / 60)) for a in step["armed"]] == [("lb1", 6), ("lb2", 6)]


def test_a_step_that_is_armed_waits_for_a_person_and_says_until_when() -> None:
    told = golden("armed")
    step = told.state.steps["traffic"]
    assert asks_for_a_person(told.state, "traffic")
    until = unconfirmed(step)[0][1].until
    assert protection_words(step, _at) == f"armed on lb1, lb2: confirm by {until:.0f}, else its hosts undo it"
    assert not asks_for_a_person(told.state, "api")
    assert protection_words(told.state.steps["api"], _at) == ""


def test_armed_held_and_undone_have_exit_codes_of_their_own() -> None:
    assert (Exit.ARMED, Exit.HELD, Exit.UNDONE) == (3, 4, 5)


def test_status_says_the_deadline_of_each_armed_host_and_what_is_in_the_way() -> None:
    session = recorded("armed")
    happens(session, ev.DeadmanExtended(step="traffic", host="lb2", seconds=1800))
    happens(session, ev.DeadmanAsked(step="traffic", hosts=("lb2",), what="cancel"))
    happens(session, ev.HostLink(host="lb1", link="lost", detail="keepalive timed out"))
    lines = as_lines(session.state, None, session.now(), True)
    at = next(i for i, line in enumerate(lines) if line.startswith("armed "))
    until = {host: a.until for host, a in session.state.steps["traffic"].armed.items()}
    first, second = (f"{datetime.fromtimestamp(until[host]).astimezone():%H:%M:%S}" for host in ("lb1", "lb2"))
    assert lines[at + 1] == f"          lb1: {first}; lb1 is lost: it cannot be told"
    assert lines[at + 2] == f"          lb2: {second}; is being told to undo it"


def test_status_says_what_could_kill_a_dead_man_and_that_its_time_is_over() -> None:
    session = recorded("armed")
    risk = "a reboot of the host is scheduled"
    happens(session, ev.DeadmanArmed(step="traffic", host="lb1", attempt=1, seconds=60, risk=risk))
    said = "\n".join(as_lines(session.state, None, session.now(), True))
    assert f"; AT RISK: {risk}" in said
    late = "\n".join(as_lines(session.state, None, session.now() + 61, True))
    assert "; its time is over, and what it did is not known yet" in late


ARMED = """
[[steps]]
id = "net"
title = "Net"
on = ["a", "b"]
run = "net"
batches = [2]
timeout = "1m"
confirm_within = "10m"
rollback = { run = "back", estimate = "1m" }
"""


def _armed_before_it_began() -> Log:
    """Host a is armed, and nothing was sent to either host yet."""
    log = Log(plan_of(ARMED)).does("tom", cmd.Start(step="net"))
    return log.happens(
        ev.BatchStarted(step="net", attempt=1, batch=0), ev.DeadmanArmed(step="net", host="a", attempt=1, seconds=600)
    )


def _begins(log: Log, host: str) -> Log:
    return log.happens(ev.TaskStarted(step="net", host=host, attempt=1, batch=0))


def test_nobody_is_asked_to_confirm_before_the_whole_batch_has_ended() -> None:
    log = _armed_before_it_began()
    assert not asks_for_a_person(log.state, "net"), "armed right before its change: that is about to begin"
    _begins(log, "a").ends("net", "a")
    assert not asks_for_a_person(log.state, "net"), "b is about to begin"
    log.happens(ev.DeadmanArmed(step="net", host="b", attempt=1, seconds=600))
    _begins(log, "b").ends("net", "b")
    assert asks_for_a_person(log.state, "net")


def test_in_a_paused_window_what_is_armed_asks_for_a_person_though_hosts_are_left() -> None:
    log = _begins(_armed_before_it_began(), "a").ends("net", "a").does("tom", cmd.Pause(reason="look"))
    assert asks_for_a_person(log.state, "net")


def test_an_armed_host_is_not_counted_as_done() -> None:
    log = _begins(_armed_before_it_began(), "a").ends("net", "a")
    assert batches_text(log.step("net")) == "0/2 hosts done, 1 armed"
    log.does("tom", cmd.Confirm(step="net")).happens(ev.DeadmanConfirmed(step="net", host="a"))
    assert batches_text(log.step("net")) == "1/2 hosts done"


def test_what_cannot_be_confirmed_any_more_says_what_became_of_it() -> None:
    log = _begins(_armed_before_it_began(), "a").ends("net", "a")
    log.happens(ev.DeadmanFired(step="net", host="a", exit=0))
    assert "a undid it by itself" in log.refuses("tom", cmd.Confirm(step="net"))


def test_nobody_is_asked_to_confirm_before_the_check_has_said_something() -> None:
    log = Log(plan_of(ARMED.replace('run = "net"', 'run = "net"\ncheck = "works"')))
    log.does("tom", cmd.Start(step="net")).happens(ev.BatchStarted(step="net", attempt=1, batch=0))
    for host in "ab":
        log.happens(ev.DeadmanArmed(step="net", host=host, attempt=1, seconds=600))
        _begins(log, host)
    log.ends("net", "ab").happens(ev.TaskChecked(step="net", host="a", attempt=1, exit=0))
    assert not asks_for_a_person(log.state, "net"), "the check on b may still fail"
    log.happens(ev.TaskChecked(step="net", host="b", attempt=1, exit=0))
    assert asks_for_a_person(log.state, "net")
