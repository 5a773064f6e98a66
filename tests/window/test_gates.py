"""Gates: decided on the evidence that is open, by enough different people, in time."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.window.small import MINUTE, Log, plan_of, small_plan
from upgrade_tui.plan.model import Plan, Risk
from upgrade_tui.window import commands as cmd
from upgrade_tui.window import events as ev
from upgrade_tui.window.gate_card import card_lines, gate_card
from upgrade_tui.window.gates import open_gate


def _open() -> Log:
    return Log().copied().opens("go")


def _gate(more: str) -> Plan:
    return plan_of(f'[[steps]]\nid = "go"\nkind = "gate"\ntitle = "Go?"\n{more}\n')


# -- who ----------------------------------------------------------------------------------------------------------


def test_a_gate_is_passed_at_its_quorum_of_different_voters() -> None:
    log = _open()
    log.does("tom", log.vote("go"))
    assert log.step("go").state == "running"
    log.does("tom", log.vote("go", reason="still"))
    assert log.step("go").state == "running", "one voter twice is one vote"
    log.does("mei", log.vote("go"))
    assert (log.step("go").state, log.step("go").reason) == ("done", "go by mei, tom")
    assert "the vote is over" in log.refuses("tom", log.vote("go", go=False, reason="wait"))


def test_only_those_named_vote_only_on_gates_and_only_when_it_is_time() -> None:
    log = Log()
    assert "waits for copy" in log.refuses("mei", log.vote("go"))
    assert "not a gate" in log.refuses("mei", log.vote("prep"))
    log.copied()
    assert '"go" is not open; ask for a decision' in log.refuses("mei", log.vote("go"))
    log.opens("go")
    assert "ana has no vote on this gate; it is decided by mei, tom" in log.refuses("ana", log.vote("go"))


def test_without_by_leads_and_engineers_decide_and_observers_do_not() -> None:
    log = Log(_gate("approvals = 2")).opens("go")
    assert "observer" in log.refuses("eve", log.vote("go"))
    log.does("ana", log.vote("go")).does("tom", log.vote("go"))
    assert log.step("go").reason == "go by ana, tom"


def test_without_people_only_who_opened_the_window_decides() -> None:
    plan = replace(_gate("approvals = 1"), people={})
    log = Log(plan).opens("go")
    for stranger in ("tom", "ana"):
        assert f"{stranger} has no vote on this gate; it is decided by mei" in log.refuses(stranger, log.vote("go"))
    assert log.does("mei", log.vote("go")).step("go").reason == "go by mei"


def test_nobody_approves_their_own_request_where_others_can() -> None:
    log = Log(_gate("approvals = 1")).does("ana", cmd.Start(step="go"))
    assert "nobody approves their own request" in log.refuses("ana", log.vote("go"))
    assert log.does("tom", log.vote("go")).step("go").state == "done"


@pytest.mark.parametrize("gate", ['by = ["ana"]', 'by = ["mei", "ana"]\napprovals = 2'])
def test_who_asked_may_approve_where_the_others_are_not_enough(gate: str) -> None:
    log = Log(_gate(gate)).does("ana", cmd.Start(step="go"))
    log.does("ana", log.vote("go"))
    if log.step("go").state == "running":
        log.does("mei", log.vote("go"))
    assert log.step("go").state == "done"


def test_who_asked_may_still_say_no() -> None:
    log = Log(_gate("approvals = 1")).does("ana", cmd.Start(step="go"))
    assert log.does("ana", log.vote("go", go=False, reason="too hot")).step("go").state == "failed"


def test_a_gate_the_conductor_opened_was_asked_for_by_nobody() -> None:
    log = Log(_gate("approvals = 1")).opens("go")
    assert log.does("ana", log.vote("go")).step("go").reason == "go by ana"


# -- on what ------------------------------------------------------------------------------------------------------


def test_the_evidence_says_what_is_next_how_canaries_are_and_what_the_clock_will_read() -> None:
    log = Log().copied()
    log.happens(
        ev.CanaryVerdict(canary="health", verdict="degraded", before="healthy"),
        ev.LimitCrossed(host="b", metric="disk", what="/var", value=91.2, limit=85),
    )
    gate = log.opens("go").step("go").gate
    assert gate is not None
    assert gate.next == ("soak",)
    assert gate.canaries == {"health": "degraded", "port": "no data"}
    assert gate.alerts == ("b disk /var 91 %, limit 85 %",)
    assert gate.slack == log.reading().slack
    assert gate.slack_after == (gate.slack or 0) - 10 * MINUTE, "ten minutes of soaking"
    assert gate.until is None


def test_the_slack_after_an_irreversible_step_is_not_a_number() -> None:
    log = Log(_gate('[[steps]]\nid = "cut"\ntitle = "Cut"\nirreversible = true')).opens("go")
    gate = log.step("go").gate
    assert gate is not None
    assert (gate.next, gate.slack_after) == (("cut",), None)


def test_a_go_counts_only_for_the_evidence_that_is_open_now() -> None:
    log = _open()
    seen = log.vote("go")
    log.does("tom", log.vote("go", go=False, reason="lag")).opens("go")
    assert "other evidence" in log.refuses("mei", seen)
    assert "other evidence" in log.refuses("mei", cmd.Vote(step="go", go=True))
    log.does("mei", log.vote("go"))


def test_evidence_is_another_one_in_another_plan_attempt_or_place_in_the_log() -> None:
    log = Log().copied()
    seen = {open_gate(log.state, "go", log.now)[1].digest}
    assert open_gate(log.state, "go", log.now)[1].digest in seen, "the same evidence has the same digest"
    log.happens(ev.NoteAdded(text="lag is back"))
    seen.add(open_gate(log.state, "go", log.now)[1].digest)
    log.opens("go").finishes("go", "failed")
    seen.add(open_gate(log.state, "go", log.now)[1].digest)
    assert len(seen) == 3


def test_a_gate_that_is_asked_again_counts_from_nothing() -> None:
    log = _open()
    log.does("mei", log.vote("go"))
    assert "needs a reason" in log.refuses("tom", log.vote("go", go=False))
    log.does("tom", log.vote("go", go=False, reason="lag"))
    assert (log.step("go").state, log.step("go").reason) == ("failed", "no-go by tom: lag")
    assert "not open" in log.refuses("tom", log.vote("go"))
    log.does("mei", cmd.Start(step="go"))
    assert (log.step("go").attempt, dict(log.step("go").votes)) == (2, {})
    log.does("tom", log.vote("go"))
    assert log.step("go").state == "running"


def test_a_late_vote_on_evidence_that_was_replaced_is_not_counted() -> None:
    log = _open()
    old = log.vote("go").digest
    log.finishes("go", "failed").opens("go")
    log.happens(ev.GateVoted(step="go", go=True, digest=old), actor="mei")
    assert dict(log.step("go").votes) == {}


# -- when ---------------------------------------------------------------------------------------------------------


def test_votes_count_until_the_gates_time_is_over() -> None:
    log = Log(_gate('approvals = 2\ntimeout = "15m"')).opens("go").wait(15)
    log.does("tom", log.vote("go")).wait(0.1)
    assert "the time to decide" in log.refuses("ana", log.vote("go"))
    assert "the time to decide" in log.refuses("ana", log.vote("go", go=False, reason="late"))
    log.finishes("go", "failed").does("mei", cmd.Start(step="go"))
    log.does("tom", log.vote("go")).does("ana", log.vote("go"))
    assert log.step("go").state == "done"


@pytest.mark.parametrize("stop", [cmd.Pause(reason="canary"), cmd.Abort(confirm="small", reason="canary")])
def test_in_a_stopped_window_a_no_counts_and_a_go_does_not(stop: cmd.AnyCommand) -> None:
    log = _open().does("mei", stop)
    assert "canary" in log.refuses("mei", log.vote("go"))
    assert log.does("mei", log.vote("go", go=False, reason="canary")).step("go").state == "failed"


def test_a_rollback_ends_an_open_gate() -> None:
    log = _open()
    go = log.vote("go")
    log.asks_back()
    assert (log.step("go").state, log.step("go").reason) == ("failed", "stopped for the rollback of everything")
    assert '"go" is not open' in log.refuses("mei", go)


def test_what_was_decided_before_a_step_was_undone_is_asked_again_when_it_is_done_anew() -> None:
    """The go was for that work; what comes after it must not begin on a go for something else."""
    log = _open()
    log.does("tom", log.vote("go")).does("mei", log.vote("go")).does("mei", cmd.Start(step="soak")).finishes("soak")
    log.asks_back(step="copy").undoes("copy").back()
    assert log.step("go").state == "done", "what was decided is told as it was, until it counts again"
    log.does("mei", cmd.Start(step="copy"))
    assert [(s, log.step(s).state) for s in ("go", "soak", "prep")] == [
        ("go", "pending"), ("soak", "pending"), ("prep", "done"),
    ]  # fmt: skip
    assert "not ready" in log.refuses("mei", cmd.Start(step="drop", confirm="drop"))


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
def test_a_jump_of_the_wall_clock_moves_the_moments_that_were_given_as_so_much_time_from_now(jump: float) -> None:
    log = Log(_gate('timeout = "15m"')).opens("go")
    log.now += jump
    log.happens(ev.ClockJumped(seconds=jump))
    opened = log.step("go").gate
    assert opened is not None
    assert opened.until == log.now + 15 * MINUTE
    log.wait(14).does("mei", log.vote("go"))
    assert log.step("go").state == "done"


def test_a_jump_of_the_wall_clock_is_not_taken_from_an_armed_host() -> None:
    log = Log().happens(ev.DeadmanArmed(step="copy", host="a", attempt=1, seconds=300.0))
    log.happens(
        ev.DeadmanArmed(step="copy", host="b", attempt=1, seconds=300.0), ev.DeadmanConfirmed(step="copy", host="b")
    )
    before = log.step("copy").armed["b"].until
    log.now += 3600
    log.happens(ev.ClockJumped(seconds=3600.0))
    assert log.step("copy").armed["a"].until == log.now + 300
    assert log.step("copy").armed["b"].until == before


def test_a_risk_says_which_canaries_watch_it_and_whether_they_say_anything() -> None:
    plan = _gate("")
    risks = (
        Risk(title="slow", likelihood="low", impact="high", watch=("health", "port")),
        Risk(title="late", likelihood="low", impact="low"),
        Risk(title="owned", likelihood="low", impact="low", owner="tom", watch=("port",)),
    )
    canaries = small_plan().canaries
    log = Log(replace(plan, risks=risks, canaries=canaries))
    log.happens(ev.CanaryVerdict(canary="port", verdict="healthy", before="no data")).opens("go")
    shown = gate_card(log.state, "go", log.now)
    assert shown is not None
    lines = [line.strip() for line in card_lines(shown, log.now) if "risk:" in line]
    assert lines == [
        "risk: slow (low likelihood, high impact), watched by canary health, canary port; not known, no data: health",
        "risk: late (low likelihood, low impact), watched by nobody",
        "risk: owned (low likelihood, low impact), watched by tom, canary port",
    ]
    log.happens(ev.CanaryVerdict(canary="health", verdict="failing", before="no data"))
    shown = gate_card(log.state, "go", log.now)
    assert shown is not None
    assert "; SHOWS NOW: health" in "\n".join(card_lines(shown, log.now))


def test_the_card_names_units_that_keep_restarting_or_do_not_run() -> None:
    log = Log().copied().opens("go")
    log.happens(
        ev.UnitChanged(host="a", unit="api.service", before="active", after="restarting", restarts=4),
        ev.UnitChanged(host="b", unit="nginx.service", before="active", after="failed"),
        ev.UnitChanged(host="b", unit="cron.service", before="failed", after="active"),
    )
    shown = gate_card(log.state, "go", log.now)
    assert shown is not None
    assert shown.units == ("a unit api.service restarting", "b unit nginx.service failed")
    assert [line.strip() for line in card_lines(shown, log.now) if "unit" in line] == [
        "not running well: a unit api.service restarting", "not running well: b unit nginx.service failed",
    ]  # fmt: skip
    log.does("mei", cmd.Exclude(host="b", reason="out"))
    shown = gate_card(log.state, "go", log.now)
    assert shown is not None
    assert shown.units == ("a unit api.service restarting",)


def test_beyond_a_skipped_step_a_decision_stands_although_what_is_beneath_it_is_begun_anew() -> None:
    manual = '[[steps]]\nid = "{0}"\ntitle = "{0}"\nrollback = {{ manual = "back", estimate = "1m" }}\n'
    plan = plan_of(manual.format("a") + manual.format("b") + '[[steps]]\nid = "go"\nkind = "gate"\ntitle = "Go?"\n')
    log = Log(plan).does("tom", cmd.Tick(step="a")).does("mei", cmd.Skip(step="b", reason="not tonight"))
    log.opens("go").does("mei", log.vote("go"))
    log.happens(ev.StepIntent(step="a", attempt=2))
    assert log.step("go").state == "done"
    assert log.state.missing("go") == ()


def test_what_was_decided_on_a_step_is_open_again_once_that_is_begun_anew() -> None:
    plan = plan_of('[[steps]]\nid = "a"\ntitle = "a"\n[[steps]]\nid = "go"\nkind = "gate"\ntitle = "Go?"\n')
    log = Log(plan).does("tom", cmd.Tick(step="a")).opens("go")
    log.does("mei", log.vote("go")).happens(ev.StepIntent(step="a", attempt=2))
    assert log.step("go").state == "pending"
