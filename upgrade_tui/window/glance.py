"""A window at one moment: what its log says and what is measured then. Everything that is shown goes by it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo

from msgspec import Struct

from upgrade_tui.plan.model import Plan
from upgrade_tui.window.measurements import Frame, HostDetail, HostFrame
from upgrade_tui.window.state import WindowState

STALE = 3.0  # seconds after which what was measured is of the past


class Glance(Struct, frozen=True, kw_only=True):
    """A window at ``now`` (epoch seconds). ``frame_age`` in seconds; ``lost`` says why there is no conductor."""

    state: WindowState
    now: float
    frame: Frame | None = None
    frame_age: float | None = None
    details: Mapping[str, HostDetail] = {}
    lost: str | None = None
    zone: tzinfo | None = None  # None: this machine's

    @property
    def plan(self) -> Plan:
        """The frozen plan."""
        return self.state.plan

    @property
    def stale(self) -> bool:
        """No fresh frame: what is shown of hosts and canaries is of the past."""
        return self.frame is None or self.frame_age is None or self.frame_age >= STALE

    def host(self, name: str) -> HostFrame | None:
        """What the last frame says of a host."""
        return self.frame.hosts.get(name) if self.frame is not None else None

    def aged(self, age: float | None) -> float | None:
        """Seconds now since what was so old in the last frame; None: there never was any."""
        return None if age is None else age + (self.frame_age or 0.0)

    def time(self, ts: float, *, seconds: bool = True) -> str:
        """A moment on the clock that the plan goes by; with the day where it is not within 20 h of now."""
        text = self.moment(ts).strftime("%H:%M:%S" if seconds else "%H:%M")
        return text if abs(ts - self.now) < 20 * 3600 else f"{self.moment(ts):%b %d} {text}"

    def moment(self, ts: float) -> datetime:
        """A moment in the window's time zone."""
        utc = datetime.fromtimestamp(ts, UTC)
        return utc.astimezone(self.zone)


def plan_zone(plan: Plan) -> tzinfo | None:
    """The offset that the plan's times are written in: what people agreed on. None for a drill: this machine's."""
    at = plan.window.start.at
    return at.tzinfo if at is not None else None
