"""The report as Markdown (CommonMark with tables). Foreign text is escaped: it shows as it is and formats nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from upgrade_tui.report import shared_lines
from upgrade_tui.report.model import Lesson, Report
from upgrade_tui.report.times import between, date_time, deviation, time_of
from upgrade_tui.units import count_text, duration_text, latency_text, percent_text

_ACTIVE = re.compile(r"[\\`*\[\]<>&|~#]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|!(?=\[)")
_START = re.compile(r"^([-+](?=[\s-]|$)|=|\d+(?=[.)](?:\s|$)))")
_LINK = re.compile(r"(?i)\b(https?|ftp)://|\bwww\.")


def escaped(text: str) -> str:
    """``text`` so that Markdown shows exactly it: no emphasis, link, code, HTML, list, table cell or heading."""
    text = " ".join(text.split())
    text = _ACTIVE.sub(lambda m: {"<": "&lt;", ">": "&gt;", "&": "&amp;"}.get(m[0], "\\" + m[0]), text)
    text = _LINK.sub(lambda m: m[0].replace("://", r":\/\/").replace(".", r"\."), text)
    return _START.sub(lambda m: m[0] + "\\" if m[0].isdigit() else "\\" + m[0], text)


def render_markdown(report: Report) -> str:
    """The whole document, ending in a newline."""
    sections = (
        _other_plan(report), _head(report), _numbers(report), _lessons(report), _steps(report), _decisions(report),
        _canaries(report), _hosts(report), _alerts(report), _risks(report), _notes(report), _timeline(report),
        _integrity(report),
    )  # fmt: skip
    return "\n\n".join(section for section in sections if section) + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'|'.join(' --- ' for _ in head)}|"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines)


def _section(title: str, body: str, empty: str) -> str:
    return f"## {title}\n\n{body or empty}"


def _state(word: str) -> str:
    return f"{shared_lines.GLYPHS.get(word, '·')} {escaped(word)}"


def _other_plan(report: Report) -> str:
    line = shared_lines.plan_line(report)
    return f"**{escaped(line)}**" if line else ""


def _head(report: Report) -> str:
    s = report.summary
    window = f"{date_time(s.window_start)} to {date_time(s.window_end)}" if s.window_start else "–"
    rows = [
        ("Outcome", f"**{_state(s.outcome)}**"),
        *((answer.question.capitalize(), escaped(answer.text)) for answer in s.answers),
        ("Window", f"{window} ({escaped(report.zone)}), margin {duration_text(s.margin)}"),
        ("Work", f"{date_time(s.work_started)} to {date_time(s.work_finished)}" if s.work_started else "not begun"),
        (
            "Planned / so far" if report.interim else "Planned / actual",
            f"{duration_text(s.planned_seconds)} / {duration_text(s.actual_seconds)}",
        ),
        ("Work ended", shared_lines.end_line(report)),
        ("Goal", escaped(s.goal) or "–"),
        ("Change", escaped(s.change) or "–"),
        ("Services", escaped(", ".join(s.services)) or "–"),
        ("Recovery time promised", duration_text(s.rto)),
    ]
    people = [
        f"- {escaped(p.name or p.login)} ({escaped(p.login)}, {escaped(p.role)})"
        + (f": {count_text(p.acts, 'act')}" + (f"; {escaped(', '.join(p.steps))}" if p.steps else "")
           if p.took_part else ": not here yet" if report.interim else ": was not there")
        for p in report.people
    ]  # fmt: skip
    return "\n\n".join((
        f"# {escaped(s.title)}",
        f"`{re.sub(r'[^A-Za-z0-9._:-]', '_', s.window)}` · {escaped(shared_lines.outcome_line(report))}",
        _table(("", ""), rows),
        "**People**\n\n" + ("\n".join(people) or "Nobody is named in the plan and nobody was there."),
    ))  # fmt: skip


def _numbers(report: Report) -> str:
    n = report.numbers
    low_at = f" at {time_of(n.lowest_slack_at)} (#{n.lowest_slack_seq})" if n.lowest_slack_seq else ""
    rows = [
        ("Steps", shared_lines.steps_line(n)),
        ("Tasks (a step on a host)", shared_lines.tasks_line(n)),
        ("Steps tried again", str(n.retries)),
        ("Lowest slack", shared_lines.slack_line(n) + low_at),
        ("Point of no return", f"passed at {escaped(n.no_return)}" if n.no_return else "not passed"),
        ("Overrides of the rollback clock", str(n.overrides)),
        ("Canaries became failing", count_text(n.canary_failures, "time")),
        ("Limits crossed", str(n.alerts)),
        ("Hosts lost / rebooted", f"{n.hosts_lost} / {n.reboots}"),
        ("Pauses", f"{n.pauses}, {duration_text(n.paused_seconds)} in all" if n.pauses else "0"),
        ("Conductor taken over", count_text(n.takeovers, "time")),
    ]
    return "## In numbers\n\n" + _table(("", ""), rows)


def _lessons(report: Report) -> str:
    lists = (
        ("What went well", report.lessons.well, "Nothing was noted and no fact of the log says so."),
        ("What did not go well", report.lessons.badly, "Nothing was noted and no fact of the log says so."),
        ("Where we got lucky", report.lessons.lucky, "Nothing was noted and no fact of the log says so."),
        ("Action items", report.lessons.actions, "None."),
    )
    return "\n\n".join(
        _section(title, "\n".join(_lesson(x, title == "Action items") for x in found), empty)
        for title, found, empty in lists
    )


def _lesson(lesson: Lesson, box: bool) -> str:
    who = f" — {escaped(lesson.who)}" if lesson.who else ""
    return f"- {'[ ] ' if box else ''}{escaped(lesson.text)}{who} ({shared_lines.evidence_text(lesson.evidence)})"


def _steps(report: Report) -> str:
    rows = [
        (
            str(r.number), escaped(r.phase), escaped(f"{r.title}") + f" ({escaped(r.id)})", _state(r.state),
            between(r.planned_start, r.planned_end), between(r.started, r.finished),
            duration_text(r.planned_seconds), duration_text(r.seconds), deviation(r.deviation),
            deviation(r.start_deviation), str(r.attempts or "–"), f"{r.hosts_done}/{r.hosts}" if r.hosts else "–",
            escaped(r.by) or "–", escaped(shared_lines.why(r)) or "–", shared_lines.evidence_text(r.evidence) or "–",
        )
        for r in report.steps
    ]  # fmt: skip
    head = (
        "#", "phase", "step", "state", "planned", "actual", "took (plan)", "took", "longer by", "started later by",
        "attempts", "hosts", "by", "reason", "log",
    )  # fmt: skip
    told = shared_lines.tasks_to_tell(report)
    tasks = _table(("step", "host", "state", "sent", "took", "what"), (
        (escaped(t.step), escaped(t.host), _state(t.state), f"{t.sent}×", duration_text(t.seconds),
         escaped(shared_lines.task_line(t)) or "–")
        for t in told
    )) if told else ""  # fmt: skip
    body = _table(head, rows) if rows else ""
    if tasks:
        body += f"\n\nTasks that did not simply succeed:\n\n{tasks}"
    return _section("Planned against actual", body, "The plan has no steps.")


def _decisions(report: Report) -> str:
    rows = [
        (
            date_time(d.at),
            escaped(d.who),
            escaped(d.what),
            escaped(d.why) or "–",
            shared_lines.evidence_text(d.evidence),
        )
        for d in report.decisions
    ]
    return _section("Decisions", _table(("when", "who", "what", "why", "log"), rows) if rows else "", "None.")


def _canaries(report: Report) -> str:
    rows = [
        (
            escaped(c.name), escaped(c.probe), _state(c.verdict), str(c.failures), shared_lines.canary_line(c),
            latency_text(c.worst_latency), latency_text(c.latency_p95), shared_lines.evidence_text(c.evidence) or "–",
        )
        for c in report.canaries
    ]  # fmt: skip
    head = ("canary", "probe", "at the end", "failures", "time", "worst latency", "p95", "log")
    return _section("Canaries", _table(head, rows) if rows else "", "The plan has no canaries.")


def _hosts(report: Report) -> str:
    rows = []
    for h in report.hosts:
        kernel = h.kernel_before if h.kernel_before == h.kernel_after else f"{h.kernel_before} to {h.kernel_after}"
        lost = f"{h.times_lost}, {duration_text(h.lost_seconds)}" if h.times_lost else "0"
        rows.append((
            escaped(h.host), escaped(h.link), lost, str(h.reboots), escaped(kernel) or "–",
            f"{percent_text(h.cpu_mean)} / {percent_text(h.cpu_max)}",
            f"{percent_text(h.memory_mean)} / {percent_text(h.memory_max)}", percent_text(h.disk_max), str(h.alerts),
            escaped(", ".join(h.units)) or "–", shared_lines.evidence_text(h.evidence) or "–",
        ))  # fmt: skip
    head = ("host", "link at the end", "lost", "reboots", "kernel", "CPU mean / max", "memory mean / max", "disk max",
            "limits crossed", "units not active", "log")  # fmt: skip
    body = _table(head, rows) if rows else ""
    if rows and not report.telemetry:
        why = f": {escaped(report.telemetry_trouble)}" if report.telemetry_trouble else ""
        body = f"No telemetry{why}: CPU, memory and disk are not known.\n\n{body}"
    return _section("Hosts", body, "The plan has no hosts.")


def _alerts(report: Report) -> str:
    rows = [
        (
            date_time(a.began), escaped(a.host), escaped(shared_lines.alert_line(a)),
            duration_text(a.seconds) if a.ended else f"{duration_text(a.seconds)}, still open",
            escaped(", ".join(a.during)) or "–", shared_lines.evidence_text(a.evidence),
        )
        for a in report.alerts
    ]  # fmt: skip
    head = ("from", "host", "limit", "for", "steps running then", "log")
    return _section("Alerts", _table(head, rows) if rows else "", "No limit was crossed.")


def _risks(report: Report) -> str:
    rows = [
        (
            escaped(r.title), escaped(r.likelihood), escaped(r.impact), escaped(r.response) or "–",
            escaped(r.owner) or "–", escaped(", ".join(r.watch)) or "–", _state(r.outcome),
            shared_lines.evidence_text(r.evidence) or "–",
        )
        for r in report.risks
    ]  # fmt: skip
    head = ("risk", "likelihood", "impact", "response", "owner", "watched by", "its canaries", "log")
    return _section("Risks", _table(head, rows) if rows else "", "The plan names no risks.")


def _notes(report: Report) -> str:
    rows = [
        (date_time(n.at), escaped(n.who), escaped(n.about) or "–", n.mark or "–", escaped(n.text), f"#{n.seq}")
        for n in report.notes
    ]
    return _section("Notes", _table(("when", "who", "on", "mark", "note", "log"), rows) if rows else "", "None.")


def _timeline(report: Report) -> str:
    shown, left_out = shared_lines.timeline_for(report.timeline, shared_lines.TIMELINE_LIMIT)
    rows = [
        (f"#{e.seq}", date_time(e.at), time_of(e.at, local=False), escaped(e.actor),
         f"{shared_lines.GLYPHS[e.weight]} {escaped(e.text)}")
        for e in shown
    ]  # fmt: skip
    body = _table(("log", f"local ({escaped(report.zone)})", "UTC", "who", "what"), rows) if rows else ""
    if left_out:
        body += f"\n\n{count_text(left_out, 'event')} left out for want of room; `timeline.csv` has all."
    return _section("Timeline", body, "The log is empty.")


def _integrity(report: Report) -> str:
    i = report.integrity
    lines = [f"- {count_text(i.records, 'record')}" + (f", #{i.first} to #{i.last}" if i.records else "")]
    if i.head:
        lines.append(f"- hash of the last line: `{re.sub(r'[^0-9A-Za-z]', '', i.head)}`; compare: `upgrade-tui verify`")
    if i.gaps:
        lines.append(f"- {count_text(i.gaps, 'line')} between them are of a kind unknown here and left out")
    if i.damage:
        lines.append(f"- **the log could not be read further: {escaped(i.damage)}**")
    if i.elsewhere:
        lines.append(f"- **{escaped(i.elsewhere)}**; this report has them, marked")
    lines += [f"- **output that was withheld and not fetched: {escaped(each)}**" for each in i.withheld]
    if i.recovered or i.fences:
        lines.append(f"- torn tails set aside: {i.recovered}; failures of writing: {i.fences}")
    made = f" by upgrade-tui {escaped(report.summary.version)}" if report.summary.version else ""
    where = f" on {escaped(report.summary.conductor)}" if report.summary.conductor else ""
    lines.append(f"- recorded{made}{where}; nothing here is newer than {date_time(report.as_of)}")
    return "## The log this was made from\n\n" + "\n".join(lines)
