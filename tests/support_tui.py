"""Golden windows as sessions, with a believable last minute: for screen tests and pictures. No clock is read."""

from __future__ import annotations

import math
from collections.abc import Iterator

from msgspec.structs import replace

from tests.golden import golden
from upgrade_tui.attach.session import Session
from upgrade_tui.plan.model import Role
from upgrade_tui.tui.recent import RecentFrames
from upgrade_tui.window.commands import AnyCommand, Refusal
from upgrade_tui.window.measurements import CanaryFrame, Frame, HostFrame


class Recording(Session):
    """A session that takes every command, and remembers it. ``answers`` are given first."""

    sent: list[AnyCommand]
    asked: list[object]
    answers: list[Refusal | None]

    def frame_age(self) -> float | None:
        """Always fresh: no wall clock in a picture."""
        return 0.2 if self.frame is not None else None

    async def do(self, command: AnyCommand) -> Refusal | None:
        """Remembers it."""
        self.sent.append(command)
        return self.answers.pop(0) if self.answers else None


def recorded(
    moment: str = "rollout", hosts: int = 12, *, hostile: bool = False, login: str = "mei", role: Role = "lead"
) -> Recording:
    """The golden window at ``moment`` as mei's session."""
    g = golden(moment, hosts, hostile=hostile)
    session = Recording.replayed(g.plan, g.records, frame=g.frame, details=g.details, now=g.now, login=login, role=role)
    assert isinstance(session, Recording)
    session.sent, session.asked, session.answers = [], [], []
    return session


def feed(history: RecentFrames, frame: Frame, seconds: int = 60) -> None:
    """The minute before ``frame``, as waves around what it says."""
    for past in minute(frame, seconds):
        history.feed(past)
    history.feed(frame)


def minute(frame: Frame, seconds: int) -> Iterator[Frame]:
    """Frames that lead to ``frame``, oldest first."""
    for ago in range(seconds, 0, -1):
        yield replace(
            frame,
            ts=frame.ts - ago,
            hosts={name: _host(seen, i, ago) for i, (name, seen) in enumerate(frame.hosts.items())},
            canaries={name: _canary(seen, i, ago) for i, (name, seen) in enumerate(frame.canaries.items())},
        )


def _host(seen: HostFrame, number: int, ago: int) -> HostFrame:
    if seen.sample is None or (seen.link != "up" and ago < 45):
        return seen
    wave = 1 + 0.45 * math.sin(ago / (4 + number % 3) + number) + 0.2 * math.sin(ago * (1.3 + number % 5))
    used = seen.sample.memory_total - seen.sample.memory_available
    less = int(used * 0.004 * ago)
    sample = replace(
        seen.sample, cpu=min(100.0, seen.sample.cpu * wave), memory_available=seen.sample.memory_available + less
    )
    return replace(seen, link="up", age=0.2, sample=sample)


def _canary(seen: CanaryFrame, number: int, ago: int) -> CanaryFrame:
    if seen.latency is None:
        return seen
    calm = seen.latency * (0.45 if seen.verdict != "healthy" and ago > 30 else 1.0)
    return replace(seen, latency=calm * (1 + 0.25 * math.sin(ago / 3 + number)))
