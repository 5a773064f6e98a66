"""Steps: grouped by phase, what runs on which batch, planned against elapsed, whose it is. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from upgrade_tui.plan.estimate import step_seconds
from upgrade_tui.plan.model import Step
from upgrade_tui.tui.glyphs import ScreenTone
from upgrade_tui.tui.scene import Scene
from upgrade_tui.tui.widgets.spans import Line, Span, bar, clip, cut, fit, widest, wrapped
from upgrade_tui.units import count_text, duration_text, few_text, short_duration
from upgrade_tui.window import hold
from upgrade_tui.window.answers import batches_text, over_count, whose
from upgrade_tui.window.armed import asks_for_a_person, protection_words
from upgrade_tui.window.state import OVER, StepState
from upgrade_tui.window.state_words import HELD, Word, step_word, worst_first
from upgrade_tui.window.step_state import UNCONFIRMED, trouble_text


class StepRow(Struct, frozen=True):
    """A step as the pane says it."""

    id: str
    title: str
    kind: str
    phase: str
    state: str  # with ``ready`` worked out
    word: Word
    who: str  # claimed by, else done by, else the owner
    planned: float  # seconds
    elapsed: float | None  # seconds
    share: float | None  # of its hosts (a bake: of its time), 0 to 1; only while it runs
    remark: str  # a second line, where there is something to say
    more: str  # a second line where there is room for one anyway
    irreversible: bool
    notes: int


def step_rows(scene: Scene) -> list[StepRow]:
    """All steps in the plan's order."""
    return [step_row(scene, spec) for spec in scene.plan.steps]


def step_row(scene: Scene, spec: Step) -> StepRow:
    """What there is to say of a step now."""
    step, state = scene.state.steps[spec.id], scene.state.shown(spec.id)
    planned = step_seconds(scene.plan, spec)
    elapsed = None
    if step.started is not None:
        elapsed = max(0.0, scene.now - step.started) if step.stage == "under way" else step.took
    return StepRow(
        id=spec.id, title=spec.title, kind=spec.kind, phase=spec.phase or "Steps", state=state,
        word=HELD if step.held is not None else step_word(state),
        who=whose(spec, step),
        planned=planned,
        elapsed=elapsed, share=None if step.held is not None else _share(step, spec, elapsed, planned),
        remark=_remark(scene, spec, step, state),
        more=_more(scene, spec, step, state),
        irreversible=spec.irreversible, notes=step.notes,
    )  # fmt: skip


def held_text(step: StepState) -> str:
    """``held before batch 4 of 4: no time to undo it (slack after it when held: -8 m)``, and what to do about it."""
    if step.held is None:
        return ""
    return f"{hold.held_where(step.held, len(step.batches))}; s lets it go, as the lead"


def _share(step: StepState, spec: Step, elapsed: float | None, planned: float) -> float | None:
    if step.state != "running":
        return None
    if spec.kind == "bake":
        return min(1.0, (elapsed or 0.0) / planned) if planned else 1.0
    done, hosts = over_count(step)
    return done / hosts if hosts > 1 else None


def _remark(scene: Scene, spec: Step, step: StepState, state: str) -> str:
    trouble = trouble_text(step.tasks)
    if state == "running":
        if spec.kind == "gate":
            return _votes(spec, step)
        if spec.kind == "bake":
            left = max(0.0, float(spec.bake or spec.estimate) - (scene.now - (step.started or scene.now)))
            return f"{duration_text(left)} left to bake"
        if spec.kind == "manual":
            return f"under way; space ticks it{f': {spec.instructions}' if spec.instructions else ''}"
        unconfirmed = protection_words(step, scene.time) if asks_for_a_person(scene.state, spec.id) else ""
        waits = held_text(step) or unconfirmed or _resting(scene, spec, step)
        return " · ".join(p for p in (batches_text(step), trouble, waits) if p)
    if state in UNCONFIRMED:
        return protection_words(step, scene.time)
    if state in ("failed", "unknown"):
        return trouble or step.reason or "no reason given"
    if state == "skipped":
        return step.reason
    if step.state == "rolling back":
        return _undoing(spec, step, trouble)
    if state == "rolled back":
        return step.reason
    if state == "ready" and spec.kind == "gate":
        return _votes(spec, step)
    return ""


def _undoing(spec: Step, step: StepState, trouble: str) -> str:
    """How undoing it goes, or what a person has to do for it."""
    if trouble:
        return f"being undone: {trouble}"
    if spec.rollback is not None and spec.rollback.run is None:
        return f"undo it by hand, then space ticks that: {spec.rollback.manual or spec.title}"
    hosts = [h for batch in step.undo_batches for h in batch if h in step.tasks]
    back = sum(1 for h in hosts if step.tasks[h].state in ("rolled back", "skipped"))
    return f"being undone: {back}/{count_text(len(hosts), 'host')} back"


def _more(scene: Scene, spec: Step, step: StepState, state: str) -> str:
    """Done: when and by whom. Still ahead: where it runs, how it is undone."""
    if step.started is not None and step.worked_until is not None and step.stage != "under way":
        by = f": {step.reason}" if spec.kind == "gate" and step.reason else f" by {step.by}" if step.by else ""
        return f"{scene.time(step.started)} to {scene.time(step.worked_until)}{by}"
    hosts = scene.plan.targets(spec)
    where = f"on {few_text(hosts, 3)}" if hosts else ""
    undo = f"undo takes {short_duration(spec.rollback.estimate * max(1, len(step.batches)))}" if spec.rollback else ""
    return " · ".join(p for p in (spec.kind, where, undo) if p)


