"""What counts as healthy, and what nobody knows: silence is neither. Pure; screen, shell and report go by it."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from upgrade_tui.units import duration_text, percent_text
from upgrade_tui.window.glance import STALE, Glance
from upgrade_tui.window.measurements import HostDetail, HostFrame, Sample, Verdict
from upgrade_tui.window.state import HostState, WindowState
from upgrade_tui.window.state_words import Word, link_word, verdict_word

NO_ANSWER = "no answer"  # of a watched unit that was never told of
_GOOD_UNITS = frozenset({"active", "reloading", "refreshing", "activating"})
_UNKNOWN_UNITS = frozenset({"unknown", NO_ANSWER})


def unit_is_good(word: str) -> bool:
    """Whether a watched unit does what it should; any word that is not known to be good needs a look."""
    return word in _GOOD_UNITS


def unit_is_unknown(word: str) -> bool:
    """Whether systemd did not tell."""
    return word in _UNKNOWN_UNITS


def units_of(state: WindowState, name: str, detail: HostDetail | None = None) -> dict[str, str]:
    """What is known of a host's units, by name. ``detail``: of a host that is measured now; then a watched unit that it
    does not mention has given no answer. Without, only what the log says is known, and that a unit is active from the
    beginning is not in the log.
    """
    watched = state.plan.hosts[name].units if name in state.plan.hosts and detail is not None else ()
    told: Mapping[str, str] = detail.units if detail is not None else {}
    return {**dict.fromkeys(watched, NO_ANSWER), **told, **state.hosts[name].units}


def unit_text(unit: str, word: str) -> str:
    """``nginx failed``, ``nginx: no answer``."""
    return f"{unit}: {word}" if unit_is_unknown(word) else f"{unit} {word}"


def bad_units(state: WindowState) -> tuple[str, ...]:
    """Watched units that are not as they should be, as the log tells them, of hosts that take part."""
    return tuple(text for name in state.hosts if name not in state.excluded for text in _units(state, name, None))


def _units(state: WindowState, name: str, detail: HostDetail | None) -> list[str]:
    units = units_of(state, name, detail)
    return [f"{name} unit {unit_text(unit, word)}" for unit, word in units.items() if not unit_is_good(word)]


# -- a host ---------------------------------------------------------------------------------------------------------

FINE = 9  # the rank of a host that needs no look
_DOWN = frozenset({"lost", "refused", "unresolved", "host key unknown", "host key changed", "auth failed"})
_STALE = Word("◌", ".", "stale", "watch")
_LIMIT = Word("▲", "!", "over limit", "tight")
_UNIT = Word("▲", "!", "unit", "bad")
_UNIT_UNKNOWN = Word("◌", ".", "unit unknown", "unknown")
_WAS_UP = Word("◌", ".", "was up", "muted")
_WAITING = Word("◌", ".", "no sample", "watch")


class HostHealth(Struct, frozen=True):
    """A host at a glance. ``rank``: 0 needs a look most; ``FINE`` is fine."""

    name: str
    word: Word
    rank: int
    reasons: tuple[str, ...]  # why it needs a look, in words; the first is the worst
    brief: str  # the first, short


class _Trouble(Struct, frozen=True):
    rank: int
    word: Word
    text: str
    brief: str


def host_health(g: Glance, name: str) -> HostHealth:
    """What there is to say of a host now."""
    host, seen = g.state.hosts[name], g.host(name)
    link = seen.link if seen is not None else host.link
    found = sorted(_troubles(g, host, seen), key=lambda trouble: trouble.rank)  # stable: as they were found within
    if not found:
        return HostHealth(name, _WAS_UP if link == "up" and seen is None else link_word(link), FINE, (), "")
    return HostHealth(name, found[0].word, found[0].rank, tuple(each.text for each in found), found[0].brief)


def sample_age(g: Glance, name: str) -> float | None:
    """Seconds since a host's newest sample."""
    seen = g.host(name)
    return None if seen is None else g.aged(seen.age)


