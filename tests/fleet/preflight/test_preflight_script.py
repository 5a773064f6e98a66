"""The preflight script as a whole: exit codes, quoting, what it is made of; its arithmetic under every shell."""

from __future__ import annotations

import re
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import require
from upgrade_tui.fleet.preflight import FAILED, NOT_FOUND_OUT, command_of, script
from upgrade_tui.plan.command_text import describe
from upgrade_tui.plan.kit import Check
from upgrade_tui.plan.model import Step
from upgrade_tui.plan.reader import check_plan, read_plan
from upgrade_tui.units import Duration, Percent

CONFIGS = sorted((Path(__file__).parents[3] / "configs").glob("*.toml"))
RIGHT, WRONG = Check(free="/", min="1B"), Check(free="/", min="900TiB")
UNKNOWN = Check(free="/not/here", min="1B")
SHELLS = {"dash": ("dash",), "bash": ("bash", "--posix"), "busybox": ("busybox", "sh")}


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> tuple[str, ...]:
    require(SHELLS[request.param][0])
    return SHELLS[request.param]


def run(shell: tuple[str, ...], text: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*shell, "-c", text], capture_output=True, text=True, check=False, cwd=cwd, timeout=60)


@pytest.mark.parametrize(
    ("checks", "code", "last"),
    [
        ((RIGHT, RIGHT), 0, "db1: 2 of 2 ok"),
        ((RIGHT, WRONG), FAILED, "db1: 1 of 2 ok, 1 failed"),
        ((UNKNOWN, RIGHT), NOT_FOUND_OUT, "db1: 1 of 2 ok, 1 could not be found out"),
        ((UNKNOWN, WRONG, RIGHT), FAILED, "db1: 1 of 3 ok, 1 failed, 1 could not be found out"),
    ],
)
def test_the_exit_code_and_the_last_line_tell_the_outcome(
    shell: tuple[str, ...], checks: tuple[Check, ...], code: int, last: str
) -> None:
    done = run(shell, script(checks, "db1"))
    assert (done.returncode, done.stdout.splitlines()[-1], done.stderr) == (code, last, "")


HOSTILE = (
    "'; touch pwned; '",
    "$(touch pwned)",
    "`touch pwned`",
    '"; touch pwned; "',
    "*",
    "-e",
    "a\\b",
    "%s%n",
    "ü [/b]",
)


@pytest.mark.parametrize("value", HOSTILE)
def test_no_value_of_a_plan_is_run(shell: tuple[str, ...], value: str, tmp_path: Path) -> None:
    checks = (
        Check(free=value, min="1B"), Check(free=f"/{value}", min="1B"), Check(package=value, version=value),
        Check(program=value, version=value), Check(unit=value), Check(backup=f"/{value}", sha256=value),
    )  # fmt: skip
    done = run(shell, script(checks, value), tmp_path)
    assert list(tmp_path.iterdir()) == []
    lines = done.stdout.splitlines()
    assert len(lines) == len(checks) + 1
    assert all(line.split()[0] in ("ok", "FAIL", "?") and value in line for line in lines[:-1])
    assert lines[-1].startswith(f"{value}: 0 of 6 ok" if value != "-e" else "-e: ")


@pytest.mark.parametrize(
    ("found", "wanted", "same"),
    [
        ("1.28.0", "1.28", True), ("1.28", "1.28", True), ("1.28.0-1~bookworm", "1.28.0", True),
        ("1:10.11.6+maria", "10.11", True), ("9.2p1", "9.2", True), ("1:2.0", "1:2", True),
        ("1.280", "1.28", False), ("1.28~rc1", "1.28", False), ("1.28rc1", "1.28", False), ("1.28-rc1", "1.28", False),
        ("1.2", "1.28", False), ("11.28", "1.28", False), ("2", "*", False),
    ],
)  # fmt: skip
def test_versions_go_on_from_the_one_that_is_wanted(
    shell: tuple[str, ...], found: str, wanted: str, same: bool
) -> None:
    assert (run(shell, f"{_kit()}is_version '{found}' '{wanted}'").returncode == 0) is same


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 B"), (999, "999 B"), (1000, "0.9 KiB"), (1536, "1.5 KiB"), (2**20, "1 MiB"),
        (2**30 * 41 + 2**28, "41.2 GiB"), (2**30 * 150 + 2**29, "150 GiB"), (2**50 * 3, "3072 TiB"),
    ],
)  # fmt: skip
def test_sizes_are_cut_off_so_that_too_little_never_looks_enough(
    shell: tuple[str, ...], count: int, words: str
) -> None:
    assert run(shell, f"{_kit()}size_words {count}").stdout == words


def _kit() -> str:
    text = (files("upgrade_tui.fleet.preflight") / "kit.sh").read_text(encoding="utf-8")
    return f"kit_default_proc=/proc\n{text}\n"


def test_a_script_has_only_the_pieces_its_checks_need() -> None:
    text = script([RIGHT, Check(clock=Duration(2))], "db1")
    assert "check_free()" in text
    assert "check_clock()" in text
    assert "check_backup()" not in text
    assert text.index("kit_clock=$(date") < text.index("check_free()"), "the clock is read before anything takes time"


def test_a_script_gains_no_rights_and_asks_for_no_password() -> None:
    everything = "".join(path.read_text(encoding="utf-8") for path in _sources())
    assert "sudo" not in everything
    assert "doas" not in everything


def test_the_pieces_are_sound_for_every_shell(shell: tuple[str, ...]) -> None:
    for path in _sources():
        done = subprocess.run([*shell, "-n", str(path)], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), path.name


