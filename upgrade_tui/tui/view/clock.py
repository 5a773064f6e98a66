"""The first second: where are we, is it healthy, can we still go back, until when. Pure."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from upgrade_tui.plan.estimate import step_seconds
from upgrade_tui.tui.view import canaries as canary_view
from upgrade_tui.tui.view import hosts as host_view
from upgrade_tui.tui.view import steps as step_view
from upgrade_tui.tui.view import undo
from upgrade_tui.tui.view.scene import Scene
from upgrade_tui.tui.view.spans import Line, Span, cut, fit, fitting, joined, length, wrapped
from upgrade_tui.tui.words import HELD, Tone, armed_word, level_word, phase_word, worst_first
from upgrade_tui.units import clock_text, count_text, duration_text, few_text
from upgrade_tui.window import clock, hold
from upgrade_tui.window.state import OVER


class ClockView(Struct, frozen=True):
    """The header's four answers, the two moments on their bar, and the big countdown."""

    where: tuple[Line | Span | None, ...]  # parts, most important first
    health: tuple[Line, ...]  # the same thing, each time shorter
    back: tuple[Line | Span | None, ...]
    finish: tuple[Line | Span | None, ...]
    reading: clock.Reading
    tone: Tone  # of the worst
    countdown: str
    caption: str
    count_tone: Tone


def clock_view(scene: Scene, rows: list[host_view.HostRow], canaries: list[canary_view.CanaryRow]) -> ClockView:
    """Everything the header says now."""
    reading = going_back(scene, clock.read(scene.state, scene.now))
    countdown, caption, tone = _countdown(scene, reading)
    return ClockView(
        where=where(scene), health=health(scene, rows, canaries), back=_back(scene, reading),
        finish=_finish(scene, reading), reading=reading, tone=level_word(reading.level).tone,
        countdown=countdown, caption=caption, count_tone=tone,
    )  # fmt: skip


def going_back(scene: Scene, reading: clock.Reading) -> clock.Reading:
    """While something is rolled back the clock is about that: when it will be over, no longer until when it may begin.

    Any other time it is the reading as it came.
    """
    p = undo.progress(scene)
    if not scene.state.rolling_back or p is None:
        return reading
    forecast = scene.now + p.left
    level: clock.Level = "critical" if forecast > reading.end else "tight" if p.late or p.stuck else "good"
    words = f"rolling back {p.scope}: {duration_text(p.spent)} of about {duration_text(p.total)}"
    return replace(
        reading, by=None, slack=None, slack_level="tight", left=p.left, forecast=forecast, forecast_level=level,
        words=words,
    )  # fmt: skip


# -- where are we -------------------------------------------------------------------------------------------------


def where(scene: Scene) -> tuple[Line | Span | None, ...]:
    """Phase, step n of m, what runs on which batch, who."""
    state = scene.state
    if state.phase == "closed":
        at = f" at {scene.time(state.closed)}" if state.closed else ""
        return (("■ window closed", "strong"), (f"{state.outcome}{at}", "strong"), (state.reason, "plain"))
    lead: list[Line | Span | None] = []
    if state.phase == "new":
        lead.append((phase_word("new").text, phase_word("new").tone))
    if state.phase in ("paused", "aborted"):
        by = f" by {state.paused_by}" if state.paused_by else ""
        lead.append((f"{phase_word(state.phase).text.upper()}{by}", phase_word(state.phase).tone))
    lead += _rolled(scene)
    if state.rolling_back:
        return (*lead, (f"by {state.rollback.by}: {state.rollback.reason}", "plain") if state.rollback else None)
    if scene.now < state.start and state.phase != "new":
        lead.append((f"starts in {clock_text(state.start - scene.now)}", "strong"))
    spec = scene.plan.step(state.current) if state.current else None
    if spec is None:
        if undo.armed_steps(scene):
            return (*lead, ("all steps are over, but not all are confirmed", "tight"))
        done = "all steps are over; C closes the window" if scene.plan.steps else "the plan has no steps"
        return (*lead, (done, "good"))
    row = step_view.step_row(scene, spec)
    number = [s.id for s in scene.plan.steps].index(spec.id) + 1
    verb = {"ready": "next", "pending": _waiting(scene, row.id)}.get(row.state, row.word.word)
    progress = step_view.progress(state.steps[spec.id]) if row.state in ("running", "failed", "unknown") else ""
    step = state.steps[spec.id]
    held = f"before {hold.place(step.held, len(step.batches))}: {hold.words(step.held)}" if step.held else ""
    more = [s for s in state.steps.values() if s.state == "running" and s.id != spec.id]
    return (
        *lead,
        (row.phase, "title"),
        (f"step {number} of {len(scene.plan.steps)}", "plain"),
        (f"{row.word.glyph} {row.id} {verb}", row.word.tone),
        (held, row.word.tone) if held else None,
        (progress, "plain") if progress and not held else None,
        (f"{len(more)} more running", "run") if more else None,
        (row.who, "plain") if row.who else None,
        (f"{state.phase}: {state.reason or 'no reason given'}", "tight")
        if state.phase in ("paused", "aborted")
        else None,
    )


