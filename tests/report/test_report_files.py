"""From a window's directory to files: read, written whole, the same each time; and the command over it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from tests.golden import golden
from tests.report.report_support import window_at, with_telemetry
from upgrade_tui.cli.attach import export_report
from upgrade_tui.cli.exits import Exit
from upgrade_tui.cli.report import report as command
from upgrade_tui.cli.status import status
from upgrade_tui.cli.windows import windows
from upgrade_tui.directory.windows import look
from upgrade_tui.journal.errors import MissingLogError
from upgrade_tui.report.load import load
from upgrade_tui.report.model import Report
from upgrade_tui.report.write import FORMATS, save, write_report

NAMES = {"report.md", "report.html", "report.json", "steps.csv", "timeline.csv"}


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """The directory of the golden night, closed, with telemetry."""
    return with_telemetry(window_at(tmp_path / "w", golden("closed")), golden("closed"))


def test_all_files_are_written_into_the_windows_report_directory_for_their_owner_only(closed: Path) -> None:
    old = os.umask(0o022)
    try:
        paths = write_report(closed)
    finally:
        os.umask(old)
    assert {path.name for path in paths} == NAMES == {path.name for path in (closed / "report").iterdir()}
    assert {path.stat().st_mode & 0o777 for path in paths} == {0o600}
    assert (closed / "report").stat().st_mode & 0o777 == 0o700


def test_the_same_log_gives_the_same_bytes(closed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = {path.name: path.read_bytes() for path in write_report(closed, tmp_path / "a")}
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert {path.name: path.read_bytes() for path in write_report(closed, tmp_path / "b")} == first
    assert {
        path.name: path.read_bytes() for path in write_report(closed, tmp_path / "a")
    } == first  # over what is there


def test_json_is_the_model_and_reads_back_as_it(closed: Path) -> None:
    write_report(closed, formats=["json"])
    text = (closed / "report" / "report.json").read_bytes()
    assert msgspec.json.decode(text, type=Report) == load(closed)


def test_telemetry_gives_figures_and_curves_in_which_no_spike_is_lost(closed: Path) -> None:
    report = load(closed)
    hosts = {row.host: row for row in report.hosts}
    assert (hosts["db1"].cpu_max, hosts["api1"].cpu_max, hosts["api1"].cpu_mean) == (97.0, 40.0, 40.0)
    assert (hosts["db1"].memory_max, hosts["db1"].disk_max) == (50.0, 70.0)
    assert report.charts.cpu[0].name == "db1"
    assert max(y for y in report.charts.cpu[0].y if y is not None) == 97.0
    canaries = {row.name: row for row in report.canaries}
    assert (canaries["orders health"].worst_latency, canaries["orders health"].latency_p95) == (2.5, 0.1)
    assert canaries["certificate"].answers_unknown > 0
    assert canaries["certificate"].answers_good == 0


def test_without_telemetry_the_report_says_that_it_is_missing(tmp_path: Path) -> None:
    report = load(window_at(tmp_path / "w", golden("closed")))
    assert not report.telemetry
    assert report.hosts[0].cpu_max is None


def test_unreadable_telemetry_is_told_and_stops_nothing(tmp_path: Path) -> None:
    window = window_at(tmp_path / "w", golden("closed"))
    (window / "telemetry.sqlite").write_bytes(b"this is no database, but it is long enough to be taken for one" * 99)
    report = load(window)
    assert "telemetry.sqlite" in report.telemetry_trouble
    assert str(tmp_path) not in report.telemetry_trouble
    assert report.numbers.steps_done == 14


def test_the_head_of_the_log_is_in_the_report(closed: Path) -> None:
    last = json.loads((closed / "log.jsonl").read_bytes().splitlines()[-1])
    assert load(closed).integrity.head == last["h"]


def test_a_line_still_being_written_is_left_out(tmp_path: Path) -> None:
    window = window_at(tmp_path / "w", golden("rollout"))
    before = load(window)
    with (window / "log.jsonl").open("ab") as log:
        log.write(b'{"v":1,"seq":9')
    assert load(window) == before
    assert before.interim


def test_a_damaged_log_gives_a_report_that_ends_before_the_damage(closed: Path) -> None:
    lines = (closed / "log.jsonl").read_bytes().splitlines(keepends=True)
    lines[99] = lines[99].replace(b'"ts":1', b'"ts":2')
    (closed / "log.jsonl").write_bytes(b"".join(lines))
    report = load(closed)
    assert report.integrity.records == 99
    assert "log.jsonl:100" in report.integrity.damage


def test_a_file_that_cannot_be_replaced_stays_as_it_was(closed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = load(closed)
    (path,) = save(report, closed / "report", ["md"])
    before = path.read_bytes()

    def fails(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(OSError, match="No space left"):
        save(msgspec.structs.replace(report, zone="elsewhere"), closed / "report", ["md"])
    assert path.read_bytes() == before
    assert [p.name for p in (closed / "report").iterdir()] == ["report.md"]


def test_a_directory_without_a_log_is_named(tmp_path: Path) -> None:
    window = window_at(tmp_path / "w", golden("opened"))
    (window / "log.jsonl").unlink()
    with pytest.raises(MissingLogError):
        load(window)


# -- the command ----------------------------------------------------------------------------------------------------


def run(*arguments: str | Path):  # type: ignore[no-untyped-def]
    """``upgrade-tui report`` with these arguments."""
    return CliRunner().invoke(command, [str(a) for a in arguments])


def test_the_command_prints_the_paths_it_wrote(closed: Path) -> None:
    done = run(closed)
    assert done.exit_code == 0
    assert {Path(line).name for line in done.stdout.splitlines()} == NAMES


def test_the_command_writes_only_what_is_asked_for_where_it_is_asked_for(closed: Path, tmp_path: Path) -> None:
    done = run(closed, "--out", tmp_path / "there", "--format", "md, csv")
    assert done.exit_code == 0
    assert {path.name for path in (tmp_path / "there").iterdir()} == {"report.md", "steps.csv", "timeline.csv"}
    assert not (closed / "report").exists()


def test_the_command_finds_a_window_by_its_id(closed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    place = tmp_path / "state" / "upgrade-tui" / "windows"
    place.mkdir(parents=True)
    closed.rename(place / "2026-11-21-orders-pg16")
    assert run("2026-11-21-orders-pg16", "--format", "md").exit_code == 0
    missing = run("nothing-like-that")
    assert missing.exit_code == Exit.UNAVAILABLE
    assert "nothing-like-that" in missing.stderr


def test_stdout_gets_the_report_and_no_file_is_written(closed: Path) -> None:
    done = run(closed, "--stdout", "md")
    assert done.stdout.startswith("# Orders platform")
    assert json.loads(run(closed, "--stdout", "json").stdout)["format"] == 1
    assert not (closed / "report").exists()


def test_a_running_window_gets_an_interim_report_that_says_so(tmp_path: Path) -> None:
    done = run(window_at(tmp_path / "w", golden("rollout")))
    assert done.exit_code == 0
    assert "interim report" in done.stderr


def test_a_zone_can_be_chosen_and_a_wrong_one_is_refused(closed: Path) -> None:
    assert "Europe/Berlin" in run(closed, "--stdout", "md", "--zone", "Europe/Berlin").stdout
    wrong = run(closed, "--zone", "Mars/Olympus")
    assert wrong.exit_code == Exit.USAGE
    assert "is not a time zone" in wrong.stderr


def test_a_wrong_format_is_refused_with_the_right_ones(closed: Path) -> None:
    wrong = run(closed, "--format", "md,pdf")
    assert wrong.exit_code == Exit.USAGE
    assert all(name in wrong.stderr for name in ("pdf", *FORMATS))


def test_a_damaged_log_exits_65_and_still_writes_the_intact_part(closed: Path) -> None:
    data = bytearray((closed / "log.jsonl").read_bytes())
    data[len(data) // 2] ^= 1
    (closed / "log.jsonl").write_bytes(bytes(data))
    done = run(closed)
    assert done.exit_code == Exit.LOG_DAMAGED
    assert "the report ends early: log.jsonl:" in done.stderr
    assert "ends where the log could not be read further" in (closed / "report" / "report.html").read_text(
        encoding="utf-8"
    )


def test_a_place_that_cannot_be_written_is_one_clear_line(closed: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = run(closed, "--out", tmp_path / "file" / "below")
    assert done.exit_code == Exit.CANNOT_WRITE
    assert "cannot write the report" in done.stderr


def test_a_broken_frozen_plan_is_one_clear_line(closed: Path) -> None:
    (closed / "plan.toml").write_text("[window\n", encoding="utf-8")
    done = run(closed)
    assert done.exit_code == Exit.NO_INPUT
    assert "the window's plan cannot be read" in done.stderr


def test_a_report_of_a_log_that_ends_early_does_not_say_how_the_window_stands(closed: Path) -> None:
    lines = (closed / "log.jsonl").read_bytes().splitlines(keepends=True)
    lines[99] = lines[99].replace(b'"ts":1', b'"ts":2')
    (closed / "log.jsonl").write_bytes(b"".join(lines))
    said = export_report(closed)
    assert "; it ends early: log.jsonl:100" in said
    document = (closed / "report" / "report.md").read_text(encoding="utf-8")
    assert "the window is running" not in document
    assert "how the window stands since is not told here" in document.splitlines()[2]
    assert "the window is not closed" not in run(closed).stderr, "it is: only this report does not reach so far"


def test_of_a_log_that_ends_early_no_command_says_that_the_window_is_open(
    closed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = (closed / "log.jsonl").read_bytes().splitlines(keepends=True)
    lines[99] = lines[99].replace(b'"ts":1', b'"ts":2')
    (closed / "log.jsonl").write_bytes(b"".join(lines))
    monkeypatch.setattr("upgrade_tui.directory.windows.all_windows", lambda: [look(closed)])
    listed = CliRunner().invoke(windows, []).output
    assert "at #99, then unreadable" in listed
    assert "no conductor" not in listed
    said = CliRunner().invoke(status, [str(closed)])
    assert said.exit_code == Exit.LOG_DAMAGED
    assert "at #99; what came after it cannot be read]" in said.output.splitlines()[0]
