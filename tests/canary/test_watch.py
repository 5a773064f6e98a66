"""All canaries of a plan at once, in virtual time."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
from collections.abc import AsyncIterator

import pytest

from upgrade_tui.canary.result import ProbeResult
from upgrade_tui.canary.watch import Canaries
from upgrade_tui.plan.model import Canary, Plan, Window
from upgrade_tui.units import Duration, When
from upgrade_tui.window.events import CanaryVerdict

GOOD = (0, b"1", True)
BAD = (1, b"", True)
GONE = (None, b"db1 is lost", False)


class Time:
    """A clock that moves only when told to, and wakes who sleeps by it."""

    def __init__(self) -> None:
        self.now = 500.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def mono(self) -> float:
        return self.now

    @property
    def waited_for(self) -> bool:
        """Whether anybody sleeps by it."""
        return bool(self._sleepers)

    async def sleep(self, seconds: float) -> None:
        waker = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now + max(0.0, seconds), next(self._order), waker))
        await waker

    async def pass_by(self, seconds: float) -> None:
        end = self.now + seconds
        await settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            self.now, _, waker = heapq.heappop(self._sleepers)
            if not waker.done():
                waker.set_result(None)
            await settle()
        self.now = end


async def settle() -> None:
    """Until everything that can run without time passing has run."""
    for _ in range(20):
        await asyncio.sleep(0)


class Scene:
    """Canaries with hosts that answer what the test says."""

    def __init__(self, *canaries: Canary, **more: object) -> None:
        self.time = Time()
        self.answers: dict[str, object] = {}
        self.asked: list[tuple[str, float]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.at_once = self.most_at_once = 0
        self.verdicts: list[CanaryVerdict] = []
        self.results: list[tuple[str, ProbeResult]] = []
        plan = Plan(window=Window(id="w", title="w", start=When(None)), canaries=canaries)
        self.canaries = Canaries(
            plan,
            execute=self.execute,
            on_verdict=more.pop("on_verdict", self.verdicts.append),
            on_result=lambda name, result: self.results.append((name, result)),
            mono=self.time.mono,
            wall=self.time.mono,
            sleep=self.time.sleep,
            jitter=lambda: 0.5,
            **more,
        )

    async def execute(self, host: str, command: str, timeout: float) -> tuple[int | None, bytes, bool]:
        self.asked.append((command, self.time.now))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.open.wait()
            answer = self.answers.get(command, GOOD)
            if isinstance(answer, Exception):
                raise answer
            return answer
        finally:
            self.at_once -= 1

    async def begun(self) -> asyncio.Task[None]:
        task = asyncio.create_task(self.canaries.run())
        async with asyncio.timeout(60):
            while not self.time.waited_for and not task.done():  # what the probes need is loaded in a thread
                await asyncio.sleep(0.001)
        await settle()
        return task

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Scene]:
        task = await self.begun()
        try:
            yield self
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def told(self, name: str) -> list[str]:
        return [event.verdict for event in self.verdicts if event.canary == name]


def canary(name: str, interval: float = 2) -> Canary:
    return Canary(name=name, run=name, on="db1", interval=Duration(interval), timeout=Duration(2))


async def test_each_canary_keeps_to_its_interval_after_a_jittered_start():
    scene = Scene(canary("often", 1), canary("seldom", 5))
    async with scene.running():
        await scene.time.pass_by(11)
    assert [at - 500 for name, at in scene.asked if name == "often"] == [0.5 + i for i in range(11)]
    assert [at - 500 for name, at in scene.asked if name == "seldom"] == [1, 6, 11]
    assert scene.told("often") == scene.told("seldom") == ["healthy"]


async def test_failing_and_recovering_are_told_once_each():
    scene = Scene(canary("lag"), canary("other"))
    async with scene.running():
        await scene.time.pass_by(4)
        scene.answers["lag"] = BAD
        await scene.time.pass_by(20)
        scene.answers["lag"] = GOOD
        await scene.time.pass_by(20)
    assert scene.told("lag") == ["healthy", "degraded", "failing", "healthy"]
    assert scene.told("other") == ["healthy"]
    assert [name for name, _ in scene.results].count("lag") == len([1 for name, _ in scene.asked if name == "lag"])


async def test_probes_of_a_canary_never_overlap_and_do_not_catch_up():
    scene = Scene(canary("lag"))
    async with scene.running():
        await scene.time.pass_by(2)
        scene.open.clear()
        await scene.time.pass_by(9)  # several intervals in one probe
        scene.open.set()
        await scene.time.pass_by(0)
        assert len(scene.asked) == 3  # the one that hung, and the next that was due
        await scene.time.pass_by(2)
    assert len(scene.asked) == 4
    assert scene.most_at_once == 1


async def test_asking_now_joins_the_question_under_way():
    scene = Scene(canary("lag"))
    async with scene.running():
        scene.open.clear()
        await scene.time.pass_by(1)
        waiting = [asyncio.create_task(scene.canaries.probe_now("lag")) for _ in range(5)]
        await settle()
        scene.open.set()
        results = await asyncio.gather(*waiting)
        assert len(scene.asked) == 1
        assert all(result.ok for result in results)
        assert (await scene.canaries.probe_now("lag")).ok
        assert len(scene.asked) == 2
    with pytest.raises(KeyError):
        await scene.canaries.probe_now("no such")


async def test_a_broken_probe_is_no_data_of_its_own_canary_only():
    scene = Scene(canary("broken"), canary("fine"))
    scene.answers["broken"] = RuntimeError("bug\x1b[2J")
    async with scene.running():
        await scene.time.pass_by(30)
        frame = scene.canaries.frames(scene.time.now)["broken"]
    assert scene.told("broken") == []
    assert frame.verdict == "no data"
    assert frame.detail == "the probe itself broke: RuntimeError: bug␛[2J"
    assert scene.told("fine") == ["healthy"]


async def test_an_unreachable_host_is_no_data_with_the_reason():
    scene = Scene(canary("lag"))
    async with scene.running():
        await scene.time.pass_by(4)
        scene.answers["lag"] = GONE
        await scene.time.pass_by(30)
        assert scene.canaries.verdict("lag") == "no data"
        scene.answers["lag"] = GOOD
        await scene.time.pass_by(4)
    assert scene.told("lag") == ["healthy", "no data", "healthy"]
    assert scene.verdicts[1].detail == "no answer for 8 s: db1 is lost"


async def test_a_probe_that_never_comes_back_is_noticed_by_the_silence():
    scene = Scene(canary("lag"))
    async with scene.running():
        await scene.time.pass_by(2)
        scene.open.clear()
        await scene.time.pass_by(30)
        assert scene.told("lag") == ["healthy", "no data"]
        scene.open.set()


async def test_frames_tell_the_last_answer_and_its_age():
    scene = Scene(canary("lag"), canary("later", 100))
    before = scene.canaries.frames(scene.time.now)["lag"]
    assert (before.verdict, before.ok, before.age, before.detail) == ("no data", None, None, "not asked yet")
    async with scene.running():
        await scene.time.pass_by(1)
        frame = scene.canaries.frames(scene.time.now + 0.75)["lag"]
        assert (frame.verdict, frame.ok, frame.value, frame.age) == ("healthy", True, 1.0, 0.75)
        assert frame.detail.startswith("1 from db1 in ")
        scene.answers["lag"] = GONE
        await scene.time.pass_by(2)
        frame = scene.canaries.frames(scene.time.now)["lag"]
        assert (frame.verdict, frame.ok, frame.value, frame.detail) == ("healthy", None, None, "db1 is lost")


async def test_taking_over_tells_only_what_is_new():
    scene = Scene(canary("a"), canary("b"), canary("c"), initial={"a": "healthy", "b": "failing", "gone": "failing"})
    scene.answers["b"] = BAD
    async with scene.running():
        await scene.time.pass_by(20)
        assert scene.told("a") == scene.told("b") == []
        assert scene.canaries.verdict("b") == "failing"
    assert scene.told("c") == ["healthy"]


async def test_what_a_callback_raises_reaches_the_owner():
    def refuse(_event: CanaryVerdict) -> None:
        raise OSError("log is fenced")

    scene = Scene(canary("lag"), on_verdict=refuse)
    task = await scene.begun()
    await scene.time.pass_by(1)
    with pytest.raises(BaseExceptionGroup) as caught:
        await task
    assert caught.group_contains(OSError, match="log is fenced")


async def test_no_canaries_is_no_trouble():
    scene = Scene()
    async with scene.running():
        await scene.time.pass_by(5)
    assert scene.canaries.frames(0) == {}


async def test_a_good_answer_that_does_not_make_it_healthy_yet_says_how_many_are_wanted():
    scene = Scene(canary("lag"))
    async with scene.running():
        scene.answers["lag"] = BAD
        await scene.time.pass_by(30)
        assert "good answer" not in scene.canaries.frames(scene.time.now)["lag"].detail
        scene.answers["lag"] = GOOD
        found = await scene.canaries.probe_now("lag")
        frame = scene.canaries.frames(scene.time.now)["lag"]
        assert (frame.verdict, frame.detail) == ("failing", f"1 good answer of 3; {found.detail}")
