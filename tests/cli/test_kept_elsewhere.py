"""While the log cannot be written, what is kept elsewhere is told by ``log`` and in the report, marked as such."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from tests.golden import golden
from tests.journal.journal_support import hash_of, lines_of, log_at, note
from upgrade_tui.cli.log import log
from upgrade_tui.cli.report import report
from upgrade_tui.cli.verify import verify
from upgrade_tui.directory.paths import PLAN, kept_directory
from upgrade_tui.window.events import LogFenced

MARK = "[kept elsewhere, not in the log yet]"


@pytest.fixture
def window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A window without a conductor: seven events are in the log, two are kept in the runtime directory."""
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    told = golden("opened")
    lines = lines_of([r.event for r in told.records[:7]])
    directory = tmp_path / "w"
    log_at(directory, lines)
    (directory / PLAN).write_text(told.plan_text, encoding="utf-8")
    fenced = LogFenced(error="EROFS", segment="log.jsonl")
    kept = kept_directory(directory)
    log_at(kept, lines_of([fenced, note("undone by hand")], seq=8, prev=hash_of(lines[-1])), "log.0002.jsonl")
    kept.parent.chmod(0o700)
    return directory


def ran(command: object, *arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments))  # type: ignore[arg-type]


def test_log_tells_them_behind_the_others_and_marks_them(window: Path) -> None:
    result = ran(log, "--window", str(window))
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert len(lines) == 9
    assert [line.endswith(MARK) for line in lines] == [False] * 7 + [True] * 2
    assert "noted: undone by hand" in lines[-1]
    assert f"2 events are kept in {kept_directory(window)}, and are not in the log yet" in result.stderr


def test_log_as_json_marks_them_too(window: Path) -> None:
    lines = [msgspec.json.decode(line) for line in ran(log, "--json", "--window", str(window)).stdout.splitlines()]
    assert [line.get("elsewhere", False) for line in lines] == [False] * 7 + [True] * 2
    assert ran(log, "--json", "--since", "8", "--window", str(window)).stdout.count("\n") == 1


def test_the_report_has_them_and_says_where_they_are(window: Path) -> None:
    made = msgspec.json.decode(ran(report, str(window), "--stdout", "json").stdout)
    assert [entry["text"].endswith(MARK) for entry in made["timeline"]] == [False] * 7 + [True] * 2
    said = f"2 events are kept in {kept_directory(window)}, and are not in the log yet"
    assert made["integrity"]["elsewhere"] == said
    assert made["integrity"]["last"] == 9
    assert "not in the log yet\\*\\*" in ran(report, str(window), "--stdout", "md").stdout.replace("**", "\\*\\*")
    assert said in ran(verify, str(window)).output


def test_what_does_not_continue_the_log_is_not_told_as_if_it_did(window: Path) -> None:
    (window / "log.jsonl").write_bytes(b"".join((window / "log.jsonl").read_bytes().splitlines(keepends=True)[:5]))
    result = ran(log, "--window", str(window))
    assert len(result.stdout.splitlines()) == 5
    made = msgspec.json.decode(ran(report, str(window), "--stdout", "json").stdout)
    assert len(made["timeline"]) == 5
