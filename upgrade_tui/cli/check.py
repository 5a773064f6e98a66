"""``upgrade-tui check PLAN``: every mistake at once, or a preview of what the window would be."""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from upgrade_tui.cli.exits import Exit
from upgrade_tui.foreign import one_line
from upgrade_tui.plan.diagnostics import Diagnostic, PlanError
from upgrade_tui.plan.estimate import batches_of, schedule, step_seconds, window_end, window_start
from upgrade_tui.plan.model import Plan
from upgrade_tui.plan.reader import check_plan, decode_file
from upgrade_tui.units import count_text, duration_text


@click.command("check", short_help="Check a plan and preview its window.")
@click.argument("plan_file", metavar="PLAN", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Diagnostics and the schedule as JSON on standard output.")
@click.option("--quiet", "-q", is_flag=True, help="No preview: only what is wrong.")
def check(plan_file: Path, as_json: bool, quiet: bool) -> None:
    """Check PLAN and show what its window would be.

    Every mistake is reported at once, as file:line:column. Nothing is connected to and nothing is changed.
    Exit code 0: the plan may run; 2: it has errors; 66: it cannot be read.
    """
    _never_fail_on_glyphs()
    plan, _, diagnostics = _read(plan_file)
    diagnostics = (*diagnostics, *_past(plan, str(plan_file), time.time()))
    if as_json:
        click.echo(_as_json(str(plan_file), plan, diagnostics))
    else:
        print_diagnostics(diagnostics)
        if plan is not None and not quiet:
            from upgrade_tui.cli.preview import print_preview

            print_preview(plan)
    if plan is None:
        sys.exit(Exit.WRONG_PLAN)


def _never_fail_on_glyphs() -> None:
    """A terminal or pipe that is not UTF-8 gets question marks instead of an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and "utf" not in stream.encoding.lower():
            stream.reconfigure(errors="replace")


def read_or_fail(path: Path) -> tuple[Plan, str]:
    """The plan at ``path`` and its text. Ends the command (2 or 66) with what is wrong on standard error."""
    _never_fail_on_glyphs()
    plan, text, diagnostics = _read(path)
    if plan is None:
        print_diagnostics(diagnostics)  # warnings of a right plan are for `check`: here they would only flash by
        sys.exit(Exit.WRONG_PLAN)
    return plan, text


def _read(path: Path) -> tuple[Plan | None, str, tuple[Diagnostic, ...]]:
    try:
        text = decode_file(path)
        plan, diagnostics = check_plan(text, str(path))
    except PlanError as error:
        return None, "", error.diagnostics
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        click.echo(f"upgrade-tui: cannot read {one_line(str(path))}: {reason}", err=True)
        sys.exit(Exit.NO_INPUT)
    return plan, text, diagnostics


def _past(plan: Plan | None, file: str, now: float) -> tuple[Diagnostic, ...]:
    """A window that is over can still be looked at; only the run would refuse it."""
    if plan is None or plan.window.start.at is None or window_end(plan, now) > now:
        return ()
    ago = duration_text(now - window_end(plan, now))
    return (
        Diagnostic(
            file=one_line(file), line=0, column=0, path="window", severity="warning",
            message=f"this window ended {ago} ago", hint="give it a new `start` and `end` before it is run",
        ),
    )  # fmt: skip


def print_diagnostics(diagnostics: Sequence[Diagnostic]) -> None:
    """Writes diagnostics and their count to standard error, as compilers do: ``file:line:column: error: what``."""
    plain = not sys.stderr.isatty() or bool(os.environ.get("NO_COLOR"))
    for found in diagnostics:
        word = (
            found.severity
            if plain
            else click.style(found.severity, fg="red" if found.severity == "error" else "yellow", bold=True)
        )
        click.echo(f"{found.place}: {word}: {found.message}", err=True)
        if found.hint:
            click.echo(f"    {found.hint}", err=True)
    errors, warnings = _counts(diagnostics)
    if errors:
        click.echo(
            f"{count_text(errors, 'error')}, {count_text(warnings, 'warning')}: this plan will not run.", err=True
        )
    elif warnings:
        click.echo(f"{count_text(warnings, 'warning')}.", err=True)


def _counts(diagnostics: Sequence[Diagnostic]) -> tuple[int, int]:
    errors = sum(found.severity == "error" for found in diagnostics)
    return errors, len(diagnostics) - errors


def _as_json(file: str, plan: Plan | None, diagnostics: Sequence[Diagnostic]) -> str:
    """One object: ``ok``, ``diagnostics``, and for a plan that may run its ``window`` and ``steps``.

    Moments are epoch seconds; of a window that starts "now" they count from its start.
    """
    import msgspec

    from upgrade_tui.plan.command_text import describe
    from upgrade_tui.plan.undone import undone_by_itself

    errors, warnings = _counts(diagnostics)
    out: dict[str, Any] = {
        "file": one_line(file),
        "ok": plan is not None,
        "errors": errors,
        "warnings": warnings,
        "diagnostics": diagnostics,
    }
    if plan is not None:
        start = window_start(plan, 0.0)
        out["window"] = {
            "id": plan.window.id,
            "title": plan.window.title,
            "relative": plan.window.start.at is None,
            "start": start,
            "end": window_end(plan, 0.0),
            "margin": float(plan.window.margin),
            "rto": None if plan.window.rto is None else float(plan.window.rto),
        }
        out["steps"] = [
            {
                "id": step.id, "title": step.title, "phase": step.phase, "kind": step.kind, "owner": step.owner,
                "batches": batches_of(plan, step), "seconds": step_seconds(plan, step),
                "start": slot.start, "end": slot.end, "rollback_cost": slot.rollback, "rollback_by": slot.rollback_by,
                "slack": slot.slack, "forward_only": slot.irreversible,
                "checks": [describe(wanted) for wanted in step.checks], "secrets": step.secret_env,
                "confirm_within": None if step.confirm_within is None else float(step.confirm_within),
            }
            for step, slot in zip(plan.steps, schedule(plan, start), strict=True)
        ]  # fmt: skip
        out["undone_by_itself"] = [
            {"when": each.cause, "step": each.step, "undoes": each.undoes, "only_pauses": each.why_not,
             "seconds": each.seconds(plan)}
            for each in undone_by_itself(plan)
        ]  # fmt: skip
    return msgspec.json.format(msgspec.json.encode(out), indent=2).decode()
