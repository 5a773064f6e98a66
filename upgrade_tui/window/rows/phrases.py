"""Parts of sentences that many events use."""

from __future__ import annotations

from collections.abc import Sequence


def because(text: str, joint: str = ": ") -> str:
    return f"{joint}{text}" if text else ""


def counted(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def named(names: Sequence[str]) -> str:
    """All of a few, the number of many."""
    return ", ".join(names) if len(names) <= 3 else counted(len(names), "host")


def in_batches(batches: Sequence[Sequence[str]]) -> str:
    hosts = sum(map(len, batches))
    return f" on {counted(hosts, 'host')} in {counted(len(batches), 'batch', 'batches')}" if hosts else ""


def millis(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
