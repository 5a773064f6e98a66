"""What is known to be broken and not mended yet: rule -> what it is. An entry goes when its mend lands."""

from __future__ import annotations

KNOWN: dict[str, str] = {}
