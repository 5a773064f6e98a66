"""Durations, percentages, byte sizes and moments as people write them, and back again. Pure; used by every layer."""

from __future__ import annotations

import math
import re
from datetime import datetime

_DURATION = re.compile(r"(?:(?P<d>\d+(?:\.\d+)?)d)?(?:(?P<h>\d+(?:\.\d+)?)h)?(?:(?P<m>\d+(?:\.\d+)?)m(?!s))?"
                       r"(?:(?P<s>\d+(?:\.\d+)?)s)?(?:(?P<ms>\d+(?:\.\d+)?)ms)?")  # fmt: skip
_SECONDS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}

DURATION_PATTERN = r"^(\d+(\.\d+)?d)?(\d+(\.\d+)?h)?(\d+(\.\d+)?m)?(\d+(\.\d+)?s)?(\d+(\.\d+)?ms)?$"
PERCENT_PATTERN = r"^\d+(\.\d+)?%$"
SIZE_PATTERN = r"^\d+(\.\d+)? ?([KMGT]i?)?B$"

_BYTES = {"B": 1} | {
    f"{unit}{i}B": base ** (n + 1) for i, base in (("", 1000), ("i", 1024)) for n, unit in enumerate("KMGT")
}


class Duration(float):
    """Seconds, written in a plan as ``"90s"``, ``"10m"``, ``"1h30m"``, ``"300ms"`` or ``"2d"``."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: object) -> Duration:
        """Seconds from ``text``. Raises ValueError that says what would be right."""
        if isinstance(text, str) and text:
            match = _DURATION.fullmatch(text.strip())
            if match and any(match.groups()):
                seconds = sum(float(n) * _SECONDS[u] for u, n in match.groupdict().items() if n)
                if math.isfinite(seconds):
                    return cls(seconds)
        raise ValueError(f'expected a duration such as "90s", "10m" or "1h30m", got {shown(text)}')


class Percent(float):
    """A share from 0 to 100, written in a plan as ``"85%"``."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: object) -> Percent:
        """0 to 100 from ``text``. Raises ValueError that says what would be right."""
        if isinstance(text, str) and re.fullmatch(PERCENT_PATTERN, text.strip()):
            value = float(text.strip()[:-1])
            if value <= 100:
                return cls(value)
        raise ValueError(f'expected a percentage from "0%" to "100%", got {shown(text)}')


class Size(int):
    """Bytes, written in a plan as ``"500MiB"`` or ``"5GiB"`` (powers of 1024), or ``"10GB"`` (powers of 1000)."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: object) -> Size:
        """Bytes from ``text``. Raises ValueError that says what would be right."""
        if isinstance(text, str) and len(text) < 40 and re.fullmatch(SIZE_PATTERN, text.strip()):
            number, unit = re.match(r"([\d.]+) ?(\w+)", text.strip()).groups()  # type: ignore[union-attr]
            size = float(number) * _BYTES[unit]
            if size < 2**60:  # a shell counts to 2^63; nothing is as large as an exbibyte
                return cls(size)
        raise ValueError(f'expected a size such as "500MiB" or "5GiB", got {shown(text)}')


class When:
    """A moment: a TOML date-time with its offset, or ``"now"`` (``at`` is None) for drills."""

    __slots__ = ("at",)

    def __init__(self, at: datetime | None) -> None:
        self.at = at

    @classmethod
    def parse(cls, value: object) -> When:
        """Raises ValueError that says what would be right."""
        if value == "now":
            return cls(None)
        if isinstance(value, datetime):
            if value.tzinfo is None:
                raise ValueError(
                    f"expected an offset after the time, such as {value.isoformat()}Z or {value.isoformat()}+08:00"
                )
            return cls(value)
        raise ValueError(
            f'expected a date-time such as 2026-11-21T22:00:00+08:00 (without quotes) or "now", got {shown(value)}'
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, When) and other.at == self.at

    def __hash__(self) -> int:
        return hash(self.at)

    def __repr__(self) -> str:
        return f"When({self.at.isoformat() if self.at else 'now'})"


def shown(value: object) -> str:
    """A value of a plan as it would be written there, for messages."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else str(value)


def duration_text(seconds: float, *, parts: int = 2) -> str:
    """``5400`` -> ``1 h 30 m``; ``-180`` -> ``-3 m``; ``4.2`` -> ``4 s``. At most ``parts`` units, the rest cut off."""
    sign = "-" if seconds <= -0.5 else ""
    left = round(abs(seconds))
    out: list[str] = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count:
            out.append(f"{count} {unit}")
        elif out:
            break
        if len(out) == parts:
            break
    return sign + (" ".join(out) or "0 s")


def clock_text(seconds: float) -> str:
    """A countdown: ``4211`` -> ``1:10:11``, ``-65`` -> ``-0:01:05``."""
    left = int(abs(seconds))
    sign = "-" if seconds < 0 and left else ""
    return f"{sign}{left // 3600}:{left % 3600 // 60:02}:{left % 60:02}"


def bytes_text(count: float) -> str:
    """``1536`` -> ``1.5 KiB``: binary units, at most four figures."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(count) < 1000 or unit == "TiB":
            return f"{count:.0f} {unit}" if unit == "B" or abs(count) >= 100 else f"{count:.1f} {unit}"
        count /= 1024
    raise AssertionError("unreachable")
