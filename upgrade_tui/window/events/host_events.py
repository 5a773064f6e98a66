"""What is seen of hosts and canaries."""

from __future__ import annotations

from upgrade_tui.window.events.event_base import Base
from upgrade_tui.window.measurements import Link, Verdict

# -- hosts ------------------------------------------------------------------------------------------------------------


class HostLink(Base, frozen=True, kw_only=True, tag="host.link"):
    """The connection to a host changed state."""

    host: str
    link: Link
    detail: str = ""


class HostFacts(Base, frozen=True, kw_only=True, tag="host.facts"):
    """What a host said of itself when it came up."""

    host: str
    kernel: str
    boot_id: str
    cores: int
    memory: int  # bytes
    sampler: str
    skew: float | None = None  # seconds


class HostJobs(Base, frozen=True, kw_only=True, tag="host.jobs"):
    """Where this window's jobs live on a host: chosen there once, proven ours, and given back in every later call."""

    host: str
    place: str


class HostRebooted(Base, frozen=True, kw_only=True, tag="host.rebooted"):
    """The boot id is another one than before."""

    host: str
    before: str
    after: str


class LimitCrossed(Base, frozen=True, kw_only=True, tag="limit.crossed"):
    """A metric stood above its limit for the plan's ``for``. ``what`` names the mount for disk."""

    host: str
    metric: str
    value: float
    limit: float
    what: str = ""


class LimitCleared(Base, frozen=True, kw_only=True, tag="limit.cleared"):
    """That metric is well below its limit again."""

    host: str
    metric: str
    value: float
    limit: float
    what: str = ""


class HostExcluded(Base, frozen=True, kw_only=True, tag="host.excluded"):
    """A person took a host out of the rest of the window: what it has not begun is skipped there."""

    host: str
    reason: str


class UnitChanged(Base, frozen=True, kw_only=True, tag="unit.changed"):
    """A watched systemd unit changed its state. "restarting": it is, or was a moment ago, being started again."""

    host: str
    unit: str
    before: str
    after: str
    restarts: int = 0  # how often it was started again since it was told of last


# -- canaries ---------------------------------------------------------------------------------------------------------


class CanaryVerdict(Base, frozen=True, kw_only=True, tag="canary.verdict"):
    """The verdict on a canary changed."""

    canary: str
    verdict: Verdict
    before: Verdict
    detail: str = ""
    failures: int = 0  # in a row
    latency: float | None = None


HostEvent = (
    HostLink | HostFacts | HostJobs | HostRebooted | LimitCrossed | LimitCleared | HostExcluded | UnitChanged
    | CanaryVerdict
)  # fmt: skip
