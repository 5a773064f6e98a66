"""What hosts and links do to a step, through the whole program, on real OpenSSH servers in namespaces."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cuts import CUTS, Cutter, break_sessions, cut_plan, kill_all, noted
from tests.e2e.faults import Window, double_starts, ran, until
from tests.e2e.net import PORT, Net, NetHost, wait_for_port
from tests.e2e.program import Program, host, step, task
from tests.support import require

pytestmark = [pytest.mark.ssh, pytest.mark.netns, pytest.mark.xdist_group("netns")]

OPENED: list[Window] = []


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Net]:
    require("sshd", "ip", "ssh-keygen", root=True)
    with Net(tmp_path_factory.mktemp("net"), 4) as made:
        yield made


@pytest.fixture(autouse=True)
def _ends_what_it_opened() -> Iterator[None]:
    yield
    while OPENED:
        OPENED.pop().kill()


def opened(net: Net, directory: Path, steps: str, *, hosts: str = "") -> Window:
    """A window with these steps."""
    table = (hosts or net.plan_hosts()).replace("[ssh]", f'[ssh]\njob_dir = "{directory}/jobs"')
    plan = directory / "faults.toml"
    plan.write_text(CUTS.format(hosts=table) + steps)
    window = Window(Program(directory / "home", uid=0), plan)
    OPENED.append(window)
    return window


# -- links ------------------------------------------------------------------------------------------------------------


def test_links_cut_at_random_start_nothing_twice_and_lose_no_result(net: Net, tmp_path: Path) -> None:
    path, rng = tmp_path / "ran", random.Random(20413)
    names = ["roll1", "roll2", "roll3"]
    window = Window(Program(tmp_path / "home", uid=0), cut_plan(net, tmp_path, path, names))
    OPENED.append(window)
    cutter = Cutter(net.hosts, rng, longest=1.5, pause=0.4)
    cutter.start()
    retries = 0
    try:
        for name in names:
            retries += carry_out(window, name)
    finally:
        cutter.stop()
    events = window.events()
    assert cutter.cuts >= 20
    assert double_starts(path) == []
    begun = {line[1:] for line in ran(path) if line[0] == "begin"}
    assert begun == {line[1:] for line in ran(path) if line[0] == "end"}, "nothing was ended by a cut"
    results = {(e["step"], e["host"], str(e["attempt"])): e for e in events if e["kind"] == "task.finished"}
    assert set(results) == begun, "every result was recovered"
    assert all(e["exit"] == 0 and e["last_line"] == f"{e['host']} is through" for e in results.values())
    for event in results.values():  # output is whole, whatever was cut
        kept = (window.directory / "output" / event["output"]).read_text()
        assert kept == f"one\ntwo\n{event['host']} is through\n"
    assert len(begun) == 12, f"retried {retries} times where nothing had been sent"


def carry_out(window: Window, name: str) -> int:
    """A step to its end; tried again where a host could not be reached at all. How often that was."""
    window.program.run("start", name)
    retries = 0
    while True:
        state = until(lambda: window.state().steps[name].state != "running" and window.state(), seconds=90)
        found = state.steps[name]
        if found.state == "done":
            return retries
        left = {t.host: (t.state, t.reason) for t in found.tasks.values() if t.state not in ("done", "pending")}
        assert {s for s, _ in left.values()} <= {"unreachable"}, left
        window.program.run("retry", name)
        retries += 1


def test_a_dead_sshd_a_changed_key_and_a_reboot_in_one_batch(net: Net, tmp_path: Path) -> None:
    h1, h2, h3, _ = net.hosts
    path, fake = tmp_path / "ran", fake_proc(tmp_path / "proc")
    hosts = net.plan_hosts().replace("[hosts.h3]", f'[hosts.h3]\nproc_root = "{fake}"')
    stop = tmp_path / "stop"
    wait = noted(path, f"echo at it; until [ -e {stop} ]; do sleep 0.2; done")
    steps = f"""
