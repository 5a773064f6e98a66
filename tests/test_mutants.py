"""The faults of ``make mutants`` can be put in: their places and their tests are there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutants import BY_NIGHTS, NAMED, Mutant

TESTS = Path(__file__).parent
PROGRAM = TESTS.parent / "upgrade_tui"


@pytest.mark.parametrize("mutant", [*NAMED, *BY_NIGHTS], ids=lambda m: m.name)
def test_the_place_of_each_mutant_is_in_the_code_once_and_its_tests_are_there(mutant: Mutant) -> None:
    found = (PROGRAM / mutant.file).read_text(encoding="utf-8").count(mutant.before)
    assert found == 1, f"put the mutant {mutant.name!r} in elsewhere: its place is in {mutant.file} {found} times"
    assert mutant.by or mutant.nights
    for name in mutant.by:
        file, _, test = name.partition("::")
        assert f"def {test}(" in (TESTS / file).read_text(encoding="utf-8"), (
            f"{name} kills {mutant.name!r}, and is gone"
        )
