"""What the keys of the plan file say of themselves: each in the annotation of its type, and nowhere else. Pure.

Reader, rules, JSON Schema and ``docs/plan-file.md`` are told by ``keys_of``.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

from msgspec import NODEFAULT, Meta, Struct, inspect

from upgrade_tui.units import PERCENT_PATTERN, SIZE_PATTERN

Text = Literal["exact", "lines", "command", "label", "prose"]
"""What a text is for. ``label`` and ``prose`` are shown to people, never run or compared; ``lines``, ``command`` (for a
shell) and ``prose`` may have many lines.
"""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

# What JSON Schema can say beyond the type. msgspec is not told of it: it would stop at the first mistake.
NAMED = {"type": "string", "pattern": f"^{NAME.pattern}$"}
BY_NAME = {"propertyNames": NAMED}
COUNTED = {"minimum": 1}
PORT = {"minimum": 1, "maximum": 65535}
SIZED = {"pattern": SIZE_PATTERN}
SIZED_OR_SHARE = {"pattern": f"{SIZE_PATTERN}|{PERCENT_PATTERN}"}
SOME = {"minItems": 1}
TRUE = {"const": True}
VARIABLES = {"items": {"type": "string", "pattern": f"^{VARIABLE.pattern}$"}}
_SHARE = {"type": "string", "pattern": PERCENT_PATTERN}
BATCHES = SOME | {
    "items": {
        "anyOf": [
            {"type": "integer", "minimum": 1, "description": "So many hosts."},
            _SHARE | {"description": "A share of all the step's hosts; at least one."},
        ]
    },
}


def says(
    description: str, *, text: Text = "exact", only: str = "", missing: str = "", schema: dict[str, Any] | None = None
) -> Meta:
    """A key in one sentence.

    ``only``: the kinds of its table that have a use for it, with spaces between; empty for all. ``missing``: the hint
    where it is required and not there. ``schema``: what editors are told, see above.
    """
    about = {"says": description, "text": text, "only": tuple(only.split()), "missing": missing, "schema": schema or {}}
    return Meta(extra=about)


class PlanKey(Struct, frozen=True, kw_only=True):
    """A key as the model describes it: its name in the file, its type, and what ``says`` was given."""

    name: str
    type: inspect.Type
    values: tuple[str, ...]
    """What it may be, in the order of the model, where not everything of its type is allowed."""
    required: bool
    default: Any
    """What it is where it is left out; meaningless for a required one."""
    says: str
    text: Text
    only: tuple[str, ...]
    missing: str
    schema: dict[str, Any]


@cache
def keys_of(table: type[Struct]) -> dict[str, PlanKey]:
    """The keys of one of the model's tables by name, in their order there."""
    info, hints = inspect.type_info(table), get_type_hints(table)
    assert isinstance(info, inspect.StructType)
    return {field.encode_name: _key(field, _values(hints[field.name])) for field in info.fields}


@cache
def tables_of(table: type[Struct]) -> tuple[type[Struct], ...]:
    """The table and all that stand in it, each once."""
    inner = [table for key in keys_of(table).values() for part in _parts(key.type) for table in tables_of(part)]
    return tuple(dict.fromkeys([table, *inner]))


def _parts(kind: inspect.Type) -> list[type[Struct]]:
    match kind:
        case inspect.StructType():
            return [kind.cls]
        case inspect.VarTupleType():
            return _parts(kind.item_type)
        case inspect.DictType():
            return _parts(kind.value_type)
        case inspect.UnionType():
            return [part for option in kind.types for part in _parts(option)]
    return []


def _key(field: inspect.Field, values: tuple[str, ...]) -> PlanKey:
    kind = field.type
    assert isinstance(kind, inspect.Metadata), f"`{field.name}` says nothing of itself"
    about = kind.extra or {}
    default = field.default if field.default_factory is NODEFAULT else field.default_factory()
    return PlanKey(
        name=field.encode_name, type=kind.type, values=values, required=field.required, default=default, **about
    )


def _values(hint: Any) -> tuple[str, ...]:
    """The values of a Literal, also of one that may be left out. msgspec has them, too, but sorted."""
    if get_origin(hint) is Literal:
        return get_args(hint)
    return next((values for part in get_args(hint) if (values := _values(part))), ())
