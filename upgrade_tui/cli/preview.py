"""A plan as people read it before the night: who, what, when, and until when there is a way back. Needs rich."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby

from rich.console import Console, Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from upgrade_tui.cli.timeline import Timeline
from upgrade_tui.foreign import one_line
from upgrade_tui.plan.command_text import describe
from upgrade_tui.plan.estimate import Slot, batches_of, schedule, step_seconds, window_end, window_start
from upgrade_tui.plan.model import LOCAL, Canary, Plan, Step
from upgrade_tui.plan.probe_kinds import expected, in_time, probe_kind
from upgrade_tui.plan.rules.timing_rules import first_without_a_way_back
from upgrade_tui.plan.step_kinds import STEP_KINDS
from upgrade_tui.plan.undone import undone_by_itself
from upgrade_tui.units import count_text, duration_text, latency_text

_LEVELS = ("low", "medium", "high")
_WIDE = 110  # columns from which tables get what is only nice to know


def print_preview(plan: Plan, console: Console | None = None) -> None:
    """Prints the preview in the width of the terminal; without colour for a pipe, or where NO_COLOR is set."""
    console = console or Console(highlight=False, markup=False, emoji=False)
    for part in preview(plan, wide=console.width >= _WIDE):
        console.print(part)


def preview(plan: Plan, *, wide: bool) -> Iterator[RenderableType]:
    """The parts of the preview, from the top."""
    moments = Moments(plan)
    slots = schedule(plan, moments.start)
    yield _head(plan, moments, slots)
    for title, body in (
        ("Risks", _risks(plan) if plan.risks else None),
        ("People", _people(plan) if plan.people else None),
        ("Hosts", _hosts(plan, wide) if plan.hosts else None),
        ("Canaries", _canaries(plan, wide) if plan.canaries else None),
        ("Undone by itself", _by_itself(plan) if undone_by_itself(plan) else None),
        ("Steps", _steps(plan, slots, moments, wide)),
        ("Checks", _checks(plan) if any(step.checks for step in plan.steps) else None),
        ("Timeline", Timeline(plan, slots, moments.text)),
    ):
        if body is not None:
            yield Text()
            yield Rule(Text(title, style="bold"), align="left", style="dim")
            yield body


class Moments:
    """Moments as the plan's people read them: in the offset the plan is written in, or counted from the start."""

    def __init__(self, plan: Plan) -> None:
        self.start = window_start(plan, 0.0)
        self.end = window_end(plan, 0.0)
        self._first = plan.window.start.at

    def text(self, moment: float) -> str:
        """``22:15``, ``01:40 +1`` on the next day, or ``+0:15`` of a window that starts now."""
        if self._first is None:
            sign, seconds = ("-", self.start - moment) if moment < self.start else ("+", moment - self.start)
            return f"{sign}{int(seconds) // 3600}:{int(seconds) % 3600 // 60:02}"
        try:
            at = datetime.fromtimestamp(moment, self._first.tzinfo)
        except (ValueError, OverflowError, OSError):
            return "never"  # a rollback that would take years
        days = (at.date() - self._first.date()).days
        return f"{at:%H:%M}" + (f" {days:+d}" if days else "")

    def window(self) -> str:
        """The window as a line: ``Sat 2026-11-21 22:00 to 02:00 +1 (+08:00)``."""
        if self._first is None:
            return f"from now on, for {duration_text(self.end - self.start)}"
        offset = f"{self._first:%z}"
        zone = f"{offset[:3]}:{offset[3:5]}"
        return (
            f"{self._first:%a %Y-%m-%d %H:%M} to {self.text(self.end)} ({zone}), {duration_text(self.end - self.start)}"
        )


def _head(plan: Plan, moments: Moments, slots: tuple[Slot, ...]) -> RenderableType:
    window = plan.window
    last = max(slot.end for slot in slots)
    spare = moments.end - window.margin - last
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column()
    rows = [
        ("change", window.change),
        ("goal", window.goal),
        ("services", ", ".join(window.services)),
        ("window", moments.window()),
        ("steps take", f"{duration_text(last - moments.start)}; {duration_text(spare)} to spare before the margin"),
        ("margin", f"{duration_text(window.margin)} kept free before the end"),
        ("rto", f"back within {duration_text(window.rto)}, promised and met by the rollbacks" if window.rto else ""),
        ("no way back", _no_way_back(plan)),
        ("secrets", _secrets(plan)),
    ]
    for name, value in rows:
        if value:
            facts.add_row(name, Text(one_line(value)))
    title = Text.assemble((one_line(window.title), "bold"), ("  " + window.id, "dim"))
    return Group(title, Text(), facts)


def _no_way_back(plan: Plan) -> str:
    """From where on a rollback would not fit into the window, and why that was accepted."""
    found = first_without_a_way_back(plan)
    return f"after {found[1].step} no rollback fits, accepted: {plan.window.accept_no_way_back}" if found else ""


