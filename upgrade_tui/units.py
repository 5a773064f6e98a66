"""Durations, shares, byte sizes and moments as people write them, and back again; latencies, rates and counts as they
are shown. Pure; used by every layer: nothing else turns a number into words.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
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


DASH = "–"  # where nothing was measured


def duration_text(seconds: float | None, *, parts: int = 2) -> str:
    """``5400`` -> ``1 h 30 m``; ``-180`` -> ``-3 m``; ``4.2`` -> ``4 s``. At most ``parts`` units, the rest cut off."""
    if seconds is None:
        return DASH
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


def short_duration(seconds: float | None) -> str:
    """At most six cells: ``48s``, ``3m12s``, ``24m``, ``1h04m``; seconds only below ten minutes."""
    if seconds is None:
        return DASH
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600}h{whole % 3600 // 60:02}m"
    if whole >= 600:
        return f"{whole // 60}m"
    if whole >= 60:
        return f"{whole // 60}m{whole % 60:02}s" if whole % 60 else f"{whole // 60}m"
    return f"{whole}s"


def age_text(seconds: float) -> str:
    """A limit of an age, exactly: ``2.5 s``, ``24 h`` and not ``1 d``."""
    if seconds < 10:
        return f"{seconds:g} s"
    if seconds % 3600 == 0 and 7200 <= seconds < 259200:
        return f"{seconds / 3600:.0f} h"
    return duration_text(seconds, parts=3)


def clock_text(seconds: float) -> str:
    """A countdown: ``4211`` -> ``1:10:11``, ``-65`` -> ``-0:01:05``."""
    left = int(abs(seconds))
    sign = "-" if seconds < 0 and left else ""
    return f"{sign}{left // 3600}:{left % 3600 // 60:02}:{left % 60:02}"


def countdown_text(seconds: float) -> str:
    """A short countdown: ``5:42``, ``1:05:42``; never below zero."""
    hours, rest = divmod(max(0, int(seconds)), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def latency_text(seconds: float | None) -> str:
    """How long an answer took, or may take: ``12 ms``, ``1.04 s``, ``2 s``. Three figures, so that what is over a limit
    does not read as equal to it.
    """
    if seconds is None:
        return DASH
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.3g} s" if seconds < 999.5 else f"{seconds:.0f} s"


def percent_text(value: float | None) -> str:
    """What was measured: ``91 %``."""
    return DASH if value is None else f"{value:.0f} %"


def fine_percent_text(value: float) -> str:
    """``23 %``, and a decimal below ten: ``4.2 %``."""
    return f"{value:.1f} %" if 0 < value < 9.95 else percent_text(value)


def share_text(share: float) -> str:
    """A share as the plan has it, exactly: ``2.5 %``."""
    return f"{share:g} %"


def bytes_text(count: float) -> str:
    """``1536`` -> ``1.5 KiB``: binary units, at most four figures."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(count) < 1000 or unit == "TiB":
            return f"{count:.0f} {unit}" if unit == "B" or abs(count) >= 100 else f"{count:.1f} {unit}"
        count /= 1024
    raise AssertionError("unreachable")


def size_text(size: str) -> str:
    """A size as the plan has it: ``5GiB`` -> ``5 GiB``."""
    return re.sub(r"(?<=\d) ?(?=[A-Z])", " ", size.strip())


def rate_text(value: float) -> str:
    """Bytes a second: ``4.2 MiB/s``."""
    return f"{bytes_text(value)}/s"


def short_rate(value: float) -> str:
    """Bytes a second in at most seven cells: ``1.2M/s``."""
    for unit in ("B", "K", "M", "G"):
        if value < 1000 or unit == "G":
            return f"{value:.0f}{unit}/s" if value >= 10 or unit == "B" else f"{value:.1f}{unit}/s"
        value /= 1024
    raise AssertionError("unreachable")


def number_text(value: float) -> str:
    """A number without a unit, such as load."""
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def plural(number: int, one: str, many: str = "") -> str:
    """The word for so many: ``step`` of 1, ``steps`` of any other number. ``many``: where it is not with an s."""
    return one if number == 1 else many or f"{one}s"


def count_text(number: int, one: str, many: str = "") -> str:
    """``1 step``, ``2 steps``, ``0 batches``."""
    return f"{number} {plural(number, one, many)}"


def few_text(texts: Sequence[str], most: int, joint: str = ", ") -> str:
    """The first ``most`` of them, and how many there are beyond: ``web1, web2, web3 and 5 more``."""
    return joint.join(texts[:most]) + (f" and {len(texts) - most} more" if len(texts) > most else "")
