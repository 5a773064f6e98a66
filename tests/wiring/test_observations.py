"""What hosts and canaries report becomes an event where something changed, once; what merely varies does not."""

from __future__ import annotations

from typing import Any

import pytest

from upgrade_tui.canary.result import ProbeResult
from upgrade_tui.conductor.observations import Observations, write_observations
from upgrade_tui.fleet.sampling.limits import Limits
from upgrade_tui.plan.model import Plan
from upgrade_tui.plan.reader import parse_plan
from upgrade_tui.window import events as ev
from upgrade_tui.window.fold import fold
from upgrade_tui.window.measurements import HostDetail, Sample
from upgrade_tui.window.state import WindowState, initial

PLAN = """\
[window]
id = "w"
title = "W"
start = "now"
duration = "1h"
[hosts.a]
address = "10.0.0.1"
units = ["web"]
[watch]
limits = { cpu = "90%" }
for = "5s"
[[canaries]]
name = "health"
http = "http://10.0.0.1/"
on_fail = "pause"
[[steps]]
id = "one"
title = "One"
"""


class Store:
    """Remembers what it was given."""

    def __init__(self) -> None:
        self.samples: list[tuple[str, Sample]] = []
        self.probes: list[tuple[str, ProbeResult, str]] = []

    def put_sample(self, host: str, sample: Sample) -> None:
        self.samples.append((host, sample))

    def put_probe(self, canary: str, result: ProbeResult, verdict: str) -> None:
        self.probes.append((canary, result, verdict))


class Told:
    """The observations of a window in which ``before`` happened already, and what they note from then on."""

    def __init__(self, *before: ev.Event) -> None:
        self.plan: Plan = parse_plan(PLAN, "plan.toml")
        self.state: WindowState = initial(self.plan)
        for seq, event in enumerate(before, 1):
            self.state = fold(self.state, record(seq, event))
        self.noted: list[ev.Event] = []
        self.store = Store()
        self.observed = Observations(
            state=lambda: self.state, note=self.noted.append, telemetry=self.store,  # type: ignore[arg-type]
            limits=Limits(self.plan),
        )  # fmt: skip


def record(seq: int, event: ev.Event) -> ev.Record:
    return ev.Record(seq=seq, ts=float(seq), mono=float(seq), boot="b", actor="upgrade-tui", event=event)


OPENED = ev.WindowOpened(
    window="w-1", plan_id="w", plan_sha256="", start=0.0, end=3600.0, version="1", host="h", pid=1, origin="/", key=""
)  # fmt: skip
HEALTHY = ev.CanaryVerdict(canary="health", verdict="healthy", before="no data")


# -- links ------------------------------------------------------------------------------------------------------------


def test_a_link_is_told_when_it_changes_and_not_while_it_is_tried_again() -> None:
    told = Told(OPENED)
    told.observed.link("a", "connecting", "")
    told.observed.link("a", "lost", "no route")
    told.observed.link("a", "connecting", "")
    told.observed.link("a", "lost", "no route")
    told.observed.link("a", "lost", "timed out")  # lost is lost: another reason is no news
    told.observed.link("a", "up", "")
    told.observed.link("a", "up", "")
    assert told.noted == [ev.HostLink(host="a", link="lost", detail="no route"), ev.HostLink(host="a", link="up")]


def test_what_is_up_in_another_way_is_told() -> None:
    told = Told(OPENED)
    told.observed.link("a", "up", "")
    told.observed.link("a", "up", "by way of b")
    assert [getattr(event, "detail", "") for event in told.noted] == ["", "by way of b"]


def test_a_takeover_goes_on_from_what_the_log_says() -> None:
    told = Told(OPENED, ev.HostLink(host="a", link="lost", detail="no route"))
    told.observed.link("a", "lost", "no route")
    assert told.noted == []
    told.observed.link("a", "up", "")
    assert told.noted == [ev.HostLink(host="a", link="up")]


# -- facts ------------------------------------------------------------------------------------------------------------


def detail(boot: str = "b1", kernel: str = "Linux 6.1", skew: float | None = 0.04) -> HostDetail:
    return HostDetail(kernel, boot, "python3", skew, units={})


def test_who_a_host_is_is_told_once_and_a_skew_is_no_news() -> None:
    told = Told(OPENED)
    told.observed.facts("a", detail(), 4, 8 << 30)
    told.observed.facts("a", detail(skew=3.0), 4, 8 << 30)
    assert told.noted == [
        ev.HostFacts(host="a", kernel="Linux 6.1", boot_id="b1", cores=4, memory=8 << 30, sampler="python3", skew=0.0)
    ]


