"""The details column of a wide screen: what there is to know of the step, host or canary under the cursor. Pure."""

from __future__ import annotations

from upgrade_tui.plan.command_text import what_runs
from upgrade_tui.plan.model import Canary, Step
from upgrade_tui.plan.probe_kinds import expected, in_time
from upgrade_tui.tui.canary import rows as canary_rows
from upgrade_tui.tui.glyphs import Tone
from upgrade_tui.tui.host import rows as host_rows
from upgrade_tui.tui.scene import Scene
from upgrade_tui.tui.step import rows as step_rows
from upgrade_tui.tui.widgets.spans import BLANK, Line, bar, cut, fit, wrapped
from upgrade_tui.units import bytes_text, duration_text, percent_text, short_duration, short_rate
from upgrade_tui.window import clock, hold
from upgrade_tui.window.glance import STALE
from upgrade_tui.window.health import host_units
from upgrade_tui.window.state import OVER
from upgrade_tui.window.state_words import step_word, worst_first

LABEL = 11
_MANY = 12  # hosts of a batch


def detail_lines(scene: Scene, kind: str, name: str, width: int) -> list[Line]:
    """The lines for what is under the cursor; ``kind`` is step, host or canary."""
    if kind == "step" and (spec := scene.plan.step(name)) is not None:
        return step_details(scene, spec, width)
    if kind == "host" and name in scene.state.hosts:
        return host_details(scene, name, width)
    if kind == "canary" and (canary := scene.plan.canary(name)) is not None:
        return canary_details(scene, canary, width)
    return [(("nothing is selected", "muted"),)]


def field(label: str, text: str, width: int, tone: Tone = "plain") -> list[Line]:
    """A labelled text, wrapped; nothing for an empty one."""
    if not text:
        return []
    pieces = wrapped(((text, tone),), max(10, width - LABEL))
    return [((fit(label if i == 0 else "", LABEL), "muted"), *piece) for i, piece in enumerate(pieces)]


# -- a step -------------------------------------------------------------------------------------------------------


def step_details(scene: Scene, spec: Step, width: int) -> list[Line]:
    """What it is, where it stands, how it is undone, its hosts, what its canaries say."""
    step, row = scene.state.steps[spec.id], step_rows.step_row(scene, spec)
    out: list[Line] = [((f"{row.word.glyph} {spec.id}", row.word.tone),), *wrapped(((spec.title, "strong"),), width)]
    out.append(BLANK)
    took = f" for {short_duration(row.elapsed)}" if row.elapsed is not None else ""
    out += field("state", f"{row.word.word}{took}, planned {short_duration(row.planned)}", width, row.word.tone)
    trouble = row.word.tone in ("bad", "unknown") or row.state == "skipped"
    out += field(
        "why" if trouble else "progress",
        row.remark,
        width,
        row.word.tone if row.word.tone in ("bad", "unknown") else "plain",
    )
    waits = ", ".join(f"{m} ({scene.state.shown(m)})" for m in scene.state.missing(spec.id))
    out += field("waits for", waits if row.state == "pending" else "", width)
    out += field("owner", f"{spec.owner or 'nobody'}{f', taken by {step.claimed_by}' * bool(step.claimed_by)}", width)
    out += field("kind", spec.kind, width)
    out += field("to do", spec.instructions, width)
    out += field("runs", spec.run or "", width)
    out += field("checks", "" if spec.run else what_runs(spec).replace("\n", "; "), width)
    out += field("check", spec.check or "", width)
    undo = spec.rollback
    if undo is not None:
        out += field("undo", f"{undo.run or undo.manual or ''} ({duration_text(undo.estimate)} a batch)", width)
    elif spec.irreversible:
        out += field("undo", "▲ impossible: point of no return", width, "watch")
    if row.state in ("ready", "pending"):
        after = clock.after(scene.state, spec, scene.now)
        slack = "forward only" if after.slack is None else duration_text(after.slack)
        held = hold.before_start(scene.state, spec, scene.now)
        out += field("after it", f"slack {slack}", width, "bad" if held and held.reason == hold.NO_TIME else "plain")
        out += field("now", f"‖ held: {held.reason}; needs the lead's override" if held else "", width, "watch")
    for name in spec.canaries:
        if name in scene.state.canaries:
            canary = canary_rows.canary_row(scene, name)
            out += field("watched by", f"{canary.word.glyph} {name}: {canary.word.word}", width, canary.word.tone)
    return [*out, *_tasks(scene, spec.id, width), *_notes(scene, "step", spec.id, width)]


