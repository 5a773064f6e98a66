"""docs/plan-file.md is the reference: every key of every table, with its true default; its examples are right."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from upgrade_tui.plan import model
from upgrade_tui.plan.reader import check_plan
from upgrade_tui.plan.rules.hosts import METRICS
from upgrade_tui.plan.rules.steps import MEANINGLESS
from upgrade_tui.units import Duration, Percent, duration_text

TEXT = (Path(__file__).parents[2] / "docs" / "plan-file.md").read_text(encoding="utf-8")
SECTIONS = {
    "## `[window]`": model.Window, "## `[people]`": model.Person, "## `[[risks]]`": model.Risk, "## `[ssh]`": model.Ssh,
    "## `[hosts.NAME]`": model.Host, "## `[watch]`": model.Watch, "## `[[canaries]]`": model.Canary,
    "### `expect`": model.Expect, "## `[[steps]]`": model.Step, "### Going back: `rollback`": model.Rollback,
    "### Ready-made: `checks`": model.Check,
}  # fmt: skip


def section(heading: str) -> str:
    start = TEXT.index(f"\n{heading}\n") + 1
    following = re.search(r"\n##+ ", TEXT[start + 4 :])
    return TEXT[start : start + 4 + following.start()] if following else TEXT[start:]


def written(field: inspect.Field) -> str:
    """A default as the reference writes it."""
    if field.required:
        return "required"
    value: Any = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    match value:
        case Duration():
            return f'`"{duration_text(value).replace(" ", "")}"`'
        case Percent():
            return f'`"{value:g}%"`'
        case bool():
            return f"`{str(value).lower()}`"
        case int():
            return f"`{value}`"
        case tuple():
            return "`[" + ", ".join(f'"{item}"' for item in value) + "]`"
        case str() if value:
            return f'`"{value}"`'
    return "–"


@pytest.mark.parametrize("heading", SECTIONS)
def test_every_key_stands_in_its_table_with_its_default(heading: str) -> None:
    kind = inspect.type_info(SECTIONS[heading])
    assert isinstance(kind, inspect.StructType)
    rows = re.findall(r"^\| `(\w+)` \| .*? \| (.*?) \| .+ \|$", section(heading), re.MULTILINE)
    assert rows == [(field.encode_name, written(field)) for field in kind.fields]


def test_every_table_of_the_model_has_a_section() -> None:
    top = inspect.type_info(model.Plan)
    assert isinstance(top, inspect.StructType)
    assert all(any(field.encode_name in heading for heading in SECTIONS) for field in top.fields)


def test_the_kinds_table_says_what_each_kind_has_no_use_for() -> None:
    rows = re.findall(r"^\| `(\w+)` \| .+? \| .+? \| (.+) \|$", section("### Kinds"), re.MULTILINE)
    assert {kind: set(re.findall(r"`(\w+)`", keys)) for kind, keys in rows} == MEANINGLESS


def test_every_metric_is_named() -> None:
    assert set(METRICS) <= set(re.findall(r"`(\w+)`", section("## `[watch]`")))


def test_the_examples_have_no_wrong_shape() -> None:
    """Each is a piece of a plan: names of other pieces are missing, but no key or value may be wrong."""
    for example in re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL):
        for found in check_plan(example, "example")[1]:
            missing = ("no ", "`[window]` is missing", "this plan has no steps", "nobody can pass")
            assert found.severity == "warning" or found.message.startswith(missing), str(found)
