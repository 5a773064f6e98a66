"""What is wrong with a plan file, where, and what would be right. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

Severity = Literal["error", "warning"]
KeyPath = tuple[str | int, ...]
"""Where in the decoded TOML: ``("steps", 2, "batches", 0)``."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")


class Diagnostic(Struct, frozen=True, kw_only=True):
    """One mistake (or warning). ``line`` and ``column`` count from 1, in characters; 0 where no position is known."""

    file: str
    line: int
    column: int
    path: str
    message: str
    hint: str = ""
    severity: Severity = "error"

    @property
    def place(self) -> str:
        """``file:line:column``, or the file and the key path where no position is known."""
        if self.line:
            return f"{self.file}:{self.line}:{self.column}"
        return f"{self.file}: {self.path}" if self.path else self.file

    def __str__(self) -> str:
        """``file:line:column: what is wrong; what would be right``."""
        return f"{self.place}: {self.message}" + (f"; {self.hint}" if self.hint else "")


class PlanError(Exception):
    """A plan that must not run. ``diagnostics`` has everything found, warnings included."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("\n".join(str(d) for d in self.diagnostics if d.severity == "error"))


def path_text(path: KeyPath) -> str:
    """``("steps", 2, "batches", 0)`` -> ``steps[2].batches[0]``, as one would write it in TOML."""
    out = ""
    for part in path:
        if isinstance(part, int):
            out += f"[{part}]"
        else:
            name = part if _BARE.fullmatch(part) else '"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"'
            out += f".{name}" if out else name
    return out
