"""Digits three lines high, for the one number that must be read from across the room. Pure."""

from __future__ import annotations

_ROWS = {
    "0": ("█▀█", "█ █", "▀▀▀"),
    "1": (" █ ", " █ ", " ▀ "),
    "2": ("▀▀█", "█▀▀", "▀▀▀"),
    "3": ("▀▀█", " ▀█", "▀▀▀"),
    "4": ("█ █", "▀▀█", "  ▀"),
    "5": ("█▀▀", "▀▀█", "▀▀▀"),
    "6": ("█▀▀", "█▀█", "▀▀▀"),
    "7": ("▀▀█", "  █", "  ▀"),
    "8": ("█▀█", "█▀█", "▀▀▀"),
    "9": ("█▀█", "▀▀█", "▀▀▀"),
    ":": ("▄", "▄", " "),
    "-": ("   ", "▀▀▀", "   "),
}
CELLS = 24  # an hour count of two figures


def big(text: str) -> tuple[str, str, str]:
    """``1:12:40`` as three lines of blocks; characters that have none are left out."""
    known = [_ROWS[c] for c in text if c in _ROWS]
    first, second, third = (" ".join(rows[i] for rows in known) for i in range(3))
    return first, second, third