def _waiting(scene: Scene, step_id: str) -> str:
    needs = scene.state.waiting_for(step_id)
    return f"waits for {needs}" if needs else "waiting"


def _rolled(scene: Scene) -> list[Line | Span | None]:
    """A rollback under way, or done and nothing begun since."""
    p, asked = undo.progress(scene), scene.state.rollback
    if p is None or asked is None:
        return []
    if asked.active:
        here = (
            f"step {p.number} of {len(p.states)}: {p.step}"
            if p.number
            else f"{count_text(len(p.states), 'step')} to undo"
        )
        batch: Span | None = (f"batch {p.batch} of {p.batches}", "plain") if p.batches > 1 else None
        return [(f"◄ ROLLING BACK {p.scope}", "tight"), (here, "strong"), batch]
    since = any(s.started is not None and s.started > (asked.finished or 0.0) for s in scene.state.steps.values())
    if asked.outcome != "done" or since:
        return []
    promised = f", {duration_text(p.promised)} promised" if p.promised is not None else ""
    late = p.promised is not None and p.spent > p.promised
    return [(f"◁ ROLLED BACK {p.scope} in {duration_text(p.spent)}{promised}", "bad" if late else "good")]


# -- is it healthy ------------------------------------------------------------------------------------------------


def health(scene: Scene, rows: list[host_view.HostRow], canaries: list[canary_view.CanaryRow]) -> tuple[Line, ...]:
    """The worst host and the worst canary in words, or that all is well; then the same, shorter."""
    if scene.stale and scene.state.phase != "closed":
        age = f" for {duration_text(scene.frame_age)}" if scene.frame_age is not None else " yet"
        return (joined([(f"◌ not known: no measurements{age}", "watch"), _host_health(rows, 1, known=False)]),)
    forms = []
    for brevity in range(3):
        parts = [p for p in (_host_health(rows, brevity), _canary_health(canaries, brevity)) if p is not None]
        parts.sort(key=lambda part: worst_first(part[1]))
        forms.append(joined(parts))
    return tuple(forms)


def _host_health(rows: list[host_view.HostRow], brevity: int, *, known: bool = True) -> Span | None:
    every, need = len(rows), host_view.needy(rows)
    if not need and not (known and rows):
        return None
    if not need:
        return (f"● {count_text(every, 'host')} up", "good")
    shown = 3 if brevity < 2 else 1
    said = few_text([f"{r.name} {r.brief or r.word.word}" for r in need], shown)
    lead = f"{count_text(len(need), 'host needs', 'hosts need')} a look: " if brevity == 0 else ""
    return (f"{need[0].word.glyph} {lead}{said}", need[0].word.tone)


