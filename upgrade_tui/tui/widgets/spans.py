"""Lines as plain values: pieces of text, each with a tone; columns that fit; sparklines and bars. Pure.

Widths are terminal cells, so that a wide character or an emoji from a host cannot push a column askew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.cells import cell_len, get_character_cell_size, set_cell_size

from upgrade_tui.foreign import one_line
from upgrade_tui.tui.glyphs import ScreenTone

Span = tuple[str, ScreenTone]
Line = tuple[Span, ...]

BLANK: Line = ()
_WORTH_CUTTING = 24  # cells: less than that of a text says nothing
BLOCKS = "▁▂▃▄▅▆▇█"


def fit(text: str, width: int, *, right: bool = False) -> str:
    """``text`` in exactly ``width`` cells: padded, or cut with an ellipsis; on one line and harmless."""
    if width <= 0:
        return ""
    clean = one_line(text)
    if clean.isascii():
        size = len(clean)
        if size > width:
            return clean[: width - 1] + "…"
        return clean.rjust(width) if right else clean.ljust(width)
    size = cell_len(clean)
    if size > width:
        return set_cell_size(clean, width - 1) + "…"
    pad = " " * (width - size)
    return pad + clean if right else clean + pad


def clip(text: str, width: int) -> str:
    """``text`` in at most ``width`` cells, without padding."""
    return fit(text, width).rstrip() if cell_len(text) > width else one_line(text)


def length(line: Iterable[Span]) -> int:
    """Cells a line takes."""
    return sum(cell_len(text) for text, _ in line)


def widest(texts: Iterable[str], least: int = 0) -> int:
    """Cells of the widest of them, or ``least``."""
    return max([least, *map(cell_len, texts)])


def cut(line: Line, width: int) -> Line:
    """The line in at most ``width`` cells, an ellipsis where something was cut off."""
    if length(line) <= width:
        return line
    out: list[Span] = []
    left = width
    for text, tone in line:
        size = cell_len(text)
        if size >= left:
            out.append((fit(text + " …" if size == left else text, left), tone))
            break
        out.append((text, tone))
        left -= size
    return tuple(out)


def wrapped(line: Line, width: int) -> list[Line]:
    """The line's words over as many lines as they need, no line wider than ``width``."""
    lines: list[list[Span]] = [[]]
    used = 0
    for text, tone in line:
        for i, word in enumerate(text.split(" ")):
            piece = (" " if i else "") + word
            size = cell_len(piece)
            if used and used + size > width:
                lines.append([])
                piece, used = piece.lstrip(" "), 0
            while cell_len(piece) > width:
                taken = _chars_in(piece, width)
                lines[-1].append((piece[:taken], tone))
                piece = piece[taken:]
                lines.append([])
            if piece:
                lines[-1].append((piece, tone))
            used += cell_len(piece)
    return [merged(each) for each in lines]


def wrapped_in(line: Line, width: int, most: int) -> list[Line]:
    """``wrapped``, but at most so many lines: what is too much is cut off at the end of the last."""
    pieces = wrapped(line, width)
    if len(pieces) <= most:
        return pieces
    rest: list[Span] = []
    for piece in pieces[most - 1 :]:
        if rest:
            rest.append((" ", "muted"))
        rest += piece
    return [*pieces[: most - 1], cut(merged(rest), width)]


def _chars_in(text: str, width: int) -> int:
    """How many characters fit in ``width`` cells; at least one, so that there is always progress."""
    used = 0
    for i, character in enumerate(text):
        used += get_character_cell_size(character)
        if used > width:
            return max(1, i)
    return len(text)


def merged(line: Iterable[Span]) -> Line:
    """Neighbours of the same tone as one span."""
    out: list[Span] = []
    for text, tone in line:
        if out and out[-1][1] == tone:
            out[-1] = (out[-1][0] + text, tone)
        else:
            out.append((text, tone))
    return tuple(out)


def joined(parts: Iterable[Line | Span | None], joint: str = " · ") -> Line:
    """Parts with a muted joint between them; None and empty parts are left out."""
    out: list[Span] = []
    for part in parts:
        if not part or part[0] == "":
            continue
        if out:
            out.append((joint, "muted"))
        if isinstance(part[0], str):
            out.append(part)
        else:
            out.extend(part)
    return tuple(out)


def fitting(parts: Iterable[Line | Span | None], width: int) -> Line:
    """``joined``, leaving out the parts that do not fit; the first is cut rather than left out."""
    kept: list[Line | Span] = []
    for part in parts:
        if not part:
            continue
        if kept and length(joined([*kept, part])) > width:
            if width - length(joined(kept)) >= _WORTH_CUTTING and isinstance(part[0], str):
                return cut(joined([*kept, part]), width)
            continue
        kept.append(part)
    return cut(joined(kept), width)


def spark(values: Sequence[float | None], width: int, ceiling: float, *, per_cell: int = 1, end: int = 0) -> str:
    """The newest values as blocks, ``per_cell`` of them a cell (their greatest), newest at the right; blank: no value.

    ``end`` counts all values there ever were: cells are cut at its multiples of ``per_cell``, so that a cell keeps
    its values while they move left. ``ceiling`` is the full block.
    """
    if width <= 0:
        return ""
    newest = end % per_cell or per_cell if per_cell > 1 else 1
    cells: list[str] = []
    at = len(values)
    take = newest
    while at > 0 and len(cells) < width:
        chunk = [v for v in values[max(0, at - take) : at] if v is not None]
        cells.append(block(max(chunk), ceiling) if chunk else " ")
        at -= take
        take = per_cell
    return "".join(reversed(cells)).rjust(width)


def block(value: float, ceiling: float) -> str:
    """One value as one of eight blocks."""
    share = value / ceiling if ceiling > 0 else 0.0
    return BLOCKS[max(0, min(7, int(share * 8)))]


def bar(share: float, width: int) -> tuple[str, str]:
    """A progress bar as its full and its empty part."""
    full = max(0, min(width, round(share * width)))
    return "█" * full, "░" * (width - full)


def beside(left: Sequence[Line], right: Sequence[Line], width: int, gap: int) -> list[Line]:
    """Two blocks side by side, the first in ``width`` cells."""
    out: list[Line] = []
    for row in range(max(len(left), len(right))):
        first = left[row] if row < len(left) else BLANK
        second = right[row] if row < len(right) else BLANK
        out.append((*first, (" " * (width - length(first) + gap), "muted"), *second) if second else first)
    return out
