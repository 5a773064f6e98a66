"""The long version of the fault tests: ``make soak``. Needs root, sshd, iproute2.

    python -m tests.soak --kills 1000 --cuts 1000 --minutes 120 --seed 7

Conductors are killed at random moments of whole windows, and links of hosts in namespaces are cut at random moments of
steps, until so many kills and cuts were done or the time is up. It ends with 0 only if nothing ran twice, every result
was found, and every log verifies; it prints what it saw.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.cuts import Cutter, cut_plan
from tests.e2e.faults import (
    Event,
    Killer,
    Night,
    Window,
    after,
    check_log,
    check_order,
    double_starts,
    kill_plan,
    ran,
    until,
)
from tests.e2e.net import Net
from tests.e2e.program import Program
from tests.sshd import Sshd

PROMISE = 2.0  # seconds from a host's return to the result of its task


@dataclass
class Seen:
    """What happened."""

    kills: int = 0
    killed_at: Counter[str] = field(default_factory=Counter)
    cuts: int = 0
    windows: int = 0
    starts: int = 0
    doubles: int = 0
    results: int = 0
    unreachable: int = 0  # attempts that were never sent
    unknown: Counter[str] = field(default_factory=Counter)  # settled as unknown, by reason
    found_after: list[float] = field(default_factory=list)  # seconds from a host's return
    failures: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """For people."""
        late = sorted(self.found_after)
        where = ", ".join(f"{kind} {n}" for kind, n in self.killed_at.most_common())
        out = [
            f"{self.windows} windows, {self.kills} conductors killed, {self.cuts} links cut",
            f"{self.starts} attempts began on hosts, {self.doubles} of them twice",
            f"{self.results} results proven, {self.unreachable} attempts never sent and told so",
            f"unknown in the end: {dict(self.unknown) or 'none'}",
            f"killed at: {where or 'nothing'}",
        ]
        if late:
            slow, most = sum(t > PROMISE for t in late), late[int(len(late) * 0.95)]
            out.append(f"found after the host's return: median {late[len(late) // 2]:.2f} s, 95 % {most:.2f} s, ")
            out[-1] += f"most {late[-1]:.2f} s; {slow} of {len(late)} over {PROMISE:g} s"
        return out + [f"FAILED: {text}" for text in self.failures]


def note(seen: Seen, events: list[Event], path: Path) -> None:
    """Count what a window's log and its hosts say."""
    seen.windows += 1
    seen.starts += sum(line[0] == "begin" for line in ran(path))
    seen.doubles += len(double_starts(path))
    seen.results += sum(e["kind"] == "task.finished" for e in events)
    seen.unreachable += sum(e["kind"] == "task.unreachable" for e in events)
    seen.unknown.update(e["reason"] for e in events if e["kind"] == "task.unknown" and not e.get("following"))
    seen.found_after += found_after(events)


def found_after(events: list[Event]) -> list[float]:
    """Seconds from a host's return to each of its tasks that was found again."""
    since: dict[str, float] = {}  # host -> its return, or the loss of a task where that came later
    out = []
    for event in events:
        if event["kind"] == "task.unknown" or (event["kind"] == "host.link" and event["link"] == "up"):
            since[event["host"]] = event["ts"]
        elif event["kind"] == "task.found":
            out.append(max(0.0, event["ts"] - since[event["host"]]))
    return out


def kills(seen: Seen, sshd: Sshd, directory: Path, rng: random.Random) -> None:
    """A whole window, there and back, whose conductors die at random."""
    site = directory / "site"
    site.mkdir(parents=True)
    plan = kill_plan(directory, sshd, seconds=rng.choice(("0.1", "0.4")), bake="400ms")
    night = Night(Window(Program(directory / "home", uid=0), plan), site)
    killer = Killer(night.window, [after(rng.randint(1, 6)) for _ in range(500)], jitter=0.25, rng=rng)
    try:
        killer.start()
        night.drive(
            lambda s: (
                s.steps["guarded"].state == "done"
                and {a.state for a in s.steps["guarded"].armed.values()} == {"confirmed"}
            ),
            seconds=600,
        )
        night.undo(seconds=600)
        killer.stop()
        night.close()
        check_order(ran(site / "ran"), "roll", ("h1",), ("h2", "h3", "h4"))
        check_order(ran(site / "ran"), "undo-roll", ("h2", "h3", "h4"), ("h1",))
        check_log(night.window.events(), site / "ran")
    finally:
        killer.stop()
        night.window.kill()
        seen.kills += killer.kills
        seen.killed_at += killer.killed_at
        note(seen, night.window.events(), site / "ran")


def cuts(seen: Seen, net: Net, directory: Path, rng: random.Random) -> None:
    """Six steps of three batches over four hosts whose links are cut at random."""
    directory.mkdir(parents=True)
    path, names = directory / "ran", [f"roll{number}" for number in range(1, 7)]
    window = Window(Program(directory / "home", uid=0), cut_plan(net, directory, path, names))
    cutter = Cutter(net.hosts, rng, longest=6.0, pause=rng.choice((0.3, 1.0, 3.0)))
    cutter.start()
    try:
        for name in names:
            window.program.run("start", name)
            while True:
                state = until(lambda n=name: window.state().steps[n].state != "running" and window.state(), seconds=600)
                if state.steps[name].state == "done":
                    break
                window.program.run("retry", name)
        cutter.stop()
        check_log(window.events(), path)
        window.program.run("close", "--confirm", "faults")
        assert "intact" in window.program.run("verify", window.name).stdout
    finally:
        cutter.stop()
        window.kill()
        seen.cuts += cutter.cuts
        note(seen, window.events(), path)


def main() -> int:
    """Until the counts are reached or the time is up."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--cuts", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    given = parser.parse_args()
    seen, rng, deadline = Seen(), random.Random(given.seed), time.monotonic() + given.minutes * 60
    sys.stdout.write(f"seed {given.seed}\n")
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        root = Path(name)
        (root / "sshd").mkdir()
        (root / "net").mkdir()
        with Sshd(root / "sshd") as sshd, Net(root / "net", 4) as net:
            number = 0
            while time.monotonic() < deadline and (seen.kills < given.kills or seen.cuts < given.cuts):
                number += 1
                for wanted, what in (
                    (seen.kills < given.kills, lambda n: kills(seen, sshd, root / f"kills{n}", rng)),
                    (seen.cuts < given.cuts, lambda n: cuts(seen, net, root / f"cuts{n}", rng)),
                ):
                    if wanted and time.monotonic() < deadline:
                        try:
                            what(number)
                        except (AssertionError, TimeoutError) as error:
                            seen.failures.append(f"round {number}: {str(error)[:2000]}")
                sys.stdout.write("\n".join(seen.lines()) + "\n\n")
                sys.stdout.flush()
    return 0 if not seen.failures and not seen.doubles else 1


if __name__ == "__main__":
    sys.exit(main())