def _resting(scene: Scene, spec: Step, step: StepState) -> str:
    """Between two batches: how the pause goes."""
    if not spec.bake or any(t.state == "running" for t in step.tasks.values()):
        return ""
    ended = [t.finished for t in step.tasks.values() if t.finished is not None]
    done, hosts = over_count(step)
    if not ended or done == hosts:
        return ""
    return f"next batch in {duration_text(max(0.0, float(spec.bake) - (scene.now - max(ended))))}"


def _votes(spec: Step, step: StepState) -> str:
    go = [login for login, vote in step.votes.items() if vote.go]
    said = f": {', '.join(go)}" if go else ""
    may = [login for login in spec.by if login not in step.votes]
    waits = f"; waits for {', '.join(may)}" if may and len(go) < spec.approvals else ""
    return f"{len(go)} of {spec.approvals} go{said}{waits}"


def phases(rows: list[StepRow]) -> Iterator[tuple[str, list[StepRow]]]:
    """Neighbours with the same phase, together."""
    start = 0
    for i in range(1, len(rows) + 1):
        if i == len(rows) or rows[i].phase != rows[start].phase:
            yield rows[start].phase, rows[start:i]
            start = i


def step_matches(row: StepRow, needle: str) -> bool:
    """Whether a filter shows this row."""
    text = " ".join((row.id, row.title, row.phase, row.word.word, row.who, row.kind, row.remark)).lower()
    return all(part in text for part in needle.lower().split())


# -- lines --------------------------------------------------------------------------------------------------------


class StepColumns(Struct, frozen=True):
    """Widths in cells."""

    id: int
    title: int
    time: int
    who: int
    state: int


def step_columns(rows: list[StepRow], width: int) -> StepColumns:
    """Id and state always; then time, then the title in what is left, then the person."""
    ident = min(widest((r.id for r in rows), 4), 14 if width < 90 else 20)
    who = min(widest((r.who for r in rows), 3), 8)
    time = 11
    state = widest((r.word.word for r in rows), 7) + 1
    title = width - 2 - ident - 1 - state - time - 1 - who - 1
    if title < 12:
        return StepColumns(ident, max(0, title + who + 1), time, 0, state)
    return StepColumns(ident, title, time, who, state)


def phase_line(phase: str, rows: list[StepRow], width: int) -> Line:
    """A phase's heading: how far it is."""
    over = sum(1 for r in rows if r.state in OVER)
    worst = min((r.word.tone for r in rows), key=worst_first)
    tone: ScreenTone = worst if worst in ("bad", "unknown", "tight", "run") else "title"
    text = f"{over}/{len(rows)} done"
    return cut(((phase.upper(), tone), ("  " + text, "muted")), width)


def step_heading(cols: StepColumns, width: int) -> Line:
    text = "  " + fit("step", cols.id + 1) + fit("", cols.title) + fit("state", cols.state)
    text += fit("took/plan", cols.time, right=True)
    return cut(((text + (" " + fit("who", cols.who) if cols.who else ""), "muted"),), width)


def step_row_line(row: StepRow, cols: StepColumns, width: int) -> Line:
    begun = row.state not in ("pending", "skipped", "rolled back")
    quiet: ScreenTone = "plain" if begun else "muted"
    out: list[Span] = [
        (row.word.glyph + " ", row.word.tone),
        (fit(row.id, cols.id) + " ", "strong" if row.state in ("running", "ready", "failed", "unknown") else quiet),
        (fit(row.title, cols.title - 1) + " " if cols.title else "", quiet),
        (fit(row.word.word, cols.state), row.word.tone),
        (fit(_times(row), cols.time, right=True), _time_tone(row)),
    ]
    if cols.who:
        out.append((" " + fit(row.who, cols.who), "muted"))
    return cut(tuple(out), width)


def _times(row: StepRow) -> str:
    return f"{short_duration(row.elapsed)}/{short_duration(row.planned)}"


def _time_tone(row: StepRow) -> ScreenTone:
    if row.elapsed is None:
        return "muted"
    if row.elapsed > row.planned * (1.0 if row.state == "running" else 1.5):
        return "tight"
    return "plain" if row.state == "running" else "muted"


def remark_lines(row: StepRow, width: int) -> list[Line]:
    """Under a step: progress, votes, what to do, what went wrong; up to three lines."""
    tone: ScreenTone = row.word.tone if row.word.tone in ("bad", "unknown", "tight") else "run"
    if row.state == "skipped":
        tone = "muted"
    indent: Span = (" " * 4, tone)
    if row.share is None:
        pieces = wrapped(((row.remark, tone),), width - 4)
        if len(pieces) > 3:
            pieces = [*pieces[:2], cut((*pieces[2], *pieces[3]), width - 4)]
        return [(indent, *piece) for piece in pieces]
    full, empty = bar(row.share, max(6, min(16, width // 6)))
    text = clip(row.remark, width - len(full) - len(empty) - 6)
    return [(indent, (full, tone), (empty, "muted"), (" " + text, tone))]


def more_line(row: StepRow, width: int) -> Line:
    """The second line of a step that has nothing urgent to say."""
    return cut(((" " * 4 + row.more, "muted"),), width)


def warning_line(row: StepRow, width: int) -> Line:
    """Under an irreversible step that is still ahead."""
    return cut(((" " * 4, "muted"), ("▲ point of no return: forward only from here", "watch")), width)
