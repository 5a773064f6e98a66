"""What the tour does next: a pure function of the window's state."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from upgrade_tui.demo.build import write_plan
from upgrade_tui.demo.site import Box, Site, host_names
from upgrade_tui.demo.tour import ATTEMPTS, next_move, remarks
from upgrade_tui.plan.diagnostics import Diagnostic
from upgrade_tui.plan.model import Plan
from upgrade_tui.plan.reader import check_plan
from upgrade_tui.window import commands as cmd
from upgrade_tui.window import events as ev
from upgrade_tui.window.commands import Actor, Refusal
from upgrade_tui.window.decide import decide
from upgrade_tui.window.events import Record
from upgrade_tui.window.fold import fold_all
from upgrade_tui.window.state import WindowState, initial


def checked(directory: Path, pace: float = 1.0) -> tuple[Plan | None, Sequence[Diagnostic]]:
    boxes = tuple(
        Box(name=name, role=role, address=f"127.0.0.{11 + n}", http_port=8000 + n, directory=directory / "hosts" / name)
        for n, (name, role) in enumerate(host_names())
    )
    site = Site(id="demo", directory=directory, pace=pace, boxes=boxes)
    write_plan(site, {box.name: 2200 + n for n, box in enumerate(boxes)})
    return check_plan((directory / "plan.toml").read_text(encoding="utf-8"), "plan.toml")


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    found, _ = checked(tmp_path)
    assert found is not None
    return found


class Told:
    """A window told event by event."""

    def __init__(self, plan: Plan) -> None:
        self.state: WindowState = initial(plan)
        self.records: list[Record] = []
        self.tell(
            ev.WindowOpened(window="w", plan_id="demo", plan_sha256="", start=0, end=2700, version="", host="", pid=1)
        )
        self.tell(*(self.verdict(c.name, "healthy", "no data") for c in plan.canaries))

    def tell(self, *events: ev.Event, actor: str = "ops") -> None:
        for event in events:
            seq = self.state.seq + 1
            record = Record(seq=seq, ts=float(seq), mono=float(seq), boot="b", actor=actor, event=event)
            self.records.append(record)
            self.state = fold_all(self.state.plan, [record], self.state)

    def do(self, command: cmd.AnyCommand) -> None:
        decision = decide(self.state, command, Actor("ops", "lead"), self.state.ts)
        assert not isinstance(decision, Refusal), decision
        self.tell(*decision)

    @staticmethod
    def verdict(canary: str, now: str, before: str) -> ev.CanaryVerdict:
        return ev.CanaryVerdict(canary=canary, verdict=now, before=before)  # type: ignore[arg-type]

    def finish(self, step: str, outcome: str = "done") -> None:
        """What hosts and runner would say of a step that was started."""
        attempt = self.state.steps[step].attempt
        for host in self.state.steps[step].tasks:
            self.tell(
                ev.TaskStarted(step=step, host=host, attempt=attempt),
                ev.TaskFinished(step=step, host=host, attempt=attempt, exit=0 if outcome == "done" else 1, seconds=1.0),
            )
        self.tell(ev.StepFinished(step=step, attempt=attempt))  # type: ignore[arg-type]

    def play(self, until: str | None = None) -> None:
        """Do what the tour says, with every step going well, up to the step ``until``."""
        while self.state.phase == "open" and self.state.current != until:
            spec = self.state.plan.step(self.state.current)
            if spec is not None and spec.kind == "gate" and self.state.shown(spec.id) == "ready":
                self.do(cmd.Start(step=spec.id))  # gates open by themselves
            move = next_move(self.state)
            if move is None:
                return
            self.do(move.command)
            if isinstance(move.command, cmd.Start):
                self.finish(move.command.step)


@pytest.mark.parametrize("pace", [1.0, 0.05, 3.0])
def test_the_demos_plan_is_right_at_every_pace(tmp_path: Path, pace: float) -> None:
    plan, diagnostics = checked(tmp_path, pace)
    assert plan is not None, diagnostics
    assert not diagnostics
    assert 12 <= len(plan.steps) <= 14
    assert len(plan.hosts) == 8


def test_where_all_goes_well_the_tour_completes_the_window(plan: Plan) -> None:
    told = Told(plan)
    told.play()
    assert (told.state.phase, told.state.outcome) == ("closed", "completed")
    assert all(step.state == "done" for step in told.state.steps.values())
    assert told.state.no_return == "contract"


def test_a_pause_is_waited_out_until_every_canary_is_healthy(plan: Plan) -> None:
    told = Told(plan)
    told.play(until="app")
    told.do(cmd.Start(step="app"))
    told.tell(
        told.verdict("web1 health", "failing", "healthy"),
        ev.WindowPaused(reason="web1"),
        ev.StepFinished(step="app", attempt=1),
    )
    assert next_move(told.state) is None
    told.tell(told.verdict("web1 health", "healthy", "failing"))
    move = next_move(told.state)
    assert move is not None
    assert isinstance(move.command, cmd.Resume)
    told.do(move.command)
    again = next_move(told.state)
    assert again is not None
    assert again.command == cmd.Start(step="app")


def test_nothing_is_started_while_a_canary_is_not_healthy(plan: Plan) -> None:
    told = Told(plan)
    told.play(until="contract")
    told.tell(told.verdict("orders kept", "degraded", "healthy"))
    assert next_move(told.state) is None


def test_the_point_of_no_return_is_confirmed_by_name(plan: Plan) -> None:
    told = Told(plan)
    told.play(until="contract")
    move = next_move(told.state)
    assert move is not None
    assert move.command == cmd.Start(step="contract", confirm="contract")


def test_a_step_that_keeps_failing_ends_the_window_as_abandoned(plan: Plan) -> None:
    told = Told(plan)
    told.play(until="backup")
    for _ in range(ATTEMPTS):
        told.do(cmd.Start(step="backup"))
        told.finish("backup", "failed")
    move = next_move(told.state)
    assert move is not None
    told.do(move.command)
    assert told.state.outcome == "abandoned"


def test_an_unproven_step_is_settled_before_it_is_run_again(plan: Plan) -> None:
    told = Told(plan)
    told.play(until="cache")
    told.do(cmd.Start(step="cache"))
    told.tell(
        ev.TaskStarted(step="cache", host="cache1", attempt=1),
        ev.TaskUnknown(step="cache", host="cache1", attempt=1, reason="the link broke"),
        ev.StepFinished(step="cache", attempt=1),
    )
    settle = next_move(told.state)
    assert settle is not None
    assert isinstance(settle.command, cmd.Settle)
    told.do(settle.command)
    again = next_move(told.state)
    assert again is not None
    assert again.command == cmd.Start(step="cache")


def test_remarks_wait_for_what_they_speak_of(plan: Plan) -> None:
    told = Told(plan)
    assert remarks(told.records) == set()
    told.tell(told.verdict("web1 health", "failing", "degraded"))
    assert remarks(told.records) == {"cold", "action"}
    told.tell(told.verdict("web1 health", "healthy", "failing"), ev.HostLink(host="cache1", link="lost"))
    assert remarks(told.records) == {"cold", "action", "warm"}
    told.tell(ev.HostLink(host="cache1", link="up"))
    assert "shaky" in remarks(told.records)
