"""Reports of golden windows, and window directories with plan, log and telemetry as a conductor leaves them."""

from __future__ import annotations

import json
import sqlite3
from functools import lru_cache
from pathlib import Path

from msgspec.structs import replace

from tests.golden import Golden, golden
from upgrade_tui.canary.result import ProbeResult, unknown_result
from upgrade_tui.directory.recorded import digest
from upgrade_tui.journal.format import GENESIS, encode_line
from upgrade_tui.plan.model import Plan
from upgrade_tui.plan.reader import parse_plan
from upgrade_tui.report.build import build_report
from upgrade_tui.report.model import Report
from upgrade_tui.telemetry.schema import HostItem, ProbeItem, prepare, write_items
from upgrade_tui.window import events as ev
from upgrade_tui.window.measurements import DiskSample, Sample

BOOT = "11111111-2222-3333-4444-555555555555"
SMALL = """\
[window]
id = "small"
title = TITLE
start = 2026-03-01T20:00:00+01:00
end = 2026-03-01T22:00:00+01:00
goal = GOAL

[people]
mei = { role = "lead" }

[[risks]]
title = "it is slow"
likelihood = "high"
impact = "high"
watch = ["web"]

[hosts.web1]
address = "10.0.0.1"

[[canaries]]
name = "web"
http = "http://10.0.0.1/"

[[steps]]
id = "one"
title = "First"
run = "true"
on = "web1"
estimate = "10m"
rollback = { estimate = "5m", run = "true" }

[[steps]]
id = "two"
title = "Second"
estimate = "5m"
"""
OPENED_AT = 1772391600.0  # 2026-03-01T20:00:00+01:00


@lru_cache(maxsize=16)
def report_of(moment: str, *, hostile: bool = False) -> Report:
    """The report on a golden window, without telemetry."""
    told = golden(moment, hostile=hostile)
    return build_report(told.plan, told.records)


def small_plan(title: str = "A small window", goal: str = "none") -> Plan:
    """A plan of a command step and a manual one, with a host, a canary and a risk."""
    return parse_plan(SMALL.replace("TITLE", json.dumps(title)).replace("GOAL", json.dumps(goal)), "plan.toml")


def told(*what: tuple[float, ev.Event] | tuple[float, ev.Event, str]) -> list[ev.Record]:
    """Records from (minutes after the start, event, actor); the actor is mei where none is given."""
    return [
        ev.Record(
            seq=i, ts=OPENED_AT + entry[0] * 60, mono=1000.0 + entry[0] * 60, boot=BOOT,
            actor=entry[2] if len(entry) == 3 else "mei", event=entry[1],
        )
        for i, entry in enumerate(what, 1)
    ]  # fmt: skip


def opened() -> ev.WindowOpened:
    """The first event of the small window."""
    return ev.WindowOpened(
        window="small-1", plan_id="small", plan_sha256="0" * 64, start=OPENED_AT, end=OPENED_AT + 7200, version="0.1.0",
        host="bastion1", pid=4242,
    )  # fmt: skip


def window_at(directory: Path, window: Golden) -> Path:
    """The directory of a window: frozen plan and log."""
    directory.mkdir(parents=True)
    (directory / "plan.toml").write_text(window.plan_text, encoding="utf-8")
    prev = GENESIS
    with (directory / "log.jsonl").open("wb") as log:
        for r in window.records:
            event = r.event
            if isinstance(event, ev.WindowOpened):  # the plan that lies beside it
                event = replace(event, plan_sha256=digest(window.plan_text.encode()))
            line = encode_line(r.seq, r.ts, r.mono, r.boot, r.actor, event, prev)
            log.write(line.data)
            prev = line.h
    return directory


def with_telemetry(directory: Path, window: Golden) -> Path:
    """A sample of each host and a probe of each canary every 30 s; db1 has a spike, the last canary never answers."""
    first, last = window.records[0].ts, window.records[-1].ts
    items: list[HostItem | ProbeItem] = []
    for i in range(int((last - first) / 30)):
        at = first + 30 * i
        spike = {"db1": 97.0} if i == 50 else {}
        items += [HostItem(at, host, sample(at, spike.get(host, 40.0))) for host in window.plan.hosts]
        answer = ProbeResult(ok=i % 100 != 0, latency=2.5 if i == 70 else 0.1, value=None, detail="")
        items += [ProbeItem(at, canary.name, answer, "healthy") for canary in window.plan.canaries[:-1]]
        items.append(ProbeItem(at, window.plan.canaries[-1].name, unknown_result("no route"), "no data"))
    connection = sqlite3.connect(directory / "telemetry.sqlite", isolation_level=None)
    prepare(connection)
    write_items(connection, items)
    connection.close()
    return directory


def sample(ts: float, cpu: float) -> Sample:
    """A second of a host of 8 GiB, half of it in use."""
    return Sample(
        ts=ts, cpu=cpu, iowait=1.0, steal=0.0, cores=8, load1=2.0, load5=2.0, load15=2.0, memory_total=8 << 30,
        memory_available=4 << 30, swap_total=0, swap_used=0, psi_cpu=None, psi_memory=None, psi_io=None, received=1.0,
        sent=1.0, tcp=5, uptime=1e6, disks=(DiskSample("/", 100, 70),),
    )  # fmt: skip
