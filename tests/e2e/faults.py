"""A window that is driven to its end while its conductor is killed again and again, and what must be so after it.

Commands on hosts append a line to one file at each begin and each end: that file, not the program, tells what ran.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from tests.e2e.program import Program
from tests.sshd import Sshd
from upgrade_tui.journal.reader import read_log
from upgrade_tui.plan.reader import parse_plan
from upgrade_tui.window.fold import fold
from upgrade_tui.window.state import WindowState, initial

ENGINEER = 1  # uid of daemon on Debian
Event = dict[str, Any]
When = Callable[[Event], bool]
T = TypeVar("T")

PLAN = '''
[window]
id = "kills"
title = "A window whose conductor dies"
start = "now"
duration = "4h"

[people]
root = {{ role = "lead" }}
daemon = {{ role = "engineer" }}

{hosts}

[watch]
interval = "5s"
limits = {{ memory = "100%" }}

[[steps]]
id = "roll"
title = "Roll out"
on = "fleet"
run = """
echo "begin $UPGRADE_STEP $UPGRADE_HOST $UPGRADE_ATTEMPT" >> {ran}
sleep {seconds}; echo new > {site}/roll.$UPGRADE_HOST
echo "end $UPGRADE_STEP $UPGRADE_HOST $UPGRADE_ATTEMPT" >> {ran}
echo "out of $UPGRADE_HOST"
"""
check = "grep -qx new {site}/roll.$UPGRADE_HOST"
batches = [1, "100%"]
bake = "{bake}"
timeout = "1m"
[steps.rollback]
run = """
echo "begin undo-roll $UPGRADE_HOST $UPGRADE_ATTEMPT" >> {ran}
sleep {seconds}; echo old > {site}/roll.$UPGRADE_HOST
echo "end undo-roll $UPGRADE_HOST $UPGRADE_ATTEMPT" >> {ran}
"""
check = "grep -qx old {site}/roll.$UPGRADE_HOST"
estimate = "10s"

[[steps]]
id = "go"
kind = "gate"
title = "Go on?"
by = ["root", "daemon"]
approvals = 2

[[steps]]
id = "guarded"
title = "Change what must be confirmed"
on = ["h2", "h3"]
run = """
echo "begin $UPGRADE_STEP $UPGRADE_HOST $UPGRADE_ATTEMPT" >> {ran}
sleep {seconds}; echo new > {site}/guarded.$UPGRADE_HOST
echo "end $UPGRADE_STEP $UPGRADE_HOST $UPGRADE_ATTEMPT" >> {ran}
"""
confirm_within = "5m"
timeout = "1m"
[steps.rollback]
run = """
echo "begin undo-guarded $UPGRADE_HOST $UPGRADE_ATTEMPT" >> {ran}
sleep {seconds}; echo old > {site}/guarded.$UPGRADE_HOST
echo "end undo-guarded $UPGRADE_HOST $UPGRADE_ATTEMPT" >> {ran}
"""
estimate = "10s"
'''


def kill_plan(directory: Path, sshd: Sshd, *, seconds: str, bake: str) -> Path:
    """The plan above, with four hosts on one server."""
    table = sshd.ssh_table()
    hosts = f'[ssh]\nuser = "{table["user"]}"\nport = {table["port"]}\nidentity = ["{sshd.identity}"]\n'
    hosts += f'known_hosts = "{sshd.known_hosts}"\njob_dir = "{directory}/jobs"\n'
    hosts += "".join(f'[hosts.h{n}]\naddress = "127.0.0.1"\ngroups = ["fleet"]\n' for n in range(1, 5))
    site, path = directory / "site", directory / "kills.toml"
    path.write_text(PLAN.format(hosts=hosts, site=site, ran=site / "ran", seconds=seconds, bake=bake))
    return path


def at(kind: str, nth: int = 1, **fields: object) -> When:
    """The ``nth`` event from here on that is of ``kind`` and has these fields."""
    left = nth

    def matches(event: Event) -> bool:
        nonlocal left
        if event["kind"] == kind and all(event.get(name) == value for name, value in fields.items()):
            left -= 1
        return left == 0

    return matches


def after(count: int) -> When:
    """So many events from here on."""
    left = count

    def matches(event: Event) -> bool:
        nonlocal left
        left -= 1
        return left <= 0

    return matches


def until(what: Callable[[], T], seconds: float = 120.0) -> T:
    """The first value that is true. Fails when it does not come."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.02)
    return found


