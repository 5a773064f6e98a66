"""TOML text decoded, with kind words for what is not TOML. Pure.

A broken line of its own (``key = nonsense``) is left out and decoding goes on, so that its neighbours' mistakes are
reported in the same go. Where a mistake may reach over several lines, nothing after it is believed.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any

from msgspec import Struct

from upgrade_tui.foreign import one_line
from upgrade_tui.plan.diagnostics import path_text
from upgrade_tui.plan.positions import Place, positions

_LARGEST = 1 << 20  # characters; a plan that is longer is not a plan
_MANY = 50

_AT = re.compile(r"^(?P<what>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$", re.DOTALL)
_PAIR = re.compile(r"""^(?P<key>\s*(?:[A-Za-z0-9_.-]|"[^"]*"|'[^']*')+\s*)=(?P<space>[ \t]*)(?P<value>.*?)\s*$""")
_DATE = re.compile(r"^\d{4}-\d\d?-\d\d?")
_BARE = re.compile(r"^[^\s\"'\[\]{}#,=]+$")
_OPEN = "the list that begins on line {} is still open here"
_TWICE = (
    "Cannot overwrite",
    "Cannot declare",
    "Duplicate inline table key",
    "Cannot mutate immutable",
    "Cannot redefine",
)


class SyntaxMistake(Struct, frozen=True):
    """What is not TOML, where, and what would be right."""

    place: Place
    message: str
    hint: str


class DecodedPlan(Struct, frozen=True):
    """``data`` is None where nothing can be said about the rest; with mistakes and data, some lines were left out."""

    data: dict[str, Any] | None
    mistakes: tuple[SyntaxMistake, ...] = ()


def decode_plan(text: str) -> DecodedPlan:
    """Decodes TOML; total on any text."""
    if len(text) > _LARGEST:
        return DecodedPlan(
            None, (SyntaxMistake((1, 1), "this file is too long for a plan", f"at most {_LARGEST} characters"),)
        )
    lines = text.replace("\r\n", "\n").split("\n")
    mistakes: list[SyntaxMistake] = []
    reached = 0
    while True:
        try:
            return DecodedPlan(tomllib.loads("\n".join(lines)), tuple(mistakes))
        except tomllib.TOMLDecodeError as error:
            found = _AT.match(str(error))
            what = found["what"] if found else str(error)
            line, column = _end(lines)
            if found and found["line"]:
                line, column = int(found["line"]), int(found["column"])
            if line <= reached or len(mistakes) >= _MANY:
                return DecodedPlan(None, tuple(mistakes))
            mistake = _mistake(what, lines, line, column)
            mistakes.append(mistake)
            if "is still open here" in mistake.message or mistake.place[0] != line or not _alone(lines[line - 1]):
                return DecodedPlan(None, tuple(mistakes))
            reached, lines[line - 1] = line, ""
        except RecursionError:
            mistakes.append(
                SyntaxMistake((1, 1), "lists or tables are nested too deeply", "a plan needs five levels at most")
            )
            return DecodedPlan(None, tuple(mistakes))
        except ValueError as error:  # a number of thousands of digits
            mistakes.append(
                SyntaxMistake((1, 1), f"a number is out of bounds: {error}", "no number in a plan is that long")
            )
            return DecodedPlan(None, tuple(mistakes))


def _end(lines: list[str]) -> Place:
    """Just after the last character that is not blank: where something was expected and the text ended."""
    for number in range(len(lines), 0, -1):
        if lines[number - 1].strip():
            return number, len(lines[number - 1].rstrip()) + 1
    return 1, 1


def _alone(line: str) -> bool:
    """True if this line is one ``key = value`` of its own, whose mistake cannot reach into the next line."""
    pair = _PAIR.match(line)
    if pair is None:
        return False
    value = pair["value"]
    opened = any(value.count(left) > value.count(right) for left, right in ("[]", "{}"))
    many_lines = value.startswith(('"""', "'''"))
    return not opened and not many_lines


