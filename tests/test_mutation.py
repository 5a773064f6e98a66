"""The tool that draws mutants: what it makes of a line, that it draws the same twice, and that its lists are true."""

from __future__ import annotations

from itertools import islice

import pytest

from tests.mutation.areas import AREAS, ROOT, Area
from tests.mutation.drawn import drawn
from tests.mutation.operators import faults
from tests.mutation.same import SAME

SOURCE = '''"""A docstring."""


def late(now: float, end: float = 1.5) -> bool:
    """Another one."""
    if not now or end is None:
        raise ValueError(f"{now} at {end}")
    return now >= end


def put(rows: list[int]) -> None:
    for row in rows:
        rows.insert(row, len("ä") + 1)
        break
'''
MADE = {
    'late(now: float, end: float = 2.5)', 'if (now) or', 'not now and end', 'end is not None', 'if not (not now or',
    'return not (now >= end)', 'now > end', 'insert(len("ä") + 1, row)', 'len("") + 1', '"ä") - 1', '"ä") + 2',
}  # fmt: skip


def test_each_kind_of_fault_is_made_and_docstrings_and_messages_are_left_alone() -> None:
    changed = [fault.put_into(SOURCE) for fault in faults(SOURCE)]
    assert [wanted for wanted in MADE if not any(wanted in text for text in changed)] == []
    dropped = [fault.before for fault in faults(SOURCE) if fault.after == "pass"]
    assert dropped == ['raise ValueError(f"{now} at {end}")', 'rows.insert(row, len("ä") + 1)', "break"]
    assert all('"""A docstring."""' in text and '"""Another one."""' in text and "{now} at" in text
               for text in changed if "pass" not in text)  # fmt: skip
    assert all(text != SOURCE for text in changed)


@pytest.mark.parametrize("area", AREAS, ids=lambda area: area.name)
def test_a_seed_draws_the_same_mutants_each_in_a_line_of_its_own(area: Area) -> None:
    first, again = list(islice(drawn(area, 7), 12)), list(islice(drawn(area, 7), 12))
    assert first == again
    assert len({(mutant.path, mutant.fault.line) for mutant in first}) == 12
    assert first != list(islice(drawn(area, 8), 12))
    assert all((ROOT / "tests" / part).is_dir() for part in area.tests)


def test_what_is_said_to_be_the_same_is_still_in_the_code_and_has_a_reason() -> None:
    assert len(SAME) <= 8
    for each in SAME:
        lines = [line.strip() for line in (ROOT / each.path).read_text(encoding="utf-8").splitlines()]
        assert each.text in lines, f"{each.path} has no such line any more: {each.text}"
        assert each.reason