class Window:
    """An open window, seen through its log alone."""

    def __init__(self, program: Program, plan: Path) -> None:
        self.program, self.plan = program, plan
        self.name = self.restart()
        self.directory = program.home / "state/upgrade-tui/windows" / self.name
        self._lines = 0

    def restart(self) -> str:
        """``run --detach``: starts a conductor where there is none."""
        return self.program.run("run", str(self.plan), "--detach").stdout.strip()

    def events(self) -> list[Event]:
        """Whole lines of the log, as they are on disk now."""
        out = []
        for path in sorted(self.directory.glob("log*.jsonl")):
            for line in path.read_bytes().split(b"\n")[:-1]:
                with contextlib.suppress(ValueError):
                    out.append(json.loads(line))
        return out

    def state(self) -> WindowState:
        """The fold of the log."""
        state = initial(parse_plan(self.plan.read_text(), "plan.toml"))
        for record in read_log(self.directory):
            state = fold(state, record)
        return state

    @property
    def pid(self) -> int:
        """Of the conductor the log names last."""
        return int([e["pid"] for e in self.events() if e["kind"] in ("window.opened", "conductor.started")][-1])

    def kill(self) -> None:
        """kill -9 the conductor, and wait until it is gone."""
        pid = self.pid
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 60
        while alive(pid):
            assert time.monotonic() < deadline, f"{pid} does not die"
            time.sleep(0.005)


