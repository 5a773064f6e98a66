"""Text from outside (hosts, plans, colleagues, old logs) made harmless for a terminal.

Control characters (C0 but newline and tab, DEL, C1), bidirectional overrides and other invisible formatting characters
would act on the terminal or disguise what is shown. They are replaced at ingress and again when a log is read.
"""

from __future__ import annotations

_VISIBLE = {code: 0x2400 + code for code in range(0x20) if code not in (0x09, 0x0A)}  # Unicode "control pictures"
_VISIBLE[0x7F] = 0x2421
_VISIBLE.update(dict.fromkeys(range(0x80, 0xA0), 0xFFFD))
_VISIBLE.update(
    dict.fromkeys(
        (
            0x00AD,
            0x061C,
            0x180E,
            0x200B,  # U+200C and U+200D stay: Persian, Indic scripts and emoji are written with them
            0x200E,
            0x200F,
            0x2028,
            0x2029,
            *range(0x202A, 0x202F),
            *range(0x2060, 0x2070),  # invisible operators, bidirectional isolates, deprecated format characters
            0xFEFF,
            0xFFF9,
            0xFFFA,
            0xFFFB,
            *range(0xE0000, 0xE0080),  # tags: text that no terminal shows
        ),
        0xFFFD,
    )
)
_VISIBLE.update(dict.fromkeys(range(0xD800, 0xE000), 0xFFFD))  # lone surrogates cannot be written to a terminal
_ONE_LINE = _VISIBLE | {0x09: 0x20, 0x0A: 0x240A}


def harmless(text: str) -> str:
    """``text`` with every character that could act on a terminal made visible; newlines and tabs stay."""
    return text if text.isascii() and text.isprintable() else text.translate(_VISIBLE)


def one_line(text: str, limit: int = 0) -> str:
    """``harmless`` and on one line; cut to ``limit`` characters with an ellipsis if ``limit`` is given."""
    clean = text if text.isascii() and text.isprintable() else text.translate(_ONE_LINE)
    return clean[: limit - 1] + "…" if limit and len(clean) > limit else clean


def decoded(data: bytes) -> str:
    """Bytes from a host as harmless text: UTF-8 where it is, U+FFFD where it is not; CRLF as a newline."""
    return harmless(data.decode("utf-8", "replace").replace("\r\n", "\n"))
