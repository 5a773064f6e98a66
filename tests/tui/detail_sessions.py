"""Sessions for the detail screens' tests: the golden window, with a conductor that answers from a table."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tests.golden import Golden, golden
from upgrade_tui.attach import protocol as p
from upgrade_tui.attach.session import Session


class Answering(Session):
    """A replayed session whose ``ask`` is answered by ``answers[type(request)]``; ``asked`` keeps the requests."""

    answers: dict[type, Callable[[Any], Any]]
    asked: list[Any]

    async def ask(self, request: Any, answer: type[Any]) -> Any:
        self.asked.append(request)
        maker = self.answers.get(type(request))
        return "there is no conductor: this is a replay" if maker is None else maker(request)


def answering(moment: str = "rollout", *, login: str = "mei", hosts: int = 12, hostile: bool = False) -> Answering:
    """The golden window at ``moment``, seen by its lead, answering every request."""
    return session_of(golden(moment, hosts, hostile=hostile), login)


def session_of(night: Golden, login: str = "mei") -> Answering:
    """A session on a golden window."""
    session = Answering.replayed(
        night.plan, night.records, frame=night.frame, details=night.details, now=night.now, login=login, role="lead"
    )
    assert isinstance(session, Answering)
    session.frame_age = lambda: 0.4  # type: ignore[method-assign]
    session.asked = []
    session.answers = {
        p.GetOutput: lambda r: output(r, running=session.state.steps[r.step].tasks[r.host].state == "running"),
        p.GetHistory: lambda r: history(r, night.now),
        p.GetTop: top,
        p.Reconnect: lambda r: p.Ok(id=0, text=f"connecting to {r.host}"),
        p.ProbeNow: lambda r: p.Ok(id=0, text="200 ok"),
    }
    return session


OUTPUT = (
    "Reading package lists...\nBuilding dependency tree...\n"
    + "".join(f"Get:{i} http://deb.example.org/orders stable/main amd64 part-{i} [{i * 37} kB]\n" for i in range(1, 40))
    + "".join(f"\rProgress: [{n:3}%]" for n in range(0, 101, 4))
    + "\nUnpacking orders-api (4.2.0) over (4.1.7) ...\n\x1b[32mSetting up orders-api (4.2.0) ...\x1b[0m\n"
    "error: none, just a word to search for\nrestarting orders-api.service\n"
).encode()


def output(request: p.GetOutput, *, running: bool = False) -> p.Output:
    """A package installation."""
    data = OUTPUT[request.offset : request.offset + request.limit]
    return p.Output(id=0, data=data, offset=request.offset, size=len(OUTPUT), running=running)


def history(request: p.GetHistory, now: float) -> p.HistoryReply:
    """Smooth believable curves with a gap two thirds of the way; a canary's with a slow stretch."""
    step = request.seconds / request.points
    times = [now - request.seconds + (i + 0.5) * step for i in range(request.points)]
    if request.canary:
        latency = [0.08 + 0.05 * math.sin(t / 300) + (0.25 if 0.5 < i / request.points < 0.55 else 0.0)
                   for i, t in enumerate(times)]  # fmt: skip
        good = [0.0 if value > 0.35 else 1.0 for value in latency]
        return p.HistoryReply(id=0, series={"latency": _points(times, latency, 0.02), "ok": _points(times, good, 0.0)})
    series = {}
    for place, (name, (low, high)) in enumerate(CURVES.items()):
        values: list[float | None] = [
            None if 0.66 < i / request.points < 0.70 else low + (high - low) * (0.5 + 0.5 * math.sin(t / 240 + place))
            for i, t in enumerate(times)
        ]
        series[name] = _points(times, values, (high - low) / 12)
    return p.HistoryReply(id=0, series=series)


CURVES = {
    "cpu": (8.0, 74.0), "memory": (55.0, 71.0), "load1": (0.4, 6.2), "iowait": (0.0, 9.0), "received": (2e5, 5.2e6),
    "sent": (1e5, 2.1e6), "read /": (0.0, 3.1e6), "written /": (1e5, 4.4e7),
}  # fmt: skip


def _points(times: list[float], values: list[float] | list[float | None], spread: float) -> tuple[p.Point, ...]:
    return tuple(
        p.Point(t, None, None, None) if v is None else p.Point(t, max(0.0, v - spread), v, v + spread)
        for t, v in zip(times, values, strict=True)
    )


def top(request: p.GetTop) -> p.Top:
    """A database host's processes."""
    rows = (
        (812, "postgres", 61.5, 3_221_225_472, "postgres: 16/main: orders app 10.0.3.14(51322) UPDATE"),
        (811, "postgres", 12.0, 734_003_200, "postgres: 16/main: walwriter"),
        (1422, "root", 3.2, 52_428_800, "/usr/bin/python3 -S -E -"),
        (1, "root", 0.1, 12_582_912, "/sbin/init"),
    )
    return p.Top(id=0, processes=tuple(p.ProcessInfo(*row) for row in rows))
