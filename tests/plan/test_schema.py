"""The JSON Schema: it accepts every plan we accept, refuses what its words can refuse, and explains every key."""

from __future__ import annotations

import json
import re
import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from msgspec import Struct

from upgrade_tui.cli.schema import schema as schema_command
from upgrade_tui.plan.keys import keys_of
from upgrade_tui.plan.schema import plan_schema

ROOT = Path(__file__).parents[2]
CONFIGS = sorted((ROOT / "configs").glob("*.toml"))
WRONG = Path(__file__).parent / "wrong"
UNDERSTOOD = {
    "$ref", "$defs", "$schema", "title", "description", "default", "examples", "format", "type", "properties",
    "additionalProperties", "required", "items", "minItems", "anyOf", "oneOf", "enum", "const", "pattern", "minLength",
    "minimum", "maximum", "propertyNames",
}  # fmt: skip


class Validator:
    """As much of JSON Schema 2020-12 as our schema uses; it refuses to judge by a word that it does not know."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self._root = schema

    def wrong(self, value: Any, schema: dict[str, Any] | None = None, path: str = "") -> list[str]:
        schema = self._root if schema is None else schema
        assert set(schema) <= UNDERSTOOD, set(schema) - UNDERSTOOD
        out: list[str] = []
        if "$ref" in schema:
            out += self.wrong(value, self._root["$defs"][schema["$ref"].rsplit("/", 1)[1]], path)
        kinds = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": int | float}
        kind = schema.get("type")
        if kind and (not isinstance(value, kinds[kind]) or (kind in ("integer", "number") and isinstance(value, bool))):
            return [*out, f"{path}: not {kind}"]
        if "anyOf" in schema and all(self.wrong(value, option, path) for option in schema["anyOf"]):
            out.append(f"{path}: none of anyOf")
        if "oneOf" in schema and sum(not self.wrong(value, option, path) for option in schema["oneOf"]) != 1:
            out.append(f"{path}: not one of oneOf")
        if "enum" in schema and value not in schema["enum"]:
            out.append(f"{path}: not in enum")
        if "const" in schema and value != schema["const"]:
            out.append(f"{path}: not const")
        if isinstance(value, str):
            out += [f"{path}: pattern"] if not re.search(schema.get("pattern", ""), value) else []
            out += [f"{path}: short"] if len(value) < schema.get("minLength", 0) else []
        if isinstance(value, int | float) and not isinstance(value, bool):
            in_range = schema.get("minimum", value) <= value <= schema.get("maximum", value)
            out += [] if in_range else [f"{path}: range"]
        if isinstance(value, list):
            out += [f"{path}: few"] if len(value) < schema.get("minItems", 0) else []
            for i, item in enumerate(value):
                out += self.wrong(item, schema.get("items", {}), f"{path}[{i}]")
        if isinstance(value, dict):
            out += self._object(value, schema, path)
        return out

    def _object(self, value: dict[str, Any], schema: dict[str, Any], path: str) -> list[str]:
        out = [f"{path}: no {key}" for key in schema.get("required", ()) if key not in value]
        more = schema.get("additionalProperties", {})
        for key, item in value.items():
            out += self.wrong(key, schema.get("propertyNames", {}), f"{path}.{key} (name)")
            inner = schema.get("properties", {}).get(key, more)
            out += [f"{path}: unknown {key}"] if inner is False else self.wrong(item, inner, f"{path}.{key}")
        return out


def as_editors_see_it(text: str) -> Any:
    """TOML decoded as language servers hand it to a schema: date-times as strings."""
    return json.loads(
        json.dumps(tomllib.loads(text), default=lambda v: v.isoformat() if isinstance(v, datetime) else v)
    )


@pytest.fixture(scope="module")
def validator() -> Validator:
    return Validator(plan_schema())


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_the_schema_accepts_the_examples(path: Path, validator: Validator) -> None:
    assert validator.wrong(as_editors_see_it(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "name", ["missing", "unknown-keys", "wrong-types", "empty", "window-both", "window-neither", "checks"]
)
def test_the_schema_refuses_wrong_shapes(name: str, validator: Validator) -> None:
    assert validator.wrong(as_editors_see_it((WRONG / f"{name}.toml").read_text(encoding="utf-8")))


def test_the_schema_names_what_is_wrong(validator: Validator) -> None:
    plan = as_editors_see_it(CONFIGS[0].read_text(encoding="utf-8"))
    plan["steps"][0]["batches"] = [0, "50", "50%"]
    plan["steps"][0]["estimate"] = "soon"
    plan["window"]["id"] = "a b"
    assert {said.split(":")[0] for said in validator.wrong(plan)} == {
        ".steps[0].batches[0]", ".steps[0].batches[1]", ".steps[0].estimate", ".window.id",
    }  # fmt: skip


def test_the_schema_has_no_null_since_toml_has_none() -> None:
    assert '"null"' not in json.dumps(plan_schema())


def test_every_key_says_in_a_sentence_what_it_is() -> None:
    tables = plan_schema()["$defs"].values()
    said = [key["description"] for table in tables for key in table["properties"].values()]
    assert len(said) > 100
    assert all(re.fullmatch(r"\S.*\.", sentence) for sentence in said)


def test_a_key_that_says_nothing_of_itself_is_refused() -> None:
    class Forgotten(Struct):
        what: str

    with pytest.raises(AssertionError, match="`what` says nothing of itself"):
        keys_of(Forgotten)


def test_the_command_prints_it() -> None:
    result = CliRunner().invoke(schema_command)
    assert result.exit_code == 0
    assert json.loads(result.stdout) == json.loads(json.dumps(plan_schema()))
