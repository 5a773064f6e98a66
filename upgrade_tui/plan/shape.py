"""The shape of a decoded plan against the structures of ``model``: every mistake at once, and a repaired copy. Pure.

msgspec validates, but stops at the first mistake; this walks its description of the types instead. What is wrong is
replaced by a stand-in (and remembered as broken), so that the checks of meaning can go on with the rest.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from datetime import date, datetime, time
from functools import cache
from typing import Any

from msgspec import Struct, inspect

from upgrade_tui.foreign import harmless, one_line
from upgrade_tui.plan import model
from upgrade_tui.plan.diagnostics import Path, path_text
from upgrade_tui.plan.findings import Findings
from upgrade_tui.units import Duration, Percent

# Text for people is shown, never run or compared: what could act on a terminal is replaced and only warned about.
_FOR_PEOPLE = {"title", "goal", "note", "instructions", "response", "contact", "manual", "change", "services", "phase"}
_MANY_LINES = {"run", "check", "instructions", "goal", "note", "response", "manual", "body", "secret_command"}
_TABLES: dict[type[Struct], str] = {
    model.Plan: "the plan", model.Window: "[window]", model.Person: "[people.LOGIN]", model.Risk: "[[risks]]",
    model.Ssh: "[ssh]", model.Host: "[hosts.NAME]", model.Watch: "[watch]", model.Canary: "[[canaries]]",
    model.Expect: "a canary's `expect`", model.Rollback: "a step's `rollback`", model.Step: "[[steps]]",
    model.Check: "a step's `checks`",
}  # fmt: skip


def near(word: str, known: Sequence[str]) -> str | None:
    """The known word that was probably meant, or None."""
    folded = {name.lower().replace("-", "_"): name for name in known}
    found = difflib.get_close_matches(word.lower().replace("-", "_"), list(folded), n=1, cutoff=0.65)
    return folded[found[0]] if found else None


def choices(known: Sequence[str], limit: int = 12) -> str:
    """Known names for a hint, not more than a screen line or two of them."""
    shown = ", ".join(f"`{name}`" for name in known[:limit])
    return shown + (f" and {len(known) - limit} more" if len(known) > limit else "")


def shown(value: object) -> str:
    """A decoded value as it would be written in TOML, short enough for a message."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return '"' + one_line(value, 60) + '"'
        case dict():
            return "a table"
        case list():
            return "a list"
        case datetime() | date() | time():
            return value.isoformat()
        case _:
            return one_line(str(value), 60)


def check_shape(data: dict[str, Any], findings: Findings, *, partial: bool = False) -> dict[str, Any]:
    """``data`` repaired to fit ``Plan``; what was wrong goes to ``findings``.

    ``partial``: lines with broken syntax were left out, so that nothing can be said about what is missing.
    """
    walker = _Walker(findings, partial)
    return walker.table(data, _described(model.Plan), ())


