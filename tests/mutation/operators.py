"""What can be wrong with a line: small faults of the kind people make, each as a replaced piece of the source.

There are none in annotations, docstrings, ``assert`` and f-strings.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """``before`` stands at ``start`` (characters from the beginning of the file) and becomes ``after``."""

    operator: str
    line: int
    start: int
    before: str
    after: str

    def put_into(self, source: str) -> str:
        """The source with this fault in it."""
        assert source[self.start : self.start + len(self.before)] == self.before
        return source[: self.start] + self.after + source[self.start + len(self.before) :]


_COMPARED = {
    ast.Eq: ("==", "!="), ast.NotEq: ("!=", "=="), ast.Lt: ("<", "<="), ast.LtE: ("<=", "<"), ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"), ast.Is: ("is", "is not"), ast.IsNot: ("is not", "is"), ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
}  # fmt: skip
_COUNTED = {ast.Add: ("+", "-"), ast.Sub: ("-", "+"), ast.Mult: ("*", "/"), ast.Div: ("/", "*")}


def faults(source: str) -> list[Fault]:
    """All faults that can be put into this source, in its order."""
    found = _Finder(source)
    found.visit(ast.parse(source))
    return sorted(set(found.out), key=lambda fault: (fault.start, fault.operator, fault.after))


class _Finder(ast.NodeVisitor):
    def __init__(self, source: str) -> None:
        self.out: list[Fault] = []
        self._source = source
        lines = source.splitlines(keepends=True)
        self._bytes = [line.encode() for line in lines]  # columns of the AST count bytes
        self._starts = [0]
        for line in lines:
            self._starts.append(self._starts[-1] + len(line))
        self._truths: list[bool] = []  # of the functions around: whether they answer yes or no

    # -- places -------------------------------------------------------------------------------------------------------

    def _at(self, line: int, column: int) -> int:
        return self._starts[line - 1] + len(self._bytes[line - 1][:column].decode())

    def _start(self, node: ast.expr | ast.stmt) -> int:
        return self._at(node.lineno, node.col_offset)

    def _end(self, node: ast.expr | ast.stmt) -> int:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._at(node.end_lineno, node.end_col_offset)

    def _put(self, operator: str, node: ast.expr | ast.stmt, after: str) -> None:
        start = self._start(node)
        self.out.append(Fault(operator, node.lineno, start, self._source[start : self._end(node)], after))

    def _between(self, operator: str, left: ast.expr, right: ast.expr, before: str, after: str) -> None:
        """Replace the word between two operands."""
        start, end = self._end(left), self._start(right)
        found = re.search(rf"(?<!\w){re.escape(before)}(?!\w)".replace(" ", r"\s+"), self._source[start:end])
        if found is not None:
            at = start + found.start()
            line = self._source.count("\n", 0, at) + 1
            self.out.append(Fault(operator, line, at, found[0], after))

    def _text(self, node: ast.expr) -> str:
        return self._source[self._start(node) : self._end(node)]

    # -- what is looked at --------------------------------------------------------------------------------------------

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """The body and the defaults, without docstring, decorators and annotations."""
        self._truths.append(isinstance(node.returns, ast.Name) and node.returns.id == "bool")
        for default in (*node.args.defaults, *filter(None, node.args.kw_defaults)):
            self.visit(default)
        self._body(node.body)
        self._truths.pop()

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 - the names that ast.NodeVisitor calls

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._body(node.body)

    def visit_Module(self, node: ast.Module) -> None:
        self._body(node.body)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_Assert(self, node: ast.Assert) -> None:
        """Left alone: it is there for readers and the type checker."""

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """Left alone: places inside of it are not told before Python 3.12."""

    def _body(self, body: list[ast.stmt]) -> None:
        for statement in body:
            documents = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            if not documents:
                self.visit(statement)

    # -- faults -------------------------------------------------------------------------------------------------------

    def visit_Compare(self, node: ast.Compare) -> None:
        for left, op, right in zip([node.left, *node.comparators], node.ops, node.comparators, strict=False):
            before, after = _COMPARED[type(op)]
            self._between("compare", left, right, before, after)
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        before, after = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        for left, right in zip(node.values, node.values[1:], strict=False):
            self._between("and/or", left, right, before, after)
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not):
            self._put("not", node, f"({self._text(node.operand)})")
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if type(node.op) in _COUNTED:
            before, after = _COUNTED[type(node.op)]
            start, end = self._end(node.left), self._start(node.right)
            at = start + self._source[start:end].index(before)
            self.out.append(Fault("count", self._source.count("\n", 0, at) + 1, at, before, after))
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        match node.value:
            case bool():
                self._put("constant", node, str(not node.value))
            case int() | float():
                self._put("constant", node, repr(node.value + 1))
            case str() if node.value:
                self._put("constant", node, '""')

    def _condition(self, test: ast.expr) -> None:
        if not isinstance(test, ast.UnaryOp | ast.Constant):
            self._put("condition", test, f"not ({self._text(test)})")

    def visit_If(self, node: ast.If) -> None:
        self._condition(node.test)
        self.generic_visit(node)

    visit_While = visit_IfExp = visit_If  # type: ignore[assignment]  # noqa: N815

    def visit_comprehension(self, node: ast.comprehension) -> None:
        for test in node.ifs:
            self._condition(test)
        self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        self._put("dropped", node, "pass")
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        if all(isinstance(target, ast.Attribute | ast.Subscript) for target in node.targets):
            self._put("dropped", node, "pass")
        for target in node.targets:
            if isinstance(target, ast.Subscript):
                self.visit(target)
        self.visit(node.value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._put("dropped", node, "pass")
        self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> None:
        self._put("dropped", node, "pass")
        self.generic_visit(node)

    def _jump(self, node: ast.Continue | ast.Break) -> None:
        self._put("dropped", node, "pass")

    visit_Continue = visit_Break = _jump  # noqa: N815

    def visit_Return(self, node: ast.Return) -> None:
        if node.value is None:
            self._put("dropped", node, "pass")
            return
        if self._truths and self._truths[-1]:
            self._put("returned", node, f"return not ({self._text(node.value)})")
        elif not (isinstance(node.value, ast.Constant) and node.value.value is None):
            self._put("returned", node, "return None")
        self.visit(node.value)

    def visit_Call(self, node: ast.Call) -> None:
        if len(node.args) > 1 and not any(isinstance(arg, ast.Starred) for arg in node.args[:2]):
            first, second = node.args[:2]
            start, end = self._start(first), self._end(second)
            between = self._source[self._end(first) : self._start(second)]
            before, after = self._source[start:end], self._text(second) + between + self._text(first)
            if before != after:
                self.out.append(Fault("swapped", first.lineno, start, before, after))
        self.generic_visit(node)
