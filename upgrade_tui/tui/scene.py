"""What a paint goes by: everything the views need of a session, at one moment. Pure values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from upgrade_tui.attach.session import Session
from upgrade_tui.plan.model import Role
from upgrade_tui.window.events import Record
from upgrade_tui.window.glance import Glance, plan_zone


class Scene(Glance, frozen=True, kw_only=True):
    """A session at ``now``: the window, and who looks at it since when."""

    records: Sequence[Record]
    login: str
    role: Role
    outcomes: Mapping[int, str] = {}  # seq of an attempt's end -> what it brought its step to
    lost_at: float | None = None


def scene_of(session: Session, lost_at: float | None = None) -> Scene:
    """The session at this moment."""
    return Scene(
        state=session.state, records=session.records, frame=session.frame, frame_age=session.frame_age(),
        details=session.details, now=session.now(), login=session.login, role=session.role, lost=session.trouble,
        lost_at=lost_at, zone=plan_zone(session.plan), outcomes=session.outcomes,
    )  # fmt: skip