[[steps]]
id = "roll"
title = "Roll out"
on = "all-of-them"
run = '''{wait}'''
timeout = "3m"
rollback = {{ run = "true", estimate = "1m" }}
"""
    window = opened(net, tmp_path, steps, hosts=hosts)
    lead = window.program
    lead.run("start", "roll")
    until(lambda: len(ran(path)) == 4)

    # h1: the server dies; h2: comes back with another key; h3: reboots
    stop_sshd(h1)
    key = net.directory / "h2_key"
    right = key.read_bytes()
    stop_sshd(h2)
    key.unlink()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True, capture_output=True)
    restart(net, h2)
    (fake / "sys/kernel/random/boot_id").write_text("22222222-0000-4000-8000-000000000000\n")
    kill_all(h3)

    seen = lead.until(lambda s: host(s, "h2")["link"] == "host key changed" and host(s, "h1")["link"] != "up")
    seen = lead.until(lambda s: all(task(s, "roll", h)["state"] == "unknown" for h in ("h1", "h2", "h3")))
    assert step(seen, "roll")["state"] == "unknown"
    assert task(seen, "roll", "h4")["state"] == "running"
    seen = lead.until(lambda s: "rebooted" in task(s, "roll", "h3")["reason"])
    assert "host.rebooted" in [e["kind"] for e in window.events()]
    assert "already running" in lead.run("start", "roll", code=78).stderr

    # the right key and the server are back
    stop.touch()
    restart(net, h1)
    stop_sshd(h2)
    key.write_bytes(right)
    restart(net, h2)
    seen = lead.until(lambda s: all(task(s, "roll", h)["state"] == "done" for h in ("h1", "h2", "h4")))
    lead.until(lambda s: step(s, "roll")["state"] == "unknown")
    assert [task(seen, "roll", h)["exit"] for h in ("h1", "h2", "h4")] == [0, 0, 0]

    # a person looks at the host and says what is so; then it is tried again there
    assert "unknown on h3" in lead.run("retry", "roll", code=78).stderr
    lead.run("settle", "roll", "failed", "--host", "h3", "--reason", "it rebooted half-way")
    lead.run("retry", "roll", "--host", "h3", "--wait")
    assert step(lead.status(), "roll")["state"] == "done"
    assert double_starts(path) == []
    assert [line for line in ran(path) if line[2] == "h3"] == [
        ("begin", "roll", "h3", "1"), ("begin", "roll", "h3", "2"), ("end", "roll", "h3", "2"),
    ]  # fmt: skip
    lead.run("close", "--confirm", "faults")
    assert "intact" in lead.run("verify", window.name).stdout


def fake_proc(root: Path) -> Path:
    """A /proc whose boot id can be changed; the rest is the real one's."""
    (root / "sys/kernel/random").mkdir(parents=True)
    (root / "sys/kernel/random/boot_id").write_text("11111111-0000-4000-8000-000000000000\n")
    for name in ("stat", "meminfo", "loadavg", "uptime", "vmstat", "net", "pressure", "mounts", "diskstats", "self"):
        (root / name).symlink_to(f"/proc/{name}")
    for name in ("osrelease", "hostname", "ostype"):
        (root / "sys/kernel" / name).symlink_to(f"/proc/sys/kernel/{name}")
    return root


def stop_sshd(there: NetHost) -> None:
    """The listener and every session."""
    assert there.sshd is not None
    there.sshd.kill()
    there.sshd.wait()
    break_sessions(there)


def restart(net: Net, there: NetHost) -> None:
    """sshd again, with the key that is there now."""
    net.start_sshd(there)
    wait_for_port(there.address, PORT)


# -- what commands do -------------------------------------------------------------------------------------------------

STEPS = """
[[steps]]
id = "flood"
title = "Print for seconds on end"
on = "h1"
run = "timeout 3 yes 0123456789abcdef; echo; echo through"
timeout = "1m"
changes = false

[[steps]]
id = "binary"
title = "Print what is no text"
on = "h2"
run = '''
head -c 300000 /dev/urandom | tee {site}/random
printf '\\n\\033]52;c;QQ==\\a[/b]\\377\\n' | tee -a {site}/random
'''
timeout = "1m"
changes = false
needs = []

[[steps]]
id = "daemon"
title = "Leave something running"
on = "h3"
run = '''
setsid -f sh -c 'echo $$ > {site}/daemon; exec sleep 600'
(sleep 601 & echo $! > {site}/child)
echo started
'''
timeout = "30s"
changes = false
needs = []

[[steps]]
id = "stubborn"
title = "Ignore TERM"
on = "h2"
run = '''trap '' TERM; echo $$ > {site}/stubborn; while :; do sleep 1; done'''
timeout = "2s"
changes = false
needs = []

[[steps]]
id = "sudo"
title = "Need a password"
on = "h3"
run = "PATH={site}/bin:$PATH; sudo -n systemctl restart orders"
timeout = "30s"
changes = false
needs = []

[[steps]]
id = "full"
title = "Start on a full disk"
on = "h4"
run = "echo never > {site}/never"
timeout = "30s"
changes = false
needs = []

[[steps]]
id = "fills"
title = "Fill the disk with output"
on = "h4"
run = "head -c 5000000 /dev/zero; exit 3"
timeout = "30s"
changes = false
needs = []

[[steps]]
id = "long"
title = "Take long on every host"
on = "all-of-them"
run = "echo $$ > {site}/long.$UPGRADE_HOST; sleep 500 & wait"
batches = [2, "100%"]
timeout = "20m"
needs = []
rollback = {{ run = "true", estimate = "1m" }}
"""

