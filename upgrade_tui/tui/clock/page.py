"""The first second: the four answers, the big countdown, the window as a bar, the sums behind it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from upgrade_tui.plan.estimate import step_seconds
from upgrade_tui.tui import undo_lines
from upgrade_tui.tui.glyphs import ScreenTone
from upgrade_tui.tui.scene import Scene
from upgrade_tui.tui.widgets.spans import Line, Span, cut, fit, fitting, joined, length, wrapped
from upgrade_tui.units import clock_text, duration_text
from upgrade_tui.window import clock
from upgrade_tui.window.answers import QUESTIONS, Answers, Parts, answers
from upgrade_tui.window.going_back import progress
from upgrade_tui.window.health import CanaryHealth, HostHealth
from upgrade_tui.window.state import OVER
from upgrade_tui.window.state_words import level_word


class ClockView(Struct, frozen=True):
    """The header's four answers, the two moments on their bar, and the big countdown."""

    said: Answers
    countdown: str
    caption: str
    count_tone: ScreenTone

    @property
    def reading(self) -> clock.Reading:
        """The clock that the answers go by."""
        return self.said.reading

    @property
    def tone(self) -> ScreenTone:
        """Of the worst that the clock says."""
        return level_word(self.reading.level).tone


def clock_view(scene: Scene, hosts: Sequence[HostHealth], canaries: Sequence[CanaryHealth]) -> ClockView:
    """Everything the header says now."""
    said = answers(scene, hosts, canaries)
    return ClockView(said, *_countdown(scene, said.reading))


def _countdown(scene: Scene, reading: clock.Reading) -> tuple[str, str, ScreenTone]:
    """The big number, what it is, and its tone."""
    if scene.state.phase == "closed":
        took = (scene.state.closed or scene.now) - (scene.state.opened or scene.state.start)
        return clock_text(took), "the window took", "muted"
    if scene.state.phase == "new":
        left = reading.start - scene.now
        return clock_text(max(0.0, left)), "until the window starts" if left > 0 else "not open yet", "muted"
    p = progress(scene)
    if scene.state.rolling_back and p is not None:
        if p.promised is None:
            return clock_text(p.left), "until it should be back", p.tone
        left = p.promised - p.spent
        return clock_text(abs(left)), "of the promised time" if left > 0 else "OVER the promise", p.tone
    if reading.slack is None:
        left = reading.end - scene.now
        return clock_text(left), "to window end, forward only", "watch" if left > 0 else "bad"
    word = level_word(reading.slack_level)
    caption = "to decide on a rollback" if reading.slack > 0 else "too late to roll back by"
    return clock_text(abs(reading.slack)), caption, "good" if word.tone == "good" else word.tone


# -- the window as a bar ------------------------------------------------------------------------------------------


def timeline(scene: Scene, reading: clock.Reading, width: int) -> tuple[Line, Line]:
    """Two lines: the window from start to end with what is behind, ahead and free; and the moments' names under it.

    ``▆`` behind, ``▃`` forecast, ``·`` free, ``┃`` rollback by, ``░`` margin.
    """
    start, end = reading.start, max(reading.end, reading.start + 1)
    cells = max(10, width)

    def at(ts: float) -> int:
        return max(0, min(cells, round((ts - start) / (end - start) * cells)))

    now, forecast, margin = at(scene.now), at(reading.forecast), at(reading.end - reading.margin)
    by = at(reading.by) if reading.by is not None and scene.state.phase != "closed" else None
    out: list[Span] = []
    for i in range(cells):
        if by is not None and i == min(by, cells - 1):
            piece: Span = ("┃", level_word(reading.slack_level).tone)
        elif i < now:
            piece = ("▆", "run")
        elif i < forecast and scene.state.phase != "closed":
            piece = ("▃", level_word(reading.forecast_level).tone)
        elif i >= margin:
            piece = ("░", "muted")
        else:
            piece = ("·", "muted")
        if out and out[-1][1] == piece[1]:
            out[-1] = (out[-1][0] + piece[0], piece[1])
        else:
            out.append(piece)
    return tuple(out), _labels(scene, reading, cells, now, forecast, by)


