"""How each state is said and what it means: glyph, word, tone. Keys are the states of the log; only this tells words.

Screens, shells and the report read states from here, so that a state is never told in two ways, nor by colour alone.
"""

from __future__ import annotations

from typing import NamedTuple, get_args

from upgrade_tui.window.event_row import Tone

_WORST_FIRST: tuple[Tone, ...] = get_args(Tone)


def worst_first(tone: Tone) -> int:
    """A sort key: 0 is the worst tone."""
    return _WORST_FIRST.index(tone)


class Word(NamedTuple):
    """A state as the screen says it."""

    glyph: str  # one cell wide
    ascii: str  # one character
    word: str
    tone: Tone

    @property
    def text(self) -> str:
        """Glyph and word, as most places show it."""
        return f"{self.glyph} {self.word}"


STEPS: dict[str, Word] = {
    "pending": Word("○", ".", "pending", "muted"),
    "ready": Word("◇", "o", "ready", "strong"),
    "running": Word("►", ">", "running", "run"),
    "armed": Word("◈", "@", "armed", "tight"),
    "unprotected": Word("⊗", "!", "unprotected", "bad"),
    "done": Word("✓", "+", "done", "good"),
    "failed": Word("✗", "x", "failed", "bad"),
    "unknown": Word("?", "?", "unknown", "unknown"),
    "skipped": Word("–", "-", "skipped", "muted"),
    "rolling back": Word("◄", "<", "rolling back", "tight"),
    "rolled back": Word("◁", "(", "rolled back", "muted"),
}
"""Steps, and tasks but for one."""

TASKS: dict[str, Word] = STEPS | {"unreachable": Word("⊘", "/", "unreachable", "bad")}

LINKS: dict[str, Word] = {
    "up": Word("●", "*", "up", "good"),
    "connecting": Word("◌", ".", "connecting", "watch"),
    "lost": Word("✗", "x", "lost", "bad"),
    "refused": Word("✗", "x", "refused", "bad"),
    "unresolved": Word("✗", "x", "unresolved", "bad"),
    "host key unknown": Word("▲", "!", "host key unknown", "bad"),
    "host key changed": Word("▲", "!", "host key CHANGED", "bad"),
    "auth failed": Word("▲", "!", "auth failed", "bad"),
    "no sampler": Word("▲", "!", "no sampler", "watch"),
}

VERDICTS: dict[str, Word] = {
    "healthy": Word("●", "*", "healthy", "good"),
    "degraded": Word("▲", "!", "degraded", "watch"),
    "failing": Word("✗", "x", "failing", "bad"),
    "no data": Word("◌", ".", "no data", "unknown"),
}

LEVELS: dict[str, Word] = {
    "good": Word("●", "*", "good", "good"),
    "watch": Word("▲", "!", "watch it", "watch"),
    "tight": Word("▲", "!", "tight", "tight"),
    "critical": Word("✗", "x", "critical", "bad"),
    "over": Word("✗", "x", "too late", "bad"),
}
"""The rollback clock's levels."""

PHASES: dict[str, Word] = {
    "new": Word("◌", ".", "not open yet", "muted"),
    "open": Word("►", ">", "open", "run"),
    "paused": Word("‖", "=", "paused", "tight"),
    "aborted": Word("✗", "x", "aborted", "bad"),
    "closed": Word("■", "#", "closed", "muted"),
}
"""The window's own."""

ARMED: dict[str, Word] = {
    "armed": STEPS["armed"],
    "confirmed": Word("✓", "+", "confirmed", "good"),
    "fired": Word("◄", "<", "undone by the host", "bad"),
    "gone": Word("⊗", "!", "nothing will undo it", "bad"),
}
"""A host that undoes a step by itself unless somebody confirms (dead-man rollback)."""

HELD = Word("‖", "=", "held", "tight")
"""A step that runs and waits, because the clock holds its next batch."""

EXCLUDED = Word("⊖", "-", "excluded", "muted")
"""A host that takes no part any more."""

_NO_WORD = Word("?", "?", "unknown", "unknown")


def step_word(state: str) -> Word:
    """Of a step or a task; a state that this version does not know reads as unknown."""
    return TASKS.get(state, _NO_WORD)


def link_word(link: str) -> Word:
    """Of the connection to a host."""
    return LINKS.get(link, _NO_WORD)


def verdict_word(verdict: str) -> Word:
    """Of a canary."""
    return VERDICTS.get(verdict, _NO_WORD)


def level_word(level: str) -> Word:
    """Of the rollback clock."""
    return LEVELS.get(level, _NO_WORD)


def phase_word(phase: str) -> Word:
    """Of the window itself."""
    return PHASES.get(phase, _NO_WORD)


def armed_word(state: str) -> Word:
    """Of a dead-man rollback on a host."""
    return ARMED.get(state, _NO_WORD)
