"""A limit that stands crossed is shown with the newest value there is."""

from __future__ import annotations

from msgspec.structs import replace

from tests.golden import golden
from tests.window.small import Log
from upgrade_tui.window import events as ev
from upgrade_tui.window.health import over_limits
from upgrade_tui.window.measurements import DiskSample, HostFrame


def test_each_limit_has_the_newest_value_of_what_it_is_about() -> None:
    log = Log().happens(
        ev.LimitCrossed(host="a", metric="memory", value=91.0, limit=85.0),
        ev.LimitCrossed(host="a", metric="disk", what="/var", value=91.0, limit=85.0),
        ev.LimitCrossed(host="a", metric="disk", what="/gone", value=92.0, limit=85.0),
    )
    sample = next(h.sample for h in golden("rollout").frame.hosts.values() if h.sample is not None)
    disks = (DiskSample("/", 100, 10), DiskSample("/var", 100, 88))
    sample = replace(sample, memory_total=100, memory_available=3, disks=disks)
    host = log.state.hosts["a"]
    assert over_limits(host, HostFrame("up", "", 0.0, sample)) == [
        ("memory 97 %", 85.0), ("disk /var 88 %", 85.0), ("disk /gone 92 %", 85.0),
    ]  # fmt: skip
    assert [value for value, _ in over_limits(host, None)] == ["memory 91 %", "disk /var 91 %", "disk /gone 92 %"]