def _table(*columns: str | tuple[str, str]) -> Table:
    """A plain table; a column given as (name, "right") is aligned right and never wraps."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", expand=False)
    for column in columns:
        if isinstance(column, tuple):
            table.add_column(column[0], justify="right", no_wrap=True)
        else:
            table.add_column(column)
    return table


def _texts(*cells: str) -> Iterable[Text]:
    return (Text(one_line(cell)) for cell in cells)


def _risks(plan: Plan) -> RenderableType:
    """The matrix with the risks' numbers, then the risks, the gravest first."""

    def weight(number: int) -> int:
        risk = plan.risks[number]
        return (_LEVELS.index(risk.likelihood) + 1) * (_LEVELS.index(risk.impact) + 1)

    order = sorted(range(len(plan.risks)), key=lambda number: -weight(number))
    numbers = {index: str(position + 1) for position, index in enumerate(order)}
    matrix = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    matrix.add_column("likely \\ impact", style="dim", no_wrap=True)
    for impact in _LEVELS:
        matrix.add_column(impact, justify="center", min_width=6)
    for likelihood in reversed(_LEVELS):
        cells = []
        for impact in _LEVELS:
            here = [
                numbers[i] for i in order if (plan.risks[i].likelihood, plan.risks[i].impact) == (likelihood, impact)
            ]
            grave = (_LEVELS.index(likelihood) + 1) * (_LEVELS.index(impact) + 1)
            style = "bold red" if grave >= 6 else "yellow" if grave >= 3 else ""
            cells.append(Text(" ".join(here) or "·", style=style if here else "dim"))
        matrix.add_row(Text(likelihood), *cells)
    listed = _table(("", "right"), "risk", "response", "watched by")
    for index in order:
        risk = plan.risks[index]
        owner = f" ({risk.owner})" if risk.owner else ""
        listed.add_row(*_texts(numbers[index], risk.title, risk.response + owner, ", ".join(risk.watch)))
    return Group(matrix, Text(), listed)


def _people(plan: Plan) -> RenderableType:
    table = _table("login", "name", "role", "owns", "contact")
    for login, person in plan.people.items():
        owns = ", ".join(step.id for step in plan.steps if step.owner == login)
        table.add_row(*_texts(login, person.name, person.role, owns or "–", person.contact))
    return table


def _hosts(plan: Plan, wide: bool) -> RenderableType:
    table = _table("host", "address", "groups", *(("disks", "units", "note") if wide else ("watched",)))
    for name, host in plan.hosts.items():
        address = "this machine" if host.address == LOCAL else host.address
        disks, units = ", ".join(host.disks), ", ".join(host.units)
        watched = (disks, units, host.note) if wide else ("; ".join(part for part in (disks, units) if part),)
        table.add_row(*_texts(name, address, ", ".join(host.groups), *watched))
    return table


def _canaries(plan: Plan, wide: bool) -> RenderableType:
    table = _table(
        "canary", "probe", ("every", "right"), ("fails after", "right"), "then", *(("needed by",) if wide else ())
    )
    for canary in plan.canaries:
        needed = ", ".join(step.id for step in plan.steps if canary.name in step.canaries)
        every = latency_text(canary.interval) if canary.interval < 60 else duration_text(canary.interval)
        cells = [canary.name, _probe(canary), every, str(canary.failure_limit), canary.on_fail]
        table.add_row(*_texts(*cells, *((needed or "–",) if wide else ())))
    return table


def _by_itself(plan: Plan) -> RenderableType:
    """What is undone without anybody asking, and where the window is paused instead."""
    table = _table("when", "during or after", "then", ("takes", "right"))
    for each in undone_by_itself(plan):
        then = f"only pauses: {each.why_not}" if each.why_not else f"undoes {', '.join(each.undoes)}"
        takes = "–" if each.why_not else duration_text(each.seconds(plan))
        table.add_row(*_texts(each.cause, each.step, then, takes))
    return table


def _whole(seconds: float) -> str:
    """A duration as plans write it, which no line break tears apart: ``5m``."""
    return duration_text(seconds).replace(" ", "")


def _probe(canary: Canary) -> str:
    target = one_line(getattr(canary, canary.probe), 60)
    what = target if probe_kind(canary).unnamed else f"{canary.probe} {target}"
    where = f" on {canary.on}" if canary.on else ""
    return ", ".join(
        [what + where, *(one_line(part, 60) for part in expected(canary)), *filter(None, [in_time(canary)])]
    )


