"""What runs on this machine has the conductor's environment, but no secret of the plan that is not its own."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.fleet.watched import PATIENCE
from upgrade_tui.fleet.fleet import Fleet
from upgrade_tui.fleet.jobs import JobSpec
from upgrade_tui.plan.model import LOCAL
from upgrade_tui.plan.reader import parse_plan

PLAN = """
[window]
id = "w"
title = "W"
start = "now"
duration = "1h"

[hosts.here]
address = "local"

[[steps]]
id = "one"
title = "One"
on = "local"
run = "true"
secret_env = ["FIRST_PASSWORD"]
changes = false

[[steps]]
id = "two"
title = "Two"
on = "local"
run = "true"
secret_env = ["SECOND_PASSWORD"]
changes = false
"""
PRINT = 'echo "first=$FIRST_PASSWORD second=$SECOND_PASSWORD other=$OTHER home=$HOME"'


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> Fleet:
    for name, value in (("FIRST_PASSWORD", "hunter1"), ("SECOND_PASSWORD", "hunter2"), ("OTHER", "plain")):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", "/home/of-this-test")
    nothing = lambda *_: None  # noqa: E731
    return Fleet(parse_plan(PLAN, "p"), on_link=nothing, on_sample=nothing, on_facts=nothing, on_detail=nothing)


@pytest.mark.parametrize("place", [LOCAL, "here"])
async def test_checks_and_probes_here_have_no_secret(fleet: Fleet, place: str) -> None:
    out = bytearray()
    ended = await fleet.execute(place, PRINT, timeout=PATIENCE, on_output=out.extend)
    assert ended.ok
    assert out == b"first= second= other=plain home=/home/of-this-test\n"


@pytest.mark.parametrize("place", [LOCAL, "here"])
async def test_a_step_here_has_the_secrets_that_it_lists_and_no_other(fleet: Fleet, place: str, tmp_path: Path) -> None:
    out = bytearray()
    spec = JobSpec(name="w.one.1", command=PRINT, directory=str(tmp_path), secrets={"FIRST_PASSWORD": "hunter1"})
    async with asyncio.timeout(PATIENCE):
        ended = await fleet.job(place, spec, on_output=out.extend, on_lost=lambda reason: None, on_found=lambda: None)
    assert ended.ok, ended
    assert out.startswith(b"first=hunter1 second= other=plain ")
