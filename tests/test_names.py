"""A name means one thing in the whole program: whoever reads it knows the file, whoever looks for it finds one."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "upgrade_tui"
ON_HOSTS = {"demo/host", "demo/release"}  # programs of the demo's hosts, no modules of this one
BY_SUBJECT = {"rows", "pane", "page", "screen", "details"}  # of a folder by subject in the dashboard
ROLES = {"__init__", "__main__", "model", "schema", "reader", "writer", "server", "build"}


def _modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if not any(name.startswith(f"{folder}/") for folder in ON_HOSTS):
            yield name, path


def _public(kind: type[ast.AST] | tuple[type[ast.AST], ...]) -> Iterator[tuple[str, str]]:
    for module, path in _modules():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, kind) and not node.name.startswith("_"):  # type: ignore[attr-defined]
                yield node.name, module  # type: ignore[attr-defined]


def _assigned() -> Iterator[tuple[str, str]]:
    """Constants and aliases of modules, but for type variables: those name nothing."""
    for module, path in _modules():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            for target in targets:
                for each in target.elts if isinstance(target, ast.Tuple) else [target]:
                    if isinstance(each, ast.Name) and not each.id.startswith("_") and len(each.id) > 1:
                        yield each.id, module


def _twice(found: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    places = defaultdict[str, list[str]](list)
    for name, module in found:
        places[name].append(module)
    return {name: where for name, where in places.items() if len(where) > 1}


def test_each_public_class_is_there_once() -> None:
    assert not _twice(_public(ast.ClassDef))


def test_each_public_function_is_there_once() -> None:
    """But for a verb, which is a command and a key; a command, which is called as its verb; and ``check`` of a rule."""
    found = _public((ast.FunctionDef, ast.AsyncFunctionDef))
    assert not _twice(
        (name, module)
        for name, module in found
        if not module.startswith(("cli/", "tui/verbs")) and not (name == "check" and module.startswith("plan/rules/"))
    )


def test_each_public_constant_and_alias_is_there_once() -> None:
    """Nor as a class or function of that name; but for what each file of a table has: its ``ROWS``, its ``PROBE``."""
    defined = _public((ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
    assigned = {name for name, _ in _assigned()}
    found = [*_assigned(), *((name, module) for name, module in defined if name in assigned)]
    assert not _twice(
        (name, module)
        for name, module in found
        if not (name == "ROWS" and module.startswith("window/rows/"))
        and not (name == "PROBE" and module.startswith("canary/"))
    )


def test_each_file_name_is_there_once() -> None:
    """But for a command's, those of a subject's folder in the dashboard, and those that name a role."""

    def free(name: str) -> bool:
        stem = Path(name).stem
        in_a_folder = name.startswith("tui/") and name.count("/") > 1
        return name.startswith("cli/") or stem in ROLES or (in_a_folder and stem in BY_SUBJECT)

    assert not _twice((Path(name).stem, name) for name, _ in _modules() if not free(name))
