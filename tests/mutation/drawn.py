"""Which mutants a seed draws: lines of an area in a random order, of each line one of its faults."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from tests.mutation.areas import ROOT, Area
from tests.mutation.operators import Fault, faults
from tests.mutation.same import SAME, Same


@dataclass(frozen=True)
class Mutant:
    """A fault in a file, given from the root of the repository."""

    path: str
    fault: Fault
    text: str
    """The line that it is in, as it was."""

    @property
    def name(self) -> str:
        """``upgrade_tui/window/hold.py:51 compare: == becomes !=``."""
        before, after = (" ".join(part.split()) for part in (self.fault.before, self.fault.after))
        said = f"{_short(before)} becomes {_short(after)}"
        return f"{self.path}:{self.fault.line} {self.fault.operator}: {said}"

    @property
    def same(self) -> str:
        """Why nobody could tell it from the program; empty where somebody should."""
        return next((each.reason for each in SAME if each == Same(*self._place(), each.reason)), "")

    def _place(self) -> tuple[str, str, str, str]:
        return self.path, self.text, self.fault.operator, self.fault.after


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:40]} … {text[-16:]}"


def drawn(area: Area, seed: int) -> Iterator[Mutant]:
    """The area's mutants, the same for the same seed and program."""
    chance = random.Random(f"{seed} {area.name}")
    lines: list[tuple[str, int, str, list[Fault]]] = []
    sources = {path: (ROOT / path).read_text(encoding="utf-8") for path in area.files()}
    for path, source in sources.items():
        found: dict[int, list[Fault]] = {}
        for fault in faults(source):
            found.setdefault(fault.line, []).append(fault)
        texts = source.splitlines()
        lines += [(path, line, texts[line - 1].strip(), each) for line, each in sorted(found.items())]
    chance.shuffle(lines)
    for path, _, text, each in lines:
        fault = chance.choice(each)
        if _compiles(fault.put_into(sources[path])):
            yield Mutant(path, fault, text)


def _compiles(source: str) -> bool:
    try:
        compile(source, "mutant", "exec")
    except SyntaxError:
        return False
    return True
