"""``decide`` over generated windows: total, and what it accepts is what then holds."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.window.small import ROLES, Log, small_plan
from tests.window.strategies import actors, calmly, commands, play, record_lists, windows
from upgrade_tui.window import commands as cmd
from upgrade_tui.window import events as ev
from upgrade_tui.window.commands import Actor, Refusal
from upgrade_tui.window.decide import decide
from upgrade_tui.window.fold import fold_all
from upgrade_tui.window.state import OVER, StepState, WindowState


@calmly
@given(record_lists(), commands(), actors(), st.floats(-1e12, 1e12))
def test_any_command_in_any_state_gets_an_answer(
    records: list[ev.Record], command: cmd.AnyCommand, actor: Actor, now: float
) -> None:
    decision = decide(fold_all(small_plan(), records), command, actor, now)
    if isinstance(decision, Refusal):
        assert decision.reason
    else:
        assert decision, "a yes is at least one event"


@calmly
@given(windows(), st.lists(st.tuples(commands(), st.sampled_from([*ROLES])), min_size=1, max_size=12))
def test_what_is_accepted_holds_afterwards(log: Log, wishes: list[tuple[cmd.AnyCommand, str]]) -> None:
    for command, login in wishes:
        before = log.state
        if not isinstance(log.ask(login, command), Refusal):
            _holds(command, login, before, log.state)


def _holds(command: cmd.AnyCommand, login: str, before: WindowState, after: WindowState) -> None:
    match command:
        case cmd.Start(step=step):
            assert after.steps[step].state == "running"
            assert after.steps[step].attempt == before.steps[step].attempt + 1
        case cmd.Tick(step=step) if before.steps[step].state == "rolling back":
            assert after.steps[step].state == "rolled back"
        case cmd.Tick(step=step):
            assert (after.steps[step].state, after.steps[step].by) == ("done", login)
        case cmd.Untick(step=step):
            assert after.steps[step].state == "pending"
        case cmd.Skip(step=step):
            assert (after.steps[step].state, after.steps[step].by) == ("skipped", login)
        case cmd.Claim(step=step, release=release):
            assert after.steps[step].claimed_by == ("" if release else login)
        case cmd.Note():
            assert len(after.notes) == len(before.notes) + 1
        case cmd.Settle(step=step, outcome=outcome, host=host):
            _settled(before.steps[step], after.steps[step], outcome, host)
        case cmd.Vote(step=step, go=go):
            assert after.steps[step].votes[login].go == go
            assert go or after.steps[step].state == "failed"
        case cmd.Abort():
            assert (after.phase, after.paused_by) == ("aborted", login)
        case cmd.Exclude(host=host):
            assert host in after.excluded
            tasks = [s.tasks[host] for s in after.steps.values() if host in s.tasks]
            assert not any(t.can_be_left_out for t in tasks), "nothing begins there any more"
        case cmd.StartRollback():
            _promised(before, after)
        case cmd.Confirm(step=step) | cmd.Extend(step=step) | cmd.Revert(step=step):
            assert any(a.asked for a in after.steps[step].armed.values())
        case cmd.Pause():
            assert (after.phase, after.paused_by) == ("paused", login)
        case cmd.Resume():
            assert after.phase == "open"
        case cmd.Close(outcome=outcome):
            assert (after.phase, after.outcome) == ("closed", outcome)


def _settled(before: StepState, after: StepState, outcome: str, host: str) -> None:
    """What somebody looked at is what they said; nothing is left unknown in silence."""
    under_way = before.state in ("running", "rolling back")
    for task in before.tasks.values():
        if task.state not in (("unknown",) if under_way else ("failed", "unknown", "unreachable")):
            continue
        if host in ("", task.host):
            said = {"done": "rolled back"}.get(outcome, outcome) if task.undo else outcome
            assert after.tasks[task.host].state == said
    if not under_way and all(t.state != "unknown" for t in after.tasks.values()):
        assert after.state != "unknown"


def _promised(before: WindowState, after: WindowState) -> None:
    """A rollback has something to do, only where something was done, and nothing goes forward from now on."""
    assert after.rollback is not None
    assert after.rolling_back
    assert after.rollback.undo
    for undo in after.rollback.undo:
        hosts = [h for batch in undo.batches for h in batch]
        assert len(hosts) == len(set(hosts))
        assert all(before.steps[undo.step].tasks[h].changed for h in hosts)
    order = [undo.step for undo in after.rollback.undo]
    for i, step in enumerate(order):
        assert not set(after.plan.needs(after.plan.step(step))) & set(order[:i]), "what stands on it goes first"  # type: ignore[arg-type]
    for step_id in after.steps:
        lead = Actor("mei", "lead")
        assert isinstance(
            decide(after, cmd.Start(step=step_id, confirm=step_id, override="x"), lead, after.ts), Refusal
        )


@calmly
@given(st.data())
def test_the_rules_hold_at_every_turn_of_a_window(data: st.DataObject) -> None:
    log = Log().does("tom", cmd.Tick(step="prep"))
    for _ in range(data.draw(st.integers(10, 50))):
        before, told = log.state, len(log.records)
        play(data.draw, log)
        for record in log.records[told:]:
            if isinstance(record.event, ev.StepIntent):
                _was_startable(before, record)
            if isinstance(record.event, ev.GateDecided):
                _was_decided(before, record, record.event)
            if isinstance(record.event, ev.StepIntent | ev.StepTicked) and record.event.override:
                assert ROLES[record.actor] == "lead"


def _was_startable(before: WindowState, record: ev.Record) -> None:
    event = record.event
    assert isinstance(event, ev.StepIntent)
    step = before.steps[event.step]
    assert before.phase == "open"
    assert not before.rolling_back
    assert before.missing(event.step) == ()
    assert step.state not in (*OVER, "running", "rolling back")
    tasks = [t for t in step.tasks.values() if not event.hosts or t.host in event.hosts]
    assert all(t.state not in ("unknown", "running") for t in tasks), "unknown is never rerun silently"


def _was_decided(before: WindowState, record: ev.Record, event: ev.GateDecided) -> None:
    voters = {login for login, vote in before.steps[event.step].votes.items() if vote.go} | {record.actor}
    assert not event.go or (len(voters & {"mei", "tom"}) >= 2 and not before.rolling_back)


@calmly
@given(commands())
def test_commands_survive_json_and_refuse_what_they_do_not_know(command: cmd.AnyCommand) -> None:
    line = msgspec.json.encode(command)
    assert msgspec.json.decode(line, type=cmd.AnyCommand) == command
    odd = msgspec.json.encode({**msgspec.json.decode(line), "typo": 1})
    with pytest.raises(msgspec.ValidationError, match="typo"):
        msgspec.json.decode(odd, type=cmd.AnyCommand)


@calmly
@given(record_lists(most=6))
def test_records_survive_json(records: list[ev.Record]) -> None:
    for record in records:
        assert msgspec.json.decode(msgspec.json.encode(record), type=ev.Record) == record
