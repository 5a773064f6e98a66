"""A whole window, from a shell, against real OpenSSH servers in namespaces, through the faults of a real night."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.net import Net
from tests.e2e.program import Program, host, step, task
from tests.support import require

pytestmark = [pytest.mark.ssh, pytest.mark.netns, pytest.mark.xdist_group("netns")]

ENGINEER, OBSERVER = 1, 2  # uids of daemon and bin on Debian

PLAN = '''
[window]
id = "night"
title = "A real night"
start = "now"
duration = "4h"
rto = "30m"

[people]
{lead} = {{ role = "lead" }}
daemon = {{ role = "engineer" }}

{hosts}

[watch]
limits = {{ memory = "100%" }}

[[canaries]]
name = "front"
http = "http://{front}:8080/health"
expect = {{ status = 200, body = "ok" }}
interval = "300ms"
timeout = "1s"
failure_limit = 2
recovery = 2

[[steps]]
id = "brief"
title = "Brief everybody"
owner = "daemon"

[[steps]]
id = "install"
title = "Install"
on = "all-of-them"
run = """
echo installing on $HOST_NAME; printf '\\\\377\\\\033[31m'
echo 2 > $HOST_DIR/version; echo once >> $HOST_DIR/runs
"""
check = "grep -qx 2 $HOST_DIR/version"
batches = [1, "100%"]
canaries = ["front"]
rollback = {{ run = "echo 1 > $HOST_DIR/version", estimate = "2m" }}

[[steps]]
id = "migrate"
title = "Migrate, which takes a while"
on = "h2"
run = "echo begun >> $HOST_DIR/migrations; sleep 8; echo migrated"
timeout = "2m"
rollback = {{ run = "true", estimate = "1m" }}

[[steps]]
id = "warm"
title = "Warm the caches"
on = "h3"
run = "echo warming >> $HOST_DIR/warmings; sleep 5"
timeout = "1m"
rollback = {{ run = "true", estimate = "1m" }}

[[steps]]
id = "go"
kind = "gate"
title = "Go for the rest?"
by = ["{lead}", "daemon"]
approvals = 2

[[steps]]
id = "drop"
title = "Drop the old schema"
irreversible = true
'''


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Net]:
    require("sshd", "ip", "ssh-keygen", root=True)
    with Net(tmp_path_factory.mktemp("net"), 3) as made:
        yield made


def test_a_window_survives_a_real_night(net: Net, tmp_path: Path) -> None:
    h1, h2, h3 = net.hosts
    site = tmp_path / "site"
    site.mkdir()
    (site / "health").write_text("ok\n")
    web = net.serve_http(h1, 8080, site)
    lead = Program(tmp_path / "home", uid=0)
    engineer, observer = lead.as_login(ENGINEER), lead.as_login(OBSERVER)
    plan = tmp_path / "night.toml"
    plan.write_text(PLAN.format(lead="root", hosts=net.plan_hosts(), front=h1.address))

    lead.run("check", "--quiet", str(plan))
    name = lead.run("run", str(plan), "--detach").stdout.strip()
    assert lead.run("run", str(plan), "--detach").stdout.strip() == name, "a second run attaches to the same window"
    seen = lead.until(lambda s: all(h["link"] == "up" and h["cpu"] is not None for h in s["hosts"]))
    assert [h["alerts"] for h in seen["hosts"]] == [[], [], []]
    lead.until(lambda s: s["canaries"][0]["verdict"] == "healthy")

    # a second operator looks on and does their own step; an observer may not
    watching = engineer.start("attach", "--plain", name)
    lead.until(lambda s: [o["login"] for o in s["operators"]] == ["daemon"])
    refused = observer.run("tick", "brief", code=78)
    assert "observer" in refused.stderr
    engineer.run("claim", "brief")
    engineer.run("tick", "brief")
    assert step(lead.status(), "brief")["by"] == "daemon"
    assert "not ready" in lead.run("start", "migrate", code=78).stderr

    # a command step on every host, batch by batch, checked
    lead.run("start", "install", "--wait")
    for each in net.hosts:
        assert (each.directory / "version").read_text() == "2\n"
        assert (each.directory / "runs").read_text() == "once\n"
    installed = task(lead.status(), "install", "h1")
    kept = (lead.home / "state/upgrade-tui/windows" / name / "output" / installed["output"]).read_bytes()
    assert kept == b"installing on h1\n\xff\x1b[31m"
    assert "\x1b" not in installed["last_line"]
    assert step(lead.status(), "install")["batch"] == 1

    # the link is cut in the middle of a step: lost, unknown, and its result found as soon as the host is back
    lead.run("start", "migrate")
    lead.until(lambda s: (h2.directory / "migrations").exists())
    h2.cut()
    lead.until(lambda s: host(s, "h2")["link"] == "lost", seconds=15)
    seen = lead.until(lambda s: step(s, "migrate")["state"] == "unknown")
    assert task(seen, "migrate", "h2")["state"] == "unknown"
    assert "already running" in lead.run("start", "migrate", code=78).stderr
    h2.mend()
    lead.until(lambda s: step(s, "migrate")["state"] == "done", seconds=60)
    assert task(lead.status(), "migrate", "h2")["last_line"] == "migrated"
    assert (h2.directory / "migrations").read_text() == "begun\n"

    # the conductor dies in the middle of a step: the next one finds the job on its host, and nothing runs twice
    lead.run("start", "warm")
    lead.until(lambda s: (h3.directory / "warmings").exists())
    os.kill(conductor_pid(lead, name), signal.SIGKILL)
    assert "no conductor" in lead.run("tick", "drop", code=69).stderr
    assert "no conductor" in lead.run("windows").stdout
    assert lead.run("run", str(plan), "--detach").stdout.strip() == name
    lead.until(lambda s: step(s, "warm")["state"] == "done", seconds=60)
    assert task(lead.status(), "warm", "h3")["attempt"] == 1
    assert (h3.directory / "warmings").read_text() == "warming\n"

    # the canary fails and recovers
    web.kill()
    os.killpg(web.pid, signal.SIGKILL)
    lead.until(lambda s: s["canaries"][0]["verdict"] == "failing")
    net.serve_http(h1, 8080, site)
    lead.until(lambda s: s["canaries"][0]["verdict"] == "healthy")

    # two people pass the gate; past the point of no return there is only forward
    lead.until(lambda s: step(s, "go")["state"] == "running")
    lead.run("go", "go")
    assert step(lead.status(), "go")["state"] == "running"
    card = engineer.run("evidence", "go").stdout
    assert "Drop the old schema" in card
    assert "canary front: healthy" in card
    assert "other evidence" in engineer.run("go", "go", "--digest", "0" * 16, code=78).stderr
    engineer.run("go", "go")
    lead.until(lambda s: step(s, "go")["state"] == "done")
    assert "irreversible" in lead.run("tick", "drop", code=78).stderr
    lead.run("tick", "drop", "--confirm", "drop")
    assert lead.status()["clock"]["no_return"] == "drop"

    lead.run("note", "the cut cost ten minutes", "--mark", "bad")
    assert "confirm" in lead.run("close", code=78).stderr
    lead.run("close", "--confirm", "night")
    watching.wait(20)
    kinds = [e["kind"] for e in lead.events(name)]
    for kind in ("window.opened", "conductor.started", "host.link", "task.unknown", "task.begun", "canary.verdict",
                 "gate.opened", "gate.voted", "operator.attached", "clock.crossed", "window.closed"):  # fmt: skip
        assert kind in kinds, f"{kind} in {sorted(set(kinds))}"
    assert "intact" in lead.run("verify", name).stdout
    assert (lead.home / "state/upgrade-tui/windows" / name / "report/report.html").exists(), "written at the close"
    lead.run("report", name)
    assert (lead.home / "state/upgrade-tui/windows" / name / "report/report.md").exists()


def conductor_pid(program: Program, name: str) -> int:
    """The pid the log names last."""
    pids = [e["pid"] for e in program.events(name) if e["kind"] in ("window.opened", "conductor.started")]
    return int(pids[-1])


def test_changed_and_unknown_host_keys_are_told_apart(net: Net, tmp_path: Path) -> None:
    h1 = net.hosts[0]
    lines = net.known_hosts.read_text().splitlines()
    other = lines[2].split(" ", 1)[1]
    mixed = tmp_path / "known_hosts"
    mixed.write_text(f"[{h1.address}]:2222 {other}\n{lines[2]}\n")  # h1: another key; h2: none; h3: right
    plan = tmp_path / "keys.toml"
    text = PLAN.format(lead="root", hosts=net.plan_hosts(), front=h1.address)
    plan.write_text(text.replace(str(net.known_hosts), str(mixed)).replace('id = "night"', 'id = "keys"'))
    lead = Program(tmp_path / "home", uid=0)
    name = lead.run("run", str(plan), "--detach").stdout.strip()
    seen = lead.until(lambda s: [h["link"] for h in s["hosts"]] == ["host key changed", "host key unknown", "up"])
    assert all(host(seen, h)["detail"] for h in ("h1", "h2"))
    lead.run("close", "--confirm", "keys", "--outcome", "abandoned", "--reason", "a test")
    assert "intact" in lead.run("verify", name).stdout
