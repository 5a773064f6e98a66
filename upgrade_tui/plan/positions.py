"""Where each key and value of a TOML text stands, for diagnostics. Only used once something is wrong.

tomllib gives no positions; tree-sitter's TOML grammar does. Where it is not installed, diagnostics name the key path
instead. Lines and columns count from 1, columns in characters (tree-sitter counts bytes).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from upgrade_tui.foreign import one_line
from upgrade_tui.plan.diagnostics import KeyPath

if TYPE_CHECKING:
    from tree_sitter import Node

Place = tuple[int, int]  # line, column

_KEYS = ("bare_key", "quoted_key", "dotted_key")
_DEPTH = 100  # deeper nesting than any plan: positions stop there


class Spot(Struct, frozen=True):
    """A key path's first mention, its value, and where else the same key is given again."""

    key: Place
    value: Place
    again: tuple[Place, ...] = ()


class Positions:
    """Looks up the place of a key path; of the nearest table around it where the path itself is not in the file."""

    def __init__(self, spots: dict[KeyPath, Spot], *, known: bool = False) -> None:
        self._spots = spots
        self._top = (1, 1) if known else (0, 0)  # an empty file has a first line too

    def key(self, path: KeyPath) -> Place:
        """Where the key stands, for what is wrong with the key itself. (0, 0) where nothing is known."""
        return self._nearest(path)[0]

    def value(self, path: KeyPath) -> Place:
        """Where the value stands. (0, 0) where nothing is known."""
        return self._nearest(path)[1]

    def again(self) -> Iterator[tuple[KeyPath, Place, Place]]:
        """Every path given more than once: the path, its first place, and each further place."""
        for path, spot in self._spots.items():
            for place in spot.again:
                yield path, spot.key, place

    def _nearest(self, path: KeyPath) -> tuple[Place, Place]:
        for length in range(len(path), 0, -1):
            spot = self._spots.get(path[:length])
            if spot is not None:
                # a path that is not in the file is missing from the table around it: point at that table's beginning
                return (spot.key, spot.value) if length == len(path) else (spot.value, spot.value)
        return self._top, self._top


def positions(text: str) -> Positions:
    """Positions of all that can be made out in ``text``, even where its syntax is broken. None without tree-sitter."""
    try:
        import tree_sitter_toml
        from tree_sitter import Language, Parser
    except ImportError:
        return Positions({})
    data = text.encode("utf-8", "replace")
    tree = Parser(Language(tree_sitter_toml.language())).parse(data)
    index = _Index(data.split(b"\n"))
    index.document(tree.root_node)
    return Positions(index.spots, known=True)


class _Index:
    """One walk over the syntax tree, following TOML's rules for which table a key belongs to."""

    def __init__(self, lines: list[bytes]) -> None:
        self.spots: dict[KeyPath, Spot] = {}
        self._lines = lines
        self._counts: dict[KeyPath, int] = {}  # how many elements each array of tables has so far

    def document(self, root: Node) -> None:
        for node in root.named_children:
            if node.type == "pair":
                self._pair(node, (), 0)
            elif node.type in ("table", "table_array_element"):
                self._table(node, array=node.type == "table_array_element")

    def _table(self, node: Node, *, array: bool) -> None:
        header = next((child for child in node.named_children if child.type in _KEYS), None)
        if header is None:
            return
        parts, path = list(_parts(header))[:_DEPTH], ()  # type: tuple[list[tuple[str, Node]], KeyPath]
        for position, (name, key) in enumerate(parts):
            path = (*path, name)
            last = position == len(parts) - 1
            if last and array:
                self._note(path, self._place(key), self._place(node), repeats=True)
                self._counts[path] = self._counts.get(path, 0) + 1
                path = (*path, self._counts[path] - 1)
                self._note(path, self._place(node), self._place(node))
            else:
                self._note(path, self._place(key), self._place(node), repeats=not last or path in self._counts)
                if path in self._counts:
                    path = (*path, self._counts[path] - 1)
        for child in node.named_children:
            if child.type == "pair":
                self._pair(child, path, 0)

    def _pair(self, node: Node, path: KeyPath, depth: int) -> None:
        children = [child for child in node.named_children if child.type != "comment"]
        if len(children) < 2 or children[0].type not in _KEYS:
            return
        value = children[1]
        parts = list(_parts(children[0]))[:_DEPTH]
        for position, (name, key) in enumerate(parts):
            path = (*path, name)
            self._note(path, self._place(key), self._place(value), repeats=position < len(parts) - 1)
        self._value(value, path, depth)

    def _value(self, node: Node, path: KeyPath, depth: int) -> None:
        if depth > _DEPTH:
            return
        if node.type == "inline_table":
            for child in node.named_children:
                if child.type == "pair":
                    self._pair(child, path, depth + 1)
        elif node.type == "array":
            elements = [child for child in node.named_children if child.type != "comment"]
            for position, child in enumerate(elements):
                inner = (*path, position)
                self._note(inner, self._place(child), self._place(child))
                self._value(child, inner, depth + 1)

    def _note(self, path: KeyPath, key: Place, value: Place, *, repeats: bool = False) -> None:
        """The first mention counts. ``repeats``: TOML allows another mention (a table on the way to a key)."""
        known = self.spots.get(path)
        if known is None:
            self.spots[path] = Spot(key, value)
        elif not repeats and key != known.key:
            self.spots[path] = Spot(known.key, known.value, (*known.again, key))

    def _place(self, node: Node) -> Place:
        row, column = node.start_point
        line = self._lines[row] if row < len(self._lines) else b""
        return row + 1, len(line[:column].decode("utf-8", "replace")) + 1


def _parts(node: Node) -> Iterator[tuple[str, Node]]:
    """The names of a key with their nodes; dotted keys nest to the left in the grammar."""
    stack = [node]
    while stack:
        current = stack.pop()
        if current.type == "dotted_key":
            stack.extend(child for child in reversed(current.named_children) if child.type in _KEYS)
        else:
            yield _name(current), current


def _name(node: Node) -> str:
    text = (node.text or b"").decode("utf-8", "replace")
    if node.type == "quoted_key":
        try:
            return one_line(str(tomllib.loads(f"k = {text}")["k"]))
        except ValueError:
            return one_line(text[1:-1])
    return text
