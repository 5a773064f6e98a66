"""Writing the report's files: all that were asked for, each whole or not at all, readable by their owner only."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable
from datetime import tzinfo
from pathlib import Path
from typing import Literal, get_args

import msgspec

from upgrade_tui.directory.paths import REPORT
from upgrade_tui.report import markdown, tables
from upgrade_tui.report.load import load
from upgrade_tui.report.model import Report

Format = Literal["md", "html", "json", "csv"]
FORMATS: tuple[Format, ...] = get_args(Format)


def write_report(
    directory: Path, out: Path | None = None, formats: Iterable[Format] = FORMATS, *, zone: tzinfo | None = None
) -> list[Path]:
    """Make the report on the window in ``directory`` and write it to ``out``, left out: the window's ``report/``.

    Returns the files written. Raises what ``load`` and ``save`` raise.
    """
    return save(load(directory, zone=zone), out or directory / REPORT, formats)


def save(report: Report, out: Path, formats: Iterable[Format] = FORMATS) -> list[Path]:
    """Write ``report`` into the directory ``out``, made (0700) if it is not there. Raises OSError.

    A file appears complete or stays as it was, so that nobody ever reads half a report.
    """
    out.mkdir(parents=True, exist_ok=True, mode=0o700)
    texts = [(name, text) for fmt in dict.fromkeys(formats) for name, text in rendered(report, fmt)]
    return [_replace(out / name, text) for name, text in texts]


def rendered(report: Report, fmt: Format) -> list[tuple[str, str]]:
    """The files of one format: name and text."""
    return [(name, make(report)) for name, make in _FILES[fmt]]


def json_text(report: Report) -> str:
    """``report.json``: the model as it is, indented, ending in a newline."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2).decode() + "\n"


def _html(report: Report) -> str:
    """Jinja2 is imported only where HTML is asked for."""
    from upgrade_tui.report import html

    return html.render_html(report)


_FILES: dict[Format, tuple[tuple[str, Callable[[Report], str]], ...]] = {
    "md": (("report.md", markdown.render_markdown),),
    "html": (("report.html", _html),),
    "json": (("report.json", json_text),),
    "csv": (("steps.csv", tables.steps_csv), ("timeline.csv", tables.timeline_csv)),
}


def _replace(path: Path, text: str) -> Path:
    """Write beside it (0600, as ``mkstemp`` does), then rename over it."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return path
