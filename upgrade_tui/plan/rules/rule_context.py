"""What every rule gets: the plan, what was written, and where to report. And the questions several rules ask."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from upgrade_tui.plan.diagnostics import KeyPath
from upgrade_tui.plan.findings import Findings
from upgrade_tui.plan.model import Plan
from upgrade_tui.plan.shape import choices, near, shown_toml
from upgrade_tui.units import duration_text

NAME_HINT = "up to 64 letters, digits, `.`, `_` and `-`, beginning with a letter or digit: files are named after it"
LONGEST_TIME = 31 * 86400.0  # seconds: no window, and nothing in one, takes longer


class Context:
    """``data`` is the repaired TOML the plan was made from: it tells what was written from what is a default."""

    def __init__(self, plan: Plan, data: Mapping[str, Any], findings: Findings) -> None:
        self.plan = plan
        self.data = data
        self.findings = findings
        self.error = findings.error
        self.warn = findings.warn
        self.broken = findings.broken

    def written(self, *path: str | int) -> Mapping[str, Any]:
        """The table at ``path`` as written; empty where there is none."""
        here: Any = self.data
        for part in path:
            if isinstance(here, Mapping):
                here = here.get(str(part), {})
            elif isinstance(here, list) and isinstance(part, int) and part < len(here):
                here = here[part]
            else:
                return {}
        return here if isinstance(here, Mapping) else {}

    def refer(self, path: KeyPath, name: str, known: Iterable[str], what: str, *, at_key: bool = False) -> bool:
        """Reports a name that nothing has. ``what`` says what it should name: "host or group"."""
        names = list(dict.fromkeys(known))
        if name in names:
            return True
        if not self.broken(path):
            meant = near(name, names)
            hint = f"did you mean `{meant}`?" if meant else f"known: {choices(names)}" if names else _none(what)
            self.error(path, f"no {what} is called {shown_toml(name)}", hint, at_key=at_key)
        return False

    def once(self, path: KeyPath, names: Sequence[str]) -> None:
        """Warns of a name that stands twice in a list."""
        for position, name in enumerate(names):
            if name in names[:position]:
                self.warn((*path, position), f"{shown_toml(name)} is in this list twice", "once is enough")

    def positive(self, path: KeyPath, value: float | None) -> bool:
        """Reports a duration that is not above 0, or beyond any window. True if it is fine, or not there."""
        if value is None or 0 < value <= LONGEST_TIME or self.broken(path):
            return True
        what = "longer than 0" if value <= 0 else f"at most {duration_text(LONGEST_TIME)}"
        self.error(path, f"`{path[-1]}` must be {what}", 'write "30s", "5m" or "1h30m"')
        self.findings.breaks(path)
        return False

    def shorter(self, path: KeyPath, value: float | None, estimate: float) -> None:
        """Warns of a timeout that strikes before the estimate is over."""
        if value is not None and 0 < value < estimate and not self.broken(path, (*path[:-1], "estimate")):
            self.warn(
                path,
                f"the timeout ({duration_text(value)}) strikes before the estimate ({duration_text(estimate)}) is over",
                "make it longer than the estimate, with room to spare",
            )


def _none(what: str) -> str:
    return {
        "host or group": "there are no [hosts.NAME] in this plan",
        "canary": "there are no [[canaries]] in this plan",
        "person": "there is nobody in [people]",
    }.get(what, "there is none in this plan")
