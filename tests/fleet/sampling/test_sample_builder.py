"""What a meter says of units that nobody tells of."""

from __future__ import annotations

import pytest

from upgrade_tui.fleet.sampling import sample_builder
from upgrade_tui.fleet.sampling.host_facts import HostDescription
from upgrade_tui.fleet.sampling.sample_builder import SampleBuilder
from upgrade_tui.plan.inventory import Host
from upgrade_tui.window.measurements import HostDetail


class Still:
    """Clocks that stand where a test puts them."""

    def __init__(self) -> None:
        self.now = 100.0

    def wall(self) -> float:
        return self.now

    def mono(self) -> float:
        return self.now


@pytest.mark.parametrize("answered", [False, True])
def test_units_that_systemd_does_not_tell_of_become_unknown_also_where_it_never_answered(answered: bool) -> None:
    clock, told = Still(), list[HostDetail]()
    host = Host(address="local", units=("nginx", "sshd"))
    measured = SampleBuilder(
        host, HostDescription(), "python3", clock, skew=None, on_sample=lambda sample: None, on_detail=told.append
    )  # fmt: skip
    if answered:
        measured.feed([b'["U",[["active",0,1],["failed",0,1]]]'])
        assert told[-1].units == {"nginx": "active", "sshd": "failed"}
    measured.feed([b'["C",null,[[0,1,2]]]'])
    assert "unknown" not in told[-1].units.values()
    clock.now += sample_builder.SLOW_KEPT + 1
    measured.feed([b'["C",null,[[0,2,4]]]'])
    assert told[-1].units == {"nginx": "unknown", "sshd": "unknown"}


def test_a_host_without_watched_units_has_none_that_are_unknown() -> None:
    clock, told = Still(), list[HostDetail]()
    measured = SampleBuilder(
        Host(address="local"),
        HostDescription(),
        "python3",
        clock,
        skew=None,
        on_sample=lambda s: None,
        on_detail=told.append,
    )
    clock.now += sample_builder.SLOW_KEPT + 1
    measured.feed([b'["C",null,[[0,2,4]]]'])
    assert told[-1].units == {}
