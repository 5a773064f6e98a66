"""Markdown, HTML and CSV: exact pictures, and that no foreign text is ever more than text in them."""

from __future__ import annotations

import base64
import csv
import hashlib
import html as html_library
import io
import json
import re
import subprocess
from functools import lru_cache
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from msgspec.structs import replace
from syrupy.assertion import SnapshotAssertion

from tests.golden import MOMENTS
from tests.report.report_support import opened, report_of, small_plan, told
from tests.support import require
from upgrade_tui.foreign import one_line
from upgrade_tui.report import html, markdown, shared_lines, tables
from upgrade_tui.report.build import build_report
from upgrade_tui.report.measured import CanaryTelemetry, HostTelemetry, ReportTelemetry, thinned
from upgrade_tui.report.model import Report
from upgrade_tui.window import events as ev

EVIL = (
    "</script><script>document.title='owned'</script>",
    "<img src=x onerror=\"document.title='owned'\">",
    "\"><svg onload=alert(1)>' x='",
    "{{ 7*7 }}{% raw %}",
    "[click](javascript:alert(1)) ![x](http://evil.example/p.png) <http://evil.example>",
    "| --- | **bold** `code` ~~gone~~ # heading",
    "=cmd|'/C calc'!A0",
    "&lt;b&gt; &#60;b&#62;",
    "<!-- --> <![CDATA[ ]]> \\ \\| \\<b>",
)


@lru_cache(maxsize=1)
def evil_report() -> Report:
    """Every text of people, hosts and plan tries to be more than text."""
    text = " ".join(EVIL)
    records = told(
        (0, opened(), text),
        (1, ev.OperatorAttached(login=text, role="observer", client=1, terminal=text)),
        (2, ev.StepIntent(step="one", attempt=1, batches=(("web1",),), override=text), text),
        (2, ev.TaskStarted(step="one", host="web1", attempt=1)),
        (3, ev.TaskFinished(step="one", host="web1", attempt=1, exit=1, seconds=5, last_line=text)),
        (3, ev.StepFinished(step="one", attempt=1, reason=text)),
        (4, ev.CanaryVerdict(canary="web", verdict="failing", before="healthy", detail=text)),
        (4, ev.HostFacts(host="web1", kernel=text, boot_id="b", cores=1, memory=1, sampler=text)),
        (4, ev.UnitChanged(host="web1", unit=text, before=text, after=text)),
        (5, ev.LimitCrossed(host="web1", metric=text, value=99, limit=90, what=text)),
        *[(6.0, ev.NoteAdded(text=evil, step="one", host="web1", mark="bad"), evil) for evil in EVIL],
        (7, ev.WindowClosed(outcome="abandoned", reason=text), text),
    )  # fmt: skip
    curve = ((1.0, 1.0), (2.0, None), (3.0, 2.0))
    telemetry = ReportTelemetry(
        hosts={text: HostTelemetry(cpu_max=9.0, cpu=curve)}, canaries={text: CanaryTelemetry(good=1, latency=curve)},
        trouble=text,
    )  # fmt: skip
    return build_report(small_plan(text, text), records, telemetry)


# -- Markdown -----------------------------------------------------------------------------------------------------


def test_the_golden_night_as_markdown(snapshot: SnapshotAssertion) -> None:
    assert markdown.render_markdown(report_of("closed")) == snapshot


def _shown(text: str) -> str:
    return " ".join(html_library.unescape(re.sub(r"<[^>]*>", "", text)).split())


_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=40)
_ACTIVE_TEXT = st.text("\\`*_[]()<>&|~#+-=.!0123456789 ahtps:/wW\"'{}", max_size=30)