SUDO = """#!/bin/sh
[ "$1" = -n ] && { echo "sudo: a password is required" >&2; exit 1; }
read -r _
"""


def test_what_commands_do_harms_nobody(net: Net, tmp_path: Path) -> None:
    h4 = net.hosts[3]
    site, jobs = tmp_path / "site", tmp_path / "jobs"
    (site / "bin").mkdir(parents=True)
    jobs.mkdir()
    (site / "bin/sudo").write_text(SUDO)
    (site / "bin/sudo").chmod(0o755)
    small_disk(net, h4, jobs)
    window = opened(net, tmp_path, STEPS.format(site=site))
    lead = window.program
    lead.until(lambda s: all(h["link"] == "up" for h in s["hosts"]))

    # flood, binary, daemon, a command that needs a password, all at once
    for name in ("flood", "binary", "daemon", "sudo"):
        lead.run("start", name)
    seen = lead.until(lambda s: all(step(s, n)["state"] in ("done", "failed") for n in ("binary", "daemon", "sudo")))
    assert (step(seen, "binary")["state"], step(seen, "daemon")["state"]) == ("done", "done")
    password = task(seen, "sudo", "h3")
    assert (password["state"], password["last_line"]) == ("failed", "sudo: a password is required")
    binary = task(seen, "binary", "h2")
    assert (window.directory / "output" / binary["output"]).read_bytes() == (site / "random").read_bytes()
    assert "\x1b" not in binary["last_line"]
    for name in ("daemon", "child"):
        pid = int((site / name).read_text())
        assert Path(f"/proc/{pid}").exists(), "what a step leaves running goes on"
        os.kill(pid, 9)

    seen = lead.until(lambda s: step(s, "flood")["state"] == "done")
    flood = task(seen, "flood", "h1")
    assert flood["last_line"] == "through"
    assert (window.directory / "output" / flood["output"]).stat().st_size < 20 * 1024 * 1024
    assert memory(window.pid) < 150 * 1024 * 1024, "the conductor's peak"
    on_host = sum(p.stat().st_size for p in jobs.rglob("out.*"))
    assert on_host < 24 * 1024 * 1024, "bounded on the host, too"

    # ignores TERM: killed, with all it started
    lead.run("start", "stubborn")
    seen = lead.until(lambda s: step(s, "stubborn")["state"] == "failed")
    assert task(seen, "stubborn", "h2")["timed_out"]
    assert not Path(f"/proc/{(site / 'stubborn').read_text().strip()}").exists()

    # a disk that fills up while the command runs, and one that was full before
    lead.run("start", "fills")
    seen = lead.until(lambda s: step(s, "fills")["state"] == "failed")
    assert task(seen, "fills", "h4")["exit"] == 3, "the result is proven"
    fill(h4, jobs)
    lead.run("start", "full")
    seen = lead.until(lambda s: step(s, "full")["state"] == "failed")
    full = task(seen, "full", "h4")
    assert full["state"] == "unreachable"
    assert "full" in full["reason"]
    assert not (site / "never").exists()

    # an abort in the middle of a batch
    lead.run("start", "long")
    until(lambda: len(list(site.glob("long.*"))) == 2)
    assert "confirm" in lead.run("abort", code=78).stderr
    lead.run("abort", "--confirm", "faults", "--reason", "wrong night")
    seen = lead.until(lambda s: step(s, "long")["state"] == "failed")
    assert [t["state"] for t in step(seen, "long")["tasks"]] == ["failed", "failed", "pending", "pending"]
    for name in ("h1", "h2"):
        assert not Path(f"/proc/{(site / f'long.{name}').read_text().strip()}").exists()
    assert sorted(p.name for p in site.glob("long.*")) == ["long.h1", "long.h2"]
    assert "aborted" in lead.run("start", "long", code=78).stderr
    assert "intact" in lead.run("verify", window.name).stdout


def small_disk(net: Net, there: NetHost, jobs: Path) -> None:
    """The host again, with a disk of 1 MB for jobs: ``ip netns exec`` gives it mounts of its own."""
    stop_sshd(there)
    config = net.directory / f"{there.name}_sshd_config"
    there.sshd = there.spawn(
        "sh", "-c", f"mount -t tmpfs -o size=1m tmpfs {jobs} && exec /usr/sbin/sshd -D -f {config}"
    )
    wait_for_port(there.address, PORT)


def fill(there: NetHost, jobs: Path) -> None:
    """Nothing fits onto that disk any more. Goes into the mounts of the host's sshd."""
    assert there.sshd is not None
    subprocess.run(
        ["nsenter", "-t", str(there.sshd.pid), "-m", "sh", "-c", f"cat /dev/zero > {jobs}/rest"],
        check=False, capture_output=True,
    )  # fmt: skip


def memory(pid: int) -> int:
    """The most memory the process ever had resident, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
