"""A host in full: its link and what to do about it, facts, file systems, units, cores, processes. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from upgrade_tui.attach.protocol import ProcessInfo
from upgrade_tui.tui.glyphs import ScreenTone
from upgrade_tui.tui.host.rows import host_row, unit_tone
from upgrade_tui.tui.scene import Scene
from upgrade_tui.tui.sections import section
from upgrade_tui.tui.widgets.charts import Chart, meter, table_cell
from upgrade_tui.tui.widgets.spans import Line, Span, block, cut, fit, joined, wrapped
from upgrade_tui.units import (
    bytes_text,
    duration_text,
    fine_percent_text,
    latency_text,
    number_text,
    percent_text,
    rate_text,
    short_duration,
)
from upgrade_tui.window.glance import STALE
from upgrade_tui.window.health import host_units, over_limits
from upgrade_tui.window.measurements import HostFrame, Sample
from upgrade_tui.window.state_words import link_word, step_word

FEW_CORES = 8  # of more than these, each is one block

ADVICE: dict[str, str] = {
    "connecting": "being connected; this takes seconds",
    "lost": "r tries at once",
    "refused": "nothing listens there: is sshd running, is the port right? r tries again",
    "unresolved": "its name has no address: check the plan's address and the name server, then r",
    "host key unknown": "compare its key with one you trust, add it to known_hosts, then r",
    "host key changed": "STOP: reinstalled, or somebody in between? Clear that up, then mend known_hosts, then r",
    "auth failed": "is the right key in the agent, is the user right? then r",
    "no sampler": "no python3, perl, awk, bash or dash there: steps run, but there are no numbers",
}
"""What a person can do about a link that is not up."""


def host_header(scene: Scene, name: str, width: int) -> list[Line]:
    """Three lines: link and who it is, why and what to do, the newest numbers."""
    state, spec = scene.state.hosts[name], scene.plan.hosts[name]
    row, seen = host_row(scene, name), scene.host(name)
    link = seen.link if seen is not None else state.link
    word = link_word(link)
    who = " · ".join(p for p in (spec.address, ", ".join(spec.groups), spec.note) if p)
    first: Line = ((f"{word.glyph} {word.word.upper()}  ", word.tone), (name, "strong"), (f"  {who}", "muted"))
    detail = (seen.detail if seen is not None else "") or state.detail
    held = max(0.0, scene.now - state.since) if state.since is not None else None
    parts: list[Line | Span | None] = [
        (f"{link} for {duration_text(held)}", "plain") if held is not None else None,
        (ADVICE[link], "strong") if link in ADVICE else None,
        (detail, word.tone if link != "up" else "muted") if detail else None,
    ]
    if link == "up" and seen is not None and seen.rtt is not None:
        parts.append((f"answers in {latency_text(seen.rtt)}", "muted"))
    if link == "up" and row.reasons:
        parts.insert(0, (f"{row.word.glyph} {'; '.join(row.reasons)}", row.word.tone))
    return [cut(line, width) for line in (first, joined(parts), _now(row.sample, row.age))]


def _now(sample: Sample | None, age: float | None) -> Line:
    """The newest numbers; a stale sample is called so."""
    if sample is None:
        return (("no sample yet", "watch"),)
    stale = age is None or age >= STALE
    tone: ScreenTone = "muted" if stale else "plain"
    text = [
        (f"cpu {fine_percent_text(sample.cpu)}", tone),
        (f"memory {fine_percent_text(sample.memory)}", tone),
        (f"load {number_text(sample.load1)} on {sample.cores} cores", tone),
        (f"{sample.tcp} TCP", tone),
        (f"up {duration_text(sample.uptime)}", tone),
    ]
    lead: Span | None = (f"STALE, sampled {duration_text(age or 0.0)} ago:", "watch") if stale else None
    return joined([lead, *text])


def chart_list(scene: Scene, name: str) -> list[Chart]:
    """The six charts of a host, with the plan's limits."""
    spec, watch = scene.plan.hosts[name], scene.plan.watch
    limits = {**watch.limits, **spec.limits}
    seen = scene.host(name)
    facts = scene.state.hosts[name].facts
    cores = seen.sample.cores if seen is not None and seen.sample is not None else facts.cores if facts else 1
    load = float(limits["load"]) / 100 * cores if "load" in limits else None

    def limit(metric: str) -> float | None:
        return float(limits[metric]) if metric in limits else None

    return [
        Chart(title="cpu", names=("cpu",), text=fine_percent_text, ceiling=100.0, limit=limit("cpu")),
        Chart(title="memory", names=("memory",), text=fine_percent_text, ceiling=100.0, limit=limit("memory")),
        Chart(title="load, 1 min", names=("load1",), text=number_text, floor=float(cores), limit=load),
        Chart(title="waiting for disks", names=("iowait",), text=fine_percent_text, floor=10.0, limit=limit("iowait")),
        Chart(
            title="disk", names=("read", "written"), text=rate_text, floor=1024.0, binary=True,
            says=(("read", "read"), ("write", "written")),
        ),
        Chart(
            title="network", names=("received", "sent"), text=rate_text, floor=1024.0, binary=True,
            says=(("in", "received"), ("out", "sent")),
        ),
    ]  # fmt: skip