@settings(max_examples=200, deadline=None)
@given(text=_TEXT | _ACTIVE_TEXT)
def test_escaped_text_shows_as_exactly_itself_in_a_paragraph_a_list_and_a_table(text: str) -> None:
    text = one_line(text)
    renderer = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    wanted = " ".join(text.split())
    escaped = markdown.escaped(text)
    if wanted:
        paragraph = renderer.render(f"x {escaped}")
        assert _shown(paragraph.replace("<p>", "").replace("</p>", "")) == f"x {wanted}"
        assert renderer.render(f"- {escaped}").count("<") == 4  # ul and li, and nothing of the text
    table = renderer.render(f"| a | b |\n| --- | --- |\n| {escaped} | z |")
    assert table.count("<td>") == 2
    cell = table.split("<td>")[1].split("</td>")[0]
    assert "<" not in cell
    assert " ".join(html_library.unescape(cell).split()) == wanted


@pytest.mark.parametrize("report", [evil_report(), report_of("closed", hostile=True)], ids=["evil", "hostile"])
def test_markdown_of_a_hostile_window_has_no_link_image_or_html(report: Report) -> None:
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(markdown.render_markdown(report))
    kinds = {token.type for token in tokens} | {c.type for token in tokens for c in token.children or ()}
    assert not kinds & {"html_block", "html_inline", "link_open", "image", "fence", "code_block", "blockquote_open"}
    assert sum(token.type == "heading_open" and token.tag == "h1" for token in tokens) == 1


def test_a_long_markdown_timeline_leaves_out_routine_events_and_says_how_many() -> None:
    text = markdown.render_markdown(report_of("closed"))
    routine = sum(entry.weight == "routine" for entry in report_of("closed").timeline)
    assert f"{routine} events left out" in text
    assert "runs on db1" not in text


def test_an_endless_log_gives_a_report_of_bearable_length_that_says_what_is_missing() -> None:
    entry = report_of("closed").timeline[-1]
    flapping = tuple(replace(entry, seq=i, weight="bad" if i % 2 else "normal") for i in range(1, 50_001))
    shown, left_out = shared_lines.timeline_for(flapping, 1_000)
    assert (len(shown), left_out) == (10_000, 40_000)
    assert {e.weight for e in shown} == {"bad"}
    assert shown[-1].seq == 49_999


