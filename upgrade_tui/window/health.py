"""What counts as healthy, and what nobody knows: silence is neither. Pure; screen, shell and report go by it."""

from __future__ import annotations

from collections.abc import Mapping

from upgrade_tui.window.state import CanaryState, HostState, WindowState
from upgrade_tui.window.telemetry import Frame, HostDetail, HostFrame

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


def troubles(state: WindowState, frame: Frame | None) -> list[str]:
    """All that is not known to be healthy, in words. ``frame``: what is measured now; without, as the log left it."""
    out = [_canary(c, frame) for c in state.canaries.values()]
    for host in state.hosts.values():
        if host.name not in state.excluded:
            out += _host(state, host, frame)
    return [text for text in out if text]


def _canary(canary: CanaryState, frame: Frame | None) -> str:
    seen = frame.canaries.get(canary.name) if frame is not None else None
    verdict = canary.verdict if seen is None else seen.verdict
    return "" if verdict == "healthy" else f"canary {canary.name} {verdict}"


def _host(state: WindowState, host: HostState, frame: Frame | None) -> list[str]:
    seen: HostFrame | None = frame.hosts.get(host.name) if frame is not None else None
    detail = frame.details.get(host.name) if frame is not None else None
    link = host.link if seen is None else seen.link
    out = [f"{host.name} {link}"] if link != "up" else []
    if seen is not None and link == "up" and seen.sample is None:
        out.append(f"{host.name} up, but no measurement yet")
    out += [f"{host.name} {key} over its limit" for key in host.alerts]
    return out + _units(state, host.name, detail if link == "up" else None)


def bad_units(state: WindowState) -> tuple[str, ...]:
    """Watched units that are not as they should be, as the log tells them, of hosts that take part."""
    return tuple(text for name in state.hosts if name not in state.excluded for text in _units(state, name, None))


def _units(state: WindowState, name: str, detail: HostDetail | None) -> list[str]:
    units = units_of(state, name, detail)
    return [f"{name} unit {unit_text(unit, word)}" for unit, word in units.items() if not unit_is_good(word)]