def _tasks(scene: Scene, step_id: str, width: int) -> list[Line]:
    """Hosts by batch, each with its state and its last line; of a long batch those that are not just done."""
    step = scene.state.steps[step_id]
    running = {t.host: t for t in scene.frame.tasks if t.step == step_id} if scene.frame is not None else {}
    out: list[Line] = []
    for i, batch in enumerate(step.batches):
        tasks = [step.tasks[host] for host in batch]
        over = sum(1 for host in batch if step.host_state(host) in OVER)
        out += [BLANK, ((f"BATCH {i + 1}", "title"), (f"  {over}/{len(batch)} hosts done", "muted"))]
        words = {host: step_word(step.host_state(host)) for host in batch}
        shown = tasks if len(tasks) <= _MANY else sorted(tasks, key=lambda t: worst_first(words[t.host].tone))
        for task in shown[:_MANY]:
            word = words[task.host]
            seconds = task.seconds if task.seconds is not None else (
                scene.now - task.started if task.state == "running" and task.started is not None else None
            )  # fmt: skip
            live = running.get(task.host)
            said = task.reason or (live.last_line if live is not None else task.said)
            start = fit(task.host, 12) + " " + fit(word.word, 9) + fit(short_duration(seconds), 8, right=True) + "  "
            out.append(cut(((f"{word.glyph} ", word.tone), (start, word.tone), (said, "muted")), width))
        if len(tasks) > _MANY:
            out.append(cut(((f"  and {len(tasks) - _MANY} more; enter on the step shows them all", "muted"),), width))
    return out


def _notes(scene: Scene, kind: str, name: str, width: int) -> list[Line]:
    notes = [n for n in scene.state.notes if (n.step if kind == "step" else n.host) == name]
    out: list[Line] = [BLANK, (("NOTES", "title"),)] if notes else []
    for note in notes[-5:]:
        out += wrapped((("· " + note.text, "plain"),), width)
    return out


# -- a host -------------------------------------------------------------------------------------------------------


