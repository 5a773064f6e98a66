"""A gate's card: everything that a go or no-go is decided on, as lines. Pure.

Read from left to right (or top to bottom): what runs next, letter by letter; then what speaks for and against it.
"""

from __future__ import annotations

from upgrade_tui.plan.model import Step
from upgrade_tui.tui.glyphs import ScreenTone
from upgrade_tui.tui.scene import Scene
from upgrade_tui.tui.sections import exact, section
from upgrade_tui.tui.step.page import slack_tone
from upgrade_tui.tui.widgets.spans import BLANK, Line, Span, beside, cut, fit, joined, widest, wrapped
from upgrade_tui.units import duration_text
from upgrade_tui.window import clock
from upgrade_tui.window.events import GateOpened
from upgrade_tui.window.gate_card import CanaryEvidence, Card, NextStep
from upgrade_tui.window.gates import asked_for_it
from upgrade_tui.window.state_words import level_word, step_word, verdict_word

TWO_COLUMNS = 100  # cells from which what runs and what speaks for it stand side by side
_GAP = 3


def gate_header(scene: Scene, spec: Step, card: Card | None, refused: str | None, width: int) -> list[Line]:
    """Four lines: what is decided and until when; votes; the clock; what is not as it should be."""
    shown = scene.state.shown(spec.id)
    word = step_word(shown)
    opened = card is not None and scene.state.steps[spec.id].state == "running"
    state = "GO OR NO-GO?" if opened else word.word.upper()
    first: list[Line | Span | None] = [
        ((f"{word.glyph} {state}  ", "key" if opened else word.tone), (spec.title, "strong")),
        _time_left(scene, card) if opened else None,
        (spec.id, "muted"),
    ]
    if card is None or not opened:
        lines = [joined(first), _closed(scene, spec, shown)]
        return [cut(line, width) for line in [*lines, BLANK, BLANK]]
    lines = [joined(first), votes(scene, card, refused), _clock(scene, card), _wrong(card)]
    return [cut(line, width) for line in lines]


def _time_left(scene: Scene, card: Card | None) -> Span | None:
    if card is None or card.until is None:
        return None
    left = card.until - scene.now
    if left <= 0:
        return ("the time to decide is over: that is a no", "bad")
    return (f"{duration_text(left)} left to decide, then it is a no", "bad" if left < 120 else "strong")


def _closed(scene: Scene, spec: Step, shown: str) -> Line:
    step = scene.state.steps[spec.id]
    if shown == "ready":
        return (("s opens the vote, on the evidence as it is then", "plain"),)
    if shown == "pending":
        waits = ", ".join(f"{each} ({scene.state.shown(each)})" for each in scene.state.missing(spec.id))
        return (("waits for ", "muted"), (waits, "plain"))
    return ((step.reason, "bad" if shown == "failed" else "plain"),)


def barred(scene: Scene, card: Card) -> str:
    """Who asked for this go and has to leave it to others; empty if nobody has."""
    spec = scene.plan.step(card.gate)
    return card.asked_by if spec is not None and asked_for_it(scene.state, spec, card.asked_by) else ""


def votes(scene: Scene, card: Card, refused: str | None) -> Line:
    """``1 of 2 go: tom · waits for mei · g votes go, G no-go``; or why this operator's go does not count."""
    goes = [who for who, go, _ in card.votes if go]
    missing = [who for who in card.may if who not in goes and who != barred(scene, card)]
    mine = scene.login in goes
    can: Line = (
        (("you said go", "good"), (": the others decide now", "muted"))
        if mine
        else (("g", "key"), (" go, ", "plain"), ("G", "key"), (" no-go", "plain"))
        if refused is None
        else ((f"your go: {refused}", "watch"),)
    )
    return joined(
        [
            (f"{len(goes)} of {card.needed} go" + (f": {', '.join(goes)}" if goes else ""), "strong"),
            can,
            (f"waits for {', '.join(missing)}", "plain") if missing and len(goes) < card.needed else None,
            (f"asked for by {card.asked_by}", "muted") if card.asked_by else None,
        ]
    )


