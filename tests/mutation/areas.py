"""The parts of the program that mutants are drawn from, each with the tests that have to find them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Area:
    """``code``: files and folders below ``upgrade_tui``; ``tests``: below ``tests``."""

    name: str
    code: tuple[str, ...]
    tests: tuple[str, ...]

    def files(self) -> list[str]:
        """Its Python files, from the root of the repository, in order."""
        found = [path for part in self.code for path in _files(ROOT / "upgrade_tui" / part)]
        return sorted(path.relative_to(ROOT).as_posix() for path in found)


def _files(place: Path) -> list[Path]:
    found = [place] if place.is_file() else list(place.rglob("*.py"))
    if not found:
        raise SystemExit(f"{place} is not there any more: say in {__name__} where it went")
    return found


AREAS = (
    Area("window", ("window",), ("window",)),
    Area("plan", ("plan",), ("plan",)),
    Area("journal", ("journal",), ("journal",)),
    Area("execution", ("conductor/execution",), ("conductor",)),
    Area("jobs", ("fleet/jobs",), ("fleet/jobs",)),
    Area("judge", ("canary",), ("canary",)),
    Area("tui", ("tui",), ("tui",)),
    Area(
        "wiring",
        ("conductor/server.py", "conductor/requests.py", "conductor/observations.py", "attach"),
        ("wiring", "attach", "conductor"),
    ),
    Area("report", ("report",), ("report",)),
    Area("cli", ("cli",), ("cli",)),
)
