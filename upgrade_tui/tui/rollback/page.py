"""A rollback in full: exactly what it runs in which order, what stays, how it goes, what it stopped at. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from upgrade_tui.tui import undo_lines
from upgrade_tui.tui.glyphs import ScreenTone
from upgrade_tui.tui.scene import Scene
from upgrade_tui.tui.sections import exact, section
from upgrade_tui.tui.widgets.spans import BLANK, Line, Span, bar, cut, joined, wrapped
from upgrade_tui.units import count_text, duration_text, short_duration
from upgrade_tui.window import going_back
from upgrade_tui.window.state import UNSETTLED, Undo
from upgrade_tui.window.state_words import step_word
from upgrade_tui.window.undo import UndoPlan

NEXT = {"pending": "waits", "rolling back": "being undone", "rolled back": "undone"}


def preview_header(scene: Scene, plan: UndoPlan, refused: str | None, width: int) -> list[Line]:
    """Three lines: what, how long against the promise, whether it can be done now."""
    steps = len(plan.steps)
    hosts = len({host for each in plan.steps for batch in each.batches for host in batch})
    first: Line = (
        ("◄ ROLL BACK  ", "tight"),
        (plan.scope, "strong"),
        ("  nothing is undone yet: this is what would run", "muted"),
    )
    size: list[Line | Span | None] = [
        (f"{count_text(steps, 'step')} on {count_text(hosts, 'host')}", "strong"),
        (f"about {duration_text(plan.seconds)}", "strong"),
        promise(plan.seconds, scene),
        fits(scene, plan.seconds),
        (f"{len(plan.cannot)} cannot be undone: see below", "bad") if plan.cannot else None,
    ]
    can: Line = (
        (("enter", "key"), (" asks for the reason and the window's id, then does it · ", "plain"), ("esc", "key"),
         (" leaves it as it is", "plain"))
        if refused is None
        else ((f"✗ not possible now: {refused}", "bad"),)
    )  # fmt: skip
    return [cut(line, width) for line in (first, joined(size), can)]


def promise(seconds: float, scene: Scene) -> Span | None:
    """Against the recovery time that the plan promises."""
    rto = scene.plan.window.rto
    if rto is None:
        return None
    if seconds > rto:
        return (f"✗ {duration_text(seconds - float(rto))} OVER the {duration_text(rto)} promised", "bad")
    return (f"✓ within the {duration_text(rto)} promised", "good")


def fits(scene: Scene, seconds: float) -> Span:
    """When it would be over, against the window's end."""
    at = scene.now + seconds
    late = at > scene.state.end
    words = "PAST the window's end" if late else "before the window's end"
    gap = duration_text(abs(scene.state.end - at))
    return (f"over at {scene.time(at, seconds=False)}, {gap} {words}", "bad" if late else "plain")


def undo_preview_lines(scene: Scene, plan: UndoPlan, width: int, without_room: Sequence[str] = ()) -> list[Line]:
    """Steps in the order in which they would be undone, each with its batches and commands, below what stays.

    ``without_room``: what cannot be undone as long as nothing can be written.
    """
    out: list[Line] = []
    if plan.stops and plan.steps:
        said = "; start it again to go on with what was not begun"
        section(out, "STOPS FIRST", wrapped(((", ".join(plan.stops), "strong"), (said, "muted")), width))
    if plan.cannot:
        section(out, "CANNOT BE UNDONE: IT STAYS AS IT IS", _cannot(scene, plan, width))
    stuck = [line for each in without_room for line in wrapped((("✗ ", "bad"), (each, "plain")), width)]
    section(out, "CANNOT BE UNDONE NOW", stuck)
    if not plan.steps:
        return [*out, *wrapped((("Nothing that can be undone was done here.", "strong"),), width)]
    out.append((("WHAT RUNS, IN THIS ORDER", "title"),))
    for number, each in enumerate(plan.steps, 1):
        head: Line = ((f"{number}. undo {each.step}", "strong"), *_about(scene, each))
        out += [*wrapped(head, width), *_batches(each, width), *_what(scene, each, width), BLANK]
    return out[:-1]


def _cannot(scene: Scene, plan: UndoPlan, width: int) -> list[Line]:
    lines: list[Line] = []
    for step, why in plan.cannot:
        spec = scene.plan.step(step)
        title = f" ({spec.title})" if spec is not None else ""
        lines += wrapped(((f"✗ {step}", "bad"), (f"{title}: {why}", "plain")), width)
    return lines


def _about(scene: Scene, each: Undo) -> Line:
    spec, step = scene.plan.step(each.step), scene.state.steps[each.step]
    measured = "as measured" if step.rollback_seconds is not None else "by the plan's estimate"
    title = spec.title if spec is not None else ""
    return (
        (f"  {title}", "plain"),
        (f" · about {duration_text(going_back.undo_seconds(scene, each))} {measured}", "muted"),
    )


def _batches(each: Undo, width: int) -> list[Line]:
    out: list[Line] = []
    for number, batch in enumerate(each.batches, 1):
        name = f"   batch {number} of {len(each.batches)}  "
        first, *rest = wrapped(((", ".join(batch), "strong"),), max(10, width - len(name)))
        out.append(((name, "muted"), *first))
        out += [((" " * len(name), "muted"), *line) for line in rest]
    return out


