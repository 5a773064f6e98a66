"""A step in full: how it stands, what runs exactly, its tasks, its events. Pure: lines for the panes of its screen."""

from __future__ import annotations

from collections.abc import Iterable

from upgrade_tui.foreign import harmless
from upgrade_tui.plan.command_text import what_runs
from upgrade_tui.plan.estimate import step_seconds
from upgrade_tui.plan.model import Step
from upgrade_tui.plan.step_kinds import STEP_KINDS
from upgrade_tui.tui.canary.rows import canary_row, worst_order
from upgrade_tui.tui.glyphs import ScreenTone
from upgrade_tui.tui.scene import Scene
from upgrade_tui.tui.sections import exact, section, value_rows
from upgrade_tui.tui.step.rows import held_text
from upgrade_tui.tui.widgets.spans import BLANK, Line, Span, cut, fit, joined, widest, wrapped
from upgrade_tui.units import bytes_text, count_text, duration_text, share_text, short_duration
from upgrade_tui.window import clock, hold
from upgrade_tui.window.answers import batches_text
from upgrade_tui.window.measurements import TaskFrame
from upgrade_tui.window.state import OVER, StepState, Task
from upgrade_tui.window.state_words import HELD, level_word, step_word
from upgrade_tui.window.step_state import trouble_text

_SILENT = 10.0  # seconds without output from which on it is said


def step_header(scene: Scene, spec: Step, width: int) -> list[Line]:
    """Four lines: state and title, people, time, and what the clock reads after it (or what it waits for)."""
    step, shown = scene.state.steps[spec.id], scene.state.shown(spec.id)
    word = step_word(shown)
    first: Line = (
        (f"{word.glyph} {word.word.upper()}  ", word.tone),
        (spec.title, "strong"),
        (f"  {spec.id}{f' · {spec.phase}' if spec.phase else ''} · {STEP_KINDS[spec.kind].says}", "muted"),
    )
    lines = [first, _people(spec, step), _times(scene, spec, step), _outlook(scene, spec, step, shown)]
    return [cut(line, width) for line in lines]


def _people(spec: Step, step: StepState) -> Line:
    verb = {"skipped": "skipped by", "done": "done by" if spec.kind == "manual" else "started by"}.get(
        step.state, "started by"
    )
    free = "no owner: anyone may take it" if step.state == "pending" else "no owner"
    owner: Line = (("owner ", "muted"), (spec.owner, "plain")) if spec.owner else ((free, "plain"),)
    return joined(
        [
            owner,
            (f"claimed by {step.claimed_by}", "strong") if step.claimed_by else None,
            (f"{verb} {step.by}", "plain") if step.by else None,
            (f"attempt {step.attempt}", "watch") if step.attempt > 1 else None,
            (text, "plain") if step.state != "pending" and (text := batches_text(step)) else None,
            (f"{count_text(step.notes, 'note')}", "title") if step.notes else None,
        ]
    )


def _times(scene: Scene, spec: Step, step: StepState) -> Line:
    """Planned, actual, forecast."""
    planned = step_seconds(scene.plan, spec)
    batches = len(step.batches)
    each = f" ({batches} batches)" if batches > 1 else ""
    parts: list[Span | None] = [(f"planned {duration_text(planned)}{each}", "plain")]
    if step.started is not None and step.state == "running":
        spent = scene.now - step.started
        left = clock.step_remaining(scene.state, spec, scene.now)
        over = spent + left - planned
        tone: ScreenTone = "tight" if over > 30 else "good"
        parts.append((f"running {duration_text(spent)}", "run"))
        parts.append((f"{duration_text(left)} left", "plain"))
        if abs(over) >= 30:
            parts.append((f"{duration_text(abs(over))} {'over' if over > 0 else 'under'}", tone))
        parts.append((f"since {scene.time(step.started)}", "muted"))
    elif step.started is not None and step.worked_until is not None and step.took is not None:
        over = step.took - planned
        span = f"{scene.time(step.started)} to {scene.time(step.worked_until)}"
        parts.append((f"took {duration_text(step.took)}, {span}", "plain"))
        if abs(over) >= 1:
            parts.append(
                (f"{duration_text(abs(over))} {'over' if over > 0 else 'under'}", "tight" if over > 0 else "good")
            )
    elif step.state == "pending":
        left = clock.step_remaining(scene.state, spec, scene.now)
        if abs(left - planned) >= 1:
            parts.append((f"forecast {duration_text(left)}", "plain"))
    return joined(parts)


