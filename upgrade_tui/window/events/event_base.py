"""What all events share, and the few values that several of them use."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

SYSTEM = "upgrade-tui"  # the actor of what the conductor did by itself

Outcome = Literal["done", "failed", "unknown"]
Crossing = Literal["T-30", "T-10", "T-5", "T-0", "window end", "point of no return"]


class Base(Struct, frozen=True, kw_only=True, tag_field="kind", omit_defaults=True):
    """What all events share: the tag field. Not an event itself."""