def _canary_health(rows: list[canary_view.CanaryRow], brevity: int) -> Span | None:
    if not rows:
        return None
    bad = [r for r in canary_view.worst_order(rows) if r.verdict != "healthy" or r.stale]
    if not bad:
        return (f"● {count_text(len(rows), 'canary', 'canaries')} healthy", "good")
    if all(r.verdict == "healthy" for r in bad):  # nothing bad is known, but nobody asks
        named = count_text(len(bad), "canary", "canaries") if len(bad) > 1 else bad[0].name
        return (f"{bad[0].word.glyph} {named} not probed lately", "watch")
    first = bad[0]
    more = (f", {len(bad) - 1} more not healthy" if brevity < 2 else f" +{len(bad) - 1}") if len(bad) > 1 else ""
    detail = f": {first.detail}" if first.detail and brevity == 0 else ""
    if first.verdict == "healthy":
        return (f"{first.word.glyph} {first.name} not probed lately{more}", "watch")
    return (f"{first.word.glyph} {first.name} {first.word.word}{more}{detail}", first.word.tone)


# -- can we still go back, and until when -------------------------------------------------------------------------


def _countdown(scene: Scene, reading: clock.Reading) -> tuple[str, str, Tone]:
    """The big number, what it is, and its tone."""
    if scene.state.phase == "closed":
        took = (scene.state.closed or scene.now) - (scene.state.opened or scene.state.start)
        return clock_text(took), "the window took", "muted"
    if scene.state.phase == "new":
        left = reading.start - scene.now
        return clock_text(max(0.0, left)), "until the window starts" if left > 0 else "not open yet", "muted"
    p = undo.progress(scene)
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


def _back(scene: Scene, reading: clock.Reading) -> tuple[Line | Span | None, ...]:
    if scene.state.phase == "closed":
        return (("–  the window is over", "muted"),)
    if scene.state.phase == "new":
        return (("◌ the window is not open yet", "muted"),)
    if reading.no_return:
        return ((f"▲ NO: point of no return passed at {reading.no_return}, forward only", "watch"), *_held(scene))
    p = undo.progress(scene)
    if scene.state.rolling_back and p is not None:
        promised = f", {duration_text(p.promised)} promised" if p.promised is not None else ""
        text = f"◄ going back now: {duration_text(p.spent)} of about {duration_text(p.total)}{promised}"
        return ((text, p.tone), (undo.stuck_text(p), "bad") if p.stuck else None)
    assert reading.by is not None
    assert reading.slack is not None
    word = level_word(reading.slack_level)
    cost = f"undo takes {duration_text(reading.cost)}" if reading.cost else "nothing to undo yet"
    ahead = _no_return_ahead(scene)
    if reading.slack <= 0:
        late: Span = (f"✗ NO: too late since {scene.time(reading.by)}", "bad")
        return (late, *_held(scene), (cost + ", past the window", "bad"))
    yes = {"good": "yes", "watch": "yes, watch it", "tight": "yes, but tight", "critical": "decide NOW"}
    return (
        (f"{word.glyph} {yes[reading.slack_level]}, until {scene.time(reading.by)}", word.tone),
        (f"{clock_text(reading.slack)} slack", word.tone),
        *_held(scene),
        *_armed(scene),
        (cost, "plain"),
        (f"no return: {ahead}", "muted") if ahead else None,
    )


def _held(scene: Scene) -> list[Span]:
    """What the clock holds."""
    steps = [s.id for s in scene.state.steps.values() if s.held is not None]
    return [(f"{HELD.glyph} {HELD.word}: {few_text(steps, 1)}", HELD.tone)] if steps else []


def _armed(scene: Scene) -> list[Span]:
    """What undoes itself, soonest first."""
    word = armed_word("armed")
    return [(f"{word.glyph} {undo.armed_text(armed, scene.now)}", word.tone) for armed in undo.armed_steps(scene)]


def _no_return_ahead(scene: Scene) -> str:
    return next((s.id for s in scene.plan.steps if s.irreversible and scene.state.steps[s.id].state == "pending"), "")


