"""The made-up load: believable, and readable by the program's own samplers."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from upgrade_tui.demo import procfs
from upgrade_tui.demo.host_load import GIB, HABITS, Load, daylight
from upgrade_tui.fleet.sampling import parse
from upgrade_tui.fleet.sampling.samplers import ORDER, probe_command, sampler_command
from upgrade_tui.window.measurements import Sample

NOON = 13 * 3600.0


def made(role: str = "web", uptime: float = 86400.0) -> Load:
    load = Load(habits=HABITS[role], cores=4, memory_total=16 * GIB, chance=random.Random(7), uptime=uptime)
    load.begin(NOON)
    return load


def run_for(load: Load, seconds: int, *, working: bool = False, warming: bool = False) -> None:
    for _ in range(seconds):
        load.step(1.0, NOON, working=working, warming=warming)


def counters(root: Path, sampler: str = "python3") -> parse.Counters:
    """What one of the program's samplers makes of the files in ``root``."""
    chosen = next(s for s in ORDER if s.name == sampler)
    command = sampler_command(chosen, proc_root=str(root), interval=0, phase=0, devices=("sda1",), mounts=())
    said = subprocess.run(
        ["/bin/sh", "-c", command], input=b"", capture_output=True, check=True, timeout=60,
        env={"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"},
    )  # fmt: skip
    found = parse.sampler_line(said.stdout.splitlines()[0])
    assert isinstance(found, parse.Counters)
    return found


def sampled(load: Load, root: Path, seconds: int, *, working: bool = False, warming: bool = False) -> Sample:
    """A sample over ``seconds`` of the host's time, read from its files before and after."""
    procfs.write_files(root, procfs.changing(load, 1e9))
    before = counters(root)
    run_for(load, seconds, working=working, warming=warming)
    procfs.write_files(root, procfs.changing(load, 1e9 + seconds))
    return parse.sample(before, counters(root), ts=1e9, elapsed=seconds, cores=4, mounts=(("/", 0),), usage={})


def test_nights_are_quiet_and_days_are_busy() -> None:
    assert daylight(4 * 3600) < 0.1 < 0.9 < daylight(NOON)


def test_every_role_stays_inside_its_limits_while_nothing_is_done() -> None:
    for role in HABITS:
        load = made(role)
        for _ in range(600):
            load.step(1.0, NOON, working=False, warming=False)
            assert 0 < load.cpu < 80, role
            assert 10 < load.memory < 85, role


def test_samplers_read_rates_that_follow_from_the_load(tmp_path: Path) -> None:
    load = made()
    sample = sampled(load, tmp_path, 20)
    assert sample.cpu == pytest.approx(load.cpu, abs=15)
    assert sample.memory == pytest.approx(load.memory, abs=1)
    assert sample.cores == 4
    assert sample.received > 1e5
    assert sample.sent > sample.received
    assert sample.tcp == load.connections
    assert sample.disks[0].written > 0
    assert sample.psi_cpu is not None
    assert sample.uptime == pytest.approx(load.uptime, abs=0.1)


def test_work_on_a_host_shows_in_its_load(tmp_path: Path) -> None:
    quiet = sampled(made(), tmp_path, 15)
    busy = sampled(made(), tmp_path, 15, working=True)
    assert busy.cpu > quiet.cpu + 20
    assert busy.iowait > quiet.iowait
    assert busy.disks[0].written > 10 * quiet.disks[0].written


def test_a_cache_that_fills_takes_memory_over_the_limit_and_gives_it_back(tmp_path: Path) -> None:
    load = made()
    assert sampled(load, tmp_path, 20, warming=True).memory > 90
    assert sampled(load, tmp_path, 20).memory < 70


def test_counters_never_go_back() -> None:
    load = made("db")
    for step in range(200):
        before = [[int(t) for t in core] for core in load.ticks]
        load.step(1.0, NOON, working=step % 40 < 10, warming=False)
        assert all(
            int(t) >= b for core, old in zip(load.ticks, before, strict=True) for t, b in zip(core, old, strict=True)
        )


def test_the_probe_finds_out_what_the_host_is(tmp_path: Path) -> None:
    procfs.write_files(tmp_path, procfs.constant("11111111-2222-3333-4444-555555555555") | procfs.changing(made(), 1e9))
    said = subprocess.run(
        ["/bin/sh", "-c", probe_command(proc_root=str(tmp_path), mounts=("/",))],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    from upgrade_tui.fleet.sampling.host_facts import read_description

    found = read_description(said, ("/",))
    assert found is not None
    assert found.boot_id == "11111111-2222-3333-4444-555555555555"
    assert (found.cores, found.memory) == (4, 16 * 1024**3)
    assert found.devices == ("sda1",)
