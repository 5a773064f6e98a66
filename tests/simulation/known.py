"""What is known to be broken and not mended yet: rule -> the row it belongs to. An entry goes when its mend lands."""

from __future__ import annotations

KNOWN: dict[str, str] = {
    "armed is not done": "S4",
    "not before what it needs": "S4: what is undone below a bake or a gate does not end it",
    "a step agrees with its tasks": "S1",
}
