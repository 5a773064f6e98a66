"""One row an event: whoever adds a kind without its row, or a second list of kinds somewhere, is told here."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given

import upgrade_tui
from tests.window.small import small_plan
from tests.window.strategies import EVENTS, calmly, record_lists
from tests.window.test_sentences import made
from upgrade_tui.report.decisions import weight
from upgrade_tui.report.model import EntryWeight as ReportWeight
from upgrade_tui.tui.glyphs import TONES
from upgrade_tui.window import clock
from upgrade_tui.window import events as ev
from upgrade_tui.window.event_row import Row, Tone, Weight
from upgrade_tui.window.event_table import ROW_OF, ROWS, moves_the_clock, notice
from upgrade_tui.window.fold import fold
from upgrade_tui.window.notifications import notification
from upgrade_tui.window.sentences import sentence
from upgrade_tui.window.state import WindowState, initial

PACKAGE = Path(upgrade_tui.__file__).parent


def test_every_event_has_one_row_and_every_row_an_event() -> None:
    assert set(ROWS) == set(EVENTS)
    assert [kind for kind, row in ROW_OF.items() if row.kind != kind] == []
    assert len(ROW_OF) == len(EVENTS)


@pytest.mark.parametrize("kind", EVENTS, ids=lambda k: k.__name__)
def test_sentence_notice_tone_bell_and_weight_of_every_kind_come_from_its_row(kind: type) -> None:
    event = made(kind)
    said = notice(event)
    assert sentence(event)
    assert said.weight in get_args(Weight)
    assert said.tone in get_args(Tone)
    assert said.tone in TONES
    assert weight(event) in get_args(ReportWeight)
    rings = notification(ev.Record(seq=1, ts=0.0, mono=0.0, boot="b", actor="mei", event=event), {})
    assert (rings is not None) == (said.weight == "rings")
    assert rings is None or rings.title == said.title


@pytest.mark.parametrize("row", ROWS.values(), ids=lambda row: row.kind)
def test_a_kind_whose_meaning_changed_says_what_changed(row: Row) -> None:
    assert row.v >= 1
    assert (row.v > 1) == bool(row.changed)


def way_back(state: WindowState) -> tuple[float, float, str]:
    """What "rollback by" is made of."""
    return clock.rollback_cost(state), state.end, state.no_return


@calmly
@given(record_lists(40))
def test_only_what_its_row_says_moves_the_clock(records: list[ev.Record]) -> None:
    state = initial(small_plan())
    for record in records:
        before, state = way_back(state), fold(state, record)
        assert way_back(state) == before or moves_the_clock(record.event), sentence(record.event)


PROJECTIONS = {"report/history.py"}  # a fold of its own: it says what it keeps of events, not how much they matter


def listed(path: Path) -> list[int]:
    """Lines where more than four kinds of events stand in one dict, tuple, list or set."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        members = node.keys if isinstance(node, ast.Dict) else getattr(node, "elts", [])
        kinds = [m for m in members if isinstance(m, ast.Attribute) and isinstance(m.value, ast.Name)]
        if sum(m.value.id == "ev" for m in kinds if isinstance(m.value, ast.Name)) > 4:
            found.append(node.lineno)  # type: ignore[attr-defined]
    return found


def test_nobody_keeps_a_list_of_event_kinds_of_their_own() -> None:
    paths = {str(path.relative_to(PACKAGE)): path for path in PACKAGE.rglob("*.py")}
    assert {name: listed(path) for name, path in paths.items() if name not in PROJECTIONS and listed(path)} == {}


def test_the_document_tells_every_kind_its_version_and_what_changed() -> None:
    document = (PACKAGE.parent / "docs/log-format.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `([a-z.]+)` \| (\d+) \| ?(.*?) ?\|$", document, flags=re.MULTILINE)
    assert told == [(kind, str(row.v), row.changed) for kind, row in ROW_OF.items()]
