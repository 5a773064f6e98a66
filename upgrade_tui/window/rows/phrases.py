"""Parts of sentences that many events use."""

from __future__ import annotations

from collections.abc import Sequence

from upgrade_tui.units import count_text


def because(text: str, joint: str = ": ") -> str:
    return f"{joint}{text}" if text else ""


def named(names: Sequence[str]) -> str:
    """All of a few, the number of many."""
    return ", ".join(names) if len(names) <= 3 else count_text(len(names), "host")


def in_batches(batches: Sequence[Sequence[str]]) -> str:
    hosts = sum(map(len, batches))
    return f" on {count_text(hosts, 'host')} in {count_text(len(batches), 'batch', 'batches')}" if hosts else ""