def _steps(plan: Plan, slots: tuple[Slot, ...], moments: Moments, wide: bool) -> RenderableType:
    """A table for each phase; after each step the rollback's cost, and until when it could begin."""
    parts: list[RenderableType] = []
    passed = False
    number = 0
    for phase, group in groupby(zip(plan.steps, slots, strict=True), key=lambda pair: pair[0].phase):
        table = _step_table(wide)
        rows: list[RenderableType] = [Text(one_line(phase) or "(no phase)", style="bold")]
        for step, slot in group:
            number += 1
            table.add_row(*_step_row(plan, number, step, slot, moments, wide))
            if slot.irreversible and not passed:
                passed = True
                rows += [table, Text(f"⚠ point of no return: after {step.id}, forward only", style="bold red")]
                table = _step_table(wide, header=False)
        parts += [*rows, *([table] if table.row_count else []), Text()]
    return Group(*parts[:-1])


def _step_table(wide: bool, *, header: bool = True) -> Table:
    gap = 2 if wide else 1
    table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="dim", show_header=header, expand=True)
    table.add_column("", justify="right", no_wrap=True, width=2)
    table.add_column("step", ratio=5)
    if wide:
        table.add_column("runs on", ratio=4)
        table.add_column("who", no_wrap=True, width=10)
    for name, width in (("start", 8), ("end", 8), ("takes", 9), ("undo", 9), ("back by", 8)):
        if name == "end" and not wide:
            continue  # start and length say it
        table.add_column(name, justify="right", no_wrap=True, width=width)
    return table


def _step_row(plan: Plan, number: int, step: Step, slot: Slot, moments: Moments, wide: bool) -> Iterable[Text]:
    name = Text.assemble((one_line(step.id), "bold"), f"  {one_line(step.title)}")
    where = _where(plan, step)
    if not wide:
        name.append(f"\n{one_line(' · '.join(filter(None, (where, step.owner))))}", style="dim")
    late = "bold red" if slot.slack < 0 else ""
    undo = Text(duration_text(slot.rollback) if slot.rollback else "–")
    by = Text("forward", style="red") if slot.irreversible else Text(moments.text(slot.rollback_by), style=late)
    until = (Text(moments.text(slot.end)),) if wide else ()
    times = (Text(moments.text(slot.start)), *until, Text(duration_text(step_seconds(plan, step))))
    middle = (Text(one_line(where)), Text(one_line(step.owner or "–"))) if wide else ()
    return (Text(str(number), style="dim"), name, *middle, *times, undo, by)


def _where(plan: Plan, step: Step) -> str:
    """The kind in words, with the batches worked out: ``command on web: 6 hosts as 1 + 3 + 2, bake 2 m between``."""
    kind = STEP_KINDS[step.kind]
    return _command(plan, step) + _guarded(step) if kind.on_hosts else kind.overview(step)


def _command(plan: Plan, step: Step) -> str:
    batches = batches_of(plan, step)
    what = count_text(len(step.checks), "check") if step.checks else "command"
    if step.once:
        first = batches[0][0] if batches else ""
        return f"{what} once, " + (f"at {step.run_on} for {first}" if step.run_on else f"on {first}")
    if batches == ((LOCAL,),):
        return f"{what} here"
    at = f" at {step.run_on} for" if step.run_on else " on"
    count = sum(len(batch) for batch in batches)
    sizes = " + ".join(str(len(batch)) for batch in batches[:8]) + (" + …" if len(batches) > 8 else "")
    cut = f" as {sizes}" if len(batches) > 1 else ""
    many = any(len(batch) > (step.parallel or len(batch)) for batch in batches)
    parallel = f", {step.parallel} at a time" if many else ""
    bake = f", bake {_whole(step.bake)} between" if step.bake and len(batches) > 1 else ""
    places = ", ".join(step.places)
    named = count > 1 or places not in plan.hosts
    return f"{what}{at} {places}" + (f": {count_text(count, 'host')}{cut}{parallel}{bake}" if named else "")


def _guarded(step: Step) -> str:
    """The dead-man rollback in words."""
    if step.confirm_within is None:
        return ""
    by = " by itself" if step.confirm == "auto" else ""
    return f"; undone after {_whole(step.confirm_within)} unless confirmed{by}"


def _checks(plan: Plan) -> RenderableType:
    """What the ready-made checks of each step look at."""
    table = _table("step", "checks, on every host of it")
    for step in plan.steps:
        for i, check in enumerate(step.checks):
            table.add_row(*_texts("" if i else step.id, describe(check)))
    return table


def _secrets(plan: Plan) -> str:
    """``DB_PASSWORD; TOKEN from: pass show ci``: what whoever starts the window must have in the environment."""
    found: dict[str, None] = {}
    for step in plan.steps:
        if step.secret_env:
            source = f" from: {one_line(step.secret_command, 60)}" if step.secret_command else ""
            found[", ".join(step.secret_env) + (source or " from the environment")] = None
    return "; ".join(found)
