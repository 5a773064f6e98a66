"""``python -m tests.mutation --seed N --count 100``: how many of the mutants that a seed draws do the tests find?

Each area gives as many. A mutant is put into a copy of the program, and the tests of the area's folder are run until
one fails, those that name the mutant's module first. What was found out is kept in a file, so that a run that was ended
goes on where it was; ``--again`` tries the survivors once more, after tests were written for them.
"""

# ruff: noqa: T201 - a command line

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.mutation.areas import AREAS, ROOT, Area
from tests.mutation.copied import Copy
from tests.mutation.drawn import Mutant, drawn

GOAL = 0.85
SLACK = 60.0  # seconds on top of three times what the tests take without any mutant: then they hang
LONGEST = 3600.0


class Known:
    """What was found out, a line a mutant."""

    def __init__(self, file: Path) -> None:
        self._file = file
        file.parent.mkdir(parents=True, exist_ok=True)
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        self._said: dict[str, str] = {}
        for line in lines:
            self._said.update(json.loads(line))

    def get(self, name: str) -> str | None:
        """How it ended; None where that is not known."""
        return self._said.get(name)

    def put(self, name: str, ended: str) -> None:
        """Kept at once: a run may be ended at any time."""
        self._said[name] = ended
        with self._file.open("a", encoding="utf-8") as out:
            out.write(json.dumps({name: ended}) + "\n")


def chosen(area: Area, seed: int, count: int) -> tuple[list[Mutant], list[Mutant]]:
    """The first ``count`` that somebody could notice, and those in between that nobody could."""
    wanted: list[Mutant] = []
    same: list[Mutant] = []
    for mutant in drawn(area, seed):
        (same if mutant.same else wanted).append(mutant)
        if len(wanted) == count:
            break
    return wanted, same


def in_order(tests: Path, area: Area, mutant: Mutant) -> tuple[str, ...]:
    """The area's test files, those first that speak of the mutant's module: most are found at once then."""
    module = mutant.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    stem = module.rpartition(".")[2]
    files = sorted({path for part in area.tests for path in (tests / part).rglob("test_*.py")})

    def far(path: Path) -> tuple[bool, bool]:
        text = path.read_text(encoding="utf-8")
        return module not in text, stem not in path.stem

    return tuple(path.relative_to(tests).as_posix() for path in sorted(files, key=far))


def without(copy: Copy, area: Area) -> float:
    """Seconds that the area's tests take without a mutant. Ends the program where they fail."""
    began = time.monotonic()
    done = copy.pytest(area.tests, LONGEST, "-x")
    if done.returncode:
        said = done.stdout[-4000:] + done.stderr[-2000:]
        raise SystemExit(f"without any mutant the tests of {area.name} fail:\n{said}")
    return time.monotonic() - began


def tried(copy: Copy, area: Area, mutant: Mutant, limit: float) -> str:
    """``killed by TEST``, ``killed: the tests hang``, or ``SURVIVES``."""
    source = (copy.place / mutant.path).read_text(encoding="utf-8")
    with copy.changed(mutant.path, mutant.fault.put_into(source)):
        try:
            done = copy.pytest(in_order(copy.place / "tests", area, mutant), limit, "-x")
        except subprocess.TimeoutExpired:
            return f"killed: the tests hang for {limit:.0f} s"
    if done.returncode == 0:
        return "SURVIVES"
    if done.returncode not in (1, 2):  # 1: a test failed; 2: the tests cannot even be read
        raise SystemExit(f"{mutant.name}: pytest ended with {done.returncode}\n{done.stderr[-2000:]}")
    failed = [
        line.split(" - ")[0] for line in done.stdout.splitlines() if line.startswith(("FAILED tests", "ERROR tests"))
    ]
    by = failed[0].split(" ", 1)[1] if failed else done.stdout.strip().splitlines()[-1] if done.stdout.strip() else "?"
    return f"killed by {by}"


def results(area: Area, wanted: list[Mutant], known: Known, again: bool) -> Iterator[tuple[Mutant, str]]:
    """Each with how it ended; the copy is made, and the tests tried without a mutant, only where one is to be tried."""
    left = [m for m in wanted if known.get(m.name) is None or (again and known.get(m.name) == "SURVIVES")]
    yield from ((m, known.get(m.name) or "") for m in wanted if m not in left)
    if not left:
        return
    with tempfile.TemporaryDirectory() as place:
        copy = Copy(Path(place).resolve())
        limit = 3 * without(copy, area) + SLACK
        for mutant in left:
            ended = tried(copy, area, mutant, limit)
            known.put(mutant.name, ended)
            print(f"{mutant.name}\n    {ended}", flush=True)
            yield mutant, ended


def main() -> int:
    """0: enough of them were killed."""
    asked = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    asked.add_argument("--seed", type=int, required=True)
    asked.add_argument("--count", type=int, default=100, help="of all areas together")
    asked.add_argument("--area", action="append", choices=[area.name for area in AREAS], help="these alone")
    asked.add_argument("--again", action="store_true", help="try those that survived once more")
    asked.add_argument("--list", action="store_true", help="only say which they are")
    given: Any = asked.parse_args()
    known = Known(ROOT / ".mutation" / f"seed-{given.seed}.jsonl")
    areas = [area for area in AREAS if not given.area or area.name in given.area]
    shares = {area.name: len(range(i, given.count, len(AREAS))) for i, area in enumerate(AREAS)}
    rows: list[tuple[str, int, int]] = []
    survivors: list[Mutant] = []
    for area in areas:
        wanted, same = chosen(area, given.seed, shares[area.name])
        for mutant in same:
            print(f"{mutant.name}\n    nobody could tell: {mutant.same}")
        if given.list:
            print("\n".join(f"{mutant.name}\n    {known.get(mutant.name) or 'not tried'}" for mutant in wanted))
            continue
        ended = list(results(area, wanted, known, given.again))
        survivors += [mutant for mutant, how in ended if how == "SURVIVES"]
        rows.append((area.name, sum(how != "SURVIVES" for _, how in ended), len(ended)))
    if given.list:
        return 0
    killed, count = sum(row[1] for row in rows), sum(row[2] for row in rows)
    print("\n| part | killed | of |\n|---|---|---|")
    print("\n".join(f"| {name} | {some} | {every} |" for name, some, every in [*rows, ("all", killed, count)]))
    print("\n".join(["", "These survive:", *(f"- {mutant.name}\n      {mutant.text}" for mutant in survivors)]))
    return 0 if killed >= GOAL * count else 1


if __name__ == "__main__":
    raise SystemExit(main())
