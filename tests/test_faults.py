"""The faults of ``make faults`` can be put in: their places and their tests are there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import BY_NIGHTS, NAMED, NamedFault

TESTS = Path(__file__).parent
PROGRAM = TESTS.parent / "upgrade_tui"


@pytest.mark.parametrize("fault", [*NAMED, *BY_NIGHTS], ids=lambda m: m.name)
def test_the_place_of_each_fault_is_in_the_code_once_and_its_tests_are_there(fault: NamedFault) -> None:
    found = (PROGRAM / fault.file).read_text(encoding="utf-8").count(fault.before)
    assert found == 1, f"put the fault {fault.name!r} in elsewhere: its place is in {fault.file} {found} times"
    assert fault.by or fault.nights
    for name in fault.by:
        file, _, test = name.partition("::")
        assert f"def {test}(" in (TESTS / file).read_text(encoding="utf-8"), f"{name} finds {fault.name!r}, and is gone"
