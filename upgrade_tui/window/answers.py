"""What the lead needs at a glance: where are we, is it healthy, can we still go back, until when. Pure.

The dashboard's clock, ``status``, its JSON and the report say these answers and no others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from msgspec import Struct
from msgspec.structs import replace

from upgrade_tui.plan.model import Step
from upgrade_tui.units import clock_text, count_text, duration_text, few_text
from upgrade_tui.window import clock, hold
from upgrade_tui.window.event_row import Tone
from upgrade_tui.window.events import SYSTEM
from upgrade_tui.window.glance import Glance
from upgrade_tui.window.going_back import armed_steps, armed_text, progress, stuck_text
from upgrade_tui.window.health import FINE, CanaryHealth, HostHealth, canary_health, host_health
from upgrade_tui.window.state import OVER, StepState
from upgrade_tui.window.state_words import HELD, armed_word, level_word, phase_word, step_word, worst_first
from upgrade_tui.window.step_state import UNCONFIRMED

QUESTIONS = {"where": "where", "healthy": "healthy", "back": "go back", "finish": "finish"}
SEPARATOR = " · "
_WORST_FIRST: tuple[str, ...] = get_args(Tone)


class Part(Struct, frozen=True):
    """A part of an answer. The glyph stands before the text where something is drawn."""

    text: str
    tone: Tone | Literal["title"] = "plain"  # title: a name of the plan's, not a state
    glyph: str = ""


Parts = tuple[Part, ...]


class Answers(Struct, frozen=True):
    """The four answers: each in parts, the most important first."""

    where: Parts
    healthy: tuple[Parts, ...]  # the same thing, each time shorter
    back: Parts
    finish: Parts
    reading: clock.Reading

    def texts(self) -> dict[str, str]:
        """The answers as plain text, without glyphs, by the names in ``QUESTIONS``."""
        parts = {"where": self.where, "healthy": self.healthy[0], "back": self.back, "finish": self.finish}
        return {name: SEPARATOR.join(part.text for part in of) for name, of in parts.items()}


def answers(
    g: Glance, hosts: Sequence[HostHealth] | None = None, canaries: Sequence[CanaryHealth] | None = None
) -> Answers:
    """All four. ``hosts``, ``canaries``: where their health was looked at already."""
    hosts = [host_health(g, name) for name in g.state.hosts] if hosts is None else hosts
    canaries = [canary_health(g, name) for name in g.state.canaries] if canaries is None else canaries
    reading = clock_reading(g)
    return Answers(where(g), healthy(g, hosts, canaries), back(g, reading), finish(g, reading), reading)


def clock_reading(g: Glance) -> clock.Reading:
    """The rollback clock. While something is rolled back it is about that: when it will be over, no longer until when
    it may begin.
    """
    reading, p = clock.read(g.state, g.now), progress(g)
    if not g.state.rolling_back or p is None:
        return reading
    forecast = g.now + p.left
    level: clock.Level = "critical" if forecast > reading.end else "tight" if p.late or p.stuck else "good"
    words = f"rolling back {p.scope}: {duration_text(p.spent)} of about {duration_text(p.total)}"
    return replace(
        reading, by=None, slack=None, slack_level="tight", left=p.left, forecast=forecast, forecast_level=level,
        words=words,
    )  # fmt: skip


# -- where are we ---------------------------------------------------------------------------------------------------


def where(g: Glance) -> Parts:
    """Phase, step n of m, what runs on which batch, who."""
    state = g.state
    if state.phase == "closed":
        word, at = phase_word("closed"), f" at {g.time(state.closed)}" if state.closed else ""
        reason = (Part(state.reason),) if state.reason else ()
        return (Part("window closed", "strong", word.glyph), Part(f"{state.outcome}{at}", "strong"), *reason)
    if state.rolling_back:
        asked = state.rollback
        return (*_standing(g), *([Part(f"by {asked.by}: {asked.reason}")] if asked else []))
    spec = g.plan.step(state.current) if state.current else None
    if spec is not None:
        return (*_standing(g), *_step(g, spec))
    if armed_steps(g):
        return (*_standing(g), Part("all steps are over, but not all are confirmed", "tight"))
    undone = [step.id for step in state.steps.values() if step.state == "rolled back"]
    if undone:
        what = f"{few_text(undone, 3)} rolled back: start again, skip, or close the window"
        return (*_standing(g), Part("nothing runs", "strong"), Part(what, "tight"))
    done = "all steps are over; the lead closes the window" if g.plan.steps else "the plan has no steps"
    return (*_standing(g), Part(done, "good"))


def _standing(g: Glance) -> list[Part]:
    """Of the window as a whole: not open, paused, aborted, rolled back, not started yet."""
    state, word = g.state, phase_word(g.state.phase)
    out: list[Part] = []
    if state.phase == "new":
        out.append(Part(word.word, word.tone, word.glyph))
    if state.phase in ("paused", "aborted"):
        by = f" by {state.paused_by}" if state.paused_by else ""
        out.append(Part(word.word.upper() + by, word.tone, word.glyph))
    out += _rolled(g)
    if g.now < state.start and state.phase != "new" and not state.rolling_back:
        out.append(Part(f"starts in {clock_text(state.start - g.now)}", "strong"))
    return out


def _rolled(g: Glance) -> list[Part]:
    """A rollback under way, or done and nothing begun since."""
    p, asked = progress(g), g.state.rollback
    if p is None or asked is None:
        return []
    if asked.active:
        going = Part(f"ROLLING BACK {p.scope}", "tight", step_word("rolling back").glyph)
        all_of_it = f"{count_text(len(p.states), 'step')} to undo"
        here = f"step {p.number} of {len(p.states)}: {p.step}" if p.number else all_of_it
        batch = [Part(f"batch {p.batch} of {p.batches}")] if p.batches > 1 else []
        return [going, Part(here, "strong"), *batch]
    if asked.outcome != "done" or asked.gone_on:
        return []
    promised = f", {duration_text(p.promised)} promised" if p.promised is not None else ""
    late = p.promised is not None and p.spent > p.promised
    text = f"ROLLED BACK {p.scope} in {duration_text(p.spent)}{promised}"
    return [Part(text, "bad" if late else "good", step_word("rolled back").glyph)]


def _step(g: Glance, spec: Step) -> list[Part]:
    """Of the step where we are."""
    state, step, shown = g.state, g.state.steps[spec.id], g.state.shown(spec.id)
    word = HELD if step.held is not None else step_word(shown)
    number = [s.id for s in g.plan.steps].index(spec.id) + 1
    needs = state.waiting_for(spec.id) if shown == "pending" else ""
    verb = {"ready": "next", "pending": f"waits for {needs}" if needs else "waiting"}.get(shown, word.word)
    out = [
        Part(spec.phase or "Steps", "title"),
        Part(f"step {number} of {len(g.plan.steps)}"),
        Part(f"{spec.id} {verb}", word.tone, word.glyph),
    ]
    if step.held is not None:
        out.append(Part(f"before {hold.place(step.held, len(step.batches))}: {hold.held_words(step.held)}", word.tone))
    elif shown in ("running", "failed", "unknown") and (going := batches_text(step)):
        out.append(Part(going))
    more = sum(s.state == "running" and s.id != spec.id for s in state.steps.values())
    out += [Part(f"{more} more running", "run")] if more else []
    out += [Part(who)] if (who := whose(spec, step)) else []
    if state.phase in ("paused", "aborted"):
        out.append(Part(f"{state.phase}: {state.reason or 'no reason given'}", "tight"))
    return out


def whose(spec: Step, step: StepState) -> str:
    """Who claimed a step, else did it, else is to do it."""
    return step.claimed_by or (step.by if step.state != "pending" and step.by != SYSTEM else "") or spec.owner


def over_count(step: StepState) -> tuple[int, int]:
    """Hosts that are over, and all hosts of the step; what is armed is not over."""
    return sum(1 for host in step.tasks if step.host_state(host) in OVER), len(step.tasks)


def batches_text(step: StepState) -> str:
    """``batch 2/3 · 4/8 hosts done``, as far as there is something to count."""
    done, hosts = over_count(step)
    if not hosts:
        return ""
    parts = [f"batch {max(0, step.batch) + 1}/{len(step.batches)}"] if len(step.batches) > 1 else []
    if hosts > 1 or step.batches != (("local",),):
        states: list[str] = [step.host_state(host) for host in step.tasks]
        waits = "".join(f", {n} {name}" for name in sorted(UNCONFIRMED) if (n := states.count(name)))
        parts.append(f"{done}/{count_text(hosts, 'host')} done{waits}")
    return SEPARATOR.join(parts)


# -- is it healthy --------------------------------------------------------------------------------------------------


def healthy(g: Glance, hosts: Sequence[HostHealth], canaries: Sequence[CanaryHealth]) -> tuple[Parts, ...]:
    """The worst host and the worst canary in words, or that all is well; then the same, shorter."""
    hosts = [h for h in hosts if h.name not in g.state.excluded]
    if not hosts and not canaries:
        return ((Part("nothing is watched: no hosts, no canaries", "muted"),),)
    if g.stale and g.state.phase != "closed":
        unknown = Part(f"not known: {_unmeasured(g)}", "watch", "◌")
        return ((unknown, *_hosts(hosts, 1, known=False)),)
    over = g.state.phase == "closed"
    then = [Part("when it was closed", "muted")] if over and g.frame is None else []
    bad = [c for c in canaries if c.verdict != "healthy" or (c.stale and not over)]
    forms = [[*_hosts(hosts, brevity), *_canaries(len(canaries), bad, brevity)] for brevity in range(3)]
    return tuple((*then, *sorted(form, key=lambda part: _WORST_FIRST.index(part.tone))) for form in forms)


def _unmeasured(g: Glance) -> str:
    if g.frame_age is not None:
        return f"no measurements for {duration_text(g.frame_age)}"
    return f"no measurements, {g.lost}" if g.lost else "no measurements yet"


def _hosts(hosts: Sequence[HostHealth], brevity: int, *, known: bool = True) -> list[Part]:
    need = sorted((h for h in hosts if h.rank < FINE), key=lambda h: h.rank)
    if not need:
        return [Part(f"{count_text(len(hosts), 'host')} up", "good", "●")] if known and hosts else []
    said = few_text([f"{h.name} {h.brief or h.word.word}" for h in need], 3 if brevity < 2 else 1)
    lead = f"{count_text(len(need), 'host needs', 'hosts need')} a look: " if brevity == 0 else ""
    return [Part(f"{lead}{said}", need[0].word.tone, need[0].word.glyph)]


def _canaries(every: int, bad: Sequence[CanaryHealth], brevity: int) -> list[Part]:
    if not bad:
        return [Part(f"{count_text(every, 'canary', 'canaries')} healthy", "good", "●")] if every else []
    if all(c.unasked and c.verdict == "no data" for c in bad):
        named = count_text(len(bad), "canary", "canaries") if len(bad) > 1 else bad[0].name
        return [Part(f"{named} not probed yet", "muted", "◌")]
    if all(c.verdict == "healthy" for c in bad):  # nothing bad is known, but nobody asks
        named = count_text(len(bad), "canary", "canaries") if len(bad) > 1 else bad[0].name
        return [Part(f"{named} not probed lately", "watch", bad[0].word.glyph)]
    first = min(bad, key=lambda c: worst_first(c.word.tone))
    more = (f", {len(bad) - 1} more not healthy" if brevity < 2 else f" +{len(bad) - 1}") if len(bad) > 1 else ""
    detail = f": {first.detail}" if first.detail and brevity == 0 else ""
    return [Part(f"{first.name} {first.word.word}{more}{detail}", first.word.tone, first.word.glyph)]


def looks(g: Glance) -> list[str]:
    """All that is not known to be healthy, a line each, of hosts that take part."""
    out = []
    for canary in (canary_health(g, name) for name in g.state.canaries):
        if canary.verdict != "healthy":
            out.append(f"canary {canary.name} {canary.verdict}" + (f": {canary.detail}" if canary.detail else ""))
        elif canary.stale and g.frame is not None:
            out.append(f"canary {canary.name} was healthy, and was not probed lately")
    hosts = (host_health(g, name) for name in g.state.hosts if name not in g.state.excluded)
    return out + [f"{h.name}: {'; '.join(h.reasons)}" for h in hosts if h.reasons]


# -- can we still go back, and until when ---------------------------------------------------------------------------

_YES = {"good": "yes", "watch": "yes, watch it", "tight": "yes, but tight", "critical": "decide NOW"}


def back(g: Glance, reading: clock.Reading) -> Parts:
    """Whether and until when; while something is rolled back, how that goes."""
    if g.state.phase == "closed":
        return (Part("the window is over", "muted", "– "),)
    if reading.no_return:
        passed = f"NO: point of no return passed at {reading.no_return}, forward only"
        return (Part(passed, "watch", "▲"), *_held(g))
    p = progress(g)
    if g.state.rolling_back and p is not None:
        promised = f", {duration_text(p.promised)} promised" if p.promised is not None else ""
        going = f"going back now: {duration_text(p.spent)} of about {duration_text(p.total)}{promised}"
        return (Part(going, p.tone, "◄"), *([Part(stuck_text(p), "bad")] if p.stuck else []))
    if reading.by is None or reading.slack is None:  # not open yet
        return (Part(reading.words, "muted", "◌"),)
    word = level_word(reading.slack_level)
    cost = f"undo takes {duration_text(reading.cost)}" if reading.cost else "nothing to undo yet"
    if reading.slack <= 0:
        late = Part(f"NO: too late since {g.time(reading.by)}", "bad", "✗")
        return (late, *_held(g), Part(f"{cost}, past the window", "bad"))
    ahead = _no_return_ahead(g)
    return (
        Part(f"{_YES[reading.slack_level]}, until {g.time(reading.by)}", word.tone, word.glyph),
        Part(f"{clock_text(reading.slack)} slack", word.tone),
        *_held(g),
        *_armed(g),
        Part(cost),
        *([Part(f"no return: {ahead}", "muted")] if ahead else []),
    )


def _held(g: Glance) -> list[Part]:
    """What the clock holds."""
    steps = [s.id for s in g.state.steps.values() if s.held is not None]
    return [Part(f"{HELD.word}: {few_text(steps, 1)}", HELD.tone, HELD.glyph)] if steps else []


def _armed(g: Glance) -> list[Part]:
    """What undoes itself, soonest first."""
    word = armed_word("armed")
    return [Part(armed_text(armed, g.now), word.tone, word.glyph) for armed in armed_steps(g)]


def _no_return_ahead(g: Glance) -> str:
    return next((s.id for s in g.plan.steps if s.irreversible and g.state.steps[s.id].state == "pending"), "")


def finish(g: Glance, reading: clock.Reading) -> Parts:
    """When it will be over, against the window's end."""
    if g.state.phase == "closed":
        early = reading.end - (g.state.closed or g.now)
        judged = f"{duration_text(early)} before its end" if early >= 0 else f"{duration_text(-early)} AFTER its end"
        planned = f"window {g.time(reading.start, seconds=False)} to {g.time(reading.end, seconds=False)}"
        return (Part(f"closed {judged}", "good" if early >= 0 else "bad"), Part(planned))
    word, at = level_word(reading.forecast_level), g.time(reading.forecast, seconds=False)
    if g.state.rolling_back:
        gap = reading.end - reading.forecast
        judged = "before the window ends" if gap >= 0 else "PAST the window's end"
        return (Part(f"back at {at}", word.tone, word.glyph), Part(f"{duration_text(abs(gap))} {judged}", word.tone))
    if reading.forecast_level == "over":
        left = Part(f"still {duration_text(reading.left)} to do", "bad")
        return (Part(f"the window ended at {g.time(reading.end)}", "bad", "✗"), left)
    return (
        Part(f"{at} forecast", word.tone, word.glyph),
        Part(_judged(reading), word.tone),
        Part(f"window ends {g.time(reading.end, seconds=False)}"),
        *([Part(f"last {duration_text(reading.margin)} kept free", "muted")] if reading.margin else []),
    )


def _judged(reading: clock.Reading) -> str:
    """The forecast against the window's end and the margin before it."""
    early = reading.end - reading.margin - reading.forecast
    if early >= 0:
        return f"{duration_text(early)} early"
    if reading.forecast <= reading.end:
        return f"{duration_text(-early)} into the margin"
    return f"{duration_text(reading.forecast - reading.end)} PAST the window"
