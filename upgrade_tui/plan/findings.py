"""The collector every check of a plan reports to: mistakes by key path, given positions at the end. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from upgrade_tui.plan.diagnostics import Diagnostic, KeyPath, Severity, path_text
from upgrade_tui.plan.positions import Positions


class Finding(Struct, frozen=True):
    """A mistake at a key path: at its value, or at the key itself."""

    path: KeyPath
    message: str
    hint: str
    severity: Severity
    at_key: bool


class Findings:
    """Collects findings, and remembers what is broken, so that one mistake is not reported as several."""

    def __init__(self) -> None:
        self.found: list[Finding] = []
        self._broken: set[KeyPath] = set()
        self._spelt: dict[KeyPath, KeyPath] = {}

    def error(self, path: KeyPath, message: str, hint: str = "", *, at_key: bool = False) -> None:
        """A mistake: the plan will be refused."""
        self.found.append(Finding(path, message, hint, "error", at_key))

    def warn(self, path: KeyPath, message: str, hint: str = "", *, at_key: bool = False) -> None:
        """Something that may be meant, but had better be looked at."""
        self.found.append(Finding(path, message, hint, "warning", at_key))

    def breaks(self, path: KeyPath) -> None:
        """What stands at ``path`` was replaced by a stand-in: nothing can be said about its meaning."""
        self._broken.add(path)

    def renamed(self, right: KeyPath, written: KeyPath) -> None:
        """A misspelt key is checked as the key it was meant to be, and shown where it was written."""
        self._spelt[right] = written

    def broken(self, *prefixes: KeyPath) -> bool:
        """True if any of these places, or anything in or around them, could not be understood."""
        return any(
            broken[: len(prefix)] == prefix or prefix[: len(broken)] == broken
            for prefix in prefixes
            for broken in self._broken
        )

    def lost(self, path: KeyPath) -> bool:
        """True if this place itself, or one around it, could not be understood, and so nothing is known of it."""
        return any(path[: len(broken)] == broken for broken in self._broken)

    def broken_field(self, table: str, *fields: str) -> bool:
        """True if in any element of the table (or array) one of these fields, or a whole element, is broken."""
        return any(
            path[:1] == (table,) and (len(path) <= 2 or (len(path) > 2 and path[2] in fields)) for path in self._broken
        )

    @property
    def errors(self) -> bool:
        """True once anything is wrong enough to refuse the plan."""
        return any(f.severity == "error" for f in self.found)

    def diagnostics(self, file: str, where: Positions) -> tuple[Diagnostic, ...]:
        """All findings with their places, in the file's order, each once."""
        out = [self._diagnostic(f, file, where) for f in self.found]
        return sorted_diagnostics(dict.fromkeys(out))

    def _diagnostic(self, finding: Finding, file: str, where: Positions) -> Diagnostic:
        path = self._written(finding.path)
        line, column = where.key(path) if finding.at_key else where.value(path)
        return Diagnostic(
            file=file, line=line, column=column, path=path_text(path),
            message=finding.message, hint=finding.hint, severity=finding.severity,
        )  # fmt: skip

    def _written(self, path: KeyPath) -> KeyPath:
        for length in range(len(path), 0, -1):
            written = self._spelt.get(path[:length])
            if written is not None:
                return (*written, *path[length:])
        return path


def sorted_diagnostics(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """In the file's order; without positions, as found."""
    return tuple(sorted(diagnostics, key=lambda d: (d.line, d.column)))
