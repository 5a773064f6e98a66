"""Limits are crossed once, after a while, and cleared once, after a while well below."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from upgrade_tui.fleet.sampling.limits import Limits
from upgrade_tui.plan.inventory import Host, Watch
from upgrade_tui.plan.model import Plan, Window
from upgrade_tui.units import Duration, Percent, When
from upgrade_tui.window.events import LimitCleared, LimitCrossed
from upgrade_tui.window.measurements import DiskSample, Sample

QUIET = Sample(0.0, 0, 0, 0, 2, 0, 0, 0, 100, 100, 0, 0, None, None, None, 0, 0, 0, 1.0)


def plan(**limits: float) -> Plan:
    return Plan(
        window=Window(id="w", title="w", start=When(None)),
        hosts={"a": Host(address="a"), "b": Host(address="b", limits={"cpu": Percent(50)})},
        watch=Watch(limits={k: Percent(v) for k, v in limits.items()}, sustain=Duration(5), clear=Percent(5)),
    )


def fed(limits: Limits, values: list[float], host: str = "a", start: float = 0.0) -> list[tuple[float, str]]:
    out = []
    for second, value in enumerate(values):
        ts = start + second
        events = limits.feed(host, msgspec.structs.replace(QUIET, ts=ts, cpu=value))
        out += [(ts, "crossed" if isinstance(event, LimitCrossed) else "cleared") for event in events]
    return out


def test_a_limit_is_crossed_once_after_having_stood_above_for_long_enough() -> None:
    assert fed(Limits(plan(cpu=90)), [95.0] * 30) == [(5.0, "crossed")]


def test_a_short_peak_crosses_nothing() -> None:
    assert fed(Limits(plan(cpu=90)), [95, 95, 95, 95, 10, 95, 95, 95, 95, 10] * 3) == []


def test_it_clears_once_after_as_long_well_below_and_not_just_below() -> None:
    values = [95.0] * 8 + [88.0] * 20 + [80.0] * 10
    assert fed(Limits(plan(cpu=90)), values) == [(5.0, "crossed"), (33.0, "cleared")]


def test_a_gap_in_the_samples_starts_the_count_anew() -> None:
    limits = Limits(plan(cpu=90))
    assert fed(limits, [95.0] * 4) == []
    assert fed(limits, [95.0] * 4, start=100.0) == []


def test_a_clock_that_goes_back_starts_the_count_anew() -> None:
    limits = Limits(plan(cpu=90))
    assert fed(limits, [95.0] * 4, start=1000.0) == []
    assert fed(limits, [95.0] * 7, start=10.0) == [(15.0, "crossed")]


def test_a_host_has_limits_of_its_own() -> None:
    assert fed(Limits(plan(cpu=90)), [60.0] * 9, host="b") == [(5.0, "crossed")]


def test_each_mount_has_a_limit_of_its_own_and_says_which() -> None:
    limits = Limits(plan(disk=85))
    disks = (DiskSample("/", 100, 90), DiskSample("/data", 100, 10), DiskSample("/gone", 0, 0, missing=True))
    events = [e for t in range(9) for e in limits.feed("a", msgspec.structs.replace(QUIET, ts=float(t), disks=disks))]
    assert events == [LimitCrossed(host="a", metric="disk", value=90.0, limit=85.0, what="/")]
    assert limits.crossed("a") == (("disk", "/"),)


def test_what_the_log_says_is_crossed_only_has_to_clear() -> None:
    limits = Limits(plan(cpu=90))
    limits.adopt("a", "cpu")
    assert fed(limits, [95.0] * 9 + [10.0] * 9) == [(14.0, "cleared")]


def test_a_host_without_limits_or_a_metric_without_value_says_nothing() -> None:
    limits = Limits(plan(psi_cpu=1))
    assert limits.feed("nobody", QUIET) == []
    assert [limits.feed("a", msgspec.structs.replace(QUIET, ts=float(t))) for t in range(9)] == [[]] * 9


@given(st.lists(st.floats(0, 100), max_size=80))
def test_crossed_and_cleared_take_turns(values: list[float]) -> None:
    limits = Limits(plan(cpu=50))
    kinds: list[type] = []
    for second, value in enumerate(values):
        kinds += [type(e) for e in limits.feed("a", msgspec.structs.replace(QUIET, ts=float(second), cpu=value))]
    assert kinds == [LimitCrossed, LimitCleared] * (len(kinds) // 2) + [LimitCrossed] * (len(kinds) % 2)
