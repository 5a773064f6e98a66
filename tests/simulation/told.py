"""What came of a night: broken rules, figures, and the story in sentences."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.simulation.night import Night
from upgrade_tui.window import events as ev
from upgrade_tui.window.sentences import sentence


@dataclass
class Broken:
    """A rule that did not hold."""

    rule: str
    text: str
    at: float


@dataclass
class Told:
    """What came of a night."""

    night: Night
    broken: list[Broken] = field(default_factory=list)
    events: int = 0
    deaths: int = 0
    commands: int = 0
    seconds: float = 0.0  # virtual
    lines: list[tuple[float, str]] = field(default_factory=list)  # what happened outside of the log
    records: list[ev.Record] = field(default_factory=list)
    stderr: str = ""
    ignored: frozenset[str] = frozenset()  # rules that do not count
    only: str = ""  # if given, the one that does

    @property
    def fresh(self) -> list[Broken]:
        """What counts."""
        return [b for b in self.broken if b.rule not in self.ignored and self.only in b.rule]

    def story(self) -> str:
        """Everything in sentences, in order."""
        logged = [(r.mono, f"{r.seq:5d}  {r.actor} · {sentence(r.event)}") for r in self.records]
        both = sorted([*logged, *((at, f"   ** {text}") for at, text in self.lines)], key=lambda line: line[0])
        begun = both[0][0] if both else 0.0
        return "\n".join(f"{at - begun:10.3f} {text}" for at, text in both)
