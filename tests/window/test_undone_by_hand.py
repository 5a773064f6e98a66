"""A command step whose rollback is a person's work: the person's tick ends it."""

from __future__ import annotations

from tests.golden import golden
from upgrade_tui.window import commands as cmd
from upgrade_tui.window import events as ev
from upgrade_tui.window.commands import Actor, Refusal
from upgrade_tui.window.decide import decide
from upgrade_tui.window.fold import fold
from upgrade_tui.window.state import WindowState


def happens(state: WindowState, event: ev.Event, actor: str = ev.SYSTEM) -> WindowState:
    ts = state.ts + 60.0
    return fold(state, ev.Record(seq=state.seq + 1, ts=ts, mono=ts, boot="b", actor=actor, event=event))


def test_a_tick_ends_the_manual_rollback_of_a_command_on_all_its_hosts() -> None:
    state = golden("trouble").state
    command = cmd.StartRollback(confirm=state.plan.window.id, step="backup", reason="the volume is needed")
    asked = decide(state, command, Actor("mei", "lead"), state.ts)
    assert not isinstance(asked, Refusal)
    for event in asked:
        state = happens(state, event, "mei")
    state = happens(state, ev.RollbackStarted(step="backup", reason="x", batches=(("db1",),)))
    ticked = decide(state, cmd.Tick(step="backup"), Actor("tom", "engineer"), state.ts)
    assert not isinstance(ticked, Refusal)
    for event in ticked:
        state = happens(state, event, "tom")
    step = state.steps["backup"]
    assert step.state == "rolled back"
    assert step.tasks["db1"].state == "rolled back"
    assert step.tasks["db1"].settled_by == "tom"


def test_a_tick_does_not_end_a_rollback_that_runs_as_a_command() -> None:
    state = golden("trouble").state
    state = happens(state, ev.RollbackStarted(step="pg-switch", reason="x", batches=(("db1",),)))
    assert isinstance(decide(state, cmd.Tick(step="pg-switch"), Actor("mei", "lead"), state.ts), Refusal)
