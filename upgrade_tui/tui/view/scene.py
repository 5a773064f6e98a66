"""What a paint goes by: everything the views need of a session, at one moment. Pure values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo

from msgspec import Struct

from upgrade_tui.conductor.session import Session
from upgrade_tui.plan.model import Plan, Role
from upgrade_tui.window.events import Record
from upgrade_tui.window.state import WindowState
from upgrade_tui.window.telemetry import Frame, HostDetail, HostFrame

STALE = 3.0  # seconds after which a sample is shown as stale


class Scene(Struct, frozen=True, kw_only=True):
    """A session at ``now`` (epoch seconds). ``frame_age`` in seconds; ``lost`` says why there is no conductor."""

    state: WindowState
    records: Sequence[Record]
    frame: Frame | None
    frame_age: float | None
    details: Mapping[str, HostDetail]
    now: float
    login: str
    role: Role
    outcomes: Mapping[int, str] = {}  # seq of an attempt's end -> what it brought its step to
    lost: str | None = None
    lost_at: float | None = None
    zone: tzinfo | None = None  # None: this machine's

    @property
    def plan(self) -> Plan:
        return self.state.plan

    @property
    def stale(self) -> bool:
        """No fresh frame: what is shown of hosts and canaries is of the past."""
        return self.frame is None or self.frame_age is None or self.frame_age >= STALE

    def host(self, name: str) -> HostFrame | None:
        """What the last frame says of a host."""
        return self.frame.hosts.get(name) if self.frame is not None else None

    def time(self, ts: float, *, seconds: bool = True) -> str:
        """A moment on the clock that the plan goes by; with the day where it is not within 20 h of now."""
        text = self.moment(ts).strftime("%H:%M:%S" if seconds else "%H:%M")
        return text if abs(ts - self.now) < 20 * 3600 else f"{self.moment(ts):%b %d} {text}"

    def moment(self, ts: float) -> datetime:
        """A moment in the window's time zone."""
        utc = datetime.fromtimestamp(ts, UTC)
        return utc.astimezone(self.zone)


def zone_of(plan: Plan) -> tzinfo | None:
    """The offset that the plan's times are written in: what people agreed on. None for a drill: this machine's."""
    at = plan.window.start.at
    return at.tzinfo if at is not None else None


def scene_of(session: Session, lost_at: float | None = None) -> Scene:
    """The session at this moment."""
    return Scene(
        state=session.state, records=session.records, frame=session.frame, frame_age=session.frame_age(),
        details=session.details, now=session.now(), login=session.login, role=session.role, lost=session.trouble,
        lost_at=lost_at, zone=zone_of(session.plan), outcomes=session.outcomes,
    )  # fmt: skip
