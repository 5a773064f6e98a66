"""Every command against a real conductor in this process: what is printed, the exit code, what the log says."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.cli.living import Living, frozen, typed
from upgrade_tui.attach.launch import CannotStart
from upgrade_tui.attach.socket import own_login
from upgrade_tui.cli import COMMANDS
from upgrade_tui.cli.exits import Exit
from upgrade_tui.window import commands as cmd
from upgrade_tui.window import events as ev

ME = own_login()
WINDOW = f"""\
[window]
id = "w"
title = "A window"
start = "now"
duration = "4h"
margin = "1m"
[people]
{ME} = {{ role = "lead" }}
tom = {{ role = "engineer" }}
[hosts.one]
address = "local"
"""
STEPS = """\
[[steps]]
id = "look"
title = "Look"
on = "one"
run = "echo looked"
needs = []
changes = false
[[steps]]
id = "wrong"
title = "Goes wrong"
on = "one"
run = "echo no >&2; exit 3"
needs = []
rollback = { run = "echo back", estimate = "1m" }
[[steps]]
id = "right"
title = "Goes right"
on = "one"
run = "echo done"
needs = []
rollback = { run = "echo undone", estimate = "1m" }
[[steps]]
id = "hand"
title = "By hand"
evidence = true
needs = []
[[steps]]
id = "ready"
title = "Everybody is here"
needs = []
[[steps]]
id = "go"
title = "Go or no-go"
kind = "gate"
needs = ["ready"]
[[steps]]
id = "forever"
title = "Takes its time"
on = "one"
run = "sleep 1000"
needs = []
changes = false
"""
ARMED = """\
[[steps]]
id = "net"
title = "New rules"
on = "one"
run = "echo changed"
needs = []
timeout = "1m"
confirm_within = "1h"
rollback = { run = "echo undone", estimate = "1m" }
"""


@pytest.fixture
def window(home: Path) -> Iterator[Living]:
    with Living(frozen(WINDOW + STEPS)) as living:
        living.until(lambda state: state.hosts["one"].link == "up")
        yield living


@pytest.fixture
def armed(home: Path) -> Iterator[Living]:
    """A window whose one step has armed its host and waits for somebody."""
    with Living(frozen(WINDOW + ARMED)) as living:
        typed("start", "net")
        living.until(lambda state: state.steps["net"].stage == "ended" or state.shown("net") == "armed")
        assert living.state.shown("net") == "armed"
        yield living


def opened(living: Living) -> None:
    """The gate is open."""
    typed("tick", "ready")
    living.until(lambda state: state.shown("go") == "running")


def last(living: Living, kind: type[ev.Event]) -> ev.Event:
    return [event for event in living.events() if isinstance(event, kind)][-1]


# -- steps ------------------------------------------------------------------------------------------------------------


def test_start_waits_for_the_end_if_asked(window: Living) -> None:
    assert typed("start", "look", "--wait").stdout == "look: started\nlook: done\n"
    assert window.state.steps["look"].tasks["one"].last_line == "looked"


def test_start_that_waits_says_why_it_failed(window: Living) -> None:
    done = typed("start", "wrong", "--wait", code=Exit.FAILED)
    assert done.stdout == "wrong: started\n"
    assert done.stderr == "upgrade-tui: wrong: failed: 1 of 1 failed, 0 allowed: stopped\n"


def test_start_says_why_it_was_refused_and_what_there_is(window: Living) -> None:
    done = typed("start", "lok", code=Exit.REFUSED)
    assert done.stderr.splitlines()[0] == 'upgrade-tui: there is no step "lok"'
    assert "look" in done.stderr.splitlines()[1]
    assert not [e for e in window.events() if isinstance(e, ev.StepIntent)]


def test_rest_without_an_override_is_a_wrong_call(window: Living) -> None:
    for verb in ("start", "retry"):
        assert "--override REASON --rest" in typed(verb, "look", "--rest", code=Exit.USAGE).stderr


def test_retry_begins_another_attempt_on_the_hosts_named(window: Living) -> None:
    typed("start", "wrong", "--wait", code=Exit.FAILED)
    done = typed("retry", "wrong", "--host", "one", "--wait", code=Exit.FAILED)
    assert done.stdout == "wrong: tried again on one\n"
    assert (window.state.steps["wrong"].attempt, window.state.steps["wrong"].tasks["one"].exit) == (2, 3)


def test_settle_decides_what_failed(window: Living) -> None:
    typed("start", "wrong", "--wait", code=Exit.FAILED)
    assert typed("settle", "wrong", "done", "--host", "one", "-r", "seen").stdout == "wrong: settled as done\n"
    assert window.state.shown("wrong") == "done"
    assert window.state.steps["wrong"].tasks["one"].settled_by == ME


def test_settle_without_a_reason_is_refused(window: Living) -> None:
    typed("start", "wrong", "--wait", code=Exit.FAILED)
    typed("settle", "wrong", "done", code=Exit.REFUSED)
    assert window.state.shown("wrong") == "failed"


def test_tick_and_untick(window: Living) -> None:
    typed("tick", "hand", code=Exit.REFUSED)  # it asks for evidence
    assert typed("tick", "hand", "--evidence", "41,203 orders").stdout == "hand: done\n"
    assert window.state.shown("hand") == "done"
    assert "41,203 orders" in str(last(window, ev.StepTicked))
    assert typed("untick", "hand", "--reason", "the wrong one").stdout == "hand: taken back\n"
    assert window.state.shown("hand") != "done"
    assert "the wrong one" in str(last(window, ev.StepUnticked))


def test_skip_says_why(window: Living) -> None:
    assert typed("skip", "hand", "-r", "not tonight").stdout == "hand: skipped\n"
    assert (window.state.shown("hand"), window.state.steps["hand"].reason) == ("skipped", "not tonight")


def test_claim_and_give_back(window: Living) -> None:
    assert typed("claim", "hand").stdout == "hand: claimed\n"
    assert window.state.steps["hand"].claimed_by == ME
    assert typed("claim", "hand", "--release").stdout == "hand: given back\n"
    assert window.state.steps["hand"].claimed_by == ""


def test_note_keeps_what_it_is_about(window: Living) -> None:
    assert typed("note", "all\nis well", "--step", "look", "--host", "one", "--mark", "lucky").stdout == "noted\n"
    said = last(window, ev.NoteAdded)
    assert isinstance(said, ev.NoteAdded)
    assert (said.text, said.step, said.host, said.mark) == ("all␊is well", "look", "one", "lucky")


def test_exclude_takes_a_host_out(window: Living) -> None:
    assert typed("exclude", "one", "-r", "its disk is dying").stdout == "one: excluded\n"
    assert list(window.state.excluded) == ["one"]


# -- gates ------------------------------------------------------------------------------------------------------------


def test_evidence_is_shown_as_text_and_as_json(window: Living) -> None:
    opened(window)
    card = json.loads(typed("evidence", "go", "--json").stdout)
    assert card["gate"] == "go"
    shown = typed("evidence", "go").stdout
    assert card["digest"][:8] in shown


def test_there_is_no_evidence_for_what_is_no_open_gate(window: Living) -> None:
    assert 'there is no step "ga"' in typed("evidence", "ga", code=Exit.REFUSED).stderr
    assert '"look" is not an open gate' in typed("evidence", "look", code=Exit.REFUSED).stderr


def test_go_shows_what_it_is_a_go_for(window: Living) -> None:
    opened(window)
    done = typed("go", "go", "-r", "looks good")
    assert done.stdout.splitlines()[-1] == "go: go"
    assert len(done.stdout.splitlines()) > 3
    assert window.state.shown("go") == "done"
    assert window.state.steps["go"].votes[ME].reason == "looks good"


def test_go_for_evidence_that_is_no_more_is_refused(window: Living) -> None:
    opened(window)
    done = typed("go", "go", "--digest", "0123456789abcdef", code=Exit.REFUSED)
    assert done.stdout == ""
    assert window.state.steps["go"].votes == {}


def test_approve_is_another_name_for_go() -> None:
    assert COMMANDS["approve"] == COMMANDS["go"]


def test_no_go_fails_the_gate(window: Living) -> None:
    opened(window)
    assert typed("no-go", "go", "-r", "too late").stdout == "go: no-go\n"
    assert window.state.shown("go") == "failed"


# -- the window -------------------------------------------------------------------------------------------------------


def test_pause_holds_and_resume_lets_go(window: Living) -> None:
    assert typed("pause", "-r", "a call").stdout == "paused\n"
    assert window.state.phase == "paused"
    typed("start", "look", code=Exit.REFUSED)
    assert typed("resume", "-r", "all fine").stdout == "resumed\n"
    assert window.state.phase == "open"
    typed("start", "look", "--wait")


def test_abort_ends_what_runs(window: Living) -> None:
    typed("start", "forever")
    window.until(lambda state: state.steps["forever"].tasks["one"].begun)
    typed("abort", "-r", "wrong night", code=Exit.REFUSED)  # not confirmed
    assert typed("abort", "-r", "wrong night", "--confirm", "w").stdout == "aborted\n"
    state = window.until(lambda state: state.steps["forever"].stage == "ended")
    assert (state.phase, state.shown("forever")) == ("aborted", "failed")


def test_close_waits_for_the_conductor_and_writes_the_report(window: Living) -> None:
    typed("close", "--confirm", "x", code=Exit.REFUSED)
    done = typed("close", "--confirm", "w", "--outcome", "abandoned", "-r", "a drill")
    window.ended()
    closed, report = done.stdout.splitlines()
    assert closed == "closed: abandoned"
    assert report == f"report written to {window.directory / 'report'}"
    assert window.state.outcome == "abandoned"


def test_what_is_closed_answers_with_its_report(window: Living) -> None:
    name = window.directory.name
    typed("close", "--confirm", "w", "--outcome", "abandoned", "-r", "a drill")
    window.ended()
    said = typed("pause", "--window", name, code=Exit.UNAVAILABLE).stderr
    assert said == f"upgrade-tui: {name} is closed (abandoned)\n  upgrade-tui report {name}\n"
    assert typed("pause", code=Exit.UNAVAILABLE).stderr.startswith("upgrade-tui: no window is open\n")
    assert "abandoned" in typed("status", "--window", name).stdout
    assert typed("run", name, code=Exit.UNAVAILABLE).stderr == said


def test_what_nobody_conducts_says_how_to_go_on(home: Path) -> None:
    directory = frozen(WINDOW + STEPS)
    with Living(directory):
        pass
    said = typed("pause", code=Exit.UNAVAILABLE).stderr
    assert said.startswith(f"upgrade-tui: no conductor is running for {directory.name}\n")
    assert f"upgrade-tui run {directory.name}" in said
    assert "no conductor is running" in typed("status").stdout


def test_two_open_windows_have_to_be_told_apart(window: Living) -> None:
    other = WINDOW.replace('id = "w"', 'id = "other"')
    with Living(frozen(other + STEPS)) as second:
        said = typed("status", code=Exit.USAGE).stderr
        assert window.directory.name in said
        assert second.directory.name in said
        assert typed("pause", "-w", "other", "-r", "this one").stdout == "paused\n"
        assert (second.state.phase, window.state.phase) == ("paused", "open")
        names = [line.split()[0] for line in typed("windows").stdout.splitlines()]
        assert {window.directory.name, second.directory.name} <= set(names)


def test_status_tells_a_shell_how_it_stands(window: Living) -> None:
    typed("start", "look", "--wait")
    status = json.loads(typed("status", "--json").stdout)
    assert {step["id"]: step["state"] for step in status["steps"]}["look"] == "done"
    assert [host["name"] for host in status["hosts"]] == ["one"]
    assert "look" in typed("status").stdout


def test_log_prints_what_happened_as_lines_and_as_json(window: Living) -> None:
    typed("note", "hello")
    typed("note", "goodbye")
    lines = typed("log").stdout.splitlines()
    assert "opened the window" in lines[0]
    assert sum("hello" in line for line in lines) == 1
    records = [json.loads(line) for line in typed("log", "--json").stdout.splitlines()]
    assert [record["seq"] for record in records[:3]] == [1, 2, 3]
    first, second = (record for record in records if record["kind"] == "note.added")
    assert (first["text"], first["actor"], second["text"]) == ("hello", ME, "goodbye")
    later = [json.loads(line) for line in typed("log", "--json", "--since", str(first["seq"])).stdout.splitlines()]
    assert (later[0]["seq"], "hello" in str(later)) == (first["seq"] + 1, False)


def test_verify_proves_a_log_and_finds_a_changed_byte(home: Path) -> None:
    directory = frozen(WINDOW + STEPS)
    with Living(directory):
        typed("note", "hello")
        typed("verify", directory.name)
    typed("verify", directory.name)
    file = directory / "log.jsonl"
    file.write_bytes(file.read_bytes().replace(b"hello", b"jello"))
    line = next(number for number, text in enumerate(file.read_text().splitlines(), 1) if "jello" in text)
    assert typed("verify", directory.name, code=Exit.LOG_DAMAGED).stdout.startswith(f"log.jsonl:{line}: ")


def test_report_is_written_while_the_window_is_open(window: Living, tmp_path: Path) -> None:
    typed("start", "look", "--wait")
    done = typed("report")
    assert str(window.directory / "report") in done.stdout
    assert "Look" in next((window.directory / "report").glob("*.md")).read_text(encoding="utf-8")


def test_attach_without_a_terminal_follows_the_log_to_the_end(window: Living) -> None:
    def others() -> None:
        window.until(lambda state: state.operators)
        window.do(cmd.Note(text="while somebody looks on"))
        window.do(cmd.Close(confirm="w", outcome="abandoned", reason="a drill"))

    somebody = threading.Thread(target=others)
    somebody.start()
    said = typed("attach", "--plain").stdout
    somebody.join()
    assert "while somebody looks on" in said
    assert "opened" in said.splitlines()[0]


# -- going back -------------------------------------------------------------------------------------------------------


def test_rollback_shows_what_it_would_do_and_does_it(window: Living) -> None:
    typed("start", "right", "--wait")
    lines = typed("rollback", "--preview").stdout.splitlines()
    assert lines[0].startswith("rolling back everything: about 1 m")
    assert lines[1:] == ["  right: Goes right", "    batch 1: one", "    | echo undone"]
    typed("rollback", "-r", "errors", code=Exit.REFUSED)  # not confirmed
    done = typed("rollback", "-r", "errors", "--confirm", "w", "--wait")
    assert done.stdout.splitlines()[0] == "rolling back"
    assert done.stdout.splitlines()[1].startswith("rolled back in ")
    assert window.state.shown("right") == "rolled back"
    assert window.state.steps["right"].tasks["one"].last_line == "undone"


def test_what_cannot_be_undone_is_named_with_the_reason(home: Path) -> None:
    plan = (WINDOW + STEPS).replace('rollback = { run = "echo undone", estimate = "1m" }\n', "")
    with Living(frozen(plan)):
        typed("start", "right", "--wait")
        lines = typed("rollback", "--preview").stdout.splitlines()
    assert "  cannot be undone: right: the plan has no rollback for it" in lines


def test_rollback_of_nothing_says_so(window: Living) -> None:
    assert typed("rollback", "--preview").stdout.splitlines()[-1] == "  nothing that can be undone was done"


def test_rollback_that_fails_ends_with_what_is_in_the_way(home: Path) -> None:
    plan = (WINDOW + STEPS).replace('run = "echo undone"', 'run = "exit 9"')
    with Living(frozen(plan)):
        typed("start", "right", "--wait")
        done = typed("rollback", "--step", "right", "-r", "errors", "--confirm", "w", "--wait", code=Exit.FAILED)
        assert "the rollback stopped: " in done.stderr


def test_confirm_keeps_what_is_armed(armed: Living) -> None:
    assert typed("confirm", "net", "--host", "one").stdout == "net: confirming\n"
    assert armed.until(lambda state: state.shown("net") == "done").steps["net"].armed["one"].state == "confirmed"


def test_start_that_waits_says_what_is_armed(home: Path) -> None:
    with Living(frozen(WINDOW + ARMED)):
        done = typed("start", "net", "--wait", code=Exit.ARMED)
        assert "armed on one: confirm by" in done.stderr
        assert done.stderr.splitlines()[-1] == "  keep it: upgrade-tui confirm net"


def test_extend_gives_the_host_another_deadline(armed: Living) -> None:
    before = armed.state.steps["net"].armed["one"].until
    assert typed("extend", "net", "2h").stdout == "net: extending to 2h from now\n"
    armed.until(lambda state: state.steps["net"].armed["one"].until > before + 1000)
    said = typed("extend", "net", "soon", code=Exit.USAGE).stderr
    assert "expected a duration" in said


def test_revert_has_the_host_undo_it_now(armed: Living) -> None:
    typed("revert", "net", code=Exit.REFUSED)  # no reason
    assert typed("revert", "net", "-r", "it cut us off").stdout == "net: reverting\n"
    armed.until(lambda state: state.steps["net"].armed["one"].state == "fired")


# -- beginning --------------------------------------------------------------------------------------------------------


@pytest.fixture
def within(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Living]]:
    """``run`` finds its conductors in this process."""
    begun: list[Living] = []

    def start(directory: Path, origin: Path | None = None, accept: str = "") -> int:
        living = Living(directory, origin)
        living.__enter__()
        begun.append(living)
        return os.getpid()

    monkeypatch.setattr("upgrade_tui.attach.launch.start_conductor", start)
    yield begun
    for living in begun:
        living.__exit__()


def test_run_starts_the_window_of_a_plan_and_goes_on_with_it(home: Path, within: list[Living]) -> None:
    plan = home / "plan.toml"
    plan.write_text(WINDOW + STEPS, encoding="utf-8")
    name = typed("run", str(plan), "--detach").stdout.strip()
    (living,) = within
    assert living.directory.name == name
    assert living.state.origin == str(home)
    assert (living.directory / "plan.toml").read_text(encoding="utf-8") == WINDOW + STEPS
    assert typed("run", str(plan), "--detach").stdout.strip() == name  # it is open: there is no second one
    assert typed("run", name, "--detach").stdout.strip() == name
    assert len(within) == 1
    plan.write_text(WINDOW + STEPS + "# changed\n", encoding="utf-8")
    again = typed("run", str(plan), "--detach")
    assert again.stdout.strip() == name
    assert "keeps the plan as it was frozen" in again.stderr


def test_run_goes_on_with_a_window_whose_conductor_is_gone(home: Path, within: list[Living]) -> None:
    directory = frozen(WINDOW + STEPS)
    with Living(directory):
        typed("note", "before")
    assert typed("run", "w", "--detach").stdout.strip() == directory.name
    assert typed("run", str(directory), "--detach").stdout.strip() == directory.name  # the same, by where it is
    assert len(within) == 1
    kinds = [type(event) for event in within[0].events()]
    assert kinds[0] is ev.WindowOpened
    assert ev.ConductorStarted in kinds


def test_run_refuses_what_cannot_be_run(home: Path, within: list[Living]) -> None:
    plan = home / "plan.toml"
    plan.write_text(WINDOW + STEPS.replace("timeout", "timout"), encoding="utf-8")
    wrong = home / "wrong.toml"
    wrong.write_text(WINDOW + STEPS + "[[steps]]\n", encoding="utf-8")
    assert "`id` is missing" in typed("run", str(wrong), code=Exit.WRONG_PLAN).stderr
    assert "no such file" in typed("run", str(home / "none.toml"), code=Exit.NO_INPUT).stderr
    assert "there is no window" in typed("run", "none", code=Exit.UNAVAILABLE).stderr
    assert "about a window that was begun" in typed("run", str(plan), "--accept-plan", "x", code=Exit.USAGE).stderr
    old = home / "old.toml"
    old.write_text(
        (WINDOW + STEPS).replace('start = "now"', "start = 2020-01-01T00:00:00Z").replace(
            'duration = "4h"', "end = 2020-01-01T04:00:00Z"
        ),
        encoding="utf-8",
    )  # fmt: skip
    assert "this window ended" in typed("run", str(old), code=Exit.WRONG_PLAN).stderr
    assert within == []


def test_run_says_what_the_conductor_said_that_did_not_come_up(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*_: object) -> int:
        raise CannotStart("somebody holds it", Exit.LOCKED)

    monkeypatch.setattr("upgrade_tui.attach.launch.start_conductor", start)
    plan = home / "plan.toml"
    plan.write_text(WINDOW + STEPS, encoding="utf-8")
    assert typed("run", str(plan), code=Exit.LOCKED).stderr == "upgrade-tui: somebody holds it\n"


def test_the_frozen_plan_is_put_back_only_if_it_is_the_same(home: Path, within: list[Living]) -> None:
    directory = frozen(WINDOW + STEPS)
    with Living(directory):
        pass
    (directory / "plan.toml").write_text("lost", encoding="utf-8")
    plan, other = home / "plan.toml", home / "other.toml"
    plan.write_text(WINDOW + STEPS, encoding="utf-8")
    other.write_text(WINDOW + STEPS + "# other\n", encoding="utf-8")
    assert "is not the plan of" in typed("run", directory.name, "--plan", str(other), code=Exit.LOG_DAMAGED).stderr
    assert (directory / "plan.toml").read_text(encoding="utf-8") == "lost"
    assert typed("run", directory.name, "--plan", str(plan), "--detach").stdout.strip() == directory.name
    assert (directory / "plan.toml").read_text(encoding="utf-8") == WINDOW + STEPS


def test_every_command_is_typed_somewhere_in_these_tests() -> None:
    said = "\n".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    elsewhere = {"check", "demo", "conductor", "approve"}  # files of their own; the same as `go`
    assert not [name for name in COMMANDS if f'"{name}"' not in said and name not in elsewhere]


def test_schema_is_for_editors() -> None:
    assert msgspec.json.decode(typed("schema").stdout)["title"] == "upgrade-tui plan"
