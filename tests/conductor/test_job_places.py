"""Where a window's jobs live on a host: asked once, in the log before anything is sent there, given back ever after."""

from __future__ import annotations

from pathlib import Path

from tests.conductor import support
from upgrade_tui.window import events as ev
from upgrade_tui.window.commands import Actor, Refusal, StartRollback
from upgrade_tui.window.sentences import sentence

LEAD = Actor("mei", "lead")
ELSEWHERE = support.PLAN.replace("[[canaries]]", '[ssh]\njob_dir = "/srv/jobs"\n\n[[canaries]]', 1)


def kinds(rig: support.Rig, host: str) -> list[str]:
    """What was recorded about a host, in order."""
    return [type(r.event).__name__ for r in rig.store.read() if getattr(r.event, "host", "") == host]


async def test_a_host_is_asked_once_and_before_anything_is_sent_there(tmp_path: Path) -> None:
    rig = await support.rig(tmp_path, ELSEWHERE)
    await rig.start("roll")
    assert not isinstance(await rig.store.command(StartRollback(confirm="w1", reason="errors"), LEAD), Refusal)
    await rig.rollbacks.run()
    told = kinds(rig, "a")
    assert told.count("HostJobs") == 1
    assert told.index("HostJobs") < told.index("TaskStarted")
    assert {spec.place for spec in rig.hosts.specs} == {"/srv/jobs"}
    await rig.store.close()


async def test_the_next_conductor_does_not_ask_again(tmp_path: Path) -> None:
    rig = await support.rig(tmp_path)
    await rig.store.write([ev.HostJobs(host=host, place=f"/first/{host}") for host in "abcd"])
    await rig.store.close()
    rig = await support.rig(tmp_path, ELSEWHERE, opened=False)
    await rig.start("roll")
    assert {spec.place for spec in rig.hosts.specs} == {f"/first/{host}" for host in "abcd"}
    await rig.store.close()


async def test_where_no_place_can_be_made_nothing_is_sent(tmp_path: Path) -> None:
    rig = await support.rig(tmp_path)
    why = "no directory of ours for jobs on the host: /home/x is a link (set job_dir under [ssh] in the plan)"
    rig.hosts.no_place["a"] = why
    await rig.start("roll")
    task = rig.store.state.steps["roll"].tasks["a"]
    assert (task.state, task.reason, task.changed) == ("unreachable", why, False)
    assert ("a", "upgrade") not in rig.hosts.ran
    assert "TaskStarted" not in kinds(rig, "a")
    await rig.store.close()


def test_it_is_told_where_to_look() -> None:
    assert sentence(ev.HostJobs(host="db1", place="/srv/jobs")) == "jobs on db1 are kept in /srv/jobs"
