"""Counters into rates; garbage into nothing."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from upgrade_tui.fleet.sampling import parse
from upgrade_tui.fleet.sampling.sample_builder import Splitter

LINE = (
    b'["S",100.5,[100,0,50,800,20,1,2,3],[0.5,0.4,0.3],[1000,100,400,50,250,10,200,150],[1.5,null,0.0],[5000,6000],7,'
    b"[[10,20,30],null]]"
)


def counters(**changed: object) -> parse.Counters:
    line = parse.sampler_line(LINE)
    assert isinstance(line, parse.Counters)
    return msgspec.structs.replace(line, **changed)


def sampled(before: parse.Counters, now: parse.Counters, **more: object) -> parse.Sample:
    known: dict[str, object] = {"ts": 1.0, "elapsed": 1.0, "cores": 2, **more}
    return parse.sample(before, now, **known)  # type: ignore[arg-type]


def test_shares_of_cpu_are_of_all_ticks() -> None:
    sample = sampled(counters(), counters(cpu=(110, 0, 60, 860, 40, 1, 2, 3)))
    assert (sample.cpu, sample.iowait, sample.steal) == (20.0, 20.0, 0.0)


def test_rates_are_per_second_of_the_hosts_own_uptime() -> None:
    now = counters(uptime=102.5, network=(7000, 6100), devices=((14, 20, 1030), None))
    sample = sampled(counters(), now, elapsed=9.0, mounts=(("/", 0), ("/nfs", None), ("/gone", 1)))
    assert (sample.received, sample.sent) == (1000.0, 50.0)
    assert (sample.disks[0].read, sample.disks[0].written, sample.disks[0].busy) == (2 * 512, 0.0, 50.0)
    assert (sample.disks[1].read, sample.disks[2].read) == (0.0, 0.0)


@pytest.mark.parametrize("uptime", [100.5, 3.0])
def test_an_uptime_that_does_not_move_on_is_replaced_by_our_own_clock(uptime: float) -> None:
    assert sampled(counters(), counters(uptime=uptime, network=(7000, 6000)), elapsed=2.0).received == 1000.0


def test_a_counter_that_wraps_at_32_bits_goes_on_and_one_that_restarts_is_nothing() -> None:
    before = counters(network=(2**32 - 100, 6000))
    sample = sampled(before, counters(uptime=101.5, network=(100, 50)))
    assert (sample.received, sample.sent) == (200.0, 0.0)


def test_ticks_that_go_backward_are_no_negative_load() -> None:
    sample = sampled(counters(), counters(cpu=(90, 0, 50, 810, 10, 1, 2, 3)))
    assert (sample.cpu, sample.iowait) == (0.0, 0.0)


def test_disk_use_comes_from_the_last_heard_and_a_missing_mount_is_missing() -> None:
    usage = {"/": parse.Usage(40, 100), "/data": None}
    disks = sampled(counters(), counters(), mounts=(("/", None), ("/data", None), ("/new", None)), usage=usage).disks
    assert [(d.percent, d.missing) for d in disks] == [(40.0, False), (0.0, True), (0.0, False)]


def test_a_core_that_came_since_counts_as_idle() -> None:
    before = parse.Cores(1, ((0, 10, 100), (1, 10, 100)))
    assert parse.busy_shares(before, parse.Cores(1, ((0, 60, 200), (2, 7, 9)))) == (50.0, 0.0)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_line_or_nothing(data: bytes) -> None:
    parse.sampler_line(data)


_json = st.recursive(
    st.none() | st.integers() | st.floats() | st.text(max_size=5) | st.booleans(),
    lambda s: st.lists(s, max_size=9),
    max_leaves=40,
)


@settings(max_examples=40)
@given(st.sampled_from("SCDUE"), st.lists(_json, max_size=8))
def test_any_line_that_is_taken_gives_samples_with_sane_shares(tag: str, rest: list[object]) -> None:
    line = parse.sampler_line(msgspec.json.encode([tag, *rest]))
    if isinstance(line, parse.Units):
        line.known(("a", "b"))
    if isinstance(line, parse.Disks):
        line.usage(("/", "/b"))


_count = st.integers(0, 2**63 - 1)
_counters = st.builds(
    parse.Counters,
    uptime=st.floats(0, 1e15),
    cpu=st.tuples(*[_count] * 8),
    load=st.tuples(*[st.floats(0, 1e15)] * 3),
    memory=st.tuples(_count, *[st.none() | _count] * 7),
    psi=st.tuples(*[st.none() | st.floats(0, 100)] * 3),
    network=st.tuples(_count, _count),
    tcp=_count,
    devices=st.lists(st.none() | st.tuples(_count, _count, _count), max_size=3).map(tuple),
)


@given(_counters, _counters, st.floats(0, 1e6))
def test_a_sample_is_made_of_any_two_counters(before: parse.Counters, now: parse.Counters, elapsed: float) -> None:
    sample = sampled(before, now, elapsed=elapsed, mounts=(("/", 0), ("/b", 2)))
    assert all(0 <= share <= 100 for share in (sample.cpu, sample.iowait, sample.steal, sample.memory))
    assert all(d.busy >= 0 and d.read >= 0 for d in sample.disks)
    assert sample.received >= 0


@given(st.lists(st.binary(max_size=40)))
def test_lines_come_out_whole_however_they_are_cut(chunks: list[bytes]) -> None:
    splitter = Splitter()
    got = [line for chunk in chunks for line in splitter.split(chunk)]
    assert got == b"".join(chunks).split(b"\n")[:-1]


def test_an_endless_line_is_dropped_and_the_next_is_heard() -> None:
    splitter = Splitter()
    for _ in range(100):
        assert splitter.split(b"x" * 4096) == []
    assert splitter.split(b"tail\nnext\n") == [b"next"]
    assert splitter.dropped == 1
