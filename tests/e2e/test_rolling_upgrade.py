"""A rolling upgrade of a service on four hosts, from a shell: a failed batch, a retry, a gate with two operators, a
rollback within its promised time, a dead-man rollback that fires because the link is cut, and forward again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.faults import Window, until
from tests.e2e.net import Net, NetHost
from tests.e2e.program import Program, host, step, task
from tests.support import require

pytestmark = [pytest.mark.ssh, pytest.mark.netns, pytest.mark.xdist_group("netns")]

ENGINEER, OBSERVER = 1, 2  # uids of daemon and bin on Debian

PLAN = '''
[window]
id = "rolling"
title = "Orders 1 to 2, four hosts"
start = "now"
duration = "4h"
rto = "5m"
goal = "every host serves release 2"

[people]
root = {{ role = "lead" }}
daemon = {{ role = "engineer" }}

{hosts}

[watch]
interval = "5s"
limits = {{ memory = "100%" }}

[[canaries]]
name = "front"
http = "http://{front}:8080/release"
interval = "300ms"
timeout = "1s"

[[steps]]
phase = "Rollout"
id = "roll"
title = "Serve release 2"
on = "all-of-them"
run = """
echo "roll $UPGRADE_HOST" >> {ran}
[ ! -e $HOST_DIR/broken ] || {{ echo "the package is broken"; exit 7; }}
echo 2 > $HOST_DIR/site/release
"""
check = "grep -qx 2 $HOST_DIR/site/release"
batches = [1, 2, "100%"]
canaries = ["front"]
bake = "300ms"
timeout = "1m"
estimate = "1m"
rollback = {{ run = """
echo "undo-roll $UPGRADE_HOST" >> {ran}
echo 1 > $HOST_DIR/site/release""", check = "grep -qx 1 $HOST_DIR/site/release", estimate = "20s" }}

[[steps]]
phase = "Rollout"
id = "go"
kind = "gate"
title = "Switch the flags?"
by = ["root", "daemon"]
approvals = 2
timeout = "15m"

[[steps]]
phase = "Switch"
id = "flags"
title = "Switch the flags"
on = "all-of-them"
run = "echo flags $UPGRADE_HOST >> {ran}; echo on > $HOST_DIR/flags"
timeout = "1m"
rollback = {{ run = "echo undo-flags $UPGRADE_HOST >> {ran}; rm $HOST_DIR/flags", estimate = "30s" }}

[[steps]]
phase = "Switch"
id = "network"
title = "Change what could cut us off"
on = "h4"
run = "echo network $UPGRADE_HOST >> {ran}; echo new > $HOST_DIR/network"
confirm_within = "8s"
timeout = "5s"
rollback = {{ run = "echo undo-network $UPGRADE_HOST >> {ran}; echo old > $HOST_DIR/network", estimate = "30s" }}
'''


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Net]:
    require("sshd", "ip", "ssh-keygen", root=True)
    with Net(tmp_path_factory.mktemp("net"), 4) as made:
        yield made


@pytest.fixture
def window(net: Net, tmp_path: Path) -> Iterator[Window]:
    for each in net.hosts:
        (each.directory / "site").mkdir()
        (each.directory / "site/release").write_text("1\n")
        net.serve_http(each, 8080, each.directory / "site")
    plan = tmp_path / "rolling.toml"
    hosts = net.plan_hosts().replace("[ssh]", f'[ssh]\njob_dir = "{tmp_path}/jobs"')
    plan.write_text(PLAN.format(hosts=hosts, front=net.hosts[0].address, ran=tmp_path / "ran"))
    made = Window(Program(tmp_path / "home", uid=0), plan)
    yield made
    made.kill()


def test_a_rolling_upgrade_with_everything_that_can_happen(net: Net, window: Window, tmp_path: Path) -> None:
    lead = window.program
    lead.until(lambda s: all(h["link"] == "up" for h in s["hosts"]) and s["canaries"][0]["verdict"] == "healthy")
    a_failed_batch_and_its_retry(net, window, tmp_path / "ran")
    two_people_pass_the_gate(lead)
    lead.run("start", "flags", "--wait")
    everything_is_rolled_back(net, window, tmp_path / "ran")
    forward_again(net, window, tmp_path / "ran")
    the_dead_man_fires(net.hosts[3], window, tmp_path / "ran")
    the_end(net, window)


def lines(path: Path) -> list[str]:
    """What ran on the hosts so far, in its order."""
    return path.read_text().splitlines()


def a_failed_batch_and_its_retry(net: Net, window: Window, path: Path) -> None:
    """h3 is broken: the step stops after its batch; repaired, it is tried again there, then the rest follows."""
    lead = window.program
    (net.hosts[2].directory / "broken").touch()
    failed = lead.run("start", "roll", "--wait", code=1)
    assert "1 of 4 failed, 0 allowed: stopped" in failed.stderr
    seen = lead.status()
    assert [t["state"] for t in step(seen, "roll")["tasks"]] == ["done", "done", "failed", "pending"]
    broken = task(seen, "roll", "h3")
    assert (broken["exit"], broken["last_line"]) == (7, "the package is broken")
    assert seen["clock"]["cost"] == 40.0, "two batches to undo"
    (net.hosts[2].directory / "broken").unlink()
    assert "done on h3; 1 of 4 not begun" in lead.run("retry", "roll", "--host", "h3", "--wait").stdout
    seen = lead.until(lambda s: task(s, "roll", "h3")["state"] == "done")
    assert task(seen, "roll", "h4")["state"] == "pending", "only h3 was to be retried"
    lead.run("retry", "roll", "--wait")
    assert lead.status()["clock"]["cost"] == 60.0
    ran = lines(path)
    assert ran[0] == "roll h1"
    assert sorted(ran[1:3]) == ["roll h2", "roll h3"]
    assert ran[3:] == ["roll h3", "roll h4"]


def two_people_pass_the_gate(lead: Program) -> None:
    """One vote is not enough, nor are two of the same person; an observer has none."""
    engineer, observer = lead.as_login(ENGINEER), lead.as_login(OBSERVER)
    lead.until(lambda s: step(s, "go")["state"] == "running")
    assert "Switch the flags" in lead.run("evidence", "go").stdout
    lead.run("go", "go")
    lead.run("go", "go")
    observer.run("go", "go", code=78)
    assert step(lead.status(), "go")["state"] == "running"
    engineer.run("go", "go")
    lead.until(lambda s: step(s, "go")["state"] == "done")


def everything_is_rolled_back(net: Net, window: Window, path: Path) -> None:
    """In reverse order, batch by batch; estimated and done within the promise."""
    lead, before = window.program, len(lines(path))
    preview = lead.run("rollback", "--preview").stdout
    assert "rolling back everything: about 1 m 30 s, promised 5 m" in preview.replace("1m 30s", "1 m 30 s").replace(
        "promised 5m", "promised 5 m"
    )
    assert lead.status()["clock"]["cost"] == 90.0, "3 batches of 20 s and one of 30 s"
    assert "confirm" in lead.run("rollback", "--reason", "errors", code=78).stderr
    engineer = lead.as_login(ENGINEER)
    assert "lead" in engineer.run("rollback", "--confirm", "rolling", "--reason", "errors", code=78).stderr
    lead.run("rollback", "--confirm", "rolling", "--reason", "errors went up", "--wait")
    undone = lines(path)[before:]
    assert sorted(undone[:4]) == [f"undo-flags {h.name}" for h in net.hosts], "the last step first"
    assert undone[4] == "undo-roll h4", "its last batch first"
    assert sorted(undone[5:7]) == ["undo-roll h2", "undo-roll h3"]
    assert undone[7:] == ["undo-roll h1"]
    for each in net.hosts:
        assert (each.directory / "site/release").read_text() == "1\n"
        assert not (each.directory / "flags").exists()
    ended = last(window, "rollback.ended")
    assert ended["outcome"] == "done"
    assert 0 < ended["seconds"] <= 300, "within the promised rto"
    seen = lead.status()
    assert [step(seen, name)["state"] for name in ("roll", "flags")] == ["rolled back", "rolled back"]
    assert seen["clock"]["cost"] == 0.0


def forward_again(net: Net, window: Window, path: Path) -> None:
    """The same steps once more; the gate that was passed is to be passed again."""
    lead, before = window.program, len(lines(path))
    lead.run("start", "roll", "--wait")
    two_people_pass_the_gate(lead)
    lead.run("start", "flags", "--wait")
    again = lines(path)[before:]
    assert again[0] == "roll h1"
    assert sorted(again[1:3]) == ["roll h2", "roll h3"]
    assert again[3] == "roll h4"
    assert sorted(again[4:]) == [f"flags {h.name}" for h in net.hosts]
    assert 0 < lead.status()["clock"]["cost"] < 90, "the clock counts what the rollback was measured to take"


def the_dead_man_fires(h4: NetHost, window: Window, path: Path) -> None:
    """The change is made, then the link is cut: the host undoes it by itself, and that is told once it is back."""
    lead = window.program
    lead.run("start", "network")
    until(lambda: "network h4" in lines(path))
    h4.cut()
    until(lambda: lines(path)[-1] == "undo-network h4")
    until(lambda: (h4.directory / "network").read_text() == "old\n")
    assert "deadman.fired" not in [e["kind"] for e in window.events()], "nobody here can know it yet"
    lead.until(lambda s: host(s, "h4")["link"] == "lost")
    h4.mend()
    until(lambda: "deadman.fired" in [e["kind"] for e in window.events()])
    fired = last(window, "deadman.fired")
    assert (fired["host"], fired["exit"]) == ("h4", 0)
    seen = lead.until(lambda s: step(s, "network")["state"] in ("failed", "rolled back"))
    undone = task(seen, "network", "h4")
    assert undone["state"] == "rolled back"
    assert "nobody confirmed in time" in undone["reason"]
    assert [line for line in lines(path) if "network" in line] == ["network h4", "undo-network h4"]

    # once more, and confirmed in time
    lead.run("start", "network")
    until(lambda: any(a.state == "armed" for a in window.state().steps["network"].armed.values()))
    lead.run("confirm", "network")
    lead.until(lambda s: step(s, "network")["state"] == "done")
    until(lambda: last(window, "deadman.confirmed")["host"] == "h4")
    assert (h4.directory / "network").read_text() == "new\n"


def the_end(net: Net, window: Window) -> None:
    """Closed, verified, reported; nothing of it is left on the hosts."""
    lead = window.program
    lead.run("close", "--confirm", "rolling")
    assert "intact" in lead.run("verify", window.name).stdout
    lead.run("report", window.name)
    report = (window.directory / "report/report.md").read_text()
    for word in ("roll", "network", "h3", "rolled back"):
        assert word in report, word
    data: dict[str, Any] = json.loads((window.directory / "report/report.json").read_text())
    assert data
    jobs = window.plan.parent / "jobs"
    until(lambda: jobs.is_dir() and not list(jobs.glob("upgrade-tui.*/*")))
    for each in net.hosts:
        assert (each.directory / "site/release").read_text() == "2\n"
        assert (each.directory / "flags").read_text() == "on\n"


def last(window: Window, kind: str) -> dict[str, Any]:
    """The last event of a kind."""
    return next((e for e in reversed(window.events()) if e["kind"] == kind), {"host": ""})
