"""The walls of the program: which folder may import which, and what must not be paid for at start-up."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "upgrade_tui"
IO = {
    "asyncio", "time", "os", "pathlib", "socket", "subprocess", "threading", "multiprocessing", "signal", "select",
    "selectors", "ssl", "shutil", "tempfile", "sqlite3", "io", "fcntl", "random", "secrets", "uuid", "logging", "sys",
    "textual", "rich", "asyncssh", "aiohttp", "psutil", "click",
}  # fmt: skip
HEAVY = ("asyncssh", "aiohttp", "cryptography", "psutil", "jinja2")


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield node.module or ""


def test_the_layers_of_the_program_hold() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    if not lint.exists():
        pytest.fail("import-linter is not installed: pip install -e .[dev]")
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", sorted((PACKAGE / "window").rglob("*.py")), ids=lambda p: p.name)
def test_the_window_core_does_no_io_and_reads_no_clock(path: Path) -> None:
    for module in _imports(path):
        assert module.split(".")[0] not in IO, f"{path.name} imports {module}"
        if module.startswith("upgrade_tui."):
            assert module.split(".")[1] in {"window", "plan", "units", "foreign"}, f"{path.name} imports {module}"


@pytest.mark.parametrize("path", sorted((PACKAGE / "window").rglob("*.py")), ids=lambda p: p.name)
def test_the_window_core_calls_nothing_that_acts(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"open", "print", "input", "exec", "eval", "__import__"}, f"{path}:{node.lineno}"


def _loaded(module: str) -> set[str]:
    """Top-level packages in memory after ``import module`` in a fresh interpreter."""
    code = f"import {module}, sys; print(' '.join(sorted({{name.split('.')[0] for name in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_the_command_line_starts_without_ssh_web_and_screen() -> None:
    assert not _loaded("upgrade_tui.cli") & {*HEAVY, "textual", "rich", "asyncio", "sqlite3"}


def test_the_dashboard_starts_without_ssh_and_web() -> None:
    loaded = set[str]()
    modules = [m for m in ("upgrade_tui.tui", "upgrade_tui.tui.app") if (ROOT / (m.replace(".", "/") + ".py")).exists()
               or (ROOT / m.replace(".", "/") / "__init__.py").exists()]  # fmt: skip
    assert modules
    for module in modules:
        loaded |= _loaded(module)
    assert not loaded & set(HEAVY)


def test_the_window_core_loads_nothing_but_its_data_structures() -> None:
    loaded = _loaded("upgrade_tui.window.decide, upgrade_tui.window.fold, upgrade_tui.window.clock")
    assert not loaded & {*HEAVY, "textual", "rich", "asyncio", "sqlite3", "click", "socket"}


def test_every_package_says_what_it_is_for() -> None:
    for init in PACKAGE.rglob("__init__.py"):
        assert ast.get_docstring(ast.parse(init.read_text(encoding="utf-8"))), f"{init} has no docstring"


BY_HAND = re.compile(
    r""":\.0f\}\ (?:ms|%|s\b)       # {value:.0f} %, {seconds * 1000:.0f} ms
    | ['"]s['"]\ ?(?:\*|if)       # step{'s' * (n != 1)}
    | and\ \{.*\}\ more['"]\ ?if  # f" and {len(names) - 3} more" if ...""",
    re.VERBOSE,
)


APART = {PACKAGE / "units.py", PACKAGE / "demo/release/service.py"}  # the demo's service runs on its own


def test_numbers_become_words_in_one_place() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{number}: {line.strip()}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if path not in APART and BY_HAND.search(line)
    ]
    assert found == []
