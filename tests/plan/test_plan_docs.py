"""docs/plan-file.md is the reference: every key of every table as the model describes it; its examples are right."""

from __future__ import annotations

import re

from docs.plan_keys import PAGE, TABLES, with_tables
from upgrade_tui.plan.inventory import METRICS
from upgrade_tui.plan.reader import check_plan

TEXT = PAGE.read_text(encoding="utf-8")


def section(heading: str) -> str:
    start = TEXT.index(f"\n{heading}\n") + 1
    following = re.search(r"\n##+ ", TEXT[start + 4 :])
    return TEXT[start : start + 4 + following.start()] if following else TEXT[start:]


def test_the_tables_say_what_the_model_says() -> None:
    assert with_tables(TEXT) == TEXT, "docs/plan-file.md is stale: run `make docs`"


def test_every_table_of_the_model_stands_in_the_reference_once() -> None:
    assert sorted([*re.findall(r"<!-- keys of (\w+) -->", TEXT), "Plan"]) == sorted(TABLES)


def test_every_metric_is_named() -> None:
    assert set(METRICS) <= set(re.findall(r"`(\w+)`", section("## `[watch]`")))


def test_the_examples_have_no_wrong_shape() -> None:
    """Each is a piece of a plan: names of other pieces are missing, but no key or value may be wrong."""
    for example in re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL):
        for found in check_plan(example, "example")[1]:
            missing = ("no ", "`[window]` is missing", "this plan has no steps", "nobody can pass")
            assert found.severity == "warning" or found.message.startswith(missing), str(found)
