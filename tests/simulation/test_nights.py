"""Whole nights hold: those that once found something first, then fresh ones. A failing one is told as a story."""

from __future__ import annotations

import random
import time

import pytest

from tests.simulation.evening import play
from tests.simulation.night import make_night
from tests.simulation.shrink import shrink
from tests.simulation.told import Told

FIXED = (
    4, 7, 10, 11, 12, 13, 17, 18, 22, 32, 33, 41, 42, 48, 50, 58, 60, 70, 71, 72, 77, 86, 87, 90, 97, 100, 103, 111,
    114, 116, 128, 137, 146, 162, 191, 1675, 3093, 3357, 3477, 3670, 30219, 60864, 60920, 60994, 80211, 300144,
    300174, 1002095, 1003215, 1003710, 1004959, 1007914, 1008536, 1009175, 4006827, 8100162, 631499748,
)  # fmt: skip
NARROW = (35, 71, 108, 160, 232, 299, 308, 381, 468, 611, 862)
FRESH = 25.0  # seconds of a core


def _told(told: Told) -> str:
    """Small enough to read, big enough to understand."""
    small = shrink(told, tries=60)
    text = "\n".join(f"{b.rule}: {b.text}" for b in small.fresh)
    return (
        f"seed {told.night.seed}: {text}\n{small.story()}\n{small.stderr[-2000:]}\n"
        f"again: python -m tests.simulation --seed {told.night.seed}"
    )


@pytest.mark.parametrize("seed", FIXED)
def test_nights_that_found_something_hold(seed: int) -> None:
    told = play(make_night(seed))
    assert not told.fresh, _told(told)


@pytest.mark.parametrize("seed", NARROW)
def test_narrow_nights_that_found_something_hold(seed: int) -> None:
    told = play(make_night(f"narrow {seed}"))
    assert not told.fresh, _told(told)


def test_fresh_nights_hold() -> None:
    began = time.process_time()
    while time.process_time() - began < FRESH:
        kind = random.choice(["", "", "", "narrow "])
        told = play(make_night(f"{kind}{random.randrange(10**6, 10**9)}"))
        assert not told.fresh, _told(told)
        assert told.events > 10


def test_a_night_is_the_same_each_time_it_is_played() -> None:
    one, two = play(make_night(5)), play(make_night(5))
    assert one.story() == two.story()