def alive(pid: int) -> bool:
    """Whether the process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


class Killer(threading.Thread):
    """Kills the conductor each time the next of ``moments`` is in the log, and starts another one."""

    def __init__(
        self, window: Window, moments: Sequence[When], *, jitter: float, rng: random.Random, restart: bool = True
    ) -> None:
        super().__init__(daemon=True)
        self._again = restart
        self._starter: subprocess.Popen[str] | None = None
        self.window, self.moments = window, list(moments)
        self.kills = 0
        self.killed_at: Counter[str] = Counter()
        self.error: BaseException | None = None
        self._jitter, self._rng = jitter, rng
        self._enough = threading.Event()
        self._seen = len(window.events())

    def run(self) -> None:
        """Until all moments came, or ``stop``; what is in the log by then counts."""
        try:
            while self.moments:
                last = self._enough.is_set()
                if not self._look() and last:
                    break  # stopped, and nothing more in the log by then
                self._enough.wait(0.003)
            self._settle()
        except BaseException as error:
            self.error = error

    def _look(self) -> bool:
        """Kill at the next moment if it is in the log; whether it was."""
        events = self.window.events()
        for event in events[self._seen :]:
            self._seen += 1
            if self.moments[0](event):
                self._kill(event["kind"])
                return True
        return False

    def _kill(self, kind: str) -> None:
        time.sleep(self._rng.uniform(0.0, self._jitter))
        if not alive(self.window.pid):
            self._settle()  # this was the last word of the one before
        self.window.kill()
        self.kills += 1
        self.killed_at[kind] += 1
        del self.moments[0]
        if self._again:  # the next one may be killed before it is ready: nobody waits for that
            self._end_starter()
            self._starter = self.window.program.start("run", str(self.window.plan), "--detach")

    def _settle(self) -> None:
        """Until a conductor is ready, where one was to be started."""
        if self._end_starter() and self._again:
            self.window.restart()

    def _end_starter(self) -> bool:
        """Wait for the last starter; whether there was one."""
        starter, self._starter = self._starter, None
        if starter is not None:
            starter.communicate(timeout=60)
        return starter is not None

    def stop(self) -> None:
        """No more kills. Raises what went wrong in the thread."""
        self._enough.set()
        self.join(60)
        if self.error is not None:
            raise self.error


@dataclass
class Night:
    """Drives the plan above from the command line, as operators would who see that the program went away."""

    window: Window
    site: Path
    paused: bool = False
    done: list[str] = field(default_factory=list)

    def drive(self, until: Callable[[WindowState], bool], seconds: float = 120.0) -> WindowState:
        """Do what is next until ``until`` holds."""
        deadline = time.monotonic() + seconds
        while True:
            state = self.window.state()
            if until(state):
                return state
            last = [e["kind"] for e in self.window.events()][-15:]
            assert time.monotonic() < deadline, f"stuck: { {s.id: s.state for s in state.steps.values()} } after {last}"
            command = self.next(state)
            if command:
                who = self.window.program.as_login(ENGINEER) if command[0] == "daemon" else self.window.program
                self.done.append(" ".join(command))
                who.run(*command[1:], code=None)
            else:
                time.sleep(0.05)

    def next(self, state: WindowState) -> tuple[str, ...]:
        """Who does what now; empty: wait."""
        if state.phase == "paused":
            return ("root", "resume")
        if state.rolling_back:
            return ()
        roll, go, guarded = (state.steps[name] for name in ("roll", "go", "guarded"))
        for step in (roll, guarded):
            if step.state == "failed":
                return ("root", "retry", step.id)
        if roll.state == "pending":
            return ("root", "start", "roll")
        if go.state == "running":
            who = next((login for login in ("root", "daemon") if login not in go.votes), "")
            return (who, "go", "go") if who else ()
        if go.state == "done" and guarded.state == "pending":
            return ("root", "start", "guarded")
        if guarded.state == "armed" and any(a.state == "armed" and not a.asked for a in guarded.armed.values()):
            return ("root", "confirm", "guarded")
        return ()

    def undo(self, seconds: float = 120.0) -> WindowState:
        """Roll everything back, asking again where a rollback stopped."""
        deadline = time.monotonic() + seconds
        while True:
            state = self.window.state()
            if all(state.steps[name].state == "rolled back" for name in ("roll", "guarded")) and not state.rolling_back:
                return state
            assert time.monotonic() < deadline, f"stuck: {state.rollback} { {s.id: s for s in state.steps.values()} }"
            if not state.rolling_back:
                self.window.program.run("rollback", "--confirm", "kills", "--reason", "a test", code=None)
            time.sleep(0.1)

    def close(self, outcome: str = "rolled back") -> None:
        """End the window, verify its log."""
        arguments = ("close", "--confirm", "kills", "--outcome", outcome, "--reason", "a test")
        deadline = time.monotonic() + 60
        while self.window.program.run(*arguments, code=None).returncode and self.window.state().phase != "closed":
            assert time.monotonic() < deadline, self.window.program.run(*arguments, code=None).stderr
            time.sleep(0.1)
        assert "intact" in self.window.program.run("verify", self.window.name).stdout


def ran(path: Path) -> list[tuple[str, ...]]:
    """What ran, in its order: (begin or end, step, host, attempt)."""
    return [tuple(line.split()) for line in path.read_text().splitlines()] if path.exists() else []


def double_starts(path: Path) -> list[tuple[str, ...]]:
    """Attempts that began more than once."""
    return [line for line, count in Counter(ran(path)).items() if count > 1]


def check_order(lines: Sequence[tuple[str, ...]], step: str, first: Sequence[str], then: Sequence[str]) -> None:
    """Nothing of the second batch began before the first was over, in every attempt that reached both."""
    ended = {host: [i for i, n in enumerate(lines) if n[:3] == ("end", step, host)] for host in first}
    begun = [i for i, n in enumerate(lines) if n[:2] == ("begin", step) and n[2] in then]
    for host in first:
        assert ended[host], f"{step} never ended on {host}: {lines}"
        assert not begun or min(ended[host]) < min(begun), f"{step} overtook {host}: {lines}"


def check_log(events: Sequence[Event], path: Path) -> None:
    """The log and the hosts say the same: what began is in the log once, and its result is what it was."""
    lines = ran(path)
    started = [
        (("undo-" if e.get("undo") else "") + e["step"], e["host"], str(e["attempt"]))
        for e in events
        if e["kind"] == "task.started"
    ]
    assert len(set(started)) == len(started), "started twice in the log"
    begun = {n[1:] for n in lines if n[0] == "begin"}
    assert begun <= set(started), f"ran without a durable start: {begun - set(started)}"
    finished = {
        (("undo-" if e.get("undo") else "") + e["step"], e["host"], str(e["attempt"])): e["exit"]
        for e in events
        if e["kind"] == "task.finished"
    }
    assert set(finished) == begun, f"begun {begun}, finished {set(finished)}"
    assert set(finished.values()) <= {0}, finished
