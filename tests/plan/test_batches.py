"""Batches: the rules of DESIGN.md (a share is of all hosts, gives at least one, the last entry repeats)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upgrade_tui.plan.batches import size, split

entries = st.one_of(
    st.integers(1, 50),
    st.integers(1, 100).map(lambda n: f"{n}%"),
    st.floats(0.01, 100).map(lambda n: f"{n:.2f}%"),
)
hosts = st.lists(st.text("abcdef0123456789", min_size=1, max_size=6), max_size=60, unique=True)


@pytest.mark.parametrize(
    ("count", "batches", "expected"),
    [
        (6, [1, "50%", "100%"], [1, 3, 2]),
        (6, [1], [1, 1, 1, 1, 1, 1]),
        (6, ["100%"], [6]),
        (5, ["25%"], [1, 1, 1, 1, 1]),
        (10, [1, "25%"], [1, 2, 2, 2, 2, 1]),
        (3, ["1%", 2], [1, 2]),
        (100, ["29%"], [29, 29, 29, 13]),
        (1, [5], [1]),
        (0, [1], []),
    ],
)
def test_hosts_are_cut_as_the_plan_says(count: int, batches: list[int | str], expected: list[int]) -> None:
    cut = split([f"h{i}" for i in range(count)], batches)
    assert [len(batch) for batch in cut] == expected


@given(hosts, st.lists(entries, min_size=1, max_size=5))
def test_every_host_is_in_exactly_one_batch_in_order(names: list[str], batches: list[int | str]) -> None:
    cut = split(names, batches)
    assert [name for batch in cut for name in batch] == names
    assert all(batch for batch in cut)


@given(hosts, st.lists(entries, min_size=1, max_size=5))
def test_no_batch_is_larger_than_its_entry_allows(names: list[str], batches: list[int | str]) -> None:
    for position, batch in enumerate(split(names, batches)):
        entry = batches[min(position, len(batches) - 1)]
        assert len(batch) <= size(entry, len(names))


@given(st.integers(1, 100), st.integers(1, 5000))
def test_a_share_rounds_down_but_takes_at_least_one(share: int, total: int) -> None:
    assert size(f"{share}%", total) == max(1, share * total // 100)


@pytest.mark.parametrize("entry", [0, -1, True, "0%", "0.0%", "abc", "50", "101%", "", "-5%"])
def test_an_entry_that_takes_no_host_is_refused(entry: int | str) -> None:
    with pytest.raises(ValueError, match="expected"):
        size(entry, 10)


def test_no_batches_at_all_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one batch"):
        split(["a"], [])
