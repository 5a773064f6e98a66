"""``fold`` is total, splits anywhere, and never touches the state it is given."""

from __future__ import annotations

import copy

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.window.small import Log, small_plan
from tests.window.strategies import EVENTS, calmly, events, record_lists, structs, windows
from upgrade_tui.plan.model import Plan
from upgrade_tui.window import clock
from upgrade_tui.window import commands as cmd
from upgrade_tui.window import events as ev
from upgrade_tui.window.fold import fold, fold_all
from upgrade_tui.window.sentences import about, sentence
from upgrade_tui.window.state import WindowState, initial, role_of

PLAN = small_plan()
_ABOUT = [
    (kind, field)
    for kind in EVENTS
    for field in ("step", "host", "canary")
    if field in kind.__struct_fields__ and kind not in (ev.WindowOpened, ev.ConductorStarted)  # type: ignore[attr-defined]
]


@calmly
@given(record_lists())
def test_any_events_fold_to_a_state_that_can_be_read(records: list[ev.Record]) -> None:
    state = fold_all(PLAN, records)
    assert state.seq == len(records)
    assert state.steps.keys() == {s.id for s in PLAN.steps}
    assert state.hosts.keys() == PLAN.hosts.keys()
    assert state.canaries.keys() == {c.name for c in PLAN.canaries}
    assert state.current in {"", *state.steps}
    assert state.no_return in {"", *state.steps}
    for step_id in state.steps:
        assert (state.shown(step_id) == "ready") == (
            state.steps[step_id].state == "pending" and not state.missing(step_id)
        )
        assert 0 <= state.steps[step_id].touched() <= len(state.steps[step_id].tasks)


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
@settings(calmly, max_examples=6)
@given(data=st.data())
def test_every_kind_of_event_folds_at_any_time(kind: type, data: st.DataObject) -> None:
    state = data.draw(windows(most=8)).state
    record = ev.Record(seq=state.seq + 1, ts=1.0, mono=1.0, boot="b", actor="mei", event=data.draw(structs(kind)))
    after = fold(state, record)
    assert (after.seq, after.ts) == (record.seq, 1.0)


@calmly
@given(record_lists(), st.data())
def test_a_log_split_anywhere_folds_to_the_same_state(records: list[ev.Record], data: st.DataObject) -> None:
    whole = fold_all(PLAN, records)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(records)), max_size=3)))
    state = initial(PLAN)
    for start, end in zip([0, *cuts], [*cuts, len(records)], strict=True):
        state = fold_all(PLAN, records[start:end], state)
    assert state == whole


@calmly
@given(windows(), st.data())
def test_a_real_window_split_anywhere_folds_to_the_same_state(log: Log, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(log.records)))
    assert fold_all(PLAN, log.records[cut:], fold_all(PLAN, log.records[:cut])) == log.state


@calmly
@given(record_lists(most=8), events())
def test_fold_leaves_the_state_it_was_given_alone(records: list[ev.Record], event: ev.Event) -> None:
    state = fold_all(PLAN, records)
    before = copy.deepcopy(msgspec.to_builtins(_without_plan(state)))
    record = ev.Record(seq=99, ts=5.0, mono=5.0, boot="b", actor="mei", event=event)
    first = fold(state, record)
    assert msgspec.to_builtins(_without_plan(state)) == before
    assert fold(state, record) == first


@calmly
@given(st.data())
def test_events_about_what_the_plan_does_not_have_change_nothing(data: st.DataObject) -> None:
    kind, field = data.draw(st.sampled_from(_ABOUT))
    others = {"host": ""} if kind is ev.NoteAdded and field == "step" else {}
    event = data.draw(structs(kind, **{field: f"no such {field}"}, **others))
    log = Log()
    before = log.state
    log.happens(event)
    if isinstance(event, ev.NoteAdded):
        assert log.state.notes == (event,)
    elif isinstance(event, ev.ClockCrossed):
        assert event.what in log.state.crossed
    elif isinstance(event, ev.RollbackRequested):  # its canary is only the reason
        assert log.state.rollback is not None
    else:
        assert msgspec.structs.replace(log.state, seq=before.seq, ts=before.ts) == before


