"""A step's hosts cut into batches: which hosts run together, and in what order. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from upgrade_tui.units import Percent


def size(entry: int | str, total: int) -> int:
    """How many of ``total`` hosts one entry of ``batches`` takes: a count, or a share of all the step's hosts.

    A share rounds down, but takes at least one. Raises ValueError that says what would be right.
    """
    if isinstance(entry, str):
        try:
            share = Percent.parse(entry)
        except ValueError:
            raise ValueError(f'expected a count such as 1 or a share such as "25%", got "{entry}"') from None
        if share <= 0:
            raise ValueError(
                f'a batch takes at least one host: expected 1 or more, or a share above "0%", got "{entry}"'
            )
        return max(1, int(Fraction(entry.strip()[:-1]) * total / 100))
    if isinstance(entry, bool) or entry < 1:
        shown = str(entry).lower() if isinstance(entry, bool) else entry
        raise ValueError(f'a batch takes at least one host: expected 1 or more, or a share such as "25%", got {shown}')
    return entry


def split(hosts: Sequence[str], batches: Sequence[int | str]) -> tuple[tuple[str, ...], ...]:
    """``hosts`` in order, cut as ``batches`` says; the last entry repeats until no host is left.

    ``split("abcdefgh", [1, "50%"])`` gives a, then four, then the three that are left: shares are of *all* the hosts.
    Raises ValueError where an entry makes no sense, or there is none.
    """
    if not batches:
        raise ValueError('expected at least one batch, such as [1, "50%", "100%"]')
    sizes = [size(entry, len(hosts)) for entry in batches]
    out: list[tuple[str, ...]] = []
    taken = 0
    while taken < len(hosts):
        count = sizes[min(len(out), len(sizes) - 1)]
        out.append(tuple(hosts[taken : taken + count]))
        taken += count
    return tuple(out)