def _finish(scene: Scene, reading: clock.Reading) -> tuple[Line | Span | None, ...]:
    if scene.state.phase == "closed":
        early = reading.end - (scene.state.closed or scene.now)
        judged = f"{duration_text(early)} before its end" if early >= 0 else f"{duration_text(-early)} AFTER its end"
        planned = f"window {scene.time(reading.start, seconds=False)} to {scene.time(reading.end, seconds=False)}"
        return ((f"closed {judged}", "good" if early >= 0 else "bad"), (planned, "plain"))
    word = level_word(reading.forecast_level)
    if scene.state.rolling_back:
        gap = reading.end - reading.forecast
        judged = "before the window ends" if gap >= 0 else "PAST the window's end"
        at = scene.time(reading.forecast, seconds=False)
        return ((f"{word.glyph} back at {at}", word.tone), (f"{duration_text(abs(gap))} {judged}", word.tone))
    if reading.forecast_level == "over":
        ended = f"✗ the window ended at {scene.time(reading.end)}"
        return ((ended, "bad"), (f"still {duration_text(reading.left)} to do", "bad"))
    early = reading.end - reading.margin - reading.forecast
    if early >= 0:
        judged = f"{duration_text(early)} early"
    elif reading.forecast <= reading.end:
        judged = f"{duration_text(-early)} into the margin"
    else:
        judged = f"{duration_text(reading.forecast - reading.end)} PAST the window"
    return (
        (f"{word.glyph} {scene.time(reading.forecast, seconds=False)} forecast", word.tone),
        (judged, word.tone),
        (f"window ends {scene.time(reading.end, seconds=False)}", "plain"),
        (f"last {duration_text(reading.margin)} kept free", "muted") if reading.margin else None,
    )


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
    wanted: list[tuple[int, str, Tone]] = []
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
LABELS = ("WHERE", "HEALTHY", "GO BACK", "FINISH")


def answers(view: ClockView, width: int, spare: int = 0) -> list[Line]:
    """The four answers with their questions' names in front. ``spare``: lines that a long answer may use more."""
    room = width - LABEL
    out: list[Line] = []
    for label, parts in zip(LABELS, (view.where, view.health, view.back, view.finish), strict=True):
        head: Span = (fit(label, LABEL), "title")
        if parts is view.health:
            limit = room * (2 if spare else 1) - (10 if spare else 0)
            health = next((form for form in view.health if length(form) <= limit), view.health[-1])
            pieces = wrapped(health, room) if spare else [cut(health, room)]
            out += [(head if i == 0 else (" " * LABEL, "muted"), *p) for i, p in enumerate(pieces[:2])]
        else:
            out.append((head, *fitting(parts, room)))
    return out


def arithmetic(scene: Scene, reading: clock.Reading) -> list[Line]:
    """How the clock comes to its numbers: every summand, step by step."""
    state = scene.state
    p = undo.progress(scene)
    if state.rolling_back and p is not None:
        return undo.sums(scene, p)
    out: list[Line] = [(("ROLLBACK BY  =  window end − margin − what undoing takes", "title"),)]
    rows: list[tuple[str, str, Tone]] = [
        ("window end", scene.time(reading.end), "plain"),
        ("− margin kept free", duration_text(reading.margin), "plain"),
    ]
    for spec in reversed(scene.plan.steps):
        cost = clock.step_rollback_cost(spec, state.steps[spec.id])
        if cost:
            measured = state.steps[spec.id].rollback_seconds is not None
            batches = state.steps[spec.id].touched()
            how = "measured" if measured else f"estimate, {batches} batches" if batches > 1 else "estimate"
            rows.append((f"− undo {spec.id} ({how})", duration_text(cost), "plain"))
    if reading.by is not None:
        tone = level_word(reading.slack_level).tone
        rows.append(("= rollback by", scene.time(reading.by), tone))
        rows.append(("− now", scene.time(scene.now), "plain"))
        assert reading.slack is not None
        rows.append((f"= slack: {level_word(reading.slack_level).word}", clock_text(reading.slack), tone))
    elif reading.no_return:
        rows.append((f"forward only: {reading.no_return} cannot be undone", "–", "watch"))
    else:
        rows.append((reading.words, "–", "muted"))
    out += [((f"  {fit(name, 44)}", tone if name.startswith("=") else "plain"), (value, tone))
            for name, value, tone in rows]  # fmt: skip
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