def _labels(scene: Scene, reading: clock.Reading, cells: int, now: int, forecast: int, by: int | None) -> Line:
    """The moments' names under the bar; one that would cover another is left out, the important ones first."""
    wanted: list[tuple[int, str, ScreenTone]] = []
    if by is not None and reading.by is not None:
        text = f"rollback by {scene.time(reading.by, seconds=False)}"
        wanted.append((by - len(text) // 2, text, level_word(reading.slack_level).tone))
    if scene.state.phase != "closed":
        wanted.append((now - 1, "now", "run"))
    end = scene.time(reading.end, seconds=False)
    wanted.append((0, scene.time(reading.start, seconds=False), "muted"))
    wanted.append((cells - len(end), end, "muted"))
    if scene.state.phase != "closed" and reading.forecast > scene.now:
        text = f"done {scene.time(reading.forecast, seconds=False)}"
        wanted.append((forecast - len(text), text, level_word(reading.forecast_level).tone))
    row: list[Span | None] = [None] * cells
    for start, text, tone in wanted:
        left = max(0, min(cells - len(text), start))
        if all(cell is None for cell in row[max(0, left - 1) : left + len(text) + 1]):
            for i, char in enumerate(text):
                row[left + i] = (char, tone)
    return tuple(cell or (" ", "muted") for cell in row)


# -- lines --------------------------------------------------------------------------------------------------------

LABEL = 9


def answer_spans(parts: Parts) -> list[Span]:
    """An answer's parts with their glyphs."""
    return [(f"{part.glyph} {part.text}" if part.glyph else part.text, part.tone) for part in parts]


def answer_lines(view: ClockView, width: int, spare: int = 0) -> list[Line]:
    """The four answers with their questions' names in front. ``spare``: lines that a long answer may use more."""
    room = width - LABEL
    out: list[Line] = []
    said = view.said
    for label, parts in zip(QUESTIONS.values(), (said.where, None, said.back, said.finish), strict=True):
        head: Span = (fit(label.upper(), LABEL), "title")
        if parts is None:
            limit = room * (2 if spare else 1) - (10 if spare else 0)
            forms = [joined(answer_spans(form)) for form in said.healthy]
            health = next((form for form in forms if length(form) <= limit), forms[-1])
            pieces = wrapped(health, room) if spare else [cut(health, room)]
            out += [(head if i == 0 else (" " * LABEL, "muted"), *p) for i, p in enumerate(pieces[:2])]
        else:
            out.append((head, *fitting(answer_spans(parts), room)))
    return out


def breakdown_lines(scene: Scene, reading: clock.Reading) -> list[Line]:
    """How the clock comes to its numbers: every summand, step by step."""
    state = scene.state
    p = progress(scene)
    if state.rolling_back and p is not None:
        return undo_lines.sums(scene, p)
    out: list[Line] = [(("ROLLBACK BY  =  window end − margin − what undoing takes", "title"),)]
    rows: list[tuple[str, str, ScreenTone, ScreenTone]] = [
        ("window end", scene.time(reading.end), "plain", "plain"),
        ("− margin kept free", duration_text(reading.margin), "plain", "plain"),
    ]
    for spec in reversed(scene.plan.steps):
        cost = clock.step_rollback_cost(spec, state.steps[spec.id])
        if cost:
            measured = state.steps[spec.id].rollback_seconds is not None
            batches = state.steps[spec.id].touched()
            how = "measured" if measured else f"estimate, {batches} batches" if batches > 1 else "estimate"
            rows.append((f"− undo {spec.id} ({how})", duration_text(cost), "plain", "plain"))
    if reading.by is not None:
        tone = level_word(reading.slack_level).tone
        rows.append(("= rollback by", scene.time(reading.by), tone, tone))
        rows.append(("− now", scene.time(scene.now), "plain", "plain"))
        assert reading.slack is not None
        rows.append((f"= slack: {level_word(reading.slack_level).word}", clock_text(reading.slack), tone, tone))
    elif reading.no_return:
        rows.append((f"forward only: {reading.no_return} cannot be undone", "–", "plain", "watch"))
    else:
        rows.append((reading.words, "–", "plain", "muted"))
    out += [((f"  {fit(name, 44)}", named), (value, tone)) for name, value, named, tone in rows]
    out += [(), (("FORECAST  =  now + the longest chain of what is left", "title"),)]
    for spec in scene.plan.steps:
        step = state.steps[spec.id]
        if step.state in OVER or step.state == "rolled back":
            continue
        left = clock.step_remaining(state, spec, scene.now)
        planned = duration_text(step_seconds(scene.plan, spec))
        out.append(
            ((f"  {fit(f'+ {spec.id}', 44)}", "plain"), (fit(duration_text(left), 12), "plain"),
             (f"planned {planned}", "muted"))
        )  # fmt: skip
    tone = level_word(reading.forecast_level).tone
    out.append(((f"  {fit('= forecast finish', 44)}", tone), (scene.time(reading.forecast), tone)))
    return out
