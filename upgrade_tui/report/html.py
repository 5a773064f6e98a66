"""The report as one HTML file that needs nothing else: styles, scripts and curves are inside.

Foreign text: Jinja2's autoescape everywhere, JSON with ``<``, ``>`` and ``&`` escaped, and a Content-Security-Policy
that runs only the two scripts whose hashes it names and loads nothing at all.
"""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import msgspec

from upgrade_tui import units
from upgrade_tui.report import shared_lines, times
from upgrade_tui.report.model import ChartSeries, Report
from upgrade_tui.report.picture import offset_of, picture

if TYPE_CHECKING:
    from jinja2 import Template

_TIMELINE_LIMIT = 1_000
"""Entries of the timeline; a longer one leaves entries out, and says so."""


def render_html(report: Report) -> str:
    scripts = (_asset("uPlot.iife.min.js"), _asset("report.js"))
    shown, left_out = shared_lines.timeline_for(report.timeline, _TIMELINE_LIMIT)
    return _template().render(
        r=report, s=report.summary, n=report.numbers, picture=picture(report), timeline=shown, left_out=left_out,
        curves=_json(_curves(report)) if _drawn(report) else "", scripts=scripts if _drawn(report) else scripts[1:],
        csp=_policy(scripts), styles=(_asset("uPlot.min.css"), _asset("report.css")),
        license=_asset("LICENSE-uPlot"),
    )  # fmt: skip


def _drawn(report: Report) -> bool:
    return len(report.charts.slack.x) > 1 or bool(report.charts.cpu or report.charts.latency)


def _policy(scripts: tuple[str, ...]) -> str:
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" for script in scripts
    )
    return (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src {hashes}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _curves(report: Report) -> dict[str, Any]:
    charts = report.charts
    return {
        "offset": offset_of(report),
        "zone": report.zone,
        "charts": [
            {"id": name, "unit": unit, "series": [_points(series) for series in curves]}
            for name, unit, curves in (
                ("slack", "min", (charts.slack,)), ("cpu", "%", charts.cpu), ("latency", "ms", charts.latency),
            )
            if any(len(series.x) > 1 for series in curves)
        ],
    }  # fmt: skip


def _points(series: ChartSeries) -> dict[str, object]:
    return {"name": series.name, "x": series.x, "y": series.y}


def _json(value: object) -> str:
    """JSON that is safe between script tags: no ``<`` can end the element, nothing can open a comment."""
    text = msgspec.json.encode(value).decode()
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


@lru_cache(maxsize=8)
def _asset(name: str) -> str:
    return (files("upgrade_tui.report") / "assets" / name).read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def _template() -> Template:
    """Jinja2 is imported here: nothing but the HTML report needs it."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("upgrade_tui.report"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.globals |= {"words": shared_lines, "times": times, "units": units, "glyphs": shared_lines.GLYPHS}
    environment.filters |= {"slug": _slug}
    return environment.get_template("report.html.j2")


_CLASSES = {*shared_lines.GLYPHS, "planned", "tick", "margin", "now", "window start", "window end"}


def _slug(word: str) -> str:
    """A state's word as a class name; a word that is none of ours gives "other"."""
    return word.replace(" ", "-") if word in _CLASSES else "other"