# -- the state pane -----------------------------------------------------------------------------------------------


def state_lines(scene: Scene, name: str, width: int) -> list[Line]:
    """Alerts, file systems, units, cores, facts."""
    seen = scene.host(name)
    sample = seen.sample if seen is not None else None
    out: list[Line] = []
    alerts = over_limits(scene.state.hosts[name], seen)
    section(
        out, "Over the limit", [cut(((f"▲ {value} (limit {limit:.0f})", "tight"),), width) for value, limit in alerts]
    )
    if sample is not None:
        _disks(out, scene, name, sample, width)
    _units(out, scene, name, width)
    _cores(out, scene, name, width)
    if sample is not None:
        section(out, "Memory", _memory(sample, width))
    section(out, "Facts", _facts(scene, name, seen, width))
    return out[:-1]


def _disks(out: list[Line], scene: Scene, name: str, sample: Sample, width: int) -> None:
    limits = {**scene.plan.watch.limits, **scene.plan.hosts[name].limits}
    limit = float(limits["disk"]) if "disk" in limits else None
    mounts = min(max((len(d.mount) for d in sample.disks), default=1), max(8, width * 2 // 5))
    bar = max(4, min(20, width - mounts - 38))
    lines: list[Line] = []
    for d in sample.disks:
        if d.missing:
            lines.append(cut(((fit(d.mount, mounts) + "  ", "strong"), ("✗ not mounted on this host", "bad")), width))
            continue
        tone: ScreenTone = "bad" if limit is not None and d.percent >= limit else "strong"
        sizes = f"  {of_text(d.used, d.total)}"
        line: Line = (
            (fit(d.mount, mounts) + " ", "strong"),
            *meter(d.percent, bar, limit=limit),
            (table_cell(fine_percent_text(d.percent), 6), tone),
            (sizes, "plain"),
            (f"  busy {fine_percent_text(d.busy)}", "muted"),
        )
        lines.append(cut(line, width))
    title = "File systems" + (f" (limit {percent_text(limit)})" if limit is not None else "")
    section(out, title, lines)


def of_text(used: float, total: float) -> str:
    """``27.3 of 60.0 GiB``: the unit once where it is the same."""
    some, whole = bytes_text(used), bytes_text(total)
    same = some.split(" ")[-1] == whole.split(" ")[-1]
    return f"{some.split(' ')[0] if same else some} of {whole}"


def _units(out: list[Line], scene: Scene, name: str, width: int) -> None:
    lines: list[Line] = []
    for unit, value in host_units(scene, name).items():
        tone = unit_tone(value)
        mark: Span = ({"good": "● ", "bad": "✗ "}.get(tone, "? "), tone)
        lines.append(cut((mark, (f"{unit} ", "strong"), (value, "plain" if tone == "good" else tone)), width))
    section(out, "Units", lines)


def _cores(out: list[Line], scene: Scene, name: str, width: int) -> None:
    """A bar a core, several in a row."""
    detail = scene.details.get(name)
    cores = detail.cores_busy if detail is not None else ()
    if len(cores) > FEW_CORES:
        section(out, f"Busy, core by core: {len(cores)} cores", _many_cores(cores, width))
        return
    across = max(1, min(4, (width + 2) // 20))
    bar = max(4, min(16, (width + 2) // across - 14))
    lines: list[Line] = []
    for start in range(0, len(cores), across):
        row: list[Span] = []
        for number, busy in enumerate(cores[start : start + across], start):
            row += [
                (f"{number:>3} ", "muted"),
                *meter(busy, bar),
                (table_cell(fine_percent_text(busy), 6) + "  ", "plain"),
            ]
        lines.append(cut(tuple(row), width))
    section(out, "Busy, core by core", lines)


def _many_cores(cores: Sequence[float], width: int) -> list[Line]:
    """A block a core, in groups of eight; the busiest in numbers."""
    groups = ["".join(block(busy, 100.0) for busy in cores[i : i + 8]) for i in range(0, len(cores), 8)]
    lines = wrapped(((" ".join(groups), "run"),), width)
    busiest = sorted(range(len(cores)), key=lambda i: -cores[i])[:3]
    text = ", ".join(f"core {i} {fine_percent_text(cores[i])}" for i in busiest)
    return [*lines, cut(((f"busiest: {text}", "plain"),), width)]


def _memory(sample: Sample, width: int) -> list[Line]:
    used = sample.memory_total - sample.memory_available
    text = f"{of_text(used, sample.memory_total)} used"
    swap = f"swap {of_text(sample.swap_used, sample.swap_total)}" if sample.swap_total else "no swap"
    lines = wrapped(((f"{text} · {swap}", "plain"),), width)
    pressure = [
        f"{what} {fine_percent_text(value)}"
        for what, value in (("cpu", sample.psi_cpu), ("memory", sample.psi_memory), ("disk", sample.psi_io))
        if value is not None
    ]
    if pressure:
        lines += wrapped(((f"stalled, last 10 s: {', '.join(pressure)}", "plain"),), width)
    return lines


def _facts(scene: Scene, name: str, seen: HostFrame | None, width: int) -> list[Line]:
    state, detail = scene.state.hosts[name], scene.details.get(name)
    facts = state.facts
    sample = seen.sample if seen is not None else None
    skew = detail.skew if detail is not None else facts.skew if facts is not None else None
    boot = detail.boot_id if detail is not None and detail.boot_id else facts.boot_id if facts is not None else ""
    kernel = detail.kernel if detail is not None and detail.kernel else facts.kernel if facts is not None else ""
    booted = ""
    if sample is not None:
        booted = f"{scene.time(scene.now - sample.uptime, seconds=False)}, {duration_text(sample.uptime)} ago"
    rows = [
        ("kernel", kernel),
        ("hardware", f"{facts.cores} cores, {bytes_text(facts.memory)} memory" if facts is not None else ""),
        ("booted", booted),
        ("reboots", f"{state.reboots} in this window" if state.reboots else ""),
        ("boot id", boot),
        ("sampler", (detail.sampler if detail is not None else "") or (facts.sampler if facts is not None else "")),
        ("clock", _skew(skew)),
    ]
    return [cut(((fit(key, 10), "muted"), (value, "plain")), width) for key, value in rows if value]


def _skew(skew: float | None) -> str:
    if skew is None:
        return ""
    if abs(skew) < 0.1:
        return "right (within 0.1 s of ours)"
    return f"{abs(skew):.1f} s {'ahead of' if skew > 0 else 'behind'} ours"


# -- tasks and processes ------------------------------------------------------------------------------------------


def task_lines(scene: Scene, name: str, width: int) -> list[Line]:
    """What the steps do on this host."""
    lines: list[Line] = []
    for spec in scene.plan.steps:
        task = scene.state.steps[spec.id].tasks.get(name)
        if task is None:
            continue
        word = step_word(scene.state.steps[spec.id].host_state(name))
        running = task.state == "running" and task.started is not None
        seconds = scene.now - task.started if running and task.started is not None else task.seconds
        line: Line = (
            (f"{word.glyph} {fit(spec.id, 14)} ", word.tone),
            (fit(word.word, 12), word.tone),
            (fit(short_duration(seconds) if seconds is not None else "", 7, right=True), "muted"),
            (f"  {task.reason or task.said}", "plain"),
        )
        lines.append(cut(line, width))
    return lines


def process_lines(processes: Sequence[ProcessInfo], width: int) -> list[Line]:
    """Busiest first. CPU in percent of one core."""
    users = min(12, max((len(p.user) for p in processes), default=4))
    head = f"{'pid':>7} {fit('user', users)} {'cpu':>7} {'memory':>9}  command"
    lines: list[Line] = [((fit(head, width), "muted"),)]
    for p in processes:
        line: Line = (
            (f"{p.pid:>7} {fit(p.user, users)} ", "plain"),
            (table_cell(fine_percent_text(p.cpu), 7), "strong" if p.cpu >= 50 else "plain"),
            (f" {table_cell(bytes_text(p.memory), 9)}  ", "plain"),
            (p.command, "plain"),
        )
        lines.append(cut(line, width))
    return lines
