"""Mutants that nobody could tell from the program, whatever the tests: each with the reason.

The next one of the seed takes the place of each. Few, and only where a different result is impossible, not unlikely.
"""

from __future__ import annotations

from typing import NamedTuple


class Same(NamedTuple):
    """``text``: the line as it stands in the file, without the spaces around it."""

    path: str
    text: str
    operator: str
    after: str
    reason: str


SAME: tuple[Same, ...] = (
    Same(
        "upgrade_tui/canary/watch.py",
        'tasks.create_task(self._listen_for_silence(), name="canaries: silence")',
        "constant",
        '""',
        "the name of a task is for who looks at it with a debugger; nothing in the program reads one",
    ),
)