def host_units(g: Glance, name: str) -> dict[str, str]:
    """The host's units with their states; of one that is measured now, also those that gave no answer."""
    seen, detail = g.host(name), g.details.get(name)
    if detail is not None and (seen is None or seen.link != "up" or g.stale):
        return {**detail.units, **g.state.hosts[name].units}
    return units_of(g.state, name, detail)


def _troubles(g: Glance, host: HostState, seen: HostFrame | None) -> list[_Trouble]:
    """Why a host may not be fine, in no order: its link, its units, its limits, its silence."""
    link, age = seen.link if seen is not None else host.link, sample_age(g, host.name)
    detail = (seen.detail if seen is not None else "") or host.detail
    why = f": {detail}" if detail else ""
    found: list[_Trouble] = []
    if link in _DOWN:
        since = max(0.0, g.now - host.since) if host.since is not None and host.link == link else age
        gone = f"{link} {duration_text(since)}" if since is not None else link
        found.append(_Trouble(0, link_word(link), f"{gone}{why}", gone))
    for unit, said in host_units(g, host.name).items():
        if not unit_is_good(said):
            text, unknown = unit_text(unit, said), unit_is_unknown(said)
            word = _UNIT_UNKNOWN if unknown else _UNIT._replace(word=f"unit {said}")
            found.append(_Trouble(3 if unknown else 1, word, text, text))
    for value, limit in over_limits(host, seen):
        found.append(_Trouble(2, _LIMIT, f"{value} (limit {limit:.0f})", value))
    if link in ("connecting", "no sampler"):
        found.append(_Trouble(3, link_word(link), f"{link}{why}", link))
    elif link == "up" and g.frame is not None and (age is None or age >= STALE):
        text = "no sample yet" if age is None else f"no sample for {duration_text(age)}"
        found.append(_Trouble(3, _WAITING if age is None else _STALE, text, text))
    return found


def over_limits(host: HostState, seen: HostFrame | None) -> list[tuple[str, float]]:
    """``memory 93 %`` and its limit: the limits that stand crossed, with the newest values there are."""
    out = []
    for alert in host.alerts.values():
        value = alert.value
        if seen is not None and seen.link == "up" and seen.sample is not None:
            value = _newest(seen.sample, alert.metric, alert.what, value)
        name = f"{alert.metric.replace('_', ' ')} {alert.what}".strip()
        out.append((f"{name} {percent_text(value)}", alert.limit))
    return out


def _newest(sample: Sample, metric: str, what: str, value: float) -> float:
    if metric == "disk" and what:
        return next((d.percent for d in sample.disks if d.mount == what), value)
    newest = sample.metric(metric)
    return value if newest is None else newest


# -- a canary -------------------------------------------------------------------------------------------------------


class CanaryHealth(Struct, frozen=True):
    """A canary at a glance."""

    name: str
    verdict: Verdict
    word: Word
    stale: bool  # it was not probed lately
    unasked: bool  # nor ever by the conductor that runs now: what an earlier one found is not claimed
    detail: str


def canary_health(g: Glance, name: str) -> CanaryHealth:
    """What there is to say of a canary now."""
    state, spec = g.state.canaries[name], g.plan.canary(name)
    seen = g.frame.canaries.get(name) if g.frame is not None else None
    verdict = seen.verdict if seen is not None else state.verdict
    age = g.aged(seen.age) if seen is not None else None
    unasked = seen is not None and seen.age is None
    if unasked and verdict == "healthy":
        verdict = "no data"
    stale, word = age is None or age > 2 * float(spec.interval if spec else 5.0) + STALE, verdict_word(verdict)
    if stale and verdict == "healthy":
        word = word._replace(glyph="◌", tone="muted")  # it was, when it was last asked
    return CanaryHealth(name, verdict, word, stale, unasked, (seen.detail if seen is not None else "") or state.detail)