def _outlook(scene: Scene, spec: Step, step: StepState, shown: str) -> Line:
    """The one thing to know next: trouble, what it waits for, or the rollback clock after it."""
    if step.held is not None:
        return ((f"{HELD.glyph} {held_text(step)}", HELD.tone),)
    trouble = trouble_text(step.tasks) or (step.reason if shown in ("failed", "unknown") else "")
    if trouble and shown in ("failed", "unknown", "running"):
        return ((trouble, "unknown" if shown == "unknown" else "bad"),)
    missing = scene.state.missing(spec.id)
    if missing and shown == "pending":
        waits = ", ".join(f"{each} ({scene.state.shown(each)})" for each in missing)
        return (("waits for ", "muted"), (waits, "plain"), *(((" · ", "muted"), *clock_after(scene, spec))))
    if shown in OVER or shown == "rolled back":
        return ((step.reason, "plain"),) if step.reason else undo(spec, step)
    return clock_after(scene, spec)


def clock_after(scene: Scene, spec: Step) -> Line:
    """What the rollback clock will read after this step."""
    if scene.state.phase not in ("open", "paused"):
        return ()
    after, held = clock.after(scene.state, spec, scene.now), hold.before_start(scene.state, spec, scene.now)
    if held is not None and held.reason != hold.NO_TIME:
        return ((f"‖ held: {held.reason}; to begin now needs the lead's override", "watch"),)
    if spec.irreversible:
        return (("▲ after it: point of no return, forward only", "watch"),)
    if after.irreversible:
        return (("the point of no return is passed: forward only", "watch"),)
    if after.slack is None or after.by is None:
        return ()
    if held is not None:
        late = duration_text(-after.slack)
        return ((f"✗ after it there is no time to undo it: slack -{late}; needs the lead's override", "bad"),)
    tone: ScreenTone = (
        "good" if after.slack > 1800 else "watch" if after.slack > 600 else "tight" if after.slack > 0 else "bad"
    )
    return (
        ("after it: ", "muted"),
        (f"slack {duration_text(after.slack)}", tone),
        (f", rollback by {scene.time(after.by, seconds=False)}", "plain"),
        (f" (rollback cost {duration_text(after.cost)})", "muted"),
    )


def slack_tone(slack: float) -> ScreenTone:
    """At the clock's own limits."""
    return (
        "good"
        if slack > 30 * clock.MINUTE
        else "watch"
        if slack > 10 * clock.MINUTE
        else "tight"
        if slack > 0
        else "bad"
    )


def undo(spec: Step, step: StepState) -> Line:
    """What going back behind this step would take."""
    if spec.irreversible:
        return (("▲ irreversible: cannot be undone", "watch"),)
    cost = clock.step_rollback_cost(spec, step)
    return ((f"undoing it takes about {duration_text(cost)}", "muted"),) if cost else ()


# -- what runs ----------------------------------------------------------------------------------------------------


def spec_lines(scene: Scene, spec: Step, width: int) -> list[Line]:
    """Everything the plan says of the step, commands letter by letter."""
    step = scene.state.steps[spec.id]
    out: list[Line] = []
    _prose(out, "Instructions", spec.instructions, width)
    exact(out, _where(step), what_runs(spec) or None, width)
    exact(out, "Then checked by (exit 0: done and right)", spec.check, width)
    if spec.kind == "gate":
        _votes(out, spec, step, width)
    if STEP_KINDS[spec.kind].stands_on:
        _health(out, scene, spec, width)
    _rollback(out, spec, step, width)
    _rules(out, scene, spec, width)
    return out[:-1] if out and out[-1] == BLANK else out


