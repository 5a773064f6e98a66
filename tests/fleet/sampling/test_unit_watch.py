"""A unit that is started again and again is not told as active."""

from __future__ import annotations

from upgrade_tui.fleet.sampling.parse import Unit
from upgrade_tui.fleet.sampling.unit_watch import QUIET, UnitWatch


class Watch:
    """A host with one unit, looked at every five seconds."""

    def __init__(self) -> None:
        self.units, self.now, self.restarts = UnitWatch(), 1000.0, 0

    def look(self, state: str = "active", restarts: int | None = 0, started: int | None = 1) -> str:
        self.now += 5
        words, counts = self.units.look({"u": Unit(state, restarts, started)}, self.now)
        self.restarts = counts.get("u", 0)
        return words["u"]


def test_a_unit_that_systemd_starts_again_is_restarting_until_it_is_calm() -> None:
    watch = Watch()
    assert watch.look() == "active"
    assert watch.look(restarts=1, started=2) == "restarting"
    assert watch.look(restarts=2, started=3) == "restarting"
    assert watch.restarts == 2
    last = watch.now
    while watch.now < last + QUIET - 5:
        assert watch.look(restarts=2, started=3) == "restarting"
    watch.look(restarts=2, started=3)
    assert watch.look(restarts=2, started=3) == "active"


def test_between_two_starts_it_is_restarting_as_well() -> None:
    watch = Watch()
    assert watch.look("auto-restart", restarts=7, started=1) == "restarting"


def test_a_count_from_before_the_first_look_means_nothing() -> None:
    watch = Watch()
    assert [watch.look(restarts=40, started=9) for _ in range(3)] == ["active"] * 3
    assert watch.restarts == 0


def test_a_restart_by_hand_is_none_of_systemd() -> None:
    watch = Watch()
    watch.look(restarts=3, started=1)
    assert watch.look(restarts=0, started=2) == "active", "the count begins anew with a start by hand"
    assert watch.look(restarts=0, started=2) == "active"
    assert watch.look(restarts=1, started=3) == "restarting"


def test_what_something_else_starts_again_and_again_is_restarting_too() -> None:
    watch = Watch()
    assert [watch.look(started=n) for n in range(1, 5)] == ["active", "active", "active", "restarting"]


def test_one_that_restarts_rarely_is_given_longer() -> None:
    watch = Watch()
    watch.look()
    watch.look(restarts=1, started=2)
    watch.now += 200
    assert watch.look(restarts=2, started=3) == "restarting"
    watch.now += 200
    assert watch.look(restarts=2, started=3) == "restarting", "three times as long as it lasted before"


def test_what_is_down_is_down() -> None:
    watch = Watch()
    watch.look()
    watch.look(restarts=1, started=2)
    assert watch.look("failed", restarts=1, started=2) == "failed"
    assert watch.look("inactive", restarts=1, started=2) == "inactive"


def test_a_unit_without_a_count_has_its_state() -> None:
    watch = Watch()
    assert [watch.look(restarts=None, started=None) for _ in range(2)] == ["active"] * 2
