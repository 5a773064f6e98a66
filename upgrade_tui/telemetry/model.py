"""What is read back of what was measured. Pure."""

from __future__ import annotations

from msgspec import Struct


class Point(Struct, frozen=True, array_like=True):
    """A point of a history: the least, mean and greatest value of its stretch; None where nothing was measured."""

    ts: float
    low: float | None
    mean: float | None
    high: float | None