def _clock(scene: Scene, card: Card) -> Line:
    if card.slack is None:
        now: Span = (f"▲ {card.words}", "watch")
    else:
        now = (f"slack now {_minutes(card.slack)}", slack_tone(card.slack))
    late = card.forecast > card.end
    margin = scene.plan.window.margin
    tone: ScreenTone = "bad" if late else "tight" if card.forecast > card.end - margin else "plain"
    return joined(
        [
            now,
            _after(card),
            (f"undoing all takes {duration_text(card.cost)}", "plain"),
            (f"forecast {scene.time(card.forecast, seconds=False)}", tone),
            (f"window ends {scene.time(card.end, seconds=False)}", "muted"),
        ]
    )


def _minutes(seconds: float) -> str:
    return f"-{duration_text(-seconds)}" if seconds < 0 else duration_text(seconds)


def _after(card: Card) -> Span | None:
    """The worst of what the clock reads after what runs next."""
    if any(step.irreversible for step in card.steps):
        return ("▲ what runs next cannot be undone", "watch")
    known = [step.slack_after for step in card.steps if step.slack_after is not None]
    if not known:
        return None
    return (f"after it {_minutes(min(known))}", slack_tone(min(known)))


def _wrong(card: Card) -> Line:
    """Everything that is not as it should be, in one line: what a tired reader must not scroll past."""
    found: list[Span] = []
    worse = [h for h in card.canaries if h.now != "healthy"]
    found += [(f"{verdict_word(h.now).glyph} {h.name} {h.now}", verdict_word(h.now).tone) for h in worse]
    found += [(f"✗ {text}", "bad") for text in card.links]
    found += [(f"▲ {text}", "tight") for text in (*card.alerts, *card.units)]
    found += [(f"▲ risk shows: {risk.title}", "tight") for risk in card.risks if risk.showing]
    return joined(found) or (("● canaries healthy, hosts up, no limit crossed, no risk showing", "good"),)


def changed(before: GateOpened, now: GateOpened, opened_at: str) -> str:
    """What is loud when the evidence is another one than the one that was read."""
    odd = [f"{name} {verdict}" for name, verdict in now.canaries.items() if before.canaries.get(name) != verdict]
    also = [f"next {', '.join(now.next) or 'nothing'}"] if now.next != before.next else []
    more = f" ({'; '.join([*also, *odd])})" if also or odd else ""
    return f"THE EVIDENCE CHANGED at {opened_at}{more}: earlier votes are gone. Read it, then press enter"


# -- the page -----------------------------------------------------------------------------------------------------


def gate_page(scene: Scene, card: Card, width: int) -> list[Line]:
    """The whole card for ``width`` cells: in two columns where there is room."""
    if width < TWO_COLUMNS:
        return [*next_lines(scene, card, width), BLANK, *evidence_lines(scene, card, width)]
    left = (width - _GAP) * 11 // 20
    right = width - _GAP - left
    return beside(next_lines(scene, card, left), evidence_lines(scene, card, right), left, _GAP)


def next_lines(scene: Scene, card: Card, width: int) -> list[Line]:
    """Every step that a go lets run: where, in which batches, exactly what, how it is undone, the clock after it."""
    out: list[Line] = [(("A GO LETS THIS RUN", "title"),)]
    if not card.steps:
        out.append((("nothing waits for this gate", "muted"),))
    for step in card.steps:
        out += _next(scene, step, width)
    return out


def _next(scene: Scene, step: NextStep, width: int) -> list[Line]:
    out: list[Line] = wrapped(((f"► {step.id}", "strong"), (f"  {step.title} · {step.kind}", "plain")), width)
    if step.irreversible:
        out += wrapped((("▲ IRREVERSIBLE: past it there is only forward", "watch"),), width)
    for number, batch in enumerate(step.batches, 1):
        name = f"batch {number} of {len(step.batches)}  "
        hosts = f"{len(batch)} hosts: {', '.join(batch)}" if len(batch) > 1 else ", ".join(batch)
        first, *rest = wrapped(((hosts, "strong"),), max(10, width - len(name)))
        out.append(((name, "muted"), *first))
        out += [((" " * len(name), "muted"), *line) for line in rest]
    blocks: list[Line] = []
    exact(blocks, "Runs" if step.kind == "command" else "To do", step.command, width)
    exact(blocks, "Then checked by", step.check, width)
    exact(blocks, "Undone by", step.rollback, width)
    blocks = [line for line in blocks if line != BLANK]
    if step.confirm_within is not None:
        within = duration_text(step.confirm_within)
        armed = f"Each host undoes it by itself after {within} unless it is confirmed"
        blocks += wrapped(((armed, "watch"),), width)
    if step.on_armed:
        early = "It runs on what is armed, before it is confirmed; it has failed if a host undoes that"
        blocks += wrapped(((early, "watch"),), width)
    if not step.rollback and not step.irreversible and not step.looks and step.kind in ("command", "manual"):
        blocks.append((("The plan has no rollback for it", "watch"),))
    return [*out, *blocks, *_clock_after(scene, step), BLANK]


