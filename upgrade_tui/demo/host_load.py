"""Believable load: what a host of a role does at a time of day, while it is worked on, while its cache fills. Pure.

A host is moved on in time with ``step``; the counters it keeps are those of ``/proc``, so that samplers see rates that
follow from them. Nothing here reads a clock: times come in, and chance comes from the generator given.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field

TICKS = 100  # a second, as USER_HZ
GIB = 1024 * 1024  # KiB


@dataclass(frozen=True)
class Habits:
    """A role's day: shares in percent at night, and what the busiest hour adds; rates per second at 100 % CPU."""

    cpu: float
    cpu_day: float
    memory: float
    iowait: float
    network: float  # bytes/s at 100 % CPU
    disk: float  # bytes/s written at 100 % CPU
    connections: int


HABITS = {
    "lb": Habits(cpu=6, cpu_day=16, memory=24, iowait=0.1, network=90e6, disk=0.4e6, connections=900),
    "web": Habits(cpu=14, cpu_day=30, memory=52, iowait=0.3, network=24e6, disk=1.2e6, connections=260),
    "api": Habits(cpu=18, cpu_day=34, memory=61, iowait=0.4, network=18e6, disk=1.6e6, connections=180),
    "cache": Habits(cpu=4, cpu_day=9, memory=71, iowait=0.1, network=60e6, disk=0.1e6, connections=420),
    "db": Habits(cpu=16, cpu_day=26, memory=68, iowait=2.5, network=30e6, disk=40e6, connections=96),
}


def daylight(seconds: float) -> float:
    """0 in the small hours, 1 in the early afternoon; ``seconds`` of local time since midnight."""
    return 0.5 - 0.5 * math.cos(2 * math.pi * (seconds / 86400 - 0.09))


@dataclass
class Load:
    """One host's load and counters. Shares are percent, counters whole numbers of what ``/proc`` counts."""

    habits: Habits
    cores: int
    memory_total: int  # KiB
    chance: random.Random
    uptime: float  # seconds
    cpu: float = 0.0
    iowait: float = 0.0
    memory: float = 0.0
    wave: float = 0.0  # slow noise, -1 to 1
    work: float = 0.0  # 0 to 1, follows whether the host is worked on
    loads: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    ticks: list[list[float]] = field(default_factory=list)  # a core: user, system, idle, iowait, softirq
    received: float = 0.0
    sent: float = 0.0
    read: float = 0.0  # sectors
    written: float = 0.0
    busy_ms: float = 0.0
    pressure: tuple[float, float, float] = (0.0, 0.0, 0.0)  # cpu, memory, io: percent of the last ten seconds
    connections: int = 0

    def begin(self, daytime: float) -> None:
        """Settle as if the host had been up for long."""
        self.cpu, self.iowait = self._usual(daytime), self.habits.iowait
        self.memory = self.habits.memory + self.chance.uniform(-3, 3)
        self.loads = [self.cores * self.cpu / 100] * 3
        idle = self.uptime * TICKS
        self.ticks = [[0.12 * idle, 0.04 * idle, 0.82 * idle, 0.01 * idle, 0.01 * idle] for _ in range(self.cores)]
        self.received = self.sent = self.habits.network * 0.2 * 3600
        self.step(1.0, daytime, working=False, warming=False)

    def step(self, dt: float, daytime: float, *, working: bool, warming: bool) -> None:
        """``dt`` seconds go by."""
        self.uptime += dt
        self.wave = max(-1.0, min(1.0, self.wave * 0.93 + self.chance.gauss(0, 0.16)))
        self.work = _towards(self.work, 1.0 if working else 0.0, dt / 2.5)
        warm = 1.0 if warming else 0.0
        cpu = self._usual(daytime) + 46 * self.work + 20 * warm + self.chance.gauss(0, 1.4)
        self.cpu = _towards(self.cpu, max(0.5, min(99.0, cpu)), dt / 1.2)
        self.iowait = max(0.0, self.habits.iowait * (1 + 0.4 * self.wave) + 9 * self.work + self.chance.gauss(0, 0.1))
        memory = 97.0 if warming else self.habits.memory + 2 * self.wave + 4 * self.work
        self.memory = _towards(self.memory, memory, dt / 3.0)
        self._count(dt)

    def _usual(self, daytime: float) -> float:
        return self.habits.cpu + self.habits.cpu_day * daylight(daytime) + 6 * self.wave

    def _count(self, dt: float) -> None:
        total = dt * TICKS
        for core in self.ticks:
            share = max(0.0, min(1.0, self.cpu / 100 * self.chance.uniform(0.75, 1.25)))
            wait = min(1.0 - share, self.iowait / 100)
            for i, part in enumerate((0.74 * share, 0.21 * share, 1 - share - wait, wait, 0.05 * share)):
                core[i] += total * part
        running = self.cores * (self.cpu + self.iowait) / 100
        for i, span in enumerate((60.0, 300.0, 900.0)):
            self.loads[i] = _towards(self.loads[i], running, dt / span)
        rate = self.cpu / 100
        self.received += self.habits.network * rate * 0.35 * self.chance.uniform(0.85, 1.15) * dt
        self.sent += self.habits.network * rate * self.chance.uniform(0.85, 1.15) * dt
        writing = self.habits.disk * rate + 55e6 * self.work
        self.written += writing * self.chance.uniform(0.7, 1.3) * dt / 512
        self.read += (0.3 * self.habits.disk * rate + 20e6 * self.work) * dt / 512
        self.busy_ms += dt * 1000 * min(1.0, writing / 160e6 + self.iowait / 100)
        self.pressure = (
            max(0.0, (self.cpu - 55) * 0.6), max(0.0, (self.memory - 88) * 1.8), max(0.0, self.iowait * 0.7)
        )  # fmt: skip
        self.connections = int(self.habits.connections * (0.6 + rate) + self.chance.uniform(-6, 6))


def _towards(value: float, goal: float, share: float) -> float:
    """``value`` moved to ``goal`` by the way an exponential goes in ``share`` of its time."""
    return goal + (value - goal) * math.exp(-share)
