"""``upgrade-tui check``: what it prints where, its exit codes, and the preview at every width."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rich.cells import cell_len
from rich.console import Console

from upgrade_tui.cli.check import check, read_or_fail
from upgrade_tui.cli.preview import print_preview
from upgrade_tui.plan.reader import parse_plan, read_plan

ROOT = Path(__file__).parents[2]
CONFIGS = sorted((ROOT / "configs").glob("*.toml"))
PG = ROOT / "configs" / "postgresql-15-to-16.toml"


def run(*words: str) -> Result:
    return CliRunner().invoke(check, words)


def drawn(path: Path, width: int) -> str:
    console = Console(width=width, record=True, file=open(os.devnull, "w"), highlight=False, color_system=None)  # noqa: SIM115
    print_preview(read_plan(path), console)
    console.file.close()
    return console.export_text()


def test_a_right_plan_exits_0_with_a_preview_on_standard_output() -> None:
    result = run(str(PG))
    assert result.exit_code == 0
    assert result.stderr == ""
    for word in (
        "PostgreSQL 15 to 16",
        "CHG-20413",
        "point of no return: after open-writes",
        "Timeline",
        "replication lag",
    ):
        assert word in result.stdout


def test_quiet_says_nothing_about_a_right_plan() -> None:
    result = run(str(PG), "--quiet")
    assert (result.exit_code, result.output) == (0, "")


def test_a_wrong_plan_exits_2_with_every_mistake_on_standard_error(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text('[window]\nid = "w"\ntitel = "W"\nstart = "now"\nduration = "1"\n[[steps]]\nid = "a"\n')
    result = run(str(path))
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        f"{path}:3:1: error: unknown key `titel`",
        "    did you mean `title`?",
        f'{path}:5:12: error: `duration`: expected a duration such as "90s", "10m" or "1h30m", got "1"',
        f"{path}:6:1: error: `title` is missing in [[steps]]",
        '    write title = "what this is, in a few words"',
        "3 errors, 0 warnings: this plan will not run.",
    ]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "No such file or directory"),
        (lambda path: path.mkdir(), "Is a directory"),
    ],
)
def test_a_plan_that_cannot_be_read_exits_66_and_says_why(make: object, said: str, tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    make(path)  # type: ignore[operator]
    result = run(str(path))
    assert (result.exit_code, result.stdout) == (66, "")
    assert result.stderr == f"upgrade-tui: cannot read {path}: {said}\n"


def test_warnings_are_shown_and_the_plan_may_still_run(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text(
        '[window]\nid="w"\ntitle="W"\nstart="now"\nduration="1h"\n[hosts.a]\naddress="x"\n'
        '[[steps]]\nid="a"\ntitle="A"\non="a"\nrun="true"\n'
    )
    result = run(str(path))
    assert result.exit_code == 0
    assert f'{path}:8:1: warning: the step "a" changes hosts and has no `rollback`' in result.stderr
    assert result.stderr.splitlines()[-1] == "1 warning."
    assert "Timeline" in result.stdout


def test_a_window_that_is_over_is_only_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text(
        '[window]\nid="w"\ntitle="W"\nstart=2020-01-01T00:00:00Z\nend=2020-01-01T01:00:00Z\n[[steps]]\nid="a"\ntitle="A"\n'
    )
    result = run(str(path), "-q")
    assert result.exit_code == 0
    assert re.search(r"warning: this window ended \d+ d", result.stderr)


def test_json_has_the_schedule_and_nothing_else_is_printed() -> None:
    result = run(str(PG), "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    out = json.loads(result.stdout)
    assert out["ok"] is True
    assert out["window"]["end"] - out["window"]["start"] == 5 * 3600
    steps = {step["id"]: step for step in out["steps"]}
    assert steps["packages"]["batches"] == [["db1", "db2"]]
    assert steps["upgrade"]["rollback_cost"] == 11 * 60
    assert steps["upgrade"]["rollback_by"] == out["window"]["end"] - out["window"]["margin"] - 11 * 60
    assert steps["open-writes"]["forward_only"] is True


def test_json_of_a_wrong_plan_has_the_diagnostics(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text('[window]\nid = 1\ntitle = "W"\nstart = "now"\nduration = "1h"\n[[steps]]\nid = "a"\ntitle = "A"\n')
    result = run(str(path), "--json")
    assert result.exit_code == 2
    out = json.loads(result.stdout)
    assert (out["ok"], out["errors"]) == (False, 1)
    first = out["diagnostics"][0]
    assert (first["line"], first["column"], first["path"]) == (2, 6, "window.id")
    assert "steps" not in out


@pytest.mark.parametrize("width", [60, 80, 109, 110, 200])
@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_the_preview_fits_every_width_and_names_every_step(path: Path, width: int) -> None:
    text = drawn(path, width)
    assert all(cell_len(line) <= width for line in text.splitlines())
    for step in read_plan(path).steps:
        assert step.id in text


def test_the_preview_shows_rollback_cost_and_deadline_after_each_step() -> None:
    line = next(line for line in drawn(PG, 160).splitlines() if re.match(r" *8  upgrade", line))
    assert re.findall(r"\d\d:\d\d(?: \+1)?|\d+ m", line) == ["22:53", "23:38", "45 m", "11 m", "02:29 +1"]


def test_why_a_plan_may_have_no_way_back_is_in_its_preview() -> None:
    accepted = ROOT / "tests/plan/wrong/way-back-accepted.toml"
    line = next(line for line in drawn(accepted, 120).splitlines() if "no way back" in line)
    assert "after second no rollback fits, accepted: the vendor is only here tonight" in line
    assert "no way back" not in drawn(PG, 160)


def test_markup_and_escapes_in_a_plan_are_only_text() -> None:
    plan = parse_plan(
        '[window]\nid="w"\ntitle="[/b][red]x"\nstart="now"\nduration="1h"\ngoal="a\\u001b[31mb"\n'
        '[[steps]]\nid="a"\ntitle="[link=x]y :smile:"\nphase="[bold"\n',
        "p.toml",
    )
    console = Console(width=100, record=True, file=open(os.devnull, "w"), color_system=None)  # noqa: SIM115
    print_preview(plan, console)
    console.file.close()
    text = console.export_text()
    assert "[/b][red]x" in text
    assert "[link=x]y :smile:" in text
    assert "[bold" in text
    assert "\x1b" not in text


def program(*words: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    code = "import sys; from upgrade_tui.cli.check import check; check(sys.argv[1:], prog_name='check')"
    env = {"PATH": os.environ["PATH"], **environment}
    return subprocess.run([sys.executable, "-c", code, *words], capture_output=True, check=False, env=env, cwd=ROOT)


def test_a_pipe_gets_neither_colour_nor_escapes() -> None:
    done = program(str(PG))
    assert done.returncode == 0
    assert b"\x1b" not in done.stdout


def test_a_stream_that_is_not_utf8_gets_ascii_instead_of_an_error() -> None:
    done = program(str(PG), PYTHONIOENCODING="ascii", LC_ALL="C")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.isascii()
    assert b"####" in done.stdout


def test_checking_a_plan_quietly_imports_neither_rich_nor_the_parser_for_positions() -> None:
    code = (
        "import sys\nfrom upgrade_tui.cli.check import check\n"
        "check(sys.argv[1:], standalone_mode=False)\n"
        "heavy = {'rich', 'tree_sitter', 'textual', 'asyncssh', 'asyncio'}\n"
        "print(sorted({m.split('.')[0] for m in sys.modules} & heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(PG), "-q"], capture_output=True, check=True, cwd=ROOT)
    assert done.stdout.decode().strip() == "[]"


def test_read_or_fail_gives_the_plan_and_the_text_it_was_read_from() -> None:
    plan, text = read_or_fail(PG)
    assert plan.window.id == "pg16-eu1"
    assert text == PG.read_text(encoding="utf-8")


def test_read_or_fail_ends_the_command_with_every_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "p.toml"
    path.write_text("[window]\nid = 1\n")
    with pytest.raises(SystemExit) as ended:
        read_or_fail(path)
    assert ended.value.code == 2
    assert f"{path}:2:6: error: `id`: expected a text in quotes, got 1" in capsys.readouterr().err


NEW = """
[window]
id = "w"
title = "W"
start = "now"
duration = "4h"
[hosts]
a = { address = "10.0.0.1", groups = ["g"] }
b = { address = "10.0.0.2", groups = ["g"] }
c = { address = "10.0.0.3", groups = ["g"] }
[[steps]]
id = "ready"
title = "Ready"
on = "g"
checks = [{ free = "/var", min = "5GiB" }, { backup = "/b", max_age = "1d" }]
[[steps]]
id = "restored"
title = "Restored"
evidence = true
[[steps]]
id = "migrate"
title = "Migrate"
on = "g"
run = "true"
once = true
changes = false
secret_env = ["DB_PASSWORD"]
[[steps]]
id = "drain"
title = "Drain"
on = "g"
run = "true"
run_on = "local"
parallel = 2
changes = false
secret_env = ["TOKEN"]
secret_command = "pass show lb"
[[steps]]
id = "firewall"
title = "Firewall"
on = "a"
run = "true"
check = "true"
confirm_within = "5m"
timeout = "2m"
confirm = "auto"
rollback = { run = "true", estimate = "1m" }
"""


def test_the_preview_says_what_is_checked_where_it_runs_and_what_undoes_itself(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text(NEW)
    text = " ".join(drawn(path, 200).split())
    for said in (
        "2 checks on g: 3 hosts",
        "by hand, ticked with evidence",
        "command once, on a",
        "command at local for g: 3 hosts, 2 at a time",
        "command on a; undone after 5m unless confirmed by itself",
        "ready free space on /var: at least 5 GiB",
        "backup /b: at most 24 h old",
        "secrets DB_PASSWORD from the environment; TOKEN from: pass show lb",
    ):
        assert said in text, said


def test_json_has_what_is_checked_and_what_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text(NEW)
    steps = {step["id"]: step for step in json.loads(run(str(path), "--json").stdout)["steps"]}
    assert steps["ready"]["checks"] == ["free space on /var: at least 5 GiB", "backup /b: at most 24 h old"]
    assert steps["migrate"]["secrets"] == ["DB_PASSWORD"]
    assert steps["migrate"]["batches"] == [["a"]]
    assert [step["confirm_within"] for step in steps.values()] == [None, None, None, None, 300.0]


def test_minutes_and_seconds_of_two_figures_are_whole_at_80_columns(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(
        '[window]\nid = "w"\ntitle = "t"\nstart = "now"\nduration = "2h"\n[hosts.a]\naddress = "10.0.0.1"\n'
        '[[steps]]\nid = "roll"\ntitle = "Roll"\non = "a"\nrun = "true"\nestimate = "26m10s"\n'
        'rollback = { run = "true", estimate = "25m50s" }\n'
    )
    steps = drawn(path, 80).partition("Steps ─")[2]
    assert "26 m 10 s" in steps
    assert "25 m 50 s" in steps
