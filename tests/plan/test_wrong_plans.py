"""Wrong plans and all that is said about each: ``wrong/NAME.toml`` and, word for word, ``wrong/NAME.txt``.

To record anew after a change of words: UPGRADE_TUI_RECORD=1 pytest tests/plan/test_wrong_plans.py, then read the diff.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from upgrade_tui.plan.positions import Positions
from upgrade_tui.plan.reader import PlanError, check_plan, decode_file, read_plan

WRONG = Path(__file__).parent / "wrong"
PLANS = sorted(WRONG.glob("*.toml"))
ONLY_WARNED = {"no-lead", "way-back-accepted", "way-back-accepted-for-nothing"}


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_every_mistake_is_named_with_its_place(path: Path) -> None:
    plan, diagnostics = check_plan(decode_file(path), path.name)
    said = "".join(f"{d.severity}: {d}\n" for d in diagnostics)
    record = path.with_suffix(".txt")
    if os.environ.get("UPGRADE_TUI_RECORD"):
        record.write_text(said, encoding="utf-8")
    assert said == record.read_text(encoding="utf-8")
    assert (plan is None) == (path.stem not in ONLY_WARNED)


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_places_point_at_what_the_message_names(path: Path) -> None:
    text = decode_file(path)
    lines = text.split("\n")
    for found in check_plan(text, path.name)[1]:
        assert 1 <= found.line <= len(lines), str(found)
        line = lines[found.line - 1]
        assert found.column <= len(line) + 1, str(found)
        if found.message.startswith("unknown key `"):
            key = found.message.split("`")[1]
            assert line[found.column - 1 :].lstrip('"').startswith(key), str(found)


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_without_positions_the_key_path_is_named_instead(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = check_plan(decode_file(path), path.name)[1]
    monkeypatch.setattr("upgrade_tui.plan.reader.positions", lambda text: Positions({}))
    monkeypatch.setattr("upgrade_tui.plan.syntax.positions", lambda text: Positions({}))
    after = check_plan(decode_file(path), path.name)[1]
    assert len(after) == len(before)
    for found in after:
        if found.path and not found.line:
            assert str(found).startswith(f"{path.name}: {found.path}: ")


def test_read_plan_raises_all_errors_as_one(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text('[window]\nid = "w"\ntitel = "W"\nstart = "now"\nduration = "1"\n', encoding="utf-8")
    with pytest.raises(PlanError) as caught:
        read_plan(path)
    assert [(d.line, d.column) for d in caught.value.diagnostics if d.severity == "error"] == [(1, 1), (3, 1), (5, 12)]
    assert str(caught.value).splitlines()[1].startswith(f"{path}:3:1: unknown key `titel`; did you mean `title`?")


def test_text_that_is_not_utf8_is_refused_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_bytes(b'[window]\nid = "\xc3\xa9\xff"\n')
    with pytest.raises(PlanError, match=r"p\.toml:2:8: this is not UTF-8 text \(byte 0xff\)"):
        read_plan(path)


def test_without_the_parser_for_positions_everything_is_still_found(monkeypatch: pytest.MonkeyPatch) -> None:
    path = WRONG / "names.toml"
    monkeypatch.setitem(sys.modules, "tree_sitter_toml", None)
    plan, found = check_plan(decode_file(path), path.name)
    assert plan is None
    assert len(found) == len((WRONG / "names.txt").read_text(encoding="utf-8").splitlines())
    assert 'names.toml: steps[0].on[1]: no host or group is called "frnt"; did you mean `front`?' in map(str, found)


@pytest.mark.parametrize("name", ["title", "note", "run"])
def test_a_header_has_one_line_whatever_key_it_is_called_like(name: str) -> None:
    plan = f'[[canaries]]\nname = "c"\nhttp = "http://h"\nheaders = {{ {name} = "a\\nb" }}\n'
    said = [found for found in check_plan(plan, "p.toml")[1] if found.line == 4]
    assert [(found.severity, found.message) for found in said] == [("error", f"`{name}` has a line break in it")]


def test_a_kind_that_is_none_is_the_only_mistake_of_a_step_that_is_right_for_what_was_meant() -> None:
    window = '[window]\nid = "w"\ntitle = "W"\nstart = "now"\nduration = "4h"\n[people]\nmei = { role = "lead" }\n'
    step = '[[steps]]\nid = "soak"\ntitle = "Soak"\nkind = "baek"\nbake = "10m"\nestimate = "10m"\n'
    said = [found.path for found in check_plan(window + step, "p.toml")[1] if found.severity == "error"]
    assert said == ["steps[0].kind"]
