"""Steps by hosts: which rows need a look, what each cell says, what there is to know of one. Pure.

Only what is looked at is worked out cell by cell: with 500 hosts and 30 steps there are 15,000 of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import median

from msgspec import Struct

from upgrade_tui.plan.model import Step
from upgrade_tui.tui.glyphs import ScreenTone
from upgrade_tui.tui.scene import Scene
from upgrade_tui.tui.widgets.spans import Line, Span, cut, joined
from upgrade_tui.units import countdown_text, duration_text, short_duration
from upgrade_tui.window.measurements import TaskFrame
from upgrade_tui.window.state import UNSETTLED, StepState, Task
from upgrade_tui.window.state_words import EXCLUDED, TASKS, Word, armed_word, step_word, worst_first

_SILENT = 60.0  # seconds without output that make a task an outlier
SLOW = 2.0  # times what the others of its step took, and
SLOW_AFTER = 30.0  # at least so many seconds

LETTERS: dict[str, str] = {
    "pending": ".", "running": "r", "done": "d", "failed": "F", "unknown": "?", "unreachable": "N", "skipped": "s",
    "rolling back": "b", "rolled back": "u", "armed": "a", "unprotected": "U",
}  # fmt: skip
"""States where there is nothing but ASCII: a letter each, capital where somebody must look."""

_RANKS: dict[str, int] = {"unknown": 0, "failed": 1, "unreachable": 1, "unprotected": 1, "rolling back": 2}
_SUMMED = ("unknown", "failed", "unreachable", "unprotected", "rolling back", "running")
_ODD, _RUNNING, _FINE, _OUT = 3, 5, 8, 9

Live = Mapping[tuple[str, str], TaskFrame]


class HostLine(Struct, frozen=True):
    """A row: ``rank`` 0 needs a look most; ``excluded``: takes no part any more."""

    name: str
    rank: int
    excluded: bool


class Matrix(Struct, frozen=True):
    """Its columns and rows at a moment. ``usual``: seconds that a step's finished tasks took, in the middle."""

    steps: tuple[Step, ...]
    hosts: tuple[HostLine, ...]
    usual: Mapping[str, float]
    live: Live
    counts: Mapping[str, int]  # state -> tasks


def matrix(scene: Scene) -> Matrix:
    """Steps with tasks, in the plan's order, and hosts that have any, in the plan's order too: sorting is ``Order``'s.

    Hosts are in because a step runs on them; ``local`` is one of them where a step runs beside the conductor.
    """
    steps = tuple(spec for spec in scene.plan.steps if scene.state.steps[spec.id].tasks)
    live = {(t.step, t.host): t for t in scene.frame.tasks} if scene.frame is not None else {}
    usual = {spec.id: _usual(scene.state.steps[spec.id]) for spec in steps}
    ranks: dict[str, int] = {}
    counts: Counter[str] = Counter()
    for spec in steps:
        for host, task in scene.state.steps[spec.id].tasks.items():
            shown = state_of(scene.state.steps[spec.id], host)
            counts[shown] += 1
            rank = _RANKS.get(shown, _FINE)
            if task.state == "running":
                rank = _ODD if odd(scene, task, live.get((spec.id, host)), usual[spec.id]) else _RUNNING
            ranks[host] = min(rank, ranks.get(host, _FINE))
    order = {name: i for i, name in enumerate(scene.plan.hosts)}
    names = sorted(ranks, key=lambda name: order.get(name, len(order)))
    excluded = scene.state.excluded
    rows = tuple(HostLine(n, _OUT if n in excluded and ranks[n] > 1 else ranks[n], n in excluded) for n in names)
    return Matrix(steps, rows, usual, live, counts)


def _usual(step: StepState) -> float:
    took = [t.seconds for t in step.tasks.values() if t.state == "done" and t.seconds is not None]
    return median(took) if took else 0.0


def odd(scene: Scene, task: Task, live: TaskFrame | None, usual: float) -> bool:
    """A running task that has been silent for long, or takes much longer than the others of its step did."""
    if live is not None and live.silent >= _SILENT:
        return True
    spent = scene.now - task.started if task.started is not None else 0.0
    return usual > 0 and spent > max(SLOW_AFTER, SLOW * usual)


# -- a cell -------------------------------------------------------------------------------------------------------


def cell(scene: Scene, m: Matrix, spec: Step, host: str, width: int, *, marked: bool, plain: bool) -> Span:
    """``width`` cells: the state's glyph, the attempt where it is not the first, the time where there is room."""
    step = scene.state.steps[spec.id]
    task = step.tasks.get(host)
    if task is None:
        return (" " * width, "muted")
    word = word_of(scene, step, host)
    glyph = LETTERS.get(state_of(step, host), word.ascii) if plain else word.glyph
    armed = step.armed.get(host)
    if armed is not None and armed.state == "armed" and task.state != "armed":
        glyph += "@" if plain else armed_word("armed").glyph
    elif task.attempt > 1:
        glyph += str(min(9, task.attempt))
    text = f"{glyph:<2}"
    spent = _spent(scene, task)
    if width >= 10 and spent is not None:
        text += f" {short_duration(spent):<{width - 5}}"
    inner = text[: width - 2].ljust(width - 2)
    tone: ScreenTone = word.tone
    if task.state == "running" and odd(scene, task, m.live.get((spec.id, host)), m.usual[spec.id]):
        tone = "tight"
    return (f"[{inner}]" if marked else f" {inner} ", tone)


def state_of(step: StepState, host: str) -> str:
    """The state of a task; that it is armed has a mark of its own, beside what it came to."""
    shown = step.host_state(host)
    return step.tasks[host].state if shown == "armed" else shown


