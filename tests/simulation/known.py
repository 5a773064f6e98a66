"""What is known to be broken and not mended yet: rule -> the row it belongs to. An entry goes when its mend lands."""

from __future__ import annotations

KNOWN: dict[str, str] = {
    "not before what it needs": "S4: what is undone below a step, a gate or a bake does not end it",
}
