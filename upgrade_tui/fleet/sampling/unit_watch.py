"""What is said of systemd units: their state as systemd has it, or that it is being started again and again. Pure.

A unit that dies every few seconds is active whenever one looks. What gives it away is the number of its restarts and
the time of its last start (``systemctl show -p NRestarts -p ExecMainStartTimestampMonotonic``).
"""

from __future__ import annotations

from msgspec import Struct

from upgrade_tui.fleet.sampling.parse import Unit

RESTARTING = "restarting"
QUIET, _LONGEST = 60.0, 900.0  # seconds without a restart, at least and at most, after which a unit is steady again
_TURNS = 3  # ... and as many times as long as between its last two
_BY_HAND = 2  # starts within the calm that systemd did not make: more of them are no person's

_BETWEEN = frozenset({"active", "activating", "reloading", "deactivating", "refreshing"})


class _Seen(Struct):
    restarts: int | None = None
    started: int | None = None
    at: float = 0.0  # of the last start that was not there at the look before; monotonic seconds
    until: float = 0.0  # restarting until then
    by_hand: int = 0
    total: int = 0


class UnitWatch:
    """The units of one host, from look to look."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}

    def look(self, said: dict[str, Unit], now: float) -> tuple[dict[str, str], dict[str, int]]:
        """Unit -> word, and unit -> how often it was started again since the first look, by systemd or who knows whom.

        ``now`` in monotonic seconds.
        """
        words = {}
        for name, unit in said.items():
            seen = self._seen.setdefault(name, _Seen())
            _count(seen, unit, now)
            again = unit.state in _BETWEEN and now < seen.until
            words[name] = RESTARTING if again or unit.state == "auto-restart" else unit.state
        return words, {name: seen.total for name, seen in self._seen.items() if seen.total}


def _count(seen: _Seen, unit: Unit, now: float) -> None:
    if unit.restarts is None and unit.started is None:
        return
    before, started = seen.restarts, seen.started
    seen.restarts, seen.started = unit.restarts, unit.started
    if before is None and started is None:
        return  # the first look
    count = unit.restarts or 0
    by_systemd = count - before if before is not None and count >= before else count  # a start by hand counts anew
    moved = bool(started) and bool(unit.started) and unit.started != started
    if not by_systemd and not moved:
        return
    since = now - seen.at if seen.at else 0.0
    seen.by_hand = 0 if by_systemd or since > QUIET else seen.by_hand + 1
    seen.total += by_systemd or 1
    seen.at = now
    if by_systemd or seen.by_hand > _BY_HAND:
        seen.until = now + min(_LONGEST, max(QUIET, _TURNS * since))
