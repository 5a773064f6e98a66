"""The judge: how many answers it takes to change a verdict, and what silence means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upgrade_tui.canary.judge import CALM, Judgement, JudgeState, begin_judging, judge, silence, silence_limit
from upgrade_tui.canary.result import ProbeResult, unknown_result
from upgrade_tui.plan.model import Canary
from upgrade_tui.units import Duration
from upgrade_tui.window.events import CanaryVerdict

GOOD = ProbeResult(ok=True, latency=0.01, value=None, detail="HTTP 200 in 10 ms")
SLOW = ProbeResult(ok=True, latency=0.9, value=None, detail="HTTP 200 in 900 ms")
BAD = ProbeResult(ok=False, latency=0.01, value=None, detail="HTTP 503, wanted 200")
GONE = unknown_result("db1 cannot be reached")


def canary(interval: float = 2, limit: int = 3, recovery: int = 3) -> Canary:
    return Canary(
        name="orders",
        http="http://127.0.0.1/",
        max_latency=Duration(0.3),
        interval=Duration(interval),
        timeout=Duration(2),
        failure_limit=limit,
        recovery=recovery,
    )


class Court:
    """A canary under judgement: feeds answers one interval apart and keeps the events."""

    def __init__(self, of: Canary | None = None, health: JudgeState | None = None) -> None:
        self.canary = of or canary()
        self.now = 1000.0
        self.health = health or begin_judging(self.now)
        self.events: list[CanaryVerdict] = []

    def hear(self, *results: ProbeResult) -> Court:
        for result in results:
            self.now += self.canary.interval
            self._take(judge(self.canary, self.health, result, self.now))
        return self

    def wait(self, seconds: float) -> Court:
        self.now += seconds
        self._take(silence(self.canary, self.health, self.now))
        return self

    def _take(self, judgement: Judgement) -> None:
        before = self.health.verdict
        self.health = judgement.health
        if judgement.event is None:
            assert self.health.verdict == before
        else:
            assert (judgement.event.before, judgement.event.verdict) == (before, self.health.verdict)
            assert before != self.health.verdict
            self.events.append(judgement.event)

    @property
    def verdicts(self) -> list[str]:
        return [event.verdict for event in self.events]


def test_nothing_is_known_before_the_first_answer_and_nothing_announced():
    court = Court().wait(600)
    assert court.health.verdict == "no data"
    assert court.events == []


def test_the_first_good_answer_is_healthy():
    assert Court().hear(GOOD).verdicts == ["healthy"]


def test_the_first_bad_answer_is_degraded_and_the_limit_is_failing():
    court = Court().hear(GOOD, BAD)
    assert court.verdicts == ["healthy", "degraded"]
    court.hear(BAD)
    assert court.health.verdict == "degraded"
    court.hear(BAD)
    assert court.verdicts == ["healthy", "degraded", "failing"]
    assert court.events[-1] == CanaryVerdict(
        canary="orders", verdict="failing", before="degraded", detail="HTTP 503, wanted 200", failures=3, latency=0.01
    )


def test_a_good_answer_in_between_starts_the_count_again():
    court = Court().hear(GOOD, BAD, BAD, GOOD, BAD, BAD, GOOD, BAD, BAD)
    assert court.verdicts == ["healthy", "degraded"]


def test_slow_is_degraded_at_once_and_failing_at_the_limit():
    court = Court().hear(GOOD, SLOW)
    assert court.health.verdict == "degraded"
    court.hear(SLOW, BAD)
    assert court.verdicts == ["healthy", "degraded", "failing"]


def test_failing_stays_until_enough_good_answers_came_in_a_row():
    court = Court().hear(GOOD, BAD, BAD, BAD, GOOD, GOOD, BAD, GOOD, GOOD)
    assert court.health.verdict == "failing"
    court.hear(GOOD)
    assert court.verdicts == ["healthy", "degraded", "failing", "healthy"]
    assert court.events[-1].detail == "HTTP 200 in 10 ms; 3 good in a row"


def test_with_a_limit_of_one_the_first_bad_answer_is_failing():
    assert Court(canary(limit=1)).hear(GOOD, BAD).verdicts == ["healthy", "failing"]


def test_silence_of_three_intervals_and_a_timeout_is_no_data():
    court = Court().hear(GOOD)
    court.wait(silence_limit(court.canary) - 0.1)
    assert court.health.verdict == "healthy"
    court.wait(0.1)
    assert court.verdicts == ["healthy", "no data"]
    assert court.events[-1].detail == "no answer for 8 s"
    assert court.wait(60).verdicts == ["healthy", "no data"]


def test_results_without_data_are_silence_and_its_reason_is_told():
    court = Court().hear(GOOD, GONE, GONE, GONE)
    assert court.health.verdict == "healthy"
    court.hear(GONE)
    assert court.verdicts == ["healthy", "no data"]
    assert court.events[-1].detail == "no answer for 8 s: db1 cannot be reached"


def test_silence_proves_nothing_a_failing_canary_is_failing_again_after_it():
    court = Court().hear(GOOD, BAD, BAD, BAD).wait(60).hear(GOOD)
    assert court.verdicts == ["healthy", "degraded", "failing", "no data", "failing"]
    assert court.events[-1].detail == "HTTP 200 in 10 ms; 1 of 3 good in a row"
    assert court.hear(GOOD, GOOD).health.verdict == "healthy"


def test_good_answers_before_a_silence_do_not_count_after_it():
    court = Court().hear(BAD, BAD, BAD, GOOD, GOOD).wait(60).hear(GOOD)
    assert court.health.verdict == "failing"


@pytest.mark.parametrize("verdict", ["healthy", "degraded", "failing"])
def test_taking_a_window_over_makes_no_transition_of_its_own(verdict):
    court = Court(health=begin_judging(1000.0, verdict))
    court.hear(GOOD if verdict == "healthy" else BAD)
    assert court.events == []
    assert court.health.verdict == verdict


def test_a_canary_taken_over_as_failing_still_needs_its_recovery():
    court = Court(health=begin_judging(1000.0, "failing")).hear(GOOD, GOOD)
    assert court.events == []
    assert court.hear(GOOD).verdicts == ["healthy"]


def test_a_flapping_canary_does_not_fill_the_log():
    court = Court(canary(interval=1, limit=1, recovery=1))
    court.hear(*[GOOD, BAD] * 1800)  # an hour
    assert len(court.events) < 60
    assert court.health.verdict == "failing"


def test_a_host_that_comes_and_goes_does_not_fill_the_log():
    court = Court(canary(interval=1))
    for _ in range(600):  # an hour
        court.hear(GOOD).wait(5)
    assert len(court.events) < 60
    assert court.health.verdict == "no data"


def test_a_flapping_canary_that_newly_fails_is_announced_at_once():
    court = Court(canary(interval=1))
    for _ in range(50):
        court.hear(*[GOOD] * 8).wait(5)
    assert court.health.verdict == "no data"
    assert court.hear(BAD, BAD).health.verdict == "no data"
    assert court.hear(BAD).health.verdict == "failing"


def test_flapping_is_forgiven_after_a_calm_time():
    court = Court(canary(interval=1, limit=1, recovery=1))
    court.hear(*[GOOD, BAD] * 50)
    assert court.hear(GOOD).health.verdict == "failing"
    court.hear(*[GOOD] * int(CALM + 200))
    court.hear(BAD, GOOD)
    assert court.health.verdict == "healthy"


ANSWER = st.sampled_from([GOOD, SLOW, BAD, GONE])
CANARY = st.builds(
    canary,
    interval=st.sampled_from([0.5, 1.0, 5.0, 60.0]),
    limit=st.integers(1, 5),
    recovery=st.integers(1, 5),
)


@given(CANARY, st.lists(st.tuples(ANSWER, st.floats(0, 400)), max_size=120))
def test_no_verdict_without_its_evidence(of, steps):
    court = Court(of)
    heard: list[bool] = []
    answered = court.now
    for result, pause in steps:
        court.wait(pause)
        for event in court.events:
            check_evidence(event, of, heard, court.now - answered)
        court.events.clear()
        court.hear(result)
        if not result.no_data:
            heard.append(result is GOOD)
            answered = court.now
        for event in court.events:
            check_evidence(event, of, heard, court.now - answered)
        court.events.clear()


def check_evidence(event: CanaryVerdict, of: Canary, heard: list[bool], quiet: float) -> None:
    """``heard``: each answer so far, good or not; ``quiet``: seconds since the last."""
    if event.verdict == "no data":
        assert quiet >= silence_limit(of)
        return
    assert quiet == 0
    if event.verdict == "failing" and event.before != "no data":
        assert heard[-of.failure_limit :] == [False] * of.failure_limit
        assert event.failures >= of.failure_limit
    if event.verdict == "healthy" and event.before != "no data":
        assert heard[-of.recovery :] == [True] * of.recovery
    if event.verdict == "healthy":
        assert heard[-1]
    if event.verdict in ("degraded", "failing"):
        assert not heard[-1] or event.before == "no data"


@given(CANARY, st.lists(st.tuples(ANSWER, st.sampled_from([0.0, 5.0, 30.0, 200.0])), max_size=300))
def test_events_are_bounded_whatever_happens(of, steps):
    court = Court(of)
    began = court.now
    for result, pause in steps:
        court.wait(pause).hear(result)
    minutes = (court.now - began) / 60
    # per ten calm minutes three free returns and a dozen dearer ones; at most four changes for each return
    assert len(court.events) <= 4 * (12 + minutes)