def _prose(out: list[Line], title: str, text: str, width: int, tone: ScreenTone = "plain") -> None:
    paragraphs = harmless(text).strip().splitlines()
    section(out, title, (line for each in paragraphs for line in wrapped(((each, tone),), width)))


def _where(step: StepState) -> str:
    if len(step.batches) > 1:
        return f"Runs on {len(step.tasks)} hosts in {len(step.batches)} batches"
    hosts = list(step.tasks)
    return f"Runs on {hosts[0] if len(hosts) == 1 else f'{len(hosts)} hosts at once'}" if hosts else "Runs"


def _votes(out: list[Line], spec: Step, step: StepState, width: int) -> None:
    lines: list[Line] = []
    for login, vote in step.votes.items():
        said: Span = ("✓ go", "good") if vote.go else ("✗ no-go", "bad")
        lines.append(cut(((f"{fit(login, 10)} ", "strong"), said, (f"  {vote.reason}", "plain")), width))
    missing = [login for login in spec.by if login not in step.votes]
    lines += [((f"{fit(login, 10)} ", "strong"), ("○ not voted yet", "muted")) for login in missing]
    who = ", ".join(spec.by) or "any engineer or lead"
    lines += wrapped(((f"Needs {spec.approvals} go from {who}; one no-go fails it.", "muted"),), width)
    section(out, "Votes", lines)


