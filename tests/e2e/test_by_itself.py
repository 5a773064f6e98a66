"""Against real OpenSSH servers: a failing canary undoes by itself; output is withheld and fetched."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.net import Net
from tests.e2e.program import Program, step, task
from tests.support import require

pytestmark = [pytest.mark.ssh, pytest.mark.netns, pytest.mark.xdist_group("netns")]

PLAN = '''
[window]
id = "night"
title = "A night"
start = "now"
duration = "4h"

{hosts}

[[canaries]]
name = "errors"
run = "test ! -e {sick}"
on = "local"
interval = "200ms"
failure_limit = 2
on_fail = "rollback"

[[steps]]
id = "roll"
title = "Roll out"
on = ["h1", "h2"]
run = """
echo 2 > $HOST_DIR/version
if [ $UPGRADE_HOST = h2 ]; then while [ ! -e {go} ]; do sleep 0.1; done; fi
echo with $DB_PASSWORD it works
"""
batches = [1]
timeout = "2m"
canaries = ["errors"]
secret_env = ["DB_PASSWORD"]
rollback = {{ run = "echo 1 > $HOST_DIR/version", estimate = "1m" }}

[[steps]]
id = "go"
kind = "gate"
title = "Go on?"
'''
PASSWORD = "hunter22-of-this-night"


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Net]:
    require("sshd", "ip", "ssh-keygen", root=True)
    with Net(tmp_path_factory.mktemp("net"), 2) as made:
        yield made


@pytest.fixture
def lead(net: Net, tmp_path: Path) -> Program:
    program = Program(tmp_path / "home", uid=0)
    program.env["DB_PASSWORD"] = PASSWORD
    text = PLAN.format(hosts=net.plan_hosts(), sick=tmp_path / "sick", go=tmp_path / "go")
    (tmp_path / "night.toml").write_text(text)
    return program


def begun(lead: Program, tmp_path: Path) -> str:
    """A window in which the step runs on h2; its directory."""
    lead.run("run", str(tmp_path / "night.toml"), "--detach")
    lead.until(lambda s: all(h["link"] == "up" for h in s["hosts"]))
    lead.until(lambda s: all(c["verdict"] == "healthy" for c in s["canaries"]))
    lead.run("start", "roll")
    return str(lead.until(lambda s: task(s, "roll", "h2")["state"] == "running")["window"])


def versions(net: Net) -> list[str]:
    return [(host.directory / "version").read_text().strip() for host in net.hosts]


def test_a_failing_canary_waits_for_what_runs_and_undoes_it(net: Net, lead: Program, tmp_path: Path) -> None:
    window = begun(lead, tmp_path)
    (tmp_path / "sick").touch()
    seen = lead.until(lambda s: s["rollback"])
    assert (seen["rollback"]["by"], seen["rollback"]["canary"]) == ("upgrade-tui", "errors")
    assert seen["rollback"]["waits_for"] == ["roll on h2"]
    assert "it waits until this has ended: roll on h2" in lead.run("status").stdout
    assert versions(net) == ["2", "2"]
    (tmp_path / "go").touch()
    seen = lead.until(lambda s: not s["rollback"]["active"])
    assert seen["rollback"]["outcome"] == "done"
    assert step(seen, "roll")["state"] == "rolled back"
    assert versions(net) == ["1", "1"]
    asked = [e for e in lead.events(window) if e["kind"] == "rollback.requested"]
    assert [(e["actor"], e["scope"]) for e in asked] == [("upgrade-tui", "step roll")]
    lead.run("close", "--confirm", "night", "--outcome", "rolled back", "--reason", "errors")


def everything(lead: Program) -> bytes:
    return b"".join(p.read_bytes() for p in (lead.home / "state").rglob("*") if p.is_file())


def test_output_is_withheld_without_its_secret_and_fetched_with_it(net: Net, lead: Program, tmp_path: Path) -> None:
    window = begun(lead, tmp_path)
    pid = lead.events(window)[0]["pid"]
    os.kill(pid, signal.SIGKILL)
    (tmp_path / "go").touch()
    password = lead.env.pop("DB_PASSWORD")
    lead.run("run", window, "--detach")
    seen = lead.until(lambda s: step(s, "roll")["state"] == "done")
    withheld = task(seen, "roll", "h2")
    assert withheld["withheld"] == "no value for DB_PASSWORD: the conductor's environment lacks it"
    assert (withheld["last_line"], withheld["output"]) == ("", "")
    assert withheld["bytes"] == len(f"with {PASSWORD} it works\n")
    assert task(seen, "roll", "h1")["last_line"] == "with [secret] it works"
    pid = [e for e in lead.events(window) if e["kind"] == "conductor.started"][-1]["pid"]
    os.kill(pid, signal.SIGKILL)
    lead.env["DB_PASSWORD"] = password
    lead.run("run", window, "--detach")
    seen = lead.until(lambda s: not task(s, "roll", "h2")["withheld"])
    assert task(seen, "roll", "h2")["last_line"] == "with [secret] it works"
    lead.run("no-go", "go", "--reason", "over")
    lead.run("close", "--confirm", "night", "--outcome", "abandoned", "--reason", "over")
    lead.run("report", window)
    lead.run("verify", window)
    assert PASSWORD.encode() not in everything(lead)
