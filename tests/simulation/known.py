"""What is known to be broken and not mended yet: rule -> what it is. An entry goes when its mend lands."""

from __future__ import annotations

KNOWN: dict[str, str] = {
    "not before what it needs": "what is undone below a step, a gate or a bake does not end it (seeds 42, 58)",
    "a step agrees with its tasks": "a step all of whose hosts were excluded stays failed (60864)",
    "the window can be closed": "a gate that runs and was never opened can be neither decided nor closed (60920)",
    "not against the clock": "a jump back as a batch is begun: a start before the window (60994)",
    "one at a time": "a dead-man fires beside the command that armed it (80211)",
}
