"""What people can do about tasks: retry, settle, abort; and how tasks are sent: limits, secrets, checks."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.conductor import support
from tests.conductor.support import CommandResult, Rig
from upgrade_tui.conductor.execution.secret import MASK, NoSecret, Redactor, secrets_of
from upgrade_tui.plan.reader import parse_plan
from upgrade_tui.window import events as ev
from upgrade_tui.window.commands import Actor, Settle

LEAD = Actor("mei", "lead")


def states(rig: Rig) -> dict[str, str]:
    return {t.host: t.state for t in rig.store.state.steps["roll"].tasks.values()}


def with_step(**keys: str) -> str:
    """The small plan with more keys on its command step."""
    more = "\n".join(f"{key} = {value}" for key, value in keys.items())
    return support.PLAN.replace("check_first = false", more + "\ncheck_first = false", 1)


async def test_a_retry_of_one_host_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    rig = await support.rig(tmp_path, with_step(max_fail='"50%"'))
    rig.hosts.script = {
        ("b", "upgrade"): CommandResult(exit=1),
        ("c", "upgrade"): CommandResult(exit=1),
        ("d", "upgrade"): CommandResult(exit=1),
    }
    await rig.start("roll")
    rig.hosts.script.clear()
    rig.hosts.ran.clear()
    await rig.start("roll", "c")
    assert rig.hosts.ran == [("c", "upgrade"), ("c", "is-new")]
    assert states(rig) == {"a": "done", "b": "failed", "c": "done", "d": "failed"}
    await rig.store.close()


async def test_a_lost_task_is_unknown_then_found_and_done(tmp_path: Path) -> None:
    rig = await support.rig(tmp_path)
    rig.hosts.lose["a"] = asyncio.Event()
    running = asyncio.create_task(rig.start("roll"))
    await rig.until(lambda: states(rig)["a"] == "unknown")
    assert rig.store.state.shown("roll") == "unknown"
    assert rig.store.state.steps["roll"].state == "running", "the step waits: nothing else starts meanwhile"
    rig.hosts.lose["a"].set()
    await running
    assert rig.store.state.steps["roll"].state == "done"
    assert rig.hosts.ran.count(("a", "upgrade")) == 1
    await rig.store.close()


async def test_a_person_settles_a_lost_task_and_the_step_goes_on(tmp_path: Path) -> None:
    rig = await support.rig(tmp_path)
    rig.hosts.lose["a"] = asyncio.Event()
    running = asyncio.create_task(rig.start("roll"))
    await rig.until(lambda: states(rig)["a"] == "unknown")
    await rig.store.command(Settle(step="roll", host="a", outcome="skipped", reason="dead, out of the pool"), LEAD)
    await running
    assert states(rig) == {"a": "skipped", "b": "done", "c": "done", "d": "done"}
    assert rig.store.state.steps["roll"].state == "done"
    await rig.store.close()


async def test_parallel_is_a_limit(tmp_path: Path) -> None:
    rig = await support.rig(tmp_path, with_step(parallel="1").replace('[1, "100%"]', '["100%"]'))
    for host in "abcd":
        rig.hosts.hold[host] = asyncio.Event()
    running = asyncio.create_task(rig.start("roll"))
    for number, host in enumerate("abcd", 1):
        await rig.until(lambda host=host: states(rig)[host] == "running")
        while len([c for _, c in rig.hosts.ran if c == "upgrade"]) < number:
            await asyncio.sleep(0)
        assert sum(state == "running" for state in states(rig).values()) == 1
        rig.hosts.hold[host].set()
    await running
    await rig.store.close()


async def test_stop_now_starts_nothing_more_in_the_batch(tmp_path: Path) -> None:
    text = with_step(parallel="1", stop='"now"').replace('[1, "100%"]', '["100%"]')
    rig = await support.rig(tmp_path, text)
    rig.hosts.script["a", "upgrade"] = CommandResult(exit=1)
    await rig.start("roll")
    assert states(rig) == {"a": "failed", "b": "pending", "c": "pending", "d": "pending"}
    assert rig.store.state.steps["roll"].reason == "1 of 4 failed, 0 allowed: stopped; 3 not begun"
    await rig.store.close()


async def test_a_check_that_passes_before_leaves_nothing_to_run(tmp_path: Path) -> None:
    rig = await support.rig(tmp_path, support.PLAN.replace("check_first = false", "check_first = true"))
    rig.hosts.script["b", "is-new"] = CommandResult(exit=1)
    await rig.start("roll")
    assert ("a", "upgrade") not in rig.hosts.ran
    assert ("b", "upgrade") in rig.hosts.ran
    assert rig.store.state.steps["roll"].tasks["a"].reason == "check passed before: nothing to run"
    assert rig.store.state.steps["roll"].touched() == 1, "only what was changed would have to be undone"
    await rig.store.close()


async def test_a_delegated_step_runs_elsewhere_once_for_each_host(tmp_path: Path) -> None:
    rig = await support.rig(tmp_path, with_step(run_on='"d"'))
    await rig.start("roll")
    assert {h for h, _ in rig.hosts.ran} == {"d"}
    assert sorted(s.env["UPGRADE_HOST"] for s in rig.hosts.specs) == ["a", "b", "c", "d"]
    assert len({s.name for s in rig.hosts.specs}) == 4
    await rig.store.close()


async def test_abort_ends_running_jobs_and_begins_nothing(tmp_path: Path) -> None:
    rig = await support.rig(tmp_path)
    rig.hosts.hold["a"] = asyncio.Event()
    rig.hosts.script["a", "upgrade"] = CommandResult(exit=None, signal="TERM")
    running = asyncio.create_task(rig.start("roll"))
    await rig.until(lambda: states(rig)["a"] == "running")
    while not rig.tasks.live:
        await asyncio.sleep(0)
    await rig.store.write([ev.WindowAborted(reason="wrong night")], "mei")
    while not rig.hosts.ended:
        await asyncio.sleep(0)
    assert rig.hosts.ended == [("a", "w1.roll.1")]
    rig.hosts.hold["a"].set()
    await running
    assert states(rig) == {"a": "failed", "b": "pending", "c": "pending", "d": "pending"}
    assert rig.store.state.steps["roll"].state == "failed"
    await rig.store.close()


SECRET = with_step(secret_env='["DB_PASSWORD"]', secret_command="\"printf 'DB_PASSWORD=hunter22\\\\n'\"")


async def test_secrets_go_to_the_job_and_are_masked_in_what_is_kept(tmp_path: Path) -> None:
    rig = await support.rig(tmp_path, SECRET)
    rig.hosts.printed["a", "upgrade"] = b"connecting with hunter22 ...\n"
    await rig.start("roll")
    assert rig.hosts.specs[0].secrets == {"DB_PASSWORD": "hunter22"}
    assert "hunter22" not in rig.hosts.specs[0].command + str(rig.hosts.specs[0].env)
    kept = (tmp_path / "output" / "roll.a.1.out").read_bytes()
    assert kept == b"connecting with [secret] ...\n"
    assert b"hunter22" not in (tmp_path / "log.jsonl").read_bytes()
    await rig.store.close()


async def test_a_missing_secret_stops_the_task_before_anything_is_sent(tmp_path: Path) -> None:
    rig = await support.rig(tmp_path, with_step(secret_env='["NOT_TO_BE_FOUND"]'))
    await rig.start("roll")
    assert rig.hosts.ran == []
    assert "NOT_TO_BE_FOUND" in rig.store.state.steps["roll"].tasks["a"].reason
    await rig.store.close()


async def test_the_conductors_environment_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", "from the environment")
    step = parse_plan(SECRET, "plan.toml").step("roll")
    assert step is not None
    assert await secrets_of(step) == {"DB_PASSWORD": "from the environment"}


async def test_a_failing_secret_command_is_told_without_its_output() -> None:
    text = SECRET.replace("printf 'DB_PASSWORD=hunter22\\\\n'", "echo hunter22; exit 3")
    step = parse_plan(text, "plan.toml").step("roll")
    assert step is not None
    with pytest.raises(NoSecret, match="exit 3") as found:
        await secrets_of(step)
    assert "hunter22" not in str(found.value)


@pytest.mark.parametrize("size", range(1, 30))
def test_a_secret_is_masked_wherever_the_pieces_break(size: int) -> None:
    text = b"a hunter22 b hunter2 c hunter22hunter22 d hunt"
    out = bytearray()
    redactor = Redactor({"A": "hunter22", "B": "x"}, out.extend)
    for start in range(0, len(text), size):
        redactor.feed(text[start : start + size])
    redactor.close()
    assert bytes(out) == text.replace(b"hunter22", MASK)
