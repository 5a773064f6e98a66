"""Whatever is in the file: diagnostics, never a traceback."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from upgrade_tui.foreign import harmless
from upgrade_tui.plan.keys import keys_of, tables_of
from upgrade_tui.plan.model import Plan
from upgrade_tui.plan.reader import check_plan

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.toml"))
SAMPLE = "\n".join(path.read_text(encoding="utf-8") for path in CONFIGS[:1])

scalars = st.one_of(
    st.sampled_from(
        [
            '"now"',
            '"10m"',
            '"0%"',
            '"50%"',
            '"db1"',
            '"local"',
            '"all"',
            '"5GiB"',
            '"/var"',
            "1",
            "-1",
            "0",
            "1.5",
            "nan",
            "inf",
        ]
    ),
    st.sampled_from(
        ["true", "[]", "{}", "[[]]", '"\\u001b[31m"', "2026-12-05T22:00:00Z", "2026-12-05", "12:00:00", "''"]
    ),
    st.integers().map(str),
    st.text(max_size=12).map(lambda t: '"' + t.replace("\\", "").replace('"', "").replace("\n", "") + '"'),
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"))
keys = st.sampled_from(sorted({key for table in tables_of(Plan) for key in keys_of(table)} | {"zzz"}))
headers = st.sampled_from(
    ["[window]", "[people.mei]", "[[risks]]", "[ssh]", "[hosts.db1]", "[hosts.db2.ssh]", "[watch]", "[watch.limits]",
     "[[canaries]]", "[canaries.expect]", "[[steps]]", "[steps.rollback]", "[[steps.checks]]", "[hosts]", "[[hosts]]",
     "[[window]]", "[steps]"]
)  # fmt: skip
pairs = st.tuples(keys, values).map(lambda pair: f"{pair[0]} = {pair[1]}")
tables = st.tuples(headers, st.lists(pairs, max_size=6, unique_by=lambda p: p.split()[0])).map(
    lambda table: "\n".join([table[0], *table[1]])
)
documents = st.lists(tables, max_size=8).map("\n".join)


def _sound(text: str) -> None:
    plan, diagnostics = check_plan(text, "p.toml")
    assert (plan is None) == any(d.severity == "error" for d in diagnostics)
    last = text.count("\n") + 1
    for found in diagnostics:
        assert 0 <= found.line <= last
        assert found.column >= (1 if found.line else 0)
        for said in (found.message, found.hint, found.path):
            assert harmless(said) == said
            assert "\n" not in said


@given(st.text())
@example("\x00")
@example("a = " + "[" * 3000)
@example("a = " + "1" * 5000)
@example("[a" + ".a" * 3000 + "]")
@example("a" + ".a" * 3000 + "=1")
@example("\ufeff[window]\nid=1")
@example("x = '''\r\n\r")
@example('"\\ud800" = 1')
@settings(deadline=None)
def test_any_text_gives_diagnostics(text: str) -> None:
    _sound(text)


@given(documents)
@settings(max_examples=300, deadline=None)
def test_any_toml_that_looks_like_a_plan_gives_diagnostics(text: str) -> None:
    _sound(text)


@pytest.mark.parametrize("seed", range(40))
def test_a_real_plan_with_damage_gives_diagnostics(seed: int) -> None:
    """Lines dropped, doubled, swapped, cut: what editing in a hurry does."""
    chance = random.Random(seed)
    lines = SAMPLE.split("\n")
    for _ in range(chance.randint(1, 6)):
        i, j = chance.randrange(len(lines)), chance.randrange(len(lines))
        match chance.randrange(4):
            case 0:
                lines.pop(i)
            case 1:
                lines.insert(i, lines[j])
            case 2:
                lines[i], lines[j] = lines[j], lines[i]
            case _:
                lines[i] = lines[i][: len(lines[i]) // 2]
    _sound("\n".join(lines))


def test_ten_thousand_digits_and_a_megabyte_are_refused_quickly() -> None:
    assert "too long" in check_plan("#" * (1 << 20) + "\n#", "p.toml")[1][0].message