# -- HTML ---------------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """The tags and attributes of a page, its ids, its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self._inside: dict[str, str | None] | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag == "script":
            self._inside = dict(attrs)
            self.scripts.append((self._inside, ""))

    def handle_data(self, data: str) -> None:
        if self._inside is not None:
            self.scripts[-1] = (self._inside, self.scripts[-1][1] + data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._inside = None

    def ids(self) -> list[str]:
        return [value for _, name, value in self.attributes if name == "id"]


_ALLOWED = frozenset((
    "html", "head", "meta", "title", "style", "body", "header", "p", "h1", "h2", "h3", "span", "nav", "a", "main",
    "section", "div", "dl", "dt", "dd", "ul", "li", "b", "br", "table", "thead", "tbody", "tr", "th", "td", "i", "time",
    "input", "label", "footer", "code", "details", "summary", "pre", "noscript", "script",
))  # fmt: skip


@pytest.mark.parametrize("report", [evil_report(), report_of("closed", hostile=True)], ids=["evil", "hostile"])
def test_html_of_a_hostile_window_has_only_our_tags_and_no_handler(report: Report) -> None:
    page = Page(html.render_html(report))
    assert set(page.tags) <= _ALLOWED
    assert not [name for _, name, _ in page.attributes if name.startswith("on") or name in ("src", "srcset", "action")]
    assert all(value.startswith("#") for _, name, value in page.attributes if name == "href")
    assert len(page.scripts) == 3


def test_html_shows_hostile_text_as_it_is() -> None:
    text = html.render_html(evil_report())
    for evil in EVIL:
        shown = (
            html_library.escape(" ".join(one_line(evil).split())).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")
        )
        assert shown in text


def test_the_policy_of_the_page_allows_exactly_its_own_scripts_and_no_loading() -> None:
    page = Page(html.render_html(evil_report()))
    policy = next(value for tag, name, value in page.attributes if name == "content" and "default-src" in value)
    directives = dict(part.split(" ", 1) for part in policy.split("; "))
    assert directives["default-src"] == "'none'"
    assert "unsafe" not in directives["script-src"]
    run = [body for attributes, body in page.scripts if attributes.get("type") != "application/json"]
    hashes = {f"'sha256-{base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()}'" for body in run}
    assert hashes == set(directives["script-src"].split())


def test_the_curves_are_json_that_cannot_leave_its_element() -> None:
    page = Page(html.render_html(evil_report()))
    body = next(body for attributes, body in page.scripts if attributes.get("type") == "application/json")
    assert not set("<>&") & set(body)
    names = [series["name"] for chart in json.loads(body)["charts"] for series in chart["series"]]
    assert any("</script>" in name for name in names)


@pytest.mark.parametrize("moment", MOMENTS)
def test_every_id_is_there_once_and_every_link_leads_somewhere(moment: str) -> None:
    page = Page(html.render_html(report_of(moment)))
    ids = page.ids()
    assert len(ids) == len(set(ids))
    assert {value[1:] for _, name, value in page.attributes if name == "href"} <= set(ids)


def test_every_state_has_a_glyph_and_its_word_beside_the_bars() -> None:
    text = html.render_html(report_of("trouble"))
    assert "? unknown" in text
    assert "✓ done" in text
    assert "‖" in text


def test_what_stands_out_of_a_curve_is_not_thinned_away() -> None:
    points = [(float(i), 5.0) for i in range(10_000)]
    points[6_543] = (6_543.0, -99.0)
    kept = thinned(points, 100)
    assert len(kept) <= 200
    assert (6_543.0, -99.0) in kept
    assert [x for x, _ in kept] == sorted(x for x, _ in kept)


def test_a_browser_draws_the_curves_and_runs_nothing_else(tmp_path: Path) -> None:
    require("chromium")
    page = tmp_path / "report.html"
    page.write_text(html.render_html(evil_report()), encoding="utf-8")
    done = subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
         f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=2000", "--dump-dom", page.as_uri()],
        capture_output=True, timeout=120, check=True,
    )  # fmt: skip
    shown = done.stdout.decode()
    assert shown.count("<canvas") == 3  # slack, CPU, latency
    assert "<title>owned" not in shown
    assert "document.title='owned'</script" not in shown.partition("<body")[0]


# -- CSV ----------------------------------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(text=st.text("=+-@\t\r\n ＝＋－＠'ab1|%", max_size=8))
def test_no_cell_begins_as_a_formula(text: str) -> None:
    cell = tables.neutral(text)
    assert not cell.lstrip().startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠"))
    assert not cell.startswith(("\t", "\r", "\n"))
    assert cell.removeprefix("'") == text or cell == text


def test_csv_of_a_hostile_window_reads_back_with_every_formula_neutral() -> None:
    report = evil_report()
    for text in (tables.steps_csv(report), tables.timeline_csv(report)):
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        assert rows
        cells = [value for row in rows for name, value in row.items() if not name.endswith("seconds")]
        assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


def test_timeline_csv_has_every_event_and_steps_csv_numbers_that_stay_numbers() -> None:
    report = report_of("closed")
    timeline = list(csv.DictReader(io.StringIO(tables.timeline_csv(report), newline="")))
    assert [int(row["seq"]) for row in timeline] == [entry.seq for entry in report.timeline]
    assert timeline[0]["utc"] == "2026-11-21T13:52:10Z"
    assert timeline[0]["local"] == "2026-11-21T21:52:10+08:00"
    steps = {row["id"]: row for row in csv.DictReader(io.StringIO(tables.steps_csv(report), newline=""))}
    assert float(steps["announce"]["deviation_seconds"]) == -10.0
