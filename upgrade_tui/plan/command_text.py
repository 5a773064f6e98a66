"""What a step runs, in words for people: its command letter by letter, or its ready-made checks. Pure."""

from __future__ import annotations

from upgrade_tui.plan.kit import Check
from upgrade_tui.plan.model import Step
from upgrade_tui.units import Percent, age_text, share_text, size_text


def what_runs(step: Step) -> str:
    """The command as the plan has it, or a line for each ready-made check; empty where nothing is run."""
    return step.run or "\n".join(describe(check) for check in step.checks)


def describe(check: Check) -> str:
    """The check in words: ``free space on /var: at least 5 GiB``. Raises ValueError for a check of nothing."""
    if check.free is not None:
        return f"free space on {check.free}: at least {least_words(check.min)}"
    if check.memory is not None:
        return f"memory: at least {size_text(check.memory)} available"
    if check.load is not None:
        return f"load: at most {share_text(check.load)} of the CPUs"
    if check.port is not None:
        return f"port {check.port}: answers"
    if check.clock is not None:
        return f"clock: at most {age_text(check.clock)} off"
    if check.backup is not None:
        return f"backup {check.backup}: {_backup(check)}"
    if check.no_reboot_pending:
        return "no reboot pending"
    if check.unit is not None:
        return f"unit {check.unit}: active"
    if check.package is not None:
        return f"package {check.package}: {check.version or 'installed'}"
    if check.program is not None:
        return f"program {check.program}: {check.version or 'there'}"
    raise ValueError("this check looks at nothing")


def _backup(check: Check) -> str:
    wanted = (
        f"at least {size_text(check.min)}" if check.min else "",
        f"at most {age_text(check.max_age)} old" if check.max_age is not None else "",
        "checksum verified" if check.sha256 else "",
    )
    return ", ".join(filter(None, wanted)) or "there and not empty"


def least_words(least: str) -> str:
    """A size or a share: ``5 GiB``, ``10 %``."""
    return share_text(Percent.parse(least)) if least.endswith("%") else size_text(least)
