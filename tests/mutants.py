"""Faults put into the program, each of which a test or a night must find: ``python -m tests.mutants [NAME]``.

The program is copied, one place of the copy is changed, and what should notice is run against it. A mutant that nobody
finds is a hole in the nets; one whose place is not there any more has to be put in elsewhere.
"""

# ruff: noqa: T201 - a command line

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NIGHTS = ("-m", "tests.simulation", "--nights", "150")
NARROW = ("-m", "tests.simulation", "--narrow", "--nights", "150")


def _tests(*names: str) -> tuple[str, ...]:
    return ("-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *names)


@dataclass(frozen=True)
class Mutant:
    """``before`` becomes ``after`` in ``file``; ``finds`` is what must fail then."""

    name: str
    file: str
    before: str
    after: str
    finds: tuple[str, ...]


MUTANTS = (
    Mutant(
        "a timed-out check is taken as failed", "conductor/running/tasks.py",
        "if ended.proven and code is None and not ended.timed_out:", "if ended.proven and code is None:", NIGHTS,
    ),
    Mutant(
        "what a person settled counts as measured", "window/pace.py",
        "and not task.settled_by and task.started is not None", "and task.started is not None", _tests("tests/window"),
    ),
    Mutant(
        "no override is asked for between 0 and -60 s", "window/hold.py", "slack is not None and slack < 0",
        "slack is not None and slack < -60", _tests("tests/window", "tests/conductor/test_held.py"),
    ),
    Mutant(
        "anybody approves without people", "window/gates.py", "return able or frozenset({state.opened_by})",
        "return able or frozenset({state.opened_by, \"tom\", \"ana\", \"eve\"})", _tests("tests/window"),
    ),
    Mutant(
        "a reused pid is taken for the runner", "fleet/jobs/common.sh",
        '[ -n "$1" ] && born "$1" && [ "$began" = "$2" ]',
        '[ -n "$1" ] && born "$1"', _tests("tests/fleet/jobs"),
    ),
    Mutant(
        "no second try after the ballast was freed", "journal/segments.py",
        "for has_room in (self._ballast.held, False):",
        "for has_room in (False,):", _tests("tests/journal"),
    ),
    Mutant(
        "what an earlier conductor wrote is not synced at takeover", "journal/recovery.py",
        "    _persist(walk.last.path, walk.size)\n", "", _tests("tests/journal"),
    ),
    Mutant(
        "a job that was acknowledged and is gone was never started", "fleet/jobs/job.py", "self._known = begun\n",
        "self._known = False\n", NIGHTS,
    ),
    Mutant(
        "a start does not ask whether the window goes on", "conductor/running/begin.py",
        'return state.phase == "open" and not state.rolling_back and runs(state, spec.id, attempt)',
        "return runs(state, spec.id, attempt)", NIGHTS,
    ),
    Mutant(
        "what an attempt did not come to is forgotten", "window/fold_steps.py",
        'if before is None or before.state == "rolled back":',
        'if before is None or before.state in ("rolled back", "pending"):',
        _tests("tests/window/test_attempts.py"),
    ),
)  # fmt: skip


def found(mutant: Mutant) -> str:
    """``found``, ``NOT FOUND``, or why it could not be put in."""
    with tempfile.TemporaryDirectory() as place:
        for part in ("upgrade_tui", "tests", "configs", "docs"):
            shutil.copytree(ROOT / part, Path(place) / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", place)
        path = Path(place) / "upgrade_tui" / mutant.file
        text = path.read_text(encoding="utf-8")
        if mutant.before not in text:
            return "ITS PLACE IS NOT THERE ANY MORE"
        path.write_text(text.replace(mutant.before, mutant.after, 1), encoding="utf-8")
        env = {**os.environ, "PYTHONPATH": place}
        done = subprocess.run(
            [sys.executable, *mutant.finds], cwd=place, env=env, capture_output=True, text=True, check=False
        )
        return "found" if done.returncode == 1 else "NOT FOUND"


def main() -> int:
    """0: all were found."""
    wanted = [m for m in MUTANTS if not sys.argv[1:] or any(word in m.name for word in sys.argv[1:])]
    missed = 0
    for mutant in wanted:
        result = found(mutant)
        missed += result != "found"
        print(f"{result}: {mutant.name}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
