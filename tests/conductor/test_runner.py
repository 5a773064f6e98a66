"""The runner carries out steps batch by batch and says only what is proven."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conductor import support
from tests.conductor.support import CommandResult, Rig
from upgrade_tui.conductor.execution import waits
from upgrade_tui.fleet.jobs import JobSpec
from upgrade_tui.window import events as ev
from upgrade_tui.window.commands import Actor, Pause, Settle, Start
from upgrade_tui.window.gates import open_gate


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    made = await support.rig(tmp_path)
    yield made
    await made.store.close()


def states(rig: Rig, step: str = "roll") -> dict[str, str]:
    return {t.host: t.state for t in rig.store.state.steps[step].tasks.values()}


async def test_batches_run_in_order_and_each_task_is_checked(rig: Rig) -> None:
    await rig.start("roll")
    assert rig.store.state.steps["roll"].state == "done"
    assert rig.hosts.ran[:2] == [("a", "upgrade"), ("a", "is-new")]
    assert {h for h, _ in rig.hosts.ran[2:]} == {"b", "c", "d"}
    assert set(states(rig).values()) == {"done"}
    assert rig.store.state.steps["roll"].touched() == 2


async def test_a_failed_first_batch_stops_the_step_with_its_arithmetic(rig: Rig) -> None:
    rig.hosts.printed["a", "upgrade"] = b"no space left\n"
    rig.hosts.script["a", "upgrade"] = CommandResult(exit=3)
    await rig.start("roll")
    step = rig.store.state.steps["roll"]
    assert (step.state, step.reason) == ("failed", "1 of 4 failed, 0 allowed: stopped; 3 not begun")
    assert states(rig) == {"a": "failed", "b": "pending", "c": "pending", "d": "pending"}
    assert step.tasks["a"].last_line == "no space left"
    assert [h for h, _ in rig.hosts.ran] == ["a"]


async def test_a_lost_link_leaves_the_step_unknown(rig: Rig) -> None:
    rig.hosts.script["a", "upgrade"] = CommandResult(exit=None, proven=False, reason="the link broke")
    await rig.start("roll")
    assert rig.store.state.steps["roll"].state == "unknown"
    assert states(rig)["a"] == "unknown"
    again = await rig.store.command(Start(step="roll"), Actor("mei", "lead"))
    assert "may have run there" in str(again)
    await rig.store.command(Settle(step="roll", outcome="done", reason="looked: it is new"), Actor("mei", "lead"))
    await rig.start("roll")
    assert rig.store.state.steps["roll"].state == "done"
    assert ("a", "upgrade") not in rig.hosts.ran[1:]


async def test_a_passed_command_with_a_failed_check_is_failed(rig: Rig) -> None:
    rig.hosts.printed["a", "is-new"] = b"still 15\n"
    rig.hosts.script["a", "is-new"] = CommandResult(exit=1)
    await rig.start("roll")
    assert rig.store.state.steps["roll"].tasks["a"].reason == "check failed (exit 1): still 15"
    assert rig.store.state.steps["roll"].state == "failed"


async def test_a_check_without_an_answer_is_unknown(rig: Rig) -> None:
    rig.hosts.script["a", "is-new"] = CommandResult(exit=None, proven=False, reason="the link broke")
    await rig.start("roll")
    assert states(rig)["a"] == "unknown"


async def test_a_check_whose_time_was_up_is_unknown(rig: Rig) -> None:
    rig.hosts.script["a", "is-new"] = CommandResult(exit=143, timed_out=True)
    await rig.start("roll")
    assert rig.store.state.steps["roll"].tasks["a"].reason == "no answer to the check: the check took over 1 m"
    assert states(rig)["a"] == "unknown"


async def test_an_unreachable_host_counts_and_would_not_have_to_be_rolled_back(rig: Rig) -> None:
    rig.hosts.script["a", "upgrade"] = CommandResult(exit=None, proven=False, sent=False, reason="refused")
    await rig.start("roll")
    assert states(rig)["a"] == "unreachable"
    assert rig.store.state.steps["roll"].reason == "1 of 4 unreachable, 0 allowed: stopped; 3 not begun"
    assert rig.store.state.steps["roll"].tasks["a"].reason == "refused"
    assert rig.store.state.steps["roll"].touched() == 0


async def test_a_new_attempt_runs_only_what_is_not_done(rig: Rig) -> None:
    rig.hosts.script["c", "upgrade"] = CommandResult(exit=1)
    await rig.start("roll")
    assert states(rig) == {"a": "done", "b": "done", "c": "failed", "d": "done"}
    rig.hosts.script.clear()
    rig.hosts.ran.clear()
    await rig.start("roll")
    assert {h for h, _ in rig.hosts.ran} == {"c"}
    assert rig.store.state.steps["roll"].tasks["c"].attempt == 2
    assert rig.store.state.steps["roll"].state == "done"


async def test_max_fail_lets_a_step_go_on_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    made = await support.rig(
        tmp_path / "w", support.PLAN.replace('timeout = "1m"', 'timeout = "1m"\nmax_fail = "25%"', 1)
    )
    made.hosts.script["a", "upgrade"] = CommandResult(exit=1)
    await made.start("roll")
    step = made.store.state.steps["roll"]
    assert (step.state, step.reason) == ("done", "1 of 4 failed, 1 allowed")
    await made.store.close()


async def test_a_pause_lets_running_tasks_finish_and_starts_no_batch(rig: Rig) -> None:
    rig.hosts.hold["a"] = asyncio.Event()
    running = asyncio.create_task(rig.start("roll"))
    while not rig.hosts.ran:
        await asyncio.sleep(0)
    await rig.store.command(Pause(reason="phone"), Actor("mei", "lead"))
    rig.hosts.hold["a"].set()
    while states(rig)["a"] != "done":
        await rig.store.changed()
    assert {h for h, _ in rig.hosts.ran} == {"a"}
    await rig.store.write([ev.WindowResumed()], "mei")
    await running
    assert rig.store.state.steps["roll"].state == "done"


async def test_the_output_is_kept_with_size_and_hash(rig: Rig, tmp_path: Path) -> None:
    rig.hosts.printed["a", "upgrade"] = b"hello\n\xff\x1b[31mred\n"
    seen: list[ev.Record] = []
    rig.store.observe(seen.extend)
    await rig.start("roll")
    finished = next(r.event for r in seen if isinstance(r.event, ev.TaskFinished) and r.event.host == "a")
    kept = (tmp_path / "output" / finished.output).read_bytes()
    assert kept == b"hello\n\xff\x1b[31mred\n"
    assert finished.bytes == len(kept)
    assert "\x1b" not in finished.last_line
    import hashlib

    assert finished.sha256 == hashlib.sha256(kept).hexdigest()


async def test_intent_and_start_are_durable_before_the_command_is_sent(rig: Rig, tmp_path: Path) -> None:
    at_send: list[str] = []
    real = rig.hosts.job

    async def spy(host: str, spec: JobSpec, **options: object) -> CommandResult:
        at_send.append((tmp_path / "log.jsonl").read_text())
        return await real(host, spec, **options)  # type: ignore[arg-type]

    rig.hosts.job = spy  # type: ignore[method-assign,assignment]
    await rig.start("roll")
    assert '"kind":"step.intent"' in at_send[0]
    assert '"kind":"task.started","step":"roll","host":"a"' in at_send[0]


BAKE = """
[[steps]]
id = "bake"
kind = "bake"
title = "Bake"
needs = []
bake = "200ms"
canaries = ["front"]
"""


async def test_a_bake_needs_healthy_canaries_all_the_time(tmp_path: Path) -> None:
    made = await support.rig(tmp_path, support.PLAN + BAKE)
    baking = asyncio.create_task(made.start("bake"))
    await made.store.write([ev.CanaryVerdict(canary="front", verdict="healthy", before="no data")])
    await baking
    assert made.store.state.steps["bake"].state == "done"
    await made.store.close()


async def test_a_failing_canary_ends_a_bake_as_failed(tmp_path: Path) -> None:
    made = await support.rig(tmp_path, support.PLAN + BAKE.replace("200ms", "1h"))
    baking = asyncio.create_task(made.start("bake"))
    await made.store.write([ev.CanaryVerdict(canary="front", verdict="failing", before="healthy", detail="HTTP 503")])
    await baking
    step = made.store.state.steps["bake"]
    assert (step.state, step.reason) == ("failed", "canary front is failing: HTTP 503")
    await made.store.close()


async def test_a_canary_without_data_never_promotes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "SETTLE_LIMIT", 0.0)
    made = await support.rig(tmp_path, support.PLAN + BAKE)
    await made.start("bake")
    step = made.store.state.steps["bake"]
    assert step.state == "failed"
    assert "inconclusive" in step.reason
    await made.store.close()


async def test_a_gate_that_times_out_is_a_no(tmp_path: Path) -> None:
    gate = '\n[[steps]]\nid = "gate"\nkind = "gate"\ntitle = "Go?"\nneeds = []\ntimeout = "50ms"\nby = ["mei"]\n'
    people = '\n[people.mei]\nrole = "lead"\n'
    made = await support.rig(tmp_path, support.PLAN.replace("[hosts.a]", people + "[hosts.a]", 1) + gate)
    await made.store.write(open_gate(made.store.state, "gate", support.NOW))
    await made.steps.run("gate")
    step = made.store.state.steps["gate"]
    assert step.state == "failed"
    assert step.reason.endswith("a no")
    await made.store.close()


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
async def test_a_jump_of_the_wall_clock_takes_nothing_of_the_time_to_decide_on_a_gate(
    tmp_path: Path, jump: float
) -> None:
    gate = '\n[[steps]]\nid = "gate"\nkind = "gate"\ntitle = "Go?"\nneeds = []\ntimeout = "10m"\nby = ["mei"]\n'
    people = '\n[people.mei]\nrole = "lead"\n'
    made = await support.rig(tmp_path, support.PLAN.replace("[hosts.a]", people + "[hosts.a]", 1) + gate)
    await made.store.write(open_gate(made.store.state, "gate", support.NOW))
    mono, wall, looks = [100.0], [support.NOW], [0]
    spec = made.plan.step("gate")
    assert spec is not None

    async def changed() -> None:
        """First the wall clock jumps, then ten minutes less a second pass, then the two that end it."""
        looks[0] += 1
        if looks[0] == 1:
            wall[0] += jump
            await made.store.write([ev.ClockJumped(seconds=jump)])
        else:
            seconds = 599.0 if looks[0] == 2 else 2.0
            mono[0], wall[0] = mono[0] + seconds, wall[0] + seconds

    context = made.tasks._context
    context.changed, context.mono, context.now = changed, lambda: mono[0], lambda: wall[0]
    decided = await waits.gate(context, spec)
    assert (looks[0], decided.go, decided.reason) == (3, False, "nobody decided in 10 m: a no")
    await made.store.close()
