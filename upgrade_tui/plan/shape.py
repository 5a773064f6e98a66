"""The shape of a decoded plan against the structures of ``model``: every mistake at once, and a repaired copy. Pure.

msgspec validates, but stops at the first mistake; this walks its description of the types instead. What is wrong is
replaced by a stand-in (and remembered as broken), so that the checks of meaning can go on with the rest.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any

from msgspec import Struct, inspect

from upgrade_tui.foreign import harmless, one_line
from upgrade_tui.plan.diagnostics import KeyPath, path_text
from upgrade_tui.plan.findings import Findings
from upgrade_tui.plan.keys import PlanKey, keys_of, tables_of
from upgrade_tui.plan.model import Plan
from upgrade_tui.units import Duration, Percent, When, few_text


def near(word: str, known: Sequence[str]) -> str | None:
    """The known word that was probably meant, or None."""
    folded = {name.lower().replace("-", "_"): name for name in known}
    found = difflib.get_close_matches(word.lower().replace("-", "_"), list(folded), n=1, cutoff=0.65)
    return folded[found[0]] if found else None


def choices(known: Sequence[str], limit: int = 12) -> str:
    """Known names for a hint, not more than a screen line or two of them."""
    return few_text([f"`{name}`" for name in known], limit)


def shown_toml(value: object) -> str:
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
    return walker.table(data, Plan, ())


class _Walker:
    def __init__(self, findings: Findings, partial: bool) -> None:
        self._findings = findings
        self._partial = partial

    def value(self, value: Any, about: PlanKey, path: KeyPath) -> Any:
        """``value`` if it is what this key may have; else a stand-in, with the mistake reported."""
        return self._of_kind(value, about.type, about, path)

    def _of_kind(self, value: Any, kind: inspect.Type, about: PlanKey, path: KeyPath) -> Any:
        match kind:
            case inspect.UnionType():
                return self._union(value, kind, about, path)
            case inspect.StructType():
                if isinstance(value, dict):
                    return self.table(value, kind.cls, path)
            case inspect.DictType():
                if isinstance(value, dict):
                    keyed = [(self._text(key, about, path, of_key=True), item) for key, item in value.items()]
                    return {key: self._of_kind(item, kind.value_type, about, (*path, key)) for key, item in keyed}
            case inspect.VarTupleType():
                if isinstance(value, list):
                    return [self._of_kind(item, kind.item_type, about, (*path, i)) for i, item in enumerate(value)]
                if isinstance(value, str) and isinstance(kind.item_type, inspect.StrType):
                    self._wrong(path, kind, value, f'write ["{one_line(value, 60)}"]', breaks=False)
                    return [self._text(value, about, path)]  # what was meant is clear: check on with it
            case inspect.StrType():
                if isinstance(value, str):
                    return self._text(value, about, path)
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
                return self._choice(value, kind, about, path)
            case inspect.CustomType():
                return self._custom(value, kind, path)
            case _:
                raise AssertionError(f"the plan's model uses a type the reader does not know: {kind}")
        self._wrong(path, kind, value)
        return _stand_in(kind)

    def table(self, data: dict[str, Any], table: type[Struct], path: KeyPath) -> dict[str, Any]:
        """The keys of a table that its structure knows, each checked; unknown and missing ones reported."""
        keys = keys_of(table)
        out: dict[str, Any] = {}
        for name, item in data.items():
            if name in keys:
                out[name] = self.value(item, keys[name], (*path, name))
        for name, item in data.items():
            if name not in keys:
                meant = self._unknown(name, path, table, [known for known in keys if known not in data])
                if meant is not None and meant not in out:
                    self._findings.renamed((*path, meant), (*path, name))
                    out[meant] = self.value(item, keys[meant], (*path, meant))
        for name, key in keys.items():
            if key.required and name not in out:
                if not self._partial:
                    where = f"in {_heading(table)}" if path else "at the top level"
                    self._findings.error(path, f"`{_needed(key)}` is missing {where}", _hint(key))
                self._findings.breaks((*path, name))
                out[name] = _stand_in(key.type)
        return out

    def _unknown(self, name: str, path: KeyPath, table: type[Struct], free: Sequence[str]) -> str | None:
        """Reports an unknown key; returns the free key it was meant to be, if one is near."""
        known = list(keys_of(table))
        meant = near(name, known)
        if meant is not None:
            hint = f"did you mean `{meant}`?"
        else:
            homes = [_heading(other) for other in tables_of(Plan) if other is not table and name in keys_of(other)]
            hint = f"it belongs in {homes[0]}; " if len(homes) == 1 else ""
            hint += f"allowed here: {choices(known, 40)}"
        self._findings.error((*path, name), f"unknown key `{one_line(name, 60)}`", hint, at_key=True)
        if meant is not None and meant in free:
            return meant
        return None

    def _union(self, value: Any, kind: inspect.UnionType, about: PlanKey, path: KeyPath) -> Any:
        options = [option for option in kind.types if not isinstance(option, inspect.NoneType)]
        if len(options) == 1:
            return self._of_kind(value, options[0], about, path)
        for option in options:
            if _fits(value, option):
                return self._of_kind(value, option, about, path)
        self._wrong(path, kind, value)
        return _stand_in(options[0])

    def _choice(self, value: Any, kind: inspect.LiteralType, about: PlanKey, path: KeyPath) -> Any:
        if isinstance(value, str) and value in kind.values:
            return value
        known = [str(option) for option in kind.values]
        meant = near(value, known) if isinstance(value, str) else None
        allowed = "one of " + ", ".join(f'"{one}"' for one in about.values)
        self._wrong(path, allowed, value, f'did you mean "{meant}"?' if meant else "")
        return meant or known[0]

    def _custom(self, value: Any, kind: inspect.CustomType, path: KeyPath) -> Any:
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

    def _number(self, value: float, path: KeyPath) -> float:
        if abs(value) < 2**53:  # NaN compares false too
            return value
        self._findings.error(path, f"`{_last(path)}`: {shown_toml(value)} is not a number that makes sense here")
        self._findings.breaks(path)
        return 1

    def _text(self, value: str, about: PlanKey, path: KeyPath, *, of_key: bool = False) -> str:
        """Foreign text made harmless. In what is run or compared a replaced character is a mistake, not a detail."""
        clean = harmless if about.text in ("lines", "command", "prose") and not of_key else one_line
        text = value if clean is harmless or of_key else value.strip()
        odd = next((character for character in text if clean(character) != character), None)
        if odd is None:
            return text
        what = {"\n": "a line break", "\t": "a tab"}.get(odd, f"a control character (U+{ord(odd):04X})")
        if about.text in ("label", "prose") and not of_key:
            message = f"`{_last(path)}` has {what} in it, which will not be shown as such"
            self._findings.warn(path, message, "take it out")
        else:
            place = (*path, clean(text)) if of_key else path
            subject = f"the key {shown_toml(value)}" if of_key else f"`{_last(path)}`"
            hint = "let printf make it: printf '\\033'" if about.text == "command" else "take it out"
            self._findings.error(place, f"{subject} has {what} in it", hint, at_key=of_key)
            self._findings.breaks(place)
        return clean(text)

    def _wrong(
        self, path: KeyPath, wanted: inspect.Type | str, value: object, hint: str = "", *, breaks: bool = True
    ) -> None:
        expected = wanted if isinstance(wanted, str) else _words(wanted)
        self._findings.error(path, f"`{_last(path)}`: expected {expected}, got {shown_toml(value)}", hint)
        if breaks:
            self._findings.breaks(path)


def _fits(value: object, kind: inspect.Type) -> bool:
    return (
        (isinstance(kind, inspect.StrType) and isinstance(value, str))
        or (isinstance(kind, inspect.IntType) and isinstance(value, int) and not isinstance(value, bool))
        or (isinstance(kind, inspect.VarTupleType) and isinstance(value, list))
    )


def _last(path: KeyPath) -> str:
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


def _unit(value: object, kind: inspect.CustomType) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        return ""
    if kind.cls is Duration:
        return f'write "{value}s" for seconds or "{value}m" for minutes'
    return f'write "{value}%"' if kind.cls is Percent and value <= 100 else ""


def _heading(table: type[Struct]) -> str:
    return str(table.heading)  # type: ignore[attr-defined]


def _needed(key: PlanKey) -> str:
    return f"[{key.name}]" if isinstance(key.type, inspect.StructType) else key.name


def _hint(key: PlanKey) -> str:
    """How a key that is missing would be written."""
    if key.values:
        *most, last = (f'"{value}"' for value in key.values)
        return f"write {key.name} = {', '.join(most)} or {last}"
    return key.missing


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
            return {key.name: _stand_in(key.type) for key in keys_of(kind.cls).values() if key.required}
        case inspect.UnionType():
            return _stand_in(next(option for option in kind.types if not isinstance(option, inspect.NoneType)))
        case inspect.CustomType():
            return {Duration: "1s", Percent: "0%", When: "now"}[kind.cls]
    raise AssertionError(f"the plan's model uses a type the reader does not know: {kind}")
