"""Writes the tables of docs/plan-file.md from what the plan's keys say of themselves. ``python -m docs.plan_keys``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from msgspec import inspect

from upgrade_tui.plan.keys import PlanKey, keys_of, tables_of
from upgrade_tui.plan.model import Plan, Step
from upgrade_tui.units import Duration, Percent, When, duration_text

PAGE = Path(__file__).parent / "plan-file.md"
TABLES = {table.__name__: table for table in tables_of(Plan)}
KINDS = re.compile(r"^(?P<said>\| `(?P<kind>\w+)` \| .+? \| .+? \|) .+ \|$", re.MULTILINE)


def with_tables(page: str) -> str:
    """The page with every table as the model has it."""
    page = re.sub(r"<!-- keys of (\w+) -->\n.*?<!-- end -->", lambda found: _table(found[1]), page, flags=re.DOTALL)
    before, kinds, after = page.partition("### Kinds\n")
    here, heading, rest = after.partition("\n### ")
    return before + kinds + KINDS.sub(lambda row: f"{row['said']} {_no_use(row['kind'])} |", here) + heading + rest


def _table(name: str) -> str:
    rows = [
        f"| `{key.name}` | {_may_be(key)} | {_default(key)} | {key.says} |" for key in keys_of(TABLES[name]).values()
    ]
    head = ["| key | value | default | what it says |", "|---|---|---|---|"]
    return "\n".join([f"<!-- keys of {name} -->", *head, *rows, "<!-- end -->"])


def _may_be(key: PlanKey) -> str:
    return ", ".join(f'`"{value}"`' for value in key.values) or _words(key.type)


def _words(kind: inspect.Type, many: str = "") -> str:
    match kind:
        case inspect.UnionType():
            return " or ".join(_words(part, many) for part in kind.types if not isinstance(part, inspect.NoneType))
        case inspect.VarTupleType():
            return f"list of {_words(kind.item_type, 's')}"
        case inspect.CustomType():
            return {Duration: "duration", Percent: "share", When: "date-time"}[kind.cls]
        case inspect.DictType() | inspect.StructType():
            return f"table{many}"
    plain: dict[type, str] = {
        inspect.StrType: "text", inspect.BoolType: "true/false", inspect.IntType: "whole number",
        inspect.FloatType: "number",
    }  # fmt: skip
    return plain[type(kind)]


def _default(key: PlanKey) -> str:
    """A default as one would write it in a plan; a dash where no value says the same as leaving it out."""
    if key.required:
        return "required"
    value: Any = key.default
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


def _no_use(kind: str) -> str:
    return ", ".join(f"`{key.name}`" for key in keys_of(Step).values() if key.only and kind not in key.only)


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
