"""Links of hosts in namespaces that are cut at random moments, and a plan to cut them under."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

from tests.e2e.net import Net, NetHost

CUTS = """
[window]
id = "faults"
title = "A night of faults"
start = "now"
duration = "4h"

{hosts}

[watch]
interval = "5s"
limits = {{ memory = "100%" }}
"""

CUT_STEP = """
[[steps]]
id = "{name}"
title = "Roll out, {name}"
on = "all-of-them"
run = '''{run}'''
batches = [1, 1, "100%"]
timeout = "2m"
changes = false
"""


def cut_plan(net: Net, directory: Path, path: Path, names: Sequence[str]) -> Path:
    """A plan with steps of three batches over the hosts of ``net``."""
    run = noted(path, "echo one; sleep 0.7; echo two; sleep 0.7; echo $UPGRADE_HOST is through")
    table = net.plan_hosts().replace("[ssh]", f'[ssh]\njob_dir = "{directory}/jobs"')
    plan = directory / "faults.toml"
    plan.write_text(CUTS.format(hosts=table) + "".join(CUT_STEP.format(name=name, run=run) for name in names))
    return plan


def noted(path: Path, what: str) -> str:
    """A command that notes its begin and its end."""
    name = "$UPGRADE_STEP $UPGRADE_HOST $UPGRADE_ATTEMPT"
    return f'echo "begin {name}" >> {path}; {what}; echo "end {name}" >> {path}'


def break_sessions(host: NetHost) -> int:
    """Kill the sshd processes of the host's sessions: connections break at once. How many there were."""
    assert host.sshd is not None
    sessions = [p for p in _pids(host.space) if p != host.sshd.pid and _comm(p).startswith("sshd")]
    for pid in sessions:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return len(sessions)


def kill_all(host: NetHost) -> None:
    """Kill everything on the host but the sshd that listens: as far as processes go, a reboot."""
    assert host.sshd is not None
    for pid in _pids(host.space):
        if pid != host.sshd.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _pids(space: str) -> list[int]:
    found = subprocess.run(["ip", "netns", "pids", space], check=False, capture_output=True, text=True).stdout
    return [int(pid) for pid in found.split()]


def _comm(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


class Cutter(threading.Thread):
    """Cuts links of random hosts at random moments: mostly by breaking the connections, else by pulling the cable."""

    def __init__(self, hosts: Sequence[NetHost], rng: random.Random, *, longest: float, pause: float) -> None:
        super().__init__(daemon=True)
        self.hosts, self.cuts = list(hosts), 0
        self._rng, self._longest, self._pause = rng, longest, pause
        self._enough = threading.Event()
        self.error: BaseException | None = None

    def run(self) -> None:
        """Until ``stop``. Links are whole afterwards."""
        try:
            while not self._enough.wait(self._rng.uniform(0.05, self._pause)):
                host = self._rng.choice(self.hosts)
                if self._rng.random() < 0.7:
                    self.cuts += break_sessions(host) > 0
                else:
                    host.cut()
                    self._enough.wait(self._rng.uniform(0.1, self._longest))
                    host.mend()
                    self.cuts += 1
        except BaseException as error:
            self.error = error

    def stop(self) -> None:
        """No more cuts. Raises what went wrong in the thread."""
        self._enough.set()
        self.join(60)
        if self.error is not None:
            raise self.error