def _what(scene: Scene, each: Undo, width: int) -> list[Line]:
    """Exactly what runs, or what a person does."""
    spec = scene.plan.step(each.step)
    if spec is None or spec.rollback is None:
        return []
    blocks: list[Line] = []
    exact(blocks, "Runs", spec.rollback.run, width - 3)
    exact(blocks, "By hand: a person does it, and ticks it with space", spec.rollback.manual, width - 3)
    exact(blocks, "Then checked by", spec.rollback.check, width - 3)
    return [(("   ", "muted"), *line) for line in blocks if line != BLANK]


# -- under way, and over ------------------------------------------------------------------------------------------


def progress_header(scene: Scene, p: going_back.Progress, width: int) -> list[Line]:
    """Three lines: how it goes, time against the promise as a bar, what to do."""
    asked = scene.state.rollback
    assert asked is not None, "there is progress of one"
    active, good = asked.active, asked.outcome == "done"
    state = "ROLLING BACK" if active else "ROLLED BACK" if good else "ROLLBACK STOPPED"
    tone: ScreenTone = "tight" if active else "good" if good else "bad"
    glyph = "◄" if active else "✓" if good else "✗"
    first = joined(
        [
            ((f"{glyph} {state}  ", tone), (p.scope, "strong")),
            (going_back.going_text(p), "strong") if active else (f"after {duration_text(p.spent)}", "strong"),
        ]
    )
    return [cut(line, width) for line in (first, _time_bar(p, width), _decide(scene, p, active, good))]


def _time_bar(p: going_back.Progress, width: int) -> Line:
    whole = max(p.promised or 0.0, p.total, 1.0)
    full, _ = bar(p.spent / whole, max(10, min(60, width - 44)))
    cells = max(10, min(60, width - 44))
    ahead = max(0, min(cells, round(p.total / whole * cells)) - len(full))
    rest = "·" * (cells - len(full) - ahead)
    tone: ScreenTone = "bad" if p.late else "run"
    said = f" {duration_text(p.spent)} of {duration_text(p.total)}"
    promised = f", {duration_text(p.promised)} promised" if p.promised is not None else ", nothing promised"
    return (("█" * len(full), tone), ("▒" * ahead, tone), (rest, "muted"), (said, "strong"), (promised, "plain"))


def _decide(scene: Scene, p: going_back.Progress, active: bool, good: bool) -> Line:
    if p.stuck:
        return (
            ("✗ ", "bad"),
            (going_back.stuck_text(p), "bad"),
            (f"  {undo_lines.possible_decisions(scene, p)}", "strong"),
        )
    if active:
        by_hand = by_hand_now(scene, p)
        if by_hand:
            return (("do it by hand, then ", "strong"), ("space", "key"), (f" ticks it: {by_hand}", "strong"))
        asked = scene.state.rollback
        who = f"asked for by {asked.by}: {asked.reason}; " if asked is not None else ""
        return ((f"{who}forward steps are locked until it ended", "muted"),)
    if good:
        late = p.promised is not None and p.spent > p.promised
        said = "later than promised" if late else "within what was promised" if p.promised is not None else "done"
        return ((said, "bad" if late else "good"), ("; C closes the window as rolled back", "plain"))
    return (("R", "key"), (" goes on with what is left", "plain"))


def by_hand_now(scene: Scene, p: going_back.Progress) -> str:
    """What a person has to do now, if the step that is being undone is undone by hand."""
    spec = scene.plan.step(p.step)
    if spec is None or spec.rollback is None or spec.rollback.run is not None:
        return ""
    return spec.rollback.manual or spec.title if scene.state.steps[p.step].state == "rolling back" else ""


def progress_lines(scene: Scene, p: going_back.Progress, width: int) -> list[Line]:
    """Every step of it with its hosts: what is undone, what is being undone, what waits, what is stuck."""
    live = {(t.step, t.host): t.last_line for t in scene.frame.tasks} if scene.frame is not None else {}
    out: list[Line] = []
    for number, (each, state) in enumerate(p.states, 1):
        word = step_word(state)
        step = scene.state.steps[each.step]
        took = ""
        if state == "rolling back" and step.undo_started is not None:
            took = f" for {short_duration(scene.now - step.undo_started)}"
        elif state != "pending" and step.undo_started is not None and step.finished is not None:
            took = f" in {short_duration(max(0.0, step.finished - step.undo_started))}"
        planned = f"  planned {short_duration(going_back.planned_seconds(scene, each))}"
        said: Line = (
            (f"{word.glyph} {number}. {each.step}", word.tone),
            (f"  {NEXT.get(state, state)}{took}", word.tone if state != "pending" else "muted"),
            (planned, "muted"),
        )
        out.append(cut(said, width))
        if state != "pending":
            out += _hosts(scene, each, live, width)
        if state in ("rolling back", "failed", "unknown"):
            out += _what(scene, each, width)
    return out


def _hosts(scene: Scene, each: Undo, live: Mapping[tuple[str, str], str], width: int) -> list[Line]:
    tasks = scene.state.steps[each.step].tasks
    out: list[Line] = []
    for number, batch in enumerate(each.batches, 1):
        for host in batch:
            task = tasks.get(host)
            if task is None:
                continue
            begun = task.undo > 0 and task.state != "done"
            word = step_word(task.state if begun else "pending")
            text = task.reason if task.state in UNSETTLED else live.get((each.step, host), task.said)
            where = f"   batch {number}  " if len(each.batches) > 1 else "   "
            said: Line = (
                (where, "muted"), (f"{word.glyph} {host} ", word.tone),
                (f"{NEXT.get(word.word, word.word)}  ", word.tone if begun else "muted"),
                (text if begun else "", "plain"),
            )  # fmt: skip
            out.append(cut(said, width))
    return out
