"""A rollback as the screens say it: its sums, and what a person can do about what is stuck. Pure."""

from __future__ import annotations

from upgrade_tui.tui.glyphs import ScreenTone
from upgrade_tui.tui.scene import Scene
from upgrade_tui.tui.widgets.spans import Line, Span, fit
from upgrade_tui.units import duration_text
from upgrade_tui.window.going_back import Progress, planned_seconds, undo_seconds
from upgrade_tui.window.state_words import step_word


def possible_decisions(scene: Scene, p: Progress) -> str:
    """What a person can do about what is stuck, with its keys; empty where nothing is."""
    if not p.stuck:
        return ""
    if not scene.state.rolling_back:
        return "X says what is so, R goes on"
    unknown = any(task.state == "unknown" for _, task in p.stuck)
    return "X says what is so there" if unknown else "it stops after this batch; then X says what is so"


def sums(scene: Scene, p: Progress) -> list[Line]:
    """How long going back takes, step by step."""
    out: list[Line] = [(("BACK AT  =  now + what undoing still takes", "title"),)]
    for each, state in p.states:
        word = step_word(state)
        took = duration_text(undo_seconds(scene, each)) if state != "rolled back" else "–"
        name: Span = (f"  {fit(f'{word.glyph} undo {each.step} ({word.word})', 44)}", word.tone)
        planned = f"planned {duration_text(planned_seconds(scene, each))}"
        out.append((name, (fit(took, 12), "plain"), (planned, "muted")))
    promised = "nothing promised" if p.promised is None else f"{duration_text(p.promised)} promised"
    sums: tuple[tuple[str, str, ScreenTone], ...] = (
        ("spent so far", duration_text(p.spent), "plain"),
        ("+ still to do", duration_text(p.left), "plain"),
        ("= in all", f"{duration_text(p.total)}, {promised}", p.tone),
        ("= back at", scene.time(scene.now + p.left), p.tone),
    )
    for what, text, tone in sums:
        out.append(((f"  {fit(what, 44)}", tone), (text, tone)))
    return out