def test_another_boot_id_is_a_reboot_also_across_a_takeover() -> None:
    first = Told(OPENED)
    first.observed.facts("a", detail(), 4, 1)
    told = Told(OPENED, *first.noted)
    told.observed.facts("a", detail(boot="b2"), 4, 1)
    assert [type(event) for event in told.noted] == [ev.HostRebooted, ev.HostFacts]
    assert told.noted[0] == ev.HostRebooted(host="a", before="b1", after="b2")


@pytest.mark.parametrize("boots", [("", "b1"), ("b1", ""), ("b1", "b1")])
def test_a_boot_id_that_is_not_known_is_no_reboot(boots: tuple[str, str]) -> None:
    told = Told(OPENED)
    for boot in boots:
        told.observed.facts("a", detail(boot=boot), 4, 1)
    assert not any(isinstance(event, ev.HostRebooted) for event in told.noted)


@pytest.mark.parametrize(("kernel", "cores", "memory"), [("Linux 6.2", 4, 1), ("Linux 6.1", 8, 1), ("Linux 6.1", 4, 2)])
def test_what_a_host_is_now_is_told_where_it_differs(kernel: str, cores: int, memory: int) -> None:
    told = Told(OPENED)
    told.observed.facts("a", detail(), 4, 1)
    told.observed.facts("a", detail(kernel=kernel), cores, memory)
    assert [type(event) for event in told.noted] == [ev.HostFacts, ev.HostFacts]


# -- units ------------------------------------------------------------------------------------------------------------


def test_a_unit_is_told_when_it_changes_and_not_for_being_active_from_the_start() -> None:
    told = Told(OPENED)
    for state in ("active", "active", "failed", "failed", "active"):
        told.observed.detail("a", HostDetail(units={"web": state}))
    assert [(event.before, event.after) for event in told.noted if isinstance(event, ev.UnitChanged)] == [
        ("active", "failed"), ("failed", "active"),
    ]  # fmt: skip


def test_a_unit_that_is_not_active_from_the_start_is_told() -> None:
    told = Told(OPENED)
    told.observed.detail("a", HostDetail(units={"web": "failed"}))
    assert told.noted == [ev.UnitChanged(host="a", unit="web", before="", after="failed")]
    again = Told(OPENED, *told.noted)
    again.observed.detail("a", HostDetail(units={"web": "failed"}))
    assert again.noted == []


# -- samples and probes -----------------------------------------------------------------------------------------------


def sample(ts: float, cpu: float) -> Sample:
    return Sample(ts, cpu, 0.0, 0.0, 4, 0.0, 0.0, 0.0, 8, 4, 0, 0, None, None, None, 0.0, 0.0, 1, 100.0)


def test_each_sample_is_kept_and_a_limit_is_told_once_it_was_crossed_for_so_long() -> None:
    told = Told(OPENED)
    for second in range(8):
        told.observed.sample("a", sample(float(second), 95.0))
    assert [sample.ts for _, sample in told.store.samples] == [float(second) for second in range(8)]
    assert told.noted == [ev.LimitCrossed(host="a", metric="cpu", value=95.0, limit=90.0)]


def test_an_answer_is_kept_with_the_verdict_of_that_moment() -> None:
    told = Told(OPENED)
    answer = ProbeResult(True, 0.01, None, "200")
    told.observed.result("health", answer)
    told.observed.verdict(HEALTHY)
    told.observed.result("health", answer)
    assert told.store.probes == [("health", answer, "no data"), ("health", answer, "healthy")]
    assert told.noted == [HEALTHY]


# -- into the log -----------------------------------------------------------------------------------------------------


class Book:
    """What was written, in order; what was decided on, with the state that it was decided on."""

    def __init__(self, state: WindowState) -> None:
        self.state, self.said = state, list[Any]()

    async def write(self, events: list[ev.Event]) -> None:
        if events:
            self.said.append(list(events))
        for event in events:
            self.state = fold(self.state, record(self.state.seq + 1, event))

    async def transact(self, decide: Any) -> None:
        self.said.append((self.state.seq, tuple(decide(self.state))))


async def test_a_canary_that_fails_is_answered_behind_what_came_before_it_and_before_what_comes_after() -> None:
    told = Told(OPENED)
    book = Book(told.state)
    up, down = ev.HostLink(host="a", link="up"), ev.HostLink(host="a", link="lost", detail="no route")
    well = HEALTHY
    failing = ev.CanaryVerdict(canary="health", verdict="failing", before="healthy", detail="500")
    await write_observations(book, [up, well, failing, down])  # type: ignore[arg-type]
    before, answered, after = book.said
    assert (before, after) == ([up, well], [down])
    assert answered == (3, (failing,))  # decided on the state behind the three before it


async def test_nothing_reported_writes_nothing() -> None:
    book = Book(Told(OPENED).state)
    await write_observations(book, [])  # type: ignore[arg-type]
    assert book.said == []
