"""Is this log as it was written? Every line's hash, the chain between lines, and across segments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from upgrade_tui.journal.chain import Walk
from upgrade_tui.journal.errors import DamagedError, OtherLogError
from upgrade_tui.units import count_text
from upgrade_tui.window.events import Record


class Verification(Struct, frozen=True, kw_only=True):
    """What a check of a log found.

    ``records`` intact lines, the last of them with hash ``head``. A log cut off exactly between two lines looks like a
    shorter log: only comparing ``records`` and ``head`` with what was noted elsewhere (a report, a ticket) shows it.
    """

    intact: bool
    records: int
    head: str
    segments: int
    segment: str = ""  # where it is damaged: file and line
    line: int = 0
    problem: str = ""
    torn: int = 0  # bytes of a line that a crash left unfinished; not damage
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        if not self.intact:
            return f"{self.segment}:{self.line}: {self.problem}; {self.records} records before it are intact"
        return f"intact: {self.records} records, head {self.head}"


def verify_log(directory: Path, each: Callable[[Record], None] = lambda record: None) -> Verification:
    """Check the whole log of a window; ``each`` gets every record that is intact.

    Raises MissingLogError where there is none, OSError where it cannot be read.
    """
    walk = Walk(directory, chain_only=True)
    records = 0
    segment, line, problem = "", 0, ""
    try:
        for record in walk:
            records += 1
            each(record)
    except DamagedError as error:
        segment, line, problem = error.segment, error.line, error.problem
    except OtherLogError as error:
        segment, line, problem = error.segment, error.line, str(error)
    return Verification(
        intact=not problem,
        records=records + len(walk.unknown),
        head=walk.h,
        segments=walk.segments,
        segment=segment,
        line=line,
        problem=problem,
        torn=walk.tail.size if walk.tail and not problem else 0,
        notes=_notes(walk),
    )


def _notes(walk: Walk) -> tuple[str, ...]:
    notes = [f"{name}: the last {size} bytes were never acknowledged; a later segment replaces them"
             for name, size in walk.abandoned if size]  # fmt: skip
    if walk.tail:
        notes.append(
            f"{walk.tail.segment.name}: a line of {walk.tail.size} bytes was being written or was torn by a crash; "
            "it is set aside when the window is next opened"
        )
    notes.extend(f"{path.name}: holds no whole line; nothing in it was acknowledged" for path in walk.void)
    notes.extend(f'{count_text(count, "line")} of the kind "{kind}", new to this version or meant otherwise then'
                 for kind, count in sorted(Counter(walk.unknown).items()))  # fmt: skip
    return tuple(notes)
