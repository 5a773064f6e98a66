"""From a plan file to a ``Plan``, or to every mistake in it at once."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec

from upgrade_tui.plan.diagnostics import Diagnostic, PlanError
from upgrade_tui.plan.model import Plan

__all__ = ["Diagnostic", "PlanError", "check_plan", "parse_plan", "read_plan"]


def read_plan(path: Path) -> Plan:
    """The plan in the file at ``path``. Raises PlanError for a wrong plan, OSError where the file cannot be read."""
    return parse_plan(path.read_text(encoding="utf-8"), str(path))


def parse_plan(text: str, name: str) -> Plan:
    """The plan in ``text``; ``name`` is what diagnostics call the file. Raises PlanError for a wrong plan."""
    plan, diagnostics = check_plan(text, name)
    if plan is None:
        raise PlanError(diagnostics)
    return plan


def check_plan(text: str, name: str) -> tuple[Plan | None, tuple[Diagnostic, ...]]:
    """The plan, or None if it has errors; and all errors and warnings, in the file's order. Never raises."""
    try:
        return msgspec.convert(tomllib.loads(text), Plan, dec_hook=_custom), ()
    except ValueError as error:
        return None, (Diagnostic(file=name, line=0, column=0, path="", message=str(error)),)


def _custom(kind: type, value: object) -> object:
    return kind.parse(value)  # type: ignore[attr-defined]
