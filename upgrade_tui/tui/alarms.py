"""What must not be overlooked, on whatever screen: one line each, the worst first. Pure."""

from __future__ import annotations

from upgrade_tui.tui import undo_lines
from upgrade_tui.tui.scene import Scene
from upgrade_tui.tui.widgets.spans import Line
from upgrade_tui.units import duration_text
from upgrade_tui.window import going_back
from upgrade_tui.window.state_words import armed_word, phase_word


def alarms(scene: Scene) -> list[Line]:
    """No conductor, a fenced log, a rollback, an aborted window, an armed host. Nothing when all is well."""
    out: list[Line] = []
    if scene.state.phase == "closed":
        return out
    if scene.lost is not None:
        since = f" for {duration_text(scene.now - scene.lost_at)}" if scene.lost_at is not None else ""
        text = f"CONDUCTOR NOT ANSWERING{since}: {scene.lost}. The window itself may go on; reconnecting"
        out.append((("‼ ", "bad"), (text, "strong")))
    if scene.frame is not None:
        out += [(("‼ ", "bad"), (f"TROUBLE: {text}", "strong")) for text in scene.frame.trouble[:3]]
    return [*out, *window_alarms(scene)]


def window_alarms(scene: Scene, *, rollback: bool = True) -> list[Line]:
    """Those of the window itself; without ``rollback`` for the screen that is about it."""
    if scene.state.phase == "closed":
        return []
    return [*_aborted(scene), *(_rollback(scene) if rollback else ()), *_unguarded(scene), *_armed(scene)]


def _aborted(scene: Scene) -> list[Line]:
    state = scene.state
    if state.phase != "aborted":
        return []
    by = f" by {state.paused_by}" if state.paused_by else ""
    next_one = "" if state.rolling_back else "nothing more starts · R rolls back, p takes it back (lead)"
    word = phase_word("aborted")
    return [
        ((f"{word.glyph} ABORTED{by}", word.tone), (f"  {state.reason or 'no reason given'}", "strong"),
         (f"  {next_one}", "plain"))
    ]  # fmt: skip


def _rollback(scene: Scene) -> list[Line]:
    p = going_back.progress(scene)
    if p is None:
        return []
    if scene.state.rolling_back:
        out: list[Line] = [
            ((f"◄ ROLLING BACK {p.scope}", "tight"), (f"  {going_back.going_text(p)}", "bad" if p.late else "strong"))
        ]
        if p.stuck:
            decide = undo_lines.possible_decisions(scene, p)
            out.append((("✗ ", "bad"), (going_back.stuck_text(p), "strong"), (f"  {decide}", "plain")))
        return out
    if not going_back.stopped(scene):
        return []
    why = going_back.stuck_text(p) or f"{sum(s == 'pending' for _, s in p.states)} steps were not undone"
    decide = undo_lines.possible_decisions(scene, p) or "R goes on with what is left"
    return [(("✗ ROLLBACK STOPPED", "bad"), (f"  {why}", "strong"), (f"  {decide}", "plain"))]


def _unguarded(scene: Scene) -> list[Line]:
    word = armed_word("gone")
    return [
        ((f"{word.glyph} NOTHING WILL UNDO {step}", word.tone),
         (f"  on {', '.join(hosts)}: its dead-man is gone", "strong"), ("  K: it stays · R rolls back", "plain"))
        for step, hosts in going_back.unguarded(scene)[:3]
    ]  # fmt: skip


def _armed(scene: Scene) -> list[Line]:
    out: list[Line] = []
    for armed in going_back.armed_steps(scene)[:3]:
        word = armed_word("armed")
        urgent = armed.seconds(scene.now) < 60
        text = going_back.armed_text(armed, scene.now)
        out.append(
            ((f"{word.glyph} ARMED", "bad" if urgent else word.tone), (f"  {text}", "bad" if urgent else "strong"),
             ("  K keeps it · x more time · V undoes it now", "plain"))
        )  # fmt: skip
    return out
