"""What really happens on the simulated hosts: what commands do there, and what nobody may contradict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from random import Random

from tests.simulation.night import SECRET
from upgrade_tui.plan.model import Plan
from upgrade_tui.rehearsal.simulated_host import SimHost
from upgrade_tui.rehearsal.simulated_jobs import SimJob, SimulatedCommand

Broken = Callable[[str, str], None]
"""Told of each violation: (rule, what happened)."""

Where = tuple[str, str]
"""(step, host it is about)."""


class Truth:
    """Decides what commands do, by the seed alone, and keeps account."""

    def __init__(self, seed: str, plan: Plan, broken: Broken) -> None:
        self._seed, self._plan, self._broken = seed, plan, broken
        self._asked: Counter[tuple[str, str, str]] = Counter()
        self.starts: Counter[str] = Counter()  # a job's key -> how often it began
        self._jobs: dict[str, SimJob] = {}
        self.exits: dict[str, int | None] = {}  # a job's key -> how it ended
        self.applied: set[Where] = set()  # the step's work is there
        self.dirty: set[Where] = set()  # something was begun there and not undone
        self.at_work: dict[Where, list[SimJob]] = {}
        self.checked: Counter[tuple[str, str, bool]] = Counter()  # (command, host, what it said) -> how often

    # -- what commands do ---------------------------------------------------------------------------------------------

    def behave(
        self, host: SimHost, command: str, env: Mapping[str, str], secrets: Mapping[str, str]
    ) -> SimulatedCommand:
        """See ``host.Behave``."""
        head, _, last = command.rpartition("\n")
        about = env.get("UPGRADE_HOST") or head.partition("=")[2].partition(";")[0] or host.name
        word, _, step = last.partition(" ")
        self._asked[about, word, step] += 1
        rng = Random(f"{self._seed} {about} {last} {self._asked[about, word, step]}")
        if word in ("is", "isnt"):
            return self._check(rng, word, (step, about))
        spec = self._plan.step(step)
        estimate = float(spec.estimate) if spec is not None else 10.0
        seconds = estimate * (0.4 if word == "undo" else 1.0) * rng.uniform(0.3, 1.5)
        fate = rng.random()
        if fate < 0.02:
            seconds *= 50  # hangs
        said = f"{word} {step} on {about}\n".encode()
        if secrets and rng.random() < 0.6:
            said += f"with {secrets.get(SECRET, '')} it works\n".encode()
        said += b"more\nended\n" if rng.random() < 0.4 else b""
        stubborn, stays = rng.random() < 0.3, rng.random() < 0.3
        return SimulatedCommand(seconds, 1 if 0.02 <= fate < 0.07 else 0, said, stubborn, stays)

    def _check(self, rng: Random, word: str, where: Where) -> SimulatedCommand:
        good = (where in self.applied) == (word == "is")
        hangs = rng.random() < 0.01
        if not hangs:
            self.checked[f"{word} {where[0]}", where[1], good] += 1
        return SimulatedCommand(
            seconds=100.0 if hangs else rng.uniform(0.1, 3.0), exit=0 if good else 1, output=b"looked\n"
        )

    # -- what is seen of it -------------------------------------------------------------------------------------------

    def began(self, job: SimJob) -> None:
        """See ``simulated_jobs.Witness``."""
        where, undo = self.where(job), self.is_undo(job)
        self.starts[job.key] += 1
        self._jobs[job.key] = job
        if self.starts[job.key] > 1:
            self._broken("starts once", f"{job.key} began {self.starts[job.key]} times")
        others = [
            j
            for j in self.at_work.get(where, ())
            if j.running and (j.lives or (j.left and not job.armed)) and not j.gone
        ]  # else nobody can know, or can wait for it
        if others:
            self._broken("one at a time", f"{job.key} began on {where[1]} while {others[0].key} still runs there")
        self.at_work.setdefault(where, []).append(job)
        if not undo:
            self.dirty.add(where)

    def ended(self, job: SimJob, code: int | None) -> None:
        """See ``simulated_jobs.Witness``."""
        where = self.where(job)
        self.at_work[where].remove(job)
        self.exits[job.key] = code
        if code != 0:
            return
        if self.is_undo(job):
            self.applied.discard(where)
            self.dirty.discard(where)
        else:
            self.applied.add(where)

    def is_gone(self, key: str) -> bool:
        """Whether nothing of a job is left on its host."""
        return self._jobs[key].gone

    def put_back(self, where: Where) -> None:
        """Somebody undid it by hand."""
        self.applied.discard(where)
        self.dirty.discard(where)

    def where(self, job: SimJob) -> Where:
        """Which step's work on which host it is."""
        return job.env["UPGRADE_STEP"], job.env["UPGRADE_HOST"]

    def is_undo(self, job: SimJob) -> bool:
        """Whether it undoes that work."""
        return job.command.startswith("undo ")

    def busy(self, where: Where) -> bool:
        """Whether something runs there, as its host would tell who looked."""
        return any(job.running and not job.left for job in self.at_work.get(where, ()))
