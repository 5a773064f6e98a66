"""What is written of units: their state where it changed, and how often they were started again meanwhile."""

from __future__ import annotations

from tests.conductor import support
from upgrade_tui.conductor.observations import Observations
from upgrade_tui.fleet.sampling.limits import Limits
from upgrade_tui.plan.reader import parse_plan
from upgrade_tui.window import events as ev
from upgrade_tui.window.measurements import HostDetail
from upgrade_tui.window.sentences import sentence
from upgrade_tui.window.state import initial


def told(*details: HostDetail) -> list[str]:
    plan = parse_plan(support.PLAN, "plan.toml")
    noted: list[ev.Event] = []
    facts = Observations(state=lambda: initial(plan), note=noted.append, telemetry=None, limits=Limits(plan))  # type: ignore[arg-type]
    for detail in details:
        facts.detail("a", detail)
    return [sentence(event) for event in noted]


def of(state: str, restarts: int = 0) -> HostDetail:
    return HostDetail(units={"web": state}, restarts={"web": restarts} if restarts else {})


def test_how_often_a_unit_was_started_again_is_told_once() -> None:
    assert told(of("active"), of("restarting", 1), of("restarting", 9), of("active", 9), of("failed", 9)) == [
        "a: unit web is restarting, was active, started again 1 time",
        "a: unit web is active, was restarting, started again 8 times",
        "a: unit web is failed, was active",
    ]


def test_a_new_connection_counts_anew() -> None:
    assert told(of("restarting", 5), of("active", 2)) == [
        "a: unit web is restarting, started again 5 times",
        "a: unit web is active, was restarting, started again 2 times",
    ]