def _mistake(what: str, lines: list[str], line: int, column: int) -> SyntaxMistake:
    if what.startswith(_TWICE):
        return _twice(what, lines, line, column)
    if what in ("Expected \"'''\"", 'Expected \'"""\''):
        line, column = _last_quotes(lines, what[10:13])
        return SyntaxMistake((line, column), *_words(what))
    if what == "Unterminated string":
        many = "\n".join(lines).count('"""') % 2 == 1
        place = _last_quotes(lines, '"""' if many else '"')
        return SyntaxMistake(place, *_words('Expected \'"""\'' if many else what))
    text = lines[line - 1] if line <= len(lines) else ""
    pair = _PAIR.match(text)
    if what in ("Invalid value", "Unclosed array") and pair and column <= len(pair["key"]):
        began = _began(lines, line - 1)
        return SyntaxMistake((line, column), _OPEN.format(began), "close it with `]` before this line")
    if pair and column > len(pair["key"]):
        start = len(pair["key"]) + 1 + len(pair["space"]) + 1
        if not pair["value"] or pair["value"].startswith("#"):
            return SyntaxMistake(
                (line, start), f"`{pair['key'].strip()}` has no value", "write it after the `=`, or drop the key"
            )
        hint = _value_hint(pair["key"].strip(), pair["value"])
        if hint:
            return SyntaxMistake((line, start), f"this is not a TOML value: {one_line(pair['value'], 40)}", hint)
    return SyntaxMistake((line, column), *_words(what))


def _began(lines: list[str], line: int) -> int:
    """The line at or above ``line`` with a bracket that it does not close."""
    while line > 1 and lines[line - 1].count("[") <= lines[line - 1].count("]"):
        line -= 1
    return line


def _last_quotes(lines: list[str], quotes: str) -> Place:
    """Where the text began that never ends: the last of these quotes in the file."""
    for number in range(len(lines), 0, -1):
        if quotes in lines[number - 1]:
            return number, lines[number - 1].rindex(quotes) + 1
    return _end(lines)


def _value_hint(key: str, value: str) -> str:
    bare = value.split("#")[0].strip()
    if value.startswith("{"):
        return "an inline table { } stays on one line; write a table [like.this] for more" if "}" not in value else ""
    if _DATE.match(bare):
        return "write a date-time with seconds and offset, such as 2026-12-05T22:00:00+08:00"
    if bare.lower() in ("true", "false", "yes", "no", "on", "off"):
        return "write true or false, in small letters"
    if bare.isdigit():
        return "numbers have no zeros in front"
    if _BARE.match(bare) or re.match(r"^[A-Za-z]", bare):
        return f'texts, durations and shares stand in quotes: {key} = "{one_line(bare, 40)}"'
    return ""


def _words(what: str) -> tuple[str, str]:
    """tomllib's message in the words of somebody who wants to get on."""
    known = {
        "Illegal character '\\n'": ("a text is not closed on this line", 'close it, or use """ for many lines'),
        "Unterminated string": ("a text is not closed", "close it with a quote"),
        "Unclosed array": ("a list is not closed, or a comma is missing in it", 'write ["a", "b"]'),
        "Unclosed inline table": ("an inline table is not closed", "close it with `}`, on the same line"),
        "Expected '=' after a key in a key/value pair": ("a key without `=`", "write key = value"),
        "Expected newline or end of document after a statement": ("something stands after the value", "one key a line"),
        "Expected ']' at the end of a table declaration": ("a table's name is not closed", "write [name]"),
        "Expected ']]' at the end of an array declaration": ("a table's name is not closed", "write [[name]]"),
        "Unescaped '\\' in a string": ("a lone \\ in a text", "write \\\\, or use 'single quotes'"),
        "Invalid statement": ("neither a key nor a table begins like this", "write key = value, [table] or [[table]]"),
        "Invalid initial character for a key part": ("a key is expected here", "write letters, digits, - or _"),
        "Invalid value": ("a value is expected here", "texts stand in quotes"),
        "Expected \"'''\"": ("a text that began with ''' is not closed", "close it with '''"),
        "Expected '\"\"\"'": ('a text that began with """ is not closed', 'close it with """'),
    }  # fmt: skip
    if what.startswith("Illegal character") and what not in known:
        return (
            "a control character that TOML does not allow here",
            "take it out, or write it as \\u0000 with its number",
        )
    return known.get(what, (one_line(what, 200), ""))


def _twice(what: str, lines: list[str], line: int, column: int) -> SyntaxMistake:
    """The same key or table given twice: names both places."""
    again = [(path, first, place) for path, first, place in positions("\n".join(lines)).again() if place[0] <= line]
    if again:
        path, first, place = max(again, key=lambda entry: entry[2])
        if place[0] == line:
            names = tuple(part for part in path if isinstance(part, str))
            header = lines[line - 1].lstrip().startswith("[")
            name = f"[{path_text(names)}]" if header else names[-1] if names else path_text(path)
            hint = "merge the two, or rename one" if header else "keep one of them"
            return SyntaxMistake(place, f"`{one_line(name, 80)}` is given twice; the first is on line {first[0]}", hint)
    return SyntaxMistake((line, column), f"this is given twice: {one_line(what, 120)}", "keep one of them")
