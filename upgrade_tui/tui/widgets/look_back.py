"""How long a detail screen looks back, and the asking for it again and again while the screen is on top."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from upgrade_tui.attach.protocol import GetHistory, HistoryReply
from upgrade_tui.attach.session import Session
from upgrade_tui.foreign import one_line
from upgrade_tui.telemetry.model import Point
from upgrade_tui.tui.scene import Scene
from upgrade_tui.units import duration_text

SPANS: tuple[float | None, ...] = (300.0, 1800.0, None)  # seconds; None: since the window opened
_POINTS = 240  # asked for: more than any chart is wide


class Past:
    """The telemetry of a host or canary over a span that the operator chooses."""

    def __init__(self, session: Session, *, host: str = "", canary: str = "") -> None:
        self._session, self._host, self._canary = session, host, canary
        self._span = 1
        self.series: dict[str, tuple[Point, ...]] = {}
        self.since = self.until = 0.0  # what ``series`` covers, epoch seconds
        self.trouble = ""
        self.asked = False
        self._wake = asyncio.Event()

    def seconds(self, now: float) -> float:
        """How far back the charts go."""
        span = SPANS[self._span]
        opened = self._session.state.opened
        return span if span is not None else max(60.0, now - opened) if opened is not None else 3600.0

    def words(self, scene: Scene) -> str:
        """What the charts show: ``last 30 m``."""
        whole = SPANS[self._span] is None
        return f"{'whole window, ' if whole else 'last '}{duration_text(self.seconds(scene.now))}"

    def turn(self, way: int) -> None:
        """The next longer (1) or shorter (-1) span, around the ends."""
        self._span = (self._span + way) % len(SPANS)
        self._wake.set()

    async def follow(self, on_top: Callable[[], bool], changed: Callable[[], None]) -> None:
        """Ask again every 2 to 15 seconds, or at once when the span was turned. For ever: cancel it."""
        while True:
            if on_top():
                await self._ask()
                changed()
            pause = min(15.0, max(2.0, self.seconds(self._session.now()) / _POINTS))
            try:
                await asyncio.wait_for(self._wake.wait(), pause)
            except TimeoutError:
                continue
            finally:
                self._wake.clear()

    async def _ask(self) -> None:
        now = self._session.now()
        seconds = self.seconds(now)
        request = GetHistory(id=0, host=self._host, canary=self._canary, seconds=seconds, points=_POINTS)
        answer = await self._session.ask(request, HistoryReply)
        self.asked = True
        if isinstance(answer, str):
            self.trouble = one_line(answer)
        elif seconds == self.seconds(now):  # not turned meanwhile
            self.trouble, self.series, self.since, self.until = "", answer.series, now - seconds, now