def _sources() -> list[Path]:
    return sorted(Path(str(files("upgrade_tui.fleet.preflight"))).glob("*.sh"))


def test_a_step_runs_its_command_as_it_is_or_the_script_of_its_checks() -> None:
    assert command_of(Step(id="a", title="A", run=" echo 'x' \n"), "db1") == " echo 'x' \n"
    assert command_of(Step(id="a", title="A", checks=(RIGHT, WRONG)), "db1") == script((RIGHT, WRONG), "db1")


@pytest.mark.parametrize(
    ("check", "words"),
    [
        (Check(free="/var", min="5GiB"), "free space on /var: at least 5 GiB"),
        (Check(free="/var", min="12.5%"), "free space on /var: at least 12.5 %"),
        (Check(memory="2 GiB"), "memory: at least 2 GiB available"),
        (Check(load=Percent(80)), "load: at most 80 % of the CPUs"),
        (Check(port="db:5432"), "port db:5432: answers"),
        (Check(package="nginx"), "package nginx: installed"),
        (Check(package="nginx", version="1.28"), "package nginx: 1.28"),
        (Check(program="psql"), "program psql: there"),
        (Check(unit="a.service"), "unit a.service: active"),
        (Check(clock=Duration(1.5)), "clock: at most 1.5 s off"),
        (Check(no_reboot_pending=True), "no reboot pending"),
        (Check(backup="/b"), "backup /b: there and not empty"),
        (
            Check(backup="/b", min="1GiB", max_age=Duration(86400), sha256="s"),
            "backup /b: at least 1 GiB, at most 24 h old, checksum verified",
        ),
        (Check(backup="/b", max_age=Duration(9000)), "backup /b: at most 2 h 30 m old"),
    ],
)
def test_a_check_is_described_in_words(check: Check, words: str) -> None:
    assert describe(check) == words


def test_the_examples_checks_are_sound_shell_and_can_be_described(shell: tuple[str, ...]) -> None:
    steps = [step for path in CONFIGS for step in read_plan(path).steps if step.checks]
    assert steps
    for step in steps:
        assert all(describe(check) for check in step.checks)
        done = subprocess.run(
            [*shell, "-n"], input=command_of(step, "web1"), capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, ""), step.id


texts = st.sampled_from(
    [
        "5GiB",
        "0.5 TB",
        "10%",
        "0%",
        "1d",
        "100ms",
        "/var",
        "/",
        "db:5432",
        "[::1]:22",
        "nginx",
        "1.28",
        "a.service",
        "",
        "x y",
        "%",
    ]
)
tables = st.dictionaries(
    st.sampled_from([*Check.one_of, "version", "min", "max_age", "sha256"]), texts, min_size=1, max_size=4
)


@given(tables, st.booleans())
@settings(max_examples=300, deadline=None)
def test_whatever_the_reader_accepts_has_a_script_and_words(table: dict[str, str], reboot: bool) -> None:
    pairs = [f'{key} = "{value}"' for key, value in table.items() if key != "no_reboot_pending"]
    pairs += ["no_reboot_pending = true"] * reboot
    plan, _ = check_plan(_PLAN + f"checks = [{{ {', '.join(pairs)} }}]\n", "p.toml")
    if plan is not None:
        step = plan.steps[0]
        assert "check_" in command_of(step, "a")
        assert len(describe(step.checks[0])) > 5


_PLAN = """
[window]
id = "w"
title = "W"
start = "now"
duration = "1h"
[[steps]]
id = "a"
title = "A"
"""
DOCS = (Path(__file__).parents[3] / "docs" / "preflight.md").read_text(encoding="utf-8")


def test_the_documentation_has_every_check_and_its_examples_are_plans() -> None:
    headings = " ".join(line for line in DOCS.splitlines() if line.startswith("### "))
    assert all(f"`{kind}`" in headings for kind in Check.one_of)
    for example in re.findall(r"```toml\n(.*?)```", DOCS, re.DOTALL):
        for found in check_plan(example, "example")[1]:
            missing = ("no ", "`[window]` is missing")
            assert found.severity == "warning" or found.message.startswith(missing), str(found)


def test_the_documentation_shows_lines_as_scripts_print_them() -> None:
    shapes = _shapes()
    blocks = [block for block in DOCS.split("```")[1::2] if block.startswith("\n")]
    lines = [line for block in blocks for line in block.strip().splitlines()]
    assert len(lines) > 20
    for line in lines:
        assert any(shape.fullmatch(line) for shape in shapes), line


_BEGINS = re.compile(r"""\b(what|found)=(?:"([a-z].*?)"$|'(.+?)')""", re.MULTILINE)
_VALUE = re.compile(r"\$\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)|\$\(.*|\$\{[^}]*\}|\$\w+")


def _shapes() -> list[re.Pattern[str]]:
    """What the scripts can print: every text after ok, fail and dunno, with anything in the place of a value."""
    shapes = [re.compile(r"\w+: \d of \d ok, \d failed, \d could not be found out")]
    for path in _sources():
        text = path.read_text(encoding="utf-8")
        begins = {name: a or b for name, a, b in _BEGINS.findall(text)}
        for word, said in re.findall(r'\b(ok|fail|dunno) "([^"]*)"', text):
            for name, begin in begins.items():
                said = said.replace(f"${name}", begin)
            parts = _VALUE.split(said)
            mark = {"ok": "ok    ", "fail": "FAIL  ", "dunno": "?     "}[word]
            shapes.append(re.compile(re.escape(mark) + ".*".join(map(re.escape, parts))))
    assert not any(shape.fullmatch("ok    x") or shape.fullmatch("FAIL  x") for shape in shapes), "they tell apart"
    return shapes
