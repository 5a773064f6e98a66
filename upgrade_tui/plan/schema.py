"""The plan file's JSON Schema (2020-12), made from the model, so that it cannot fall behind. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from upgrade_tui.plan.keys import keys_of, tables_of
from upgrade_tui.plan.model import Plan
from upgrade_tui.units import DURATION_PATTERN, PERCENT_PATTERN, Duration, Percent, When

_DURATION = {
    "type": "string",
    "pattern": DURATION_PATTERN,
    "minLength": 2,
    "description": 'A duration: "90s", "10m", "1h30m", "300ms", "2d".',
    "examples": ["30s", "10m", "1h30m"],
}
_PERCENT = {
    "type": "string",
    "pattern": PERCENT_PATTERN,
    "description": 'A share from "0%" to "100%".',
    "examples": ["85%"],
}
_WHEN = {
    "description": 'A date-time with its offset, such as 2026-12-05T22:00:00+08:00 (no quotes), or "now" for a drill.',
    # language servers show TOML date-times to the schema as strings of this format
    "anyOf": [{"type": "string", "format": "date-time"}, {"const": "now"}],
}
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def plan_schema() -> dict[str, Any]:
    """The schema of a whole plan file, as plain data."""
    out = msgspec.json.schema(Plan, schema_hook=_custom)
    tables: dict[str, dict[str, Any]] = out["$defs"]
    for kind in tables_of(Plan):
        table = tables[kind.__name__]
        table["description"] = _plain(table["description"])
        properties = table["properties"]
        for name, key in keys_of(kind).items():
            said = properties[name] | {"description": key.says}
            properties[name] = _alone(_without_null(said) | key.schema)
        if either := getattr(kind, "one_of", ()):
            table["oneOf"] = [{"required": [key]} for key in either]
    tables["Plan"]["required"] = ["window", "steps"]
    tables["Plan"]["description"] = "The plan of an upgrade window: hosts, steps, canaries, risks, people."
    return {"$schema": _DIALECT, "title": "upgrade-tui plan", **out}


def _custom(kind: type) -> dict[str, Any]:
    known: dict[type, dict[str, Any]] = {Duration: _DURATION, Percent: _PERCENT, When: _WHEN}
    return dict(known[kind])


def _without_null(value: dict[str, Any]) -> dict[str, Any]:
    """TOML has no null: a key that is not given is not there."""
    options = value.get("anyOf")
    if not isinstance(options, list) or {"type": "null"} not in options:
        return value
    rest = [option for option in options if option != {"type": "null"}]
    out = {key: item for key, item in value.items() if key not in ("anyOf", "default")}
    if len(rest) != 1:
        return {**out, "anyOf": rest}
    return {**rest[0], **out}


def _alone(value: dict[str, Any]) -> dict[str, Any]:
    """A key that can have one value has no type to speak of; a default that is none of its values is worked out."""
    single, values = "const" in value, value.get("enum")
    left_out = (
        {"type", "default"} if single else {"default"} if values and value.get("default") not in values else set()
    )
    return {key: item for key, item in value.items() if key not in left_out}


def _plain(docstring: str) -> str:
    return " ".join(docstring.replace("``", "`").split())
