"""A copy of the program and its tests, in which things may be broken."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("upgrade_tui", "tests", "configs", "docs", "pyproject.toml", "README.md", "Makefile", "CHANGELOG.md")


class Copy:
    """Made once; one file of it is changed at a time."""

    def __init__(self, place: Path) -> None:
        self.place = place
        for part in PARTS:
            source = ROOT / part
            if source.is_dir():
                shutil.copytree(source, place / part, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, place)
        # never a stale .pyc: a mutant may have the size and, to the second, the age of what it replaces
        self._env = {**os.environ, "PYTHONPATH": str(place), "PYTHONDONTWRITEBYTECODE": "1"}
        seen = self.python(("-c", "import upgrade_tui; print(upgrade_tui.__file__)"), 60.0)
        if not seen.stdout.startswith(str(place)):
            raise SystemExit(f"the copy is not what is run: {seen.stdout or seen.stderr}")

    def python(self, arguments: tuple[str, ...], limit: float) -> subprocess.CompletedProcess[str]:
        """Python in the copy. Raises TimeoutExpired after ``limit`` seconds, with all that it started ended."""
        command = [sys.executable, *arguments]
        with subprocess.Popen(
            command, cwd=self.place, env=self._env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, errors="replace", start_new_session=True,
        ) as process:  # fmt: skip
            try:
                stdout, stderr = process.communicate(timeout=limit)
            except BaseException:
                os.killpg(process.pid, signal.SIGKILL)
                raise
        return subprocess.CompletedProcess(command, process.returncode, stdout, stderr)

    def pytest(self, paths: tuple[str, ...], limit: float, *options: str) -> subprocess.CompletedProcess[str]:
        """These tests, below ``tests``, one after the other. Raises TimeoutExpired."""
        plain = ("-m", "pytest", "-q", "-rfEs", "--tb=short", "-p", "no:cacheprovider", "-p", "no:xdist")
        return self.python((*plain, *options, *(f"tests/{path}" for path in paths)), limit)

    @contextmanager
    def changed(self, path: str, text: str) -> Iterator[None]:
        """The file at ``path`` says ``text`` meanwhile."""
        file = self.place / path
        before = file.read_text(encoding="utf-8")
        file.write_text(text, encoding="utf-8")
        try:
            yield
        finally:
            file.write_text(before, encoding="utf-8")