def _clock_after(scene: Scene, step: NextStep) -> list[Line]:
    if step.slack_after is None:
        return []
    spec = scene.plan.step(step.id)
    by = clock.after(scene.state, spec, scene.now).by if spec is not None else None
    until = f", rollback by {scene.time(by, seconds=False)}" if by is not None else ""
    return [
        (("After it: ", "muted"), (f"slack {_minutes(step.slack_after)}", slack_tone(step.slack_after)),
         (until, "plain"))
    ]  # fmt: skip


def evidence_lines(scene: Scene, card: Card, width: int) -> list[Line]:
    """What speaks for and against: canaries now and then, limits, hosts, the clock, risks, votes."""
    out: list[Line] = []
    section(out, "CANARIES NOW (AND WHEN IT WAS OPENED)", [_canary(scene, h, card, width) for h in card.canaries])
    section(out, "OVER THEIR LIMIT", [cut(((f"▲ {text}", "tight"),), width) for text in card.alerts])
    section(out, "UNITS", [cut(((f"▲ {text}", "tight"),), width) for text in card.units])
    section(out, "HOSTS NOT UP", [cut(((f"✗ {text}", "bad"),), width) for text in card.links])
    reading = clock.read(scene.state, scene.now)
    word = level_word(reading.level)
    section(out, "ROLLBACK CLOCK", wrapped(((f"{word.glyph} {reading.words}", word.tone),), width))
    section(out, "VOTES", _votes(scene, card, width))
    section(out, "RISKS, AND WHO WATCHES THEM", _risks(card, width))
    opened = scene.state.steps[card.gate]
    at = f", opened {scene.time(opened.started)}" if opened.started is not None else ""
    section(out, "EVIDENCE", wrapped(((f"{card.digest}{at}: a go counts for this and nothing else", "muted"),), width))
    return out[:-1]


def _canary(scene: Scene, health: CanaryEvidence, card: Card, width: int) -> Line:
    word = verdict_word(health.now)
    names = min(max([8, *(len(h.name) for h in card.canaries)]), max(10, width // 3))
    live = scene.frame.canaries.get(health.name) if scene.frame is not None else None
    before: Span = ("as then", "muted") if health.before == health.now else (f"was {health.before}", "strong")
    detail = (live.detail if live is not None else "") or health.detail
    return cut(
        ((f"{word.glyph} {fit(health.name, names)} {fit(word.word, 9)}", word.tone), before, (f"  {detail}", "muted")),
        width,
    )


def _risks(card: Card, width: int) -> list[Line]:
    lines: list[Line] = []
    for risk in card.risks:
        tone: ScreenTone = "tight" if risk.showing else "watch" if risk.silent else "plain"
        mark = "▲" if risk.showing else "?" if risk.silent else "·"
        lines += wrapped(((f"{mark} {risk.title}", tone),), width)
        signs = f"{risk.signs}; " if risk.signs else ""
        who = f"watched by {risk.watchers or 'NOBODY'}"
        text = f"{signs}{who}; {risk.level}{f'; {risk.response}' if risk.response else ''}"
        lines += [(("  ", "muted"), *line) for line in wrapped(((text, tone if signs else "muted"),), width - 2)]
    return lines


def _votes(scene: Scene, card: Card, width: int) -> list[Line]:
    names = min(16, widest((*card.may, *(login for login, _, _ in card.votes)), 6))
    lines: list[Line] = []
    for who, go, reason in card.votes:
        said: Span = ("✓ go", "good") if go else ("✗ no-go", "bad")
        lines.append(cut(((f"{fit(who, names)} ", "strong"), said, (f"  {reason}", "plain")), width))
    voted = {who for who, _, _ in card.votes}
    for who in card.may:
        if who not in voted:
            asked = "  asked for it: others decide" if who == barred(scene, card) else ""
            lines.append(cut(((f"{fit(who, names)} ", "strong"), (f"○ not voted yet{asked}", "muted")), width))
    lines += wrapped(((f"Needs {card.needed} go; one no-go stops it.", "muted"),), width)
    return lines