class _Walker:
    def __init__(self, findings: Findings, partial: bool) -> None:
        self._findings = findings
        self._partial = partial

    def value(self, value: Any, kind: inspect.Type, path: Path) -> Any:
        """``value`` if it is of this kind; else a stand-in, with the mistake reported."""
        match kind:
            case inspect.UnionType():
                return self._union(value, kind, path)
            case inspect.StructType():
                if isinstance(value, dict):
                    return self.table(value, kind, path)
            case inspect.DictType():
                if isinstance(value, dict):
                    keyed = [(self._text(key, path, of_key=True), item) for key, item in value.items()]
                    return {key: self.value(item, kind.value_type, (*path, key)) for key, item in keyed}
            case inspect.VarTupleType():
                if isinstance(value, list):
                    return [self.value(item, kind.item_type, (*path, i)) for i, item in enumerate(value)]
                if isinstance(value, str) and isinstance(kind.item_type, inspect.StrType):
                    self._wrong(path, kind, value, f'write ["{one_line(value, 60)}"]', breaks=False)
                    return [self._text(value, path)]  # what was meant is clear: check on with it
            case inspect.StrType():
                if isinstance(value, str):
                    return self._text(value, path)
            case inspect.BoolType():
                if isinstance(value, bool):
                    return value
            case inspect.IntType():
                if isinstance(value, int) and not isinstance(value, bool):
                    return self._number(value, path)
            case inspect.FloatType():
                if isinstance(value, int | float) and not isinstance(value, bool):
                    return self._number(value, path)
            case inspect.LiteralType():
                return self._choice(value, kind, path)
            case inspect.CustomType():
                return self._custom(value, kind, path)
            case _:
                raise AssertionError(f"the plan's model uses a type the reader does not know: {kind}")
        self._wrong(path, kind, value)
        return _stand_in(kind)

    def table(self, data: dict[str, Any], kind: inspect.StructType, path: Path) -> dict[str, Any]:
        """The keys of a table that its structure knows, each checked; unknown and missing ones reported."""
        fields = {field.encode_name: field for field in kind.fields}
        out: dict[str, Any] = {}
        for key, item in data.items():
            if key in fields:
                out[key] = self.value(item, fields[key].type, (*path, key))
        for key, item in data.items():
            if key not in fields:
                meant = self._unknown(key, path, kind, [name for name in fields if name not in data])
                if meant is not None and meant not in out:
                    self._findings.renamed((*path, meant), (*path, key))
                    out[meant] = self.value(item, fields[meant].type, (*path, meant))
        for name, field in fields.items():
            if field.required and name not in out:
                if not self._partial:
                    where = "in " + _TABLES[kind.cls] if path else "at the top level"
                    self._findings.error(path, f"`{_needed(name, field.type)}` is missing {where}", _example(name))
                self._findings.breaks((*path, name))
                out[name] = _stand_in(field.type)
        return out

    def _unknown(self, key: str, path: Path, kind: inspect.StructType, free: Sequence[str]) -> str | None:
        """Reports an unknown key; returns the free key it was meant to be, if one is near."""
        names = [field.encode_name for field in kind.fields]
        meant = near(key, names)
        if meant is not None:
            hint = f"did you mean `{meant}`?"
        else:
            homes = [_TABLES[cls] for cls in _TABLES if cls is not kind.cls and key in _names(cls)]
            hint = f"it belongs in {homes[0]}; " if len(homes) == 1 else ""
            hint += f"allowed here: {choices(names, 40)}"
        self._findings.error((*path, key), f"unknown key `{one_line(key, 60)}`", hint, at_key=True)
        if meant is not None and meant in free:
            return meant
        return None

    def _union(self, value: Any, kind: inspect.UnionType, path: Path) -> Any:
        options = [option for option in kind.types if not isinstance(option, inspect.NoneType)]
        if len(options) == 1:
            return self.value(value, options[0], path)
        for option in options:
            if _fits(value, option):
                return self.value(value, option, path)
        self._wrong(path, kind, value)
        return _stand_in(options[0])

    def _choice(self, value: Any, kind: inspect.LiteralType, path: Path) -> Any:
        if isinstance(value, str) and value in kind.values:
            return value
        known = [str(option) for option in kind.values]
        meant = near(value, known) if isinstance(value, str) else None
        self._wrong(path, kind, value, f'did you mean "{meant}"?' if meant else "")
        return meant or known[0]

    def _custom(self, value: Any, kind: inspect.CustomType, path: Path) -> Any:
        if isinstance(value, dict | list) or (isinstance(value, str) and len(value) > 60):
            self._wrong(path, kind, value)
            return _stand_in(kind)
        try:
            kind.cls.parse(value)  # type: ignore[attr-defined]
        except ValueError as error:
            self._findings.error(path, f"`{_last(path)}`: {harmless(str(error))}", _unit(value, kind))
            self._findings.breaks(path)
            return _stand_in(kind)
        return value

    def _number(self, value: float, path: Path) -> float:
        if abs(value) < 2**53:  # NaN compares false too
            return value
        self._findings.error(path, f"`{_last(path)}`: {shown(value)} is not a number that makes sense here")
        self._findings.breaks(path)
        return 1

    def _text(self, value: str, path: Path, *, of_key: bool = False) -> str:
        """Foreign text made harmless. In what is run or compared a replaced character is a mistake, not a detail."""
        name = next((part for part in reversed(path) if isinstance(part, str)), "")
        clean = harmless if name in _MANY_LINES and not of_key else one_line
        text = value if clean is harmless or of_key else value.strip()
        odd = next((character for character in text if clean(character) != character), None)
        if odd is None:
            return text
        what = {"\n": "a line break", "\t": "a tab"}.get(odd, f"a control character (U+{ord(odd):04X})")
        if name in _FOR_PEOPLE and not of_key:
            self._findings.warn(
                path, f"`{_last(path)}` has {what} in it, which will not be shown as such", "take it out"
            )
        else:
            place = (*path, clean(text)) if of_key else path
            subject = f"the key {shown(value)}" if of_key else f"`{_last(path)}`"
            hint = (
                "take it out"
                if name not in ("run", "check", "secret_command")
                else "let printf make it: printf '\\033'"
            )
            self._findings.error(place, f"{subject} has {what} in it", hint, at_key=of_key)
            self._findings.breaks(place)
        return clean(text)

    def _wrong(self, path: Path, kind: inspect.Type, value: object, hint: str = "", *, breaks: bool = True) -> None:
        self._findings.error(path, f"`{_last(path)}`: expected {_words(kind)}, got {shown(value)}", hint)
        if breaks:
            self._findings.breaks(path)