def host_details(scene: Scene, name: str, width: int) -> list[Line]:
    """Why it needs a look, what it is, its file systems, its units, what ran there."""
    row, spec, state = host_rows.host_row(scene, name), scene.plan.hosts[name], scene.state.hosts[name]
    out: list[Line] = [((f"{row.word.glyph} {name}", row.word.tone), (f"  {row.word.word}", row.word.tone)), BLANK]
    for reason in row.reasons:
        out += wrapped(((f"▲ {reason}", row.word.tone),), width)
    out += [BLANK] if row.reasons else []
    out += field("address", f"{spec.address}  ({', '.join(spec.groups) or 'no group'})", width)
    out += field("note", spec.note, width)
    detail, sample = scene.details.get(name), row.sample
    if detail is not None:
        out += field("kernel", detail.kernel, width)
        skew = f", clock off by {detail.skew * 1000:+.0f} ms" if detail.skew is not None else ""
        out += field("sampler", detail.sampler + skew, width)
    out += field("reboots", f"{state.reboots} in this window" if state.reboots else "", width, "tight")
    if sample is not None and row.age is not None:
        tone: Tone = "plain" if row.age < STALE else "muted"
        age = f"{duration_text(row.age)} old" if row.age >= STALE else "fresh"
        out += field("sample", age, width, tone if row.age < STALE else "watch")
        out += field("up for", duration_text(sample.uptime), width, tone)
        load = f"{sample.load1:.2f} {sample.load5:.2f} {sample.load15:.2f} on {sample.cores} cores"
        out += field("load", load, width, tone)
        used = bytes_text(sample.memory_total - sample.memory_available)
        out += field(
            "memory", f"{percent_text(sample.memory)} · {used} of {bytes_text(sample.memory_total)}", width, tone
        )
        out += field("swap", percent_text(sample.swap) if sample.swap_total else "none", width, tone)
        busy, waits, stolen = map(percent_text, (sample.cpu, sample.iowait, sample.steal))
        out += field("cpu", f"busy {busy}, waiting for I/O {waits}, stolen {stolen}", width, tone)
        net = f"in {short_rate(sample.received)}, out {short_rate(sample.sent)}, {sample.tcp} connections"
        out += field("network", net, width, tone)
        out += [BLANK, (("FILE SYSTEMS", "title"),)]
        for disk in sample.disks:
            full, empty = bar(disk.percent / 100, 12)
            size = f" {disk.percent:3.0f} % of {bytes_text(disk.total)}" if not disk.missing else " not mounted"
            out.append(cut(((fit(disk.mount, 22) + " ", tone), (full, "run"), (empty, "muted"), (size, tone)), width))
    units = host_units(scene, name)
    if units:
        out += [BLANK, (("UNITS", "title"),)]
        for unit, word in units.items():
            out.append(cut(((fit(unit, 28) + " ", "plain"), (word, host_rows.unit_tone(word))), width))
    return [*out, *_ran(scene, name, width), *_notes(scene, "host", name, width)]


def _ran(scene: Scene, host: str, width: int) -> list[Line]:
    """What this window did on the host."""
    out: list[Line] = []
    for step in scene.state.steps.values():
        task = step.tasks.get(host)
        if task is not None and task.state != "pending":
            word = step_word(step.host_state(host))
            text = f"{fit(step.id, 16)} {fit(word.word, 10)}{fit(short_duration(task.seconds), 7, right=True)}"
            out.append(cut(((f"{word.glyph} {text}  ", word.tone), (task.reason, "muted")), width))
    return [BLANK, (("STEPS HERE", "title"),), *out] if out else []


# -- a canary -----------------------------------------------------------------------------------------------------


def canary_details(scene: Scene, spec: Canary, width: int) -> list[Line]:
    """What it asks, what it must answer, what it found, what its failure does."""
    row, state = canary_rows.canary_row(scene, spec.name), scene.state.canaries[spec.name]
    out: list[Line] = [((f"{row.word.glyph} {spec.name}", row.word.tone), (f"  {row.word.word}", row.word.tone)), BLANK]
    out += field("found", row.detail, width, row.word.tone if row.verdict != "healthy" else "plain")
    out += field("last", row.value + (", not probed lately" if row.stale else ""), width)
    since = f"{scene.time(row.since)}, {duration_text(row.held or 0)} ago" if row.since is not None else ""
    out += field("since", since, width)
    target = getattr(spec, spec.probe, None) or ""
    out += field(spec.probe, target + (f" on {spec.on}" if spec.on else ""), width)
    out += field("expects", ", ".join(filter(None, [*expected(spec), in_time(spec)])) or "any good answer", width)
    out += field("every", f"{duration_text(spec.interval)}, at most {duration_text(spec.timeout, parts=1)} each", width)
    out += field("failing", f"after {spec.failure_limit} bad answers in a row", width)
    out += field("healthy", f"after {spec.recovery} good answers in a row", width)
    out += field("then it", row.on_fail, width, "tight" if spec.on_fail != "warn" else "plain")
    out += field("troubles", f"{state.troubles} times failing in this window" if state.troubles else "", width, "tight")
    uses = [s.id for s in scene.plan.steps if spec.name in s.canaries]
    return [*out, *field("watches", ", ".join(uses), width)]
