"""From a plan file to a ``Plan``, or to every mistake in it at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from upgrade_tui.foreign import one_line
from upgrade_tui.plan.diagnostics import Diagnostic, PlanError
from upgrade_tui.plan.findings import Findings, sorted_diagnostics
from upgrade_tui.plan.model import Plan
from upgrade_tui.plan.positions import Positions, positions
from upgrade_tui.plan.rules import Context, check_meaning
from upgrade_tui.plan.shape import check_shape
from upgrade_tui.plan.syntax import DecodedPlan, decode_plan

__all__ = ["Diagnostic", "PlanError", "check_plan", "decode_file", "parse_plan", "read_plan"]


def read_plan(path: Path) -> Plan:
    """The plan in the file at ``path``. Raises PlanError for a wrong plan, OSError where the file cannot be read."""
    return parse_plan(decode_file(path), str(path))


def decode_file(path: Path) -> str:
    """The file's text. Raises PlanError where it is not UTF-8 (with the place), OSError where it cannot be read."""
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        raise PlanError(
            [
                Diagnostic(
                    file=str(path), line=line, column=column, path="",
                    message=f"this is not UTF-8 text (byte 0x{data[error.start]:02x})", hint="save the plan as UTF-8",
                )
            ]
        ) from None  # fmt: skip


def parse_plan(text: str, name: str) -> Plan:
    """The plan in ``text``; ``name`` is what diagnostics call the file. Raises PlanError for a wrong plan."""
    plan, diagnostics = check_plan(text, name)
    if plan is None:
        raise PlanError(diagnostics)
    return plan


def check_plan(text: str, name: str) -> tuple[Plan | None, tuple[Diagnostic, ...]]:
    """The plan, or None if it has errors; and all errors and warnings, in the file's order. Total on any text."""
    name = one_line(name)
    text = text.removeprefix("\ufeff")
    decoded = decode_plan(text)
    findings = Findings()
    plan = None
    if decoded.data is not None:
        plan = _checked(decoded.data, findings, partial=bool(decoded.mistakes))
    if findings.errors or decoded.mistakes:
        plan = None
    where = positions(text) if findings.found else Positions({})
    return plan, sorted_diagnostics((*_of_syntax(decoded, name), *findings.diagnostics(name, where)))


def _of_syntax(decoded: DecodedPlan, name: str) -> list[Diagnostic]:
    return [
        Diagnostic(file=name, line=m.place[0], column=m.place[1], path="", message=m.message, hint=m.hint)
        for m in decoded.mistakes
    ]


def _checked(data: dict[str, Any], findings: Findings, *, partial: bool) -> Plan | None:
    """The plan as repaired; None where nothing but its shape could be checked."""
    repaired = check_shape(data, findings, partial=partial)
    if partial:
        return None  # what a broken line said is unknown, so the rest's meaning is too
    try:
        plan = msgspec.convert(repaired, Plan, dec_hook=_custom)
    except msgspec.ValidationError as error:  # the shape check is meant to have found it: say it anyway
        findings.error((), str(error))
        return None
    check_meaning(Context(plan, repaired, findings))
    return plan


def _custom(kind: type, value: object) -> object:
    return kind.parse(value)  # type: ignore[attr-defined]