def _fits(value: object, kind: inspect.Type) -> bool:
    return (
        (isinstance(kind, inspect.StrType) and isinstance(value, str))
        or (isinstance(kind, inspect.IntType) and isinstance(value, int) and not isinstance(value, bool))
        or (isinstance(kind, inspect.VarTupleType) and isinstance(value, list))
    )


def _last(path: Path) -> str:
    """The key a message is about: ``batches[1]`` for an element of a list, with no more of the path than that."""
    start = len(path) - 1
    while start > 0 and isinstance(path[start], int):
        start -= 1
    return path_text(path[start:])


def _words(kind: inspect.Type, *, many: bool = False) -> str:
    match kind:
        case inspect.StrType():
            return "texts in quotes" if many else "a text in quotes"
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType():
            return "whole numbers" if many else "a whole number"
        case inspect.FloatType():
            return "numbers" if many else "a number"
        case inspect.LiteralType():
            return "one of " + ", ".join(f'"{v}"' for v in _in_order(kind))
        case inspect.VarTupleType():
            return "a list of " + _words(kind.item_type, many=True)
        case inspect.DictType() | inspect.StructType():
            return "tables" if many else "a table"
        case inspect.UnionType():
            options = [option for option in kind.types if not isinstance(option, inspect.NoneType)]
            return " or ".join(_words(option, many=many) for option in options)
        case inspect.CustomType():
            known: dict[type, str] = {Duration: 'a duration such as "10m"', Percent: 'a share such as "85%"'}
            return known.get(kind.cls, "a date-time")
        case _:
            return "another value"


def _in_order(kind: inspect.LiteralType) -> list[str]:
    """msgspec sorts the values of a Literal; levels and roles read better in their own order."""
    order = (
        "low",
        "medium",
        "high",
        "lead",
        "engineer",
        "observer",
        "warn",
        "pause",
        "rollback",
        "batch",
        "now",
        "person",
        "auto",
    )
    return sorted((str(v) for v in kind.values), key=lambda v: order.index(v) if v in order else -1)


def _unit(value: object, kind: inspect.CustomType) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        return ""
    if kind.cls is Duration:
        return f'write "{value}s" for seconds or "{value}m" for minutes'
    return f'write "{value}%"' if kind.cls is Percent and value <= 100 else ""


@cache
def _described(cls: type[Struct]) -> inspect.StructType:
    info = inspect.type_info(cls)
    assert isinstance(info, inspect.StructType)
    return info


def _names(cls: type[Struct]) -> set[str]:
    return {field.encode_name for field in _described(cls).fields}


def _needed(name: str, kind: inspect.Type) -> str:
    return f"[{name}]" if isinstance(kind, inspect.StructType) else name


def _example(name: str) -> str:
    return {
        "window": 'add [window] with `id`, `title`, `start`, and `end` or `duration`',
        "start": 'write start = 2026-12-05T22:00:00+08:00, or start = "now" for a drill',
        "id": 'write id = "a-short-name"; commands and files use it',
        "title": 'write title = "what this is, in a few words"',
        "role": 'write role = "lead", "engineer" or "observer"',
        "address": 'write address = "10.0.0.1", a name, or "local" for this machine',
        "estimate": 'write estimate = "5m": what one batch takes',
        "name": 'write name = "what this canary tells"',
        "likelihood": 'write likelihood = "low", "medium" or "high"',
        "impact": 'write impact = "low", "medium" or "high"',
    }.get(name, "")  # fmt: skip


def _stand_in(kind: inspect.Type) -> Any:
    """A value of this kind, so that the rest of the plan can be checked."""
    match kind:
        case inspect.StrType():
            return ""
        case inspect.BoolType():
            return False
        case inspect.IntType() | inspect.FloatType():
            return 1
        case inspect.LiteralType():
            return kind.values[0]
        case inspect.VarTupleType():
            return []
        case inspect.DictType():
            return {}
        case inspect.StructType():
            return {field.encode_name: _stand_in(field.type) for field in kind.fields if field.required}
        case inspect.UnionType():
            return _stand_in(next(option for option in kind.types if not isinstance(option, inspect.NoneType)))
        case inspect.CustomType():
            return {Duration: "1s", Percent: "0%", model.When: "now"}[kind.cls]
    raise AssertionError(f"the plan's model uses a type the reader does not know: {kind}")