@calmly
@given(events())
def test_every_event_reads_as_one_harmless_line(event: ev.Event) -> None:
    said = sentence(event)
    assert said
    assert all(c.isprintable() or ord(c) > 0x9F for c in said), repr(said)
    assert "\n" not in said
    assert about(event)[0] in ("", "step", "host", "canary")


@calmly
@given(windows())
def test_the_log_alone_tells_the_state_after_a_trip_through_json(log: Log) -> None:
    lines = [msgspec.json.encode(record) for record in log.records]
    again = [msgspec.json.decode(line, type=ev.Record) for line in lines]
    assert again == log.records
    assert fold_all(PLAN, again) == log.state


def test_the_deadline_marks_imply_the_looser_ones() -> None:
    log = Log().happens(ev.ClockCrossed(what="T-5", slack=200.0))
    assert log.state.crossed == {"T-30", "T-10", "T-5"}


def test_a_pause_after_the_end_does_not_open_the_window_again() -> None:
    log = Log().does("mei", cmd.Close(confirm="small", outcome="abandoned", reason="storm"))
    log.happens(ev.WindowPaused(reason="late canary"), ev.WindowResumed())
    assert (log.state.phase, log.state.outcome, log.state.reason) == ("closed", "abandoned", "storm")


def test_a_takeover_forgets_the_clients_and_nothing_else() -> None:
    log = Log().prepared().does("mei", cmd.Start(step="copy")).batch("copy", 0)
    log.happens(ev.OperatorAttached(login="mei", role="lead", client=1))
    before = log.state
    log.happens(ev.ConductorStarted(pid=2, host="h", version="1"))
    assert log.state.operators == {}
    assert log.state.takeovers == 1
    assert log.state.steps == before.steps


def test_alerts_stand_until_they_clear_each_mount_for_itself() -> None:
    crossed = [ev.LimitCrossed(host="a", metric="disk", what=w, value=90, limit=85) for w in ("/", "/var")]
    log = Log().happens(*crossed, ev.LimitCleared(host="a", metric="disk", what="/", value=70, limit=85))
    assert list(log.state.hosts["a"].alerts) == ["disk /var"]


def test_a_canary_counts_how_often_it_failed() -> None:
    log = Log()
    for verdict in ("failing", "healthy", "failing"):
        log.happens(ev.CanaryVerdict(canary="health", verdict=verdict, before="healthy"))
    assert (log.state.canaries["health"].verdict, log.state.canaries["health"].troubles) == ("failing", 2)


def test_roles_come_from_the_plan_and_without_people_the_opener_leads() -> None:
    assert [role_of(PLAN, login, "eve") for login in ("mei", "tom", "eve", "stranger")] == [
        "lead", "engineer", "observer", "observer",
    ]  # fmt: skip
    nobody: Plan = msgspec.structs.replace(PLAN, people={})
    assert (role_of(nobody, "joe", "joe"), role_of(nobody, "ann", "joe")) == ("lead", "observer")


@calmly
@given(record_lists(), st.floats(-1e12, 1e12))
def test_the_clock_reads_any_state_at_any_time(records: list[ev.Record], now: float) -> None:
    state = fold_all(PLAN, records)
    reading = clock.read(state, now)
    assert reading.words
    assert reading.level in clock.CLOCK_LEVELS
    assert all(isinstance(c, ev.ClockCrossed) for c in clock.crossings(state, reading))
    for spec in PLAN.steps:
        clock.after(state, spec, now)


def _without_plan(state: WindowState) -> dict[str, object]:
    parts = {name: getattr(state, name) for name in state.__struct_fields__ if name != "plan"}
    return {**parts, "crossed": sorted(state.crossed)}