def _health(out: list[Line], scene: Scene, spec: Step, width: int) -> None:
    """What a vote or a quiet time goes by: the clock and the canaries as they are now."""
    if scene.state.phase in ("open", "paused"):
        reading = clock.read(scene.state, scene.now)
        word = level_word(reading.level)
        section(out, "Rollback clock now", wrapped(((f"{word.glyph} {reading.words}", word.tone),), width))
    names = [c.name for c in scene.plan.canaries if not spec.canaries or c.name in spec.canaries]
    watched = worst_order(canary_row(scene, name) for name in names)
    names_room = widest(row.name for row in watched)
    lines: list[Line] = []
    for row in watched:
        name = fit(row.name, min(names_room, width // 3))
        said: Line = ((f"{row.word.glyph} {name}  {fit(row.word.word, 9)}", row.word.tone), (row.detail, "muted"))
        lines.append(cut(said, width))
    section(out, "Canaries now", lines)


def _rollback(out: list[Line], spec: Step, step: StepState, width: int) -> None:
    if spec.irreversible:
        _prose(out, "Rollback", "None: irreversible. Past this step there is only forward.", width, "watch")
        return
    if spec.rollback is None:
        if STEP_KINDS[spec.kind].may_change:
            _prose(out, "Rollback", "None given in the plan.", width, "muted")
        return
    each = "a batch " if len(step.batches) > 1 else ""
    title = f"Rollback, about {duration_text(spec.rollback.estimate)} {each}".rstrip()
    exact(out, title, spec.rollback.run, width)
    _prose(out, title + ", by hand", spec.rollback.manual or "", width)
    exact(out, "Rollback checked by", spec.rollback.check, width)


def _rules(out: list[Line], scene: Scene, spec: Step, width: int) -> None:
    """Times, limits, needs, canaries: one line each."""
    state, step = scene.state, scene.state.steps[spec.id]
    needs = [f"{n} ({state.shown(n) if n in state.steps else '?'})" for n in scene.plan.needs(spec)]
    command, gate = spec.kind == "command", spec.kind == "gate"
    watched = [f"{c} ({state.canaries[c].verdict})" for c in spec.canaries if c in state.canaries]
    batches = [b[0] if len(b) == 1 else count_text(len(b), "host") for b in step.batches]
    pairs = [
        ("needs", ", ".join(needs) or "nothing"),
        ("batches", " then ".join(batches) if len(batches) > 1 else ""),
        ("bake", f"{duration_text(spec.bake)}{' between batches' if command else ''}" if spec.bake else ""),
        ("may fail", f"{share_text(spec.max_fail)} of the hosts" if command and len(step.tasks) > 1 else ""),
        ("timeout", f"{duration_text(spec.timeout)}{'; then it is a no' if gate else ''}" if spec.timeout else ""),
        ("canaries", ", ".join(watched)),
        ("override", step.override),
    ]
    section(out, "Rules", value_rows(pairs, width))


# -- tasks --------------------------------------------------------------------------------------------------------


def tasks(scene: Scene, step: StepState, width: int, hosts: Iterable[str] = ()) -> list[Line]:
    """A line a host, in batch order; or of these ``hosts`` alone."""
    live = {t.host: t for t in scene.frame.tasks if t.step == step.id} if scene.frame is not None else {}
    names = min(widest(step.tasks, 4), max(10, width // 4))
    return [_task(scene, step, step.tasks[h], live.get(h), names, width) for h in hosts or step.tasks]


def tasks_header(step: StepState, width: int) -> Line:
    names = min(widest(step.tasks, 4), max(10, width // 4))
    batch = "batch " if len(step.batches) > 1 else ""
    text = f"  {fit('host', names)} {batch}{fit('state', 12)} {fit('exit', 8, right=True)} {fit('took', 7, right=True)}"
    return ((fit(text + "  last line", width), "muted"),)


def _task(scene: Scene, step: StepState, task: Task, live: TaskFrame | None, names: int, width: int) -> Line:
    word = step_word(step.host_state(task.host))
    running = task.state == "running"
    seconds = scene.now - task.started if running and task.started is not None else task.seconds
    ending = _exit_text(task)
    bad = ending not in ("", "0")
    out: list[Span] = [
        (word.glyph + " ", word.tone),
        (fit(task.host, names) + " ", "strong"),
        (f"{task.batch + 1:>4}  " if len(step.batches) > 1 else "", "muted"),
        (fit(word.word, 12) + " ", word.tone),
        (fit(ending, 8, right=True), "bad" if bad else "muted"),
        (
            fit(short_duration(seconds) if seconds is not None else "", 8, right=True) + "  ",
            "run" if running else "muted",
        ),
    ]
    if task.attempt > 1:
        out.append((f"attempt {task.attempt} · ", "watch"))
    if running and live is not None and live.silent >= _SILENT:
        out.append((f"silent {short_duration(live.silent)} · ", "tight"))
    if task.settled_by:
        out.append((f"settled by {task.settled_by}: {task.reason}", "plain"))
    else:
        unsettled = task.state in ("failed", "unknown", "unreachable")
        text = (live.last_line if live is not None and running else "") or task.said
        if unsettled and task.reason and task.reason != ending:
            text = task.reason if not text else f"{task.reason} · {text}"
        out.append((text, word.tone if unsettled else "plain"))
    return cut(tuple(out), width)


def _exit_text(task: Task) -> str:
    if task.timed_out:
        return "timeout"
    if task.signal:
        return task.signal
    if task.check not in (None, 0):
        return f"check {task.check}"
    return "" if task.exit is None else str(task.exit)


def output_status(task: Task | None, size: int, shown: int, width: int, *, follow: bool, trouble: str) -> Line:
    """The line above an output: whose it is, how much there is, whether its end is followed."""
    if task is None:
        return (("no host runs this step", "muted"),)
    word = step_word(task.state)
    parts: list[Span | None] = [
        (f"output on {task.host}", "strong"),
        (f"attempt {task.attempt}", "muted") if task.attempt > 1 else None,
        (bytes_text(size), "muted") if size else None,
        (f"the last {bytes_text(shown)} of it", "muted") if shown < size else None,
        (trouble, "bad") if trouble else None,
    ]
    if not trouble:
        if not task.attempt:
            parts.append(("nothing was sent yet", "muted"))
        elif task.state == "running":
            parts.append(("following, f stops" if follow else "not following, f follows", "run" if follow else "watch"))
        else:
            parts.append((word.word if size else f"{word.word} without output", "muted"))
    return cut(joined(parts), width)