def word_of(scene: Scene, step: StepState, host: str) -> Word:
    """The state of a task; one that was left out because its host was is called so."""
    if host in scene.state.excluded and step.tasks[host].state == "skipped":
        return EXCLUDED
    return step_word(state_of(step, host))


def _spent(scene: Scene, task: Task) -> float | None:
    if task.state == "running" and task.started is not None:
        return max(0.0, scene.now - task.started)
    return task.seconds


def legend(m: Matrix, *, plain: bool) -> Line:
    """What the glyphs are, those first that are there, the worst before the rest."""
    states = sorted(TASKS, key=lambda s: (not m.counts.get(s), worst_first(TASKS[s].tone)))
    out: list[Span] = []
    for state in states:
        word, count = TASKS[state], m.counts.get(state, 0)
        if state == "ready" or (state == "unprotected" and not count):
            continue
        glyph = LETTERS[state] if plain else word.glyph
        out.append((f"{glyph} {word.word}{f' {count}' if count else ''}  ", word.tone if count else "muted"))
    armed = armed_word("armed")
    out.append((f"{armed.ascii if plain else armed.glyph} + armed  [ ] marked", "muted"))
    return tuple(out)


def summary(scene: Scene, m: Matrix, marked: int) -> Line:
    """How many of what; what is marked."""
    bad = [(s, m.counts[s]) for s in _SUMMED if m.counts.get(s)]
    odd_ones = sum(1 for row in m.hosts if row.rank == _ODD)
    out = sum(1 for row in m.hosts if row.excluded)
    parts: list[Line | Span | None] = [
        ((f"{len(m.hosts)} hosts × {len(m.steps)} steps", "strong"),),
        *((f"{step_word(s).glyph} {count} {s}", step_word(s).tone) for s, count in bad),
        (f"▲ {odd_ones} slow or silent", "tight") if odd_ones else None,
        (f"{EXCLUDED.glyph} {out} excluded", "muted") if out else None,
        (f"{marked} marked", "key") if marked else None,
    ]
    return joined(parts)


def cell_lines(scene: Scene, m: Matrix, spec: Step, host: str, width: int) -> list[Line]:
    """Two lines on the cell under the cursor: state, attempt, exit, times; then why, or what it said last."""
    step = scene.state.steps[spec.id]
    task = step.tasks.get(host)
    where: Span = (f"{spec.id} on {host}", "strong")
    if task is None:
        return [cut((where, ("  this step does not run there", "muted")), width), ()]
    word = word_of(scene, step, host)
    live = m.live.get((spec.id, host))
    undoing = "ITS ROLLBACK " if task.undo and task.state in UNSETTLED else ""
    parts: list[Line | Span | None] = [
        ((f"{word.glyph} ", word.tone), where, (f": {undoing}{word.word.upper()}", word.tone)),
        (f"attempt {task.attempt}", "watch" if task.attempt > 1 else "plain") if task.attempt else None,
        _ending(task),
        *_times(scene, m, spec, task),
        (f"silent {duration_text(live.silent)}", "tight" if live.silent >= 10 else "muted")
        if live is not None and task.state == "running"
        else None,
        _armed(scene, step, host),
        (f"batch {task.batch + 1} of {len(step.batches)}", "muted") if len(step.batches) > 1 else None,
    ]
    said = task.reason or (live.last_line if live is not None and task.state == "running" else "") or task.said
    excluded = scene.state.excluded.get(host)
    if excluded is not None:
        said = f"{host} is excluded: {excluded}" + (f" · {said}" if said and said not in excluded else "")
    tone: ScreenTone = word.tone if word.tone in ("bad", "unknown", "tight") else "plain"
    return [cut(joined(parts), width), cut(((said, tone),), width)]


def _ending(task: Task) -> Span | None:
    if task.timed_out:
        return ("timed out", "bad")
    if task.signal:
        return (f"ended by {task.signal}", "bad")
    if task.check not in (None, 0):
        return (f"check failed: exit {task.check}", "bad")
    if task.exit is None:
        return None
    return (f"exit {task.exit}", "bad" if task.exit else "good")


def _times(scene: Scene, m: Matrix, spec: Step, task: Task) -> Sequence[Span]:
    """Actual, planned; of what is still to come or under way the forecast."""
    out: list[Span] = []
    spent, usual = _spent(scene, task), m.usual[spec.id]
    expected = usual or float(spec.estimate)
    if task.state == "running" and spent is not None:
        left = expected - spent
        out.append((f"running {duration_text(spent)}", "run"))
        more = f"about {duration_text(left)} more" if left > 0 else f"{duration_text(-left)} over"
        out.append((more, "plain" if left > 0 else "tight"))
    elif spent is not None:
        out.append((f"took {duration_text(spent)}", "plain"))
    planned = spec.rollback.estimate if task.undo and spec.rollback is not None else spec.estimate
    out.append((f"planned {duration_text(float(planned))}", "muted"))
    if usual and task.state in ("pending", "running"):
        out.append((f"others took {duration_text(usual)}", "muted"))
    return out


def _armed(scene: Scene, step: StepState, host: str) -> Span | None:
    armed = step.armed.get(host)
    if armed is None:
        return None
    word = armed_word(armed.state)
    left = f", undoes it in {countdown_text(armed.until - scene.now)}" if armed.state == "armed" else ""
    if armed.state == "gone" and armed.reason:
        left = f" ({armed.reason})"
    return (f"{word.glyph} {word.word}{left}", word.tone)
